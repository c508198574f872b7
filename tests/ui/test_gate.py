"""Where others can reach the app, nobody comes in without the token; where they cannot, nobody is asked for one."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from conftest import ROOT
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from assistant.ui.gate import COOKIE, TokenGate, only_this_machine, token_for

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


def test_only_an_address_of_this_machine_needs_no_token():
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        assert only_this_machine(host)
        assert token_for(host, {}) == ""
    for host in ("0.0.0.0", "::", "10.0.0.5", "example.org", ""):
        assert not only_this_machine(host)
        assert len(token_for(host, {})) >= 32
    assert token_for("127.0.0.1", {"ASSISTANT_TOKEN": TOKEN}) == TOKEN
    with pytest.raises(ValueError, match="at least"):
        token_for("0.0.0.0", {"ASSISTANT_TOKEN": "short"})


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
