"""Where others can reach the app, nobody comes in without the token; where they cannot, nobody is asked for one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from conftest import ROOT
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from assistant.ui.gate import COOKIE, TokenGate, locked_names, only_this_machine, other_people, token_for
from assistant.ui.serve import greeting
from assistant.ui.server import address

TOKEN = "a-token-that-nobody-guesses"


def send(target="/", kind="http", method="GET", cookie=""):
    """The first message of the app's reply, and what came behind it."""
    import anyio

    async def inside(request):
        return PlainTextResponse("inside")

    async def socket(connection):
        await connection.accept()
        await connection.close()

    app = Starlette(
        routes=[Route("/{rest:path}", inside, methods=["GET", "POST"]), WebSocketRoute("/{rest:path}", socket)],
        middleware=[Middleware(TokenGate, token=TOKEN)],
    )
    path, _, query = target.partition("?")
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"10.0.0.5:8501"), *([(b"cookie", cookie.encode("latin-1"))] if cookie else [])],
        "client": ("10.0.0.9", 5000),
        "server": ("10.0.0.5", 8501),
        "scheme": "ws" if kind == "websocket" else "http",
        "root_path": "",
        "subprotocols": [],
    }
    sent = []

    async def receive():
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b""}

    async def take(message):
        sent.append(message)

    anyio.run(app, scope, receive, take)
    first = sent[0]
    headers = {name.decode(): value.decode() for name, value in first.get("headers", [])}
    return first.get("status", first["type"]), headers, b"".join(m.get("body", b"") for m in sent)


@pytest.mark.parametrize(
    "attempt",
    [
        {},
        {"target": "/?token="},
        {"target": "/?token=wrong"},
        {"target": f"/?token={TOKEN}x"},
        {"target": f"/?token={TOKEN}&token=wrong"},
        {"target": f"/?Token={TOKEN}"},
        {"target": f"/{TOKEN}"},
        {"target": "/api/shelf"},
        {"target": "/_stcore/health"},
        {"target": "/static/index.js"},
        {"target": f"/?token={TOKEN}", "method": "POST"},
        {"cookie": f"{COOKIE}="},
        {"cookie": f"{COOKIE}=wrong"},
        {"cookie": f"other={TOKEN}"},
        {"cookie": f"{COOKIE}={TOKEN[:-1]}"},
        {"cookie": f"{COOKIE}=\xff\xfe"},
        {"cookie": "\x00;=;" + COOKIE},
    ],
    ids=str,
)
def test_nobody_comes_in_without_the_token(attempt):
    status, headers, body = send(**attempt)
    assert status == 401
    assert b"inside" not in body
    assert TOKEN not in str(headers) + body.decode()


def test_a_web_socket_needs_the_token_too():
    assert send(kind="websocket", target="/_stcore/stream")[0] == "websocket.close"
    assert send(kind="websocket", target=f"/_stcore/stream?token={TOKEN}")[0] == "websocket.close"
    assert send(kind="websocket", target="/_stcore/stream", cookie=f"{COOKIE}={TOKEN}")[0] == "websocket.accept"


def test_the_address_with_the_token_leaves_a_cookie_and_itself():
    status, headers, _ = send(f"/watch?video=1&token={TOKEN}")
    assert (status, headers["location"]) == (303, "/watch?video=1")
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    status, _, body = send("/watch", cookie=f"a=b; {COOKIE}={TOKEN}")
    assert (status, body) == (200, b"inside")


def test_the_way_in_leads_to_no_other_machine():
    assert send(f"//evil.example/?token={TOKEN}")[1]["location"] == "/evil.example/"


def account(name, number, shell="/bin/bash"):
    return SimpleNamespace(pw_name=name, pw_uid=number, pw_shell=shell)


SYSTEM = [
    account("root", 0),
    account("daemon", 1, "/usr/sbin/nologin"),
    account("postgres", 105),
    account("nobody", 65534, "/bin/sh"),
    account("builder", 1500, "/usr/sbin/nologin"),
    account("ftp", 1501, "/bin/false"),
]
ME = account("me", os.getuid())


def test_only_an_address_of_a_machine_of_one_person_needs_no_token():
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        assert only_this_machine(host)
        assert token_for(host, {}, known=[*SYSTEM, ME]) == ""
        assert len(token_for(host, {}, known=[*SYSTEM, ME, account("other", 4711)])) >= 32
    for host in ("0.0.0.0", "::", "10.0.0.5", "example.org", ""):
        assert not only_this_machine(host)
        assert len(token_for(host, {}, known=[ME])) >= 32
    assert token_for("127.0.0.1", {"ASSISTANT_TOKEN": TOKEN}, known=[ME]) == TOKEN
    with pytest.raises(ValueError, match="at least"):
        token_for("0.0.0.0", {"ASSISTANT_TOKEN": "short"})


def test_people_are_those_who_can_log_in():
    others = [account("a", 1000), account("b", 60000, "/usr/bin/zsh"), account("c", 1001, "")]
    assert other_people([*SYSTEM, *others, account("me", 4711)], 4711) == ["a", "b", "c"]
    assert other_people(SYSTEM, 4711) == []


def test_a_token_can_be_done_without_on_this_machine_alone():
    others = [ME, account("other", 4711)]
    assert token_for("127.0.0.1", {}, known=others, asked=False) == ""
    assert token_for("127.0.0.1", {"ASSISTANT_TOKEN": TOKEN}, known=others, asked=False) == ""
    with pytest.raises(ValueError, match="this machine alone"):
        token_for("0.0.0.0", {}, known=[ME], asked=False)


def test_the_makefile_passes_the_wish_on():
    for given, wanted in (("TOKEN=no", True), ("TOKEN=yes", False), ("", False)):
        command = ["make", "-n", "-o", ".venv/.installed", "run", *given.split()]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert ("--no-token" in said) == wanted


@pytest.mark.parametrize(
    ("host", "link"),
    [
        ("127.0.0.1", "http://127.0.0.1:8501/"),
        ("0.0.0.0", "http://127.0.0.1:8501/"),
        ("::", "http://[::1]:8501/"),
        ("::1", "http://[::1]:8501/"),
        ("fd00::7", "http://[fd00::7]:8501/"),
        ("192.168.0.7", "http://192.168.0.7:8501/"),
        ("localhost", "http://localhost:8501/"),
        ("lab.example", "http://lab.example:8501/"),
        ("", "http://127.0.0.1:8501/"),
    ],
)
def test_the_printed_link_is_one_that_opens_and_holds_the_token_once(host, link):
    assert address(host, 8501) == link
    said = greeting(host, 8501, TOKEN)
    assert f"{link}?token={TOKEN}\n" in said
    assert said.count(TOKEN) == 1
    assert "token" not in greeting("127.0.0.1", 8501, "")


def test_a_server_for_others_prints_its_token_and_asks_for_it(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "assistant.ui.serve", "--host", "0.0.0.0", "--port", str(port)]
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [*command, "--home", str(tmp_path / "home"), "--pack", "demo"], cwd=ROOT, stdout=file, stderr=file
        )
    try:
        deadline, refused = time.monotonic() + 60, 0
        while not refused:
            assert time.monotonic() < deadline, log.read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
                pytest.fail("came in without the token")
            except urllib.error.HTTPError as error:
                refused = error.code
                error.close()
            except OSError:
                time.sleep(0.1)
        assert refused == 401
        token = re.search(r"\?token=(\S+)", log.read_text())
        assert token is not None
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"cookie": f"{COOKIE}={token.group(1)}"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert reply.status == 200
        # Behind the token, every other guard stands as before.
        foreign = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/shelf",
            headers={"cookie": f"{COOKIE}={token.group(1)}", "host": "evil.example"},
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(foreign, timeout=10)
        assert caught.value.code == 421
        caught.value.close()
    finally:
        server.terminate()
        server.wait(20)


def test_an_account_whose_password_is_locked_is_no_persons():
    shadow = "root:*:1:::::\nsdk:!:2:0:::::\nann:$y$j9T$x:3:::::\nbob:!$6$salt$hash:4:::::\nempty::5:::::\nbroken"
    assert locked_names(shadow) == {"root", "sdk", "bob"}
