"""Another port of this machine is another web site, and a header that no browser writes gets nowhere."""

from __future__ import annotations

import anyio
import pytest
from asgi import ask
from desk_fixture import desk, fill
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from assistant.ui.files import open_below
from assistant.ui.guard import Authority, HostGuard, authority
from assistant.ui.services import Services

ENDLESS = "9" * 5000


def send(kind="http", *, host="127.0.0.1:8501", target="/_stcore/stream", method="GET", **headers):
    """What an app behind the guard answers: a status (101 for a socket that opens), and what the app saw."""
    seen = {}

    async def page(request):
        seen["origin"] = request.headers.get("origin")
        return PlainTextResponse("inside")

    async def socket(connection):
        seen["origin"] = connection.headers.get("origin")
        await connection.accept()
        await connection.close()

    app = Starlette(
        routes=[
            Route("/{rest:path}", page, methods=["GET", "HEAD", "POST", "PUT", "OPTIONS"]),
            WebSocketRoute("/{rest:path}", socket),
        ],
        middleware=[Middleware(HostGuard)],
    )
    path, _, query = target.partition("?")
    pairs = [("host", host)] if isinstance(host, str) else [("host", one) for one in host]
    for name, value in headers.items():
        values = value if isinstance(value, list) else [value]
        pairs += [(name.replace("_", "-"), one) for one in values]
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
        "scheme": "ws" if kind == "websocket" else "http",
        "root_path": "",
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    sent = []

    async def receive():
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b""}

    async def take(message):
        sent.append(message)

    anyio.run(app, scope, receive, take)
    first = sent[0]
    status = {"websocket.accept": 101, "websocket.close": 403}.get(first["type"]) or first["status"]
    return status, seen.get("origin")


OWN = [
    ("127.0.0.1:8501", "http://127.0.0.1:8501"),
    ("localhost:8501", "http://localhost:8501"),
    ("LocalHost:8501", "http://localhost:8501"),
    ("[::1]:8501", "http://[::1]:8501"),
    ("192.168.0.7:8501", "http://192.168.0.7:8501"),
    ("localhost", "http://localhost"),
    ("localhost:80", "http://localhost"),
    ("localhost", "http://localhost:80"),
    ("localhost", "https://localhost"),  # behind a proxy that speaks TLS
    ("localhost:443", "https://localhost"),
    ("localhost:8501", "https://localhost:8501"),
]
FOREIGN = [
    ("127.0.0.1:8501", "http://127.0.0.1:9987"),
    ("127.0.0.1:8501", "http://localhost:8501"),
    ("127.0.0.1:8501", "http://localhost"),
    ("127.0.0.1:8501", "http://0.0.0.0:8501"),
    ("localhost:8501", "http://localhost:9999"),
    ("localhost:8501", "http://evil@localhost:8501"),
    ("localhost:8501", "http://evil:word@localhost:8501"),
    ("localhost:8501", "http://localhost:8501@evil.example"),
    ("localhost:8501", "http://evil@localhost"),
    ("localhost:8501", "http://evil.example"),
    ("localhost:8501", "http://localhost.evil.example:8501"),
    ("localhost:8501", "null"),
    ("localhost:8501", "file://"),
    ("localhost:8501", "chrome-extension://abcdefgh"),
    ("localhost:8501", "ftp://localhost:8501"),
    ("localhost", "https://localhost:80"),
    ("localhost:80", "https://localhost"),
    ("localhost:443", "http://localhost"),
    ("[::1]:8501", "http://[::1]:9987"),
    ("[::1]:8501", "http://127.0.0.1:8501"),
]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(("host", "origin"), OWN)
def test_the_apps_own_page_comes_in(kind, host, origin):
    status, seen = send(kind, host=host, origin=origin)
    assert status == (101 if kind == "websocket" else 200)
    # Just as the host is written: where the two differ, Streamlit asks the network who this machine is.
    assert seen.partition("://")[2] == host


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(("host", "origin"), FOREIGN)
def test_no_other_origin_comes_in(kind, host, origin):
    assert send(kind, host=host, origin=origin) == (403, None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize("target", ["/", "/_stcore/health", "/_stcore/host-config", "/media/a.mp4", "/static/a.js"])
def test_another_port_is_foreign_to_every_route(method, target):
    assert send(method=method, target=target, origin="http://127.0.0.1:9987") == (403, None)


def test_a_socket_without_an_origin_is_no_pages():
    assert send("websocket") == (403, None)


def test_a_program_that_names_no_origin_may_ask():
    assert send() == (200, None)


@pytest.mark.parametrize("site", ["same-site", "cross-site", "what"])
def test_what_another_site_embeds_is_not_served_and_what_it_links_to_is(site):
    for mode, destination in (("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe"), ("cors", "empty")):
        assert send(sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=destination)[0] == 403
    assert send(target="/", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="document")[0] == 200
    form = {"sec_fetch_site": site, "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert send(target="/", method="POST", **form)[0] == 403


MALFORMED_HOSTS = [
    *("a b", "[::1", "::1", "[]:80", "localhost:", "localhost:x", "localhost:-1", "localhost:99999", "[::1]8501"),
    *("localhost:8501/", "me@localhost:8501", "localhost:8501#", "http://localhost", "[x]:1", "\xff", "a\tb", "."),
    *("a" * 5000, f"localhost:{ENDLESS}", "localhost:８５０１", "localhost,localhost"),
]
MALFORMED_ORIGINS = [
    *("http://[", "http://[::1", "http:", "http://", "http:localhost", "localhost:8501", "://", "http://a b", "\xff"),
    *("http://localhost:8501/", "http://localhost:8501/x", "http://localhost:x", "http://localhost:99999", "//x", ""),
    *(f"http://localhost:{ENDLESS}", f"http://{'a' * 5000}", "http://localhost:8501, http://localhost:8501"),
]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("host", MALFORMED_HOSTS, ids=lambda host: ascii(host)[:40])
def test_a_malformed_host_is_a_400(kind, host):
    try:
        host.encode("latin-1")
    except UnicodeEncodeError:
        host = host.encode().decode("latin-1")
    assert send(kind, host=host, origin="http://localhost:8501") == (400, None)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("origin", MALFORMED_ORIGINS, ids=lambda origin: ascii(origin)[:40])
def test_a_malformed_origin_is_a_400(kind, origin):
    assert send(kind, host="localhost:8501", origin=origin) == (400, None)


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_two_hosts_or_origins_are_a_400(kind):
    own = "http://127.0.0.1:8501"
    assert send(kind, origin=[own, own]) == (400, None)
    assert send(kind, host=["127.0.0.1:8501", "127.0.0.1:8501"], origin=own) == (400, None)


def test_an_authority_is_read_without_surprises():
    assert authority("LOCALHOST:08501") == Authority("localhost", 8501)
    assert authority("[2001:DB8::1]") == Authority("[2001:db8::1]", None)
    assert authority("localhost:65536") is None


@pytest.fixture
def here(tmp_path):
    with desk(tmp_path / "home") as made:
        yield made


@pytest.fixture
def sha256(here: Services, tmp_path):
    return fill(here.assistant.library, tmp_path)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/api/why/{sha256}/{endless}"),
        ("POST", "/api/why/{sha256}/{endless}"),
        ("DELETE", "/api/why/{sha256}/{endless}"),
        ("POST", "/api/correct/{sha256}/{endless}?kind=action&label=x"),
        ("GET", "/api/desk/{sha256}?after={endless}"),
        ("GET", "/api/desk/{endless}"),
        ("GET", "/api/jobs/{endless}"),
        ("POST", "/api/jobs/{endless}/cancel"),
        ("GET", "/api/video/{endless}"),
        ("GET", "/api/picture/{sha256}/keyframe-{endless}.jpg"),
        ("GET", "/{endless}"),
        ("GET", "/watch?t={endless}"),
        ("PUT", "/api/upload?name={endless}"),
        ("GET", "/api/why/{sha256}/1234567890"),
        ("GET", "/api/nothing"),
        ("PATCH", "/api/shelf"),
    ],
)
def test_no_number_is_too_long_for_a_route(here, sha256, method, target):
    token = {"x-assistant-token": here.token}
    assert ask(method, target.format(sha256=sha256, endless=ENDLESS), headers=token).status in (400, 404)


def test_no_number_is_too_long_for_a_header(here, sha256):
    for value in (f"bytes=0-{ENDLESS}", f"bytes={ENDLESS}-", f"bytes=-{ENDLESS}"):
        assert ask("GET", f"/api/video/{sha256}", headers={"range": value}).status in (200, 206, 400, 416)
    head = b"\x00\x00\x00\x20ftypisom" + bytes(8192)
    for value, status in ((ENDLESS, 413), ("x", 200), ("-1", 200), ("1_0", 200)):
        given = {"x-assistant-token": here.token, "content-length": value}
        assert ask("PUT", "/api/upload?name=a.mp4", headers=given, body=[head]).status == status


@pytest.mark.parametrize(
    "target",
    [
        *("/_stcore/upload_file/a/b", "/_stcore/agent/interact", "/_stcore/agent/openapi.json", "/_stcore/metrics"),
        *("/auth/login", "/oauth2callback", "/component/a/index.html", "/_stcore/script-health-check"),
    ],
)
def test_what_the_app_has_no_use_for_is_not_there(target):
    assert send(target=target)[0] == 404


# Links that somebody planted in the library


@pytest.mark.parametrize("target", ["secret", "folder"])
def test_a_link_in_the_library_is_never_served(here, sha256, tmp_path, target):
    secret = tmp_path / "elsewhere" / "secret.jpg"
    secret.parent.mkdir()
    secret.write_bytes(b"secret" * 1000)
    folder = here.assistant.library.files.videos / sha256
    proxy = folder / "files" / "proxy.mp4"
    proxy.parent.mkdir(parents=True, exist_ok=True)
    if target == "secret":
        (folder / "pictures" / "keyframe-1.jpg").unlink()
        (folder / "pictures" / "keyframe-1.jpg").symlink_to(secret)
        proxy.symlink_to(secret)
    else:
        (folder / "pictures").rename(folder / "gone")
        (secret.parent / "keyframe-1.jpg").write_bytes(b"secret" * 1000)
        (folder / "pictures").symlink_to(secret.parent)
        proxy.parent.rmdir()
        (secret.parent / "proxy.mp4").write_bytes(b"secret" * 1000)
        proxy.parent.symlink_to(secret.parent)
    for address in (f"/api/picture/{sha256}/keyframe-1.jpg", f"/api/video/{sha256}"):
        reply = ask("GET", address)
        assert b"secret" not in reply.body
    assert ask("GET", f"/api/picture/{sha256}/keyframe-1.jpg").status == 404
    # What is not served is not put into an export either.
    assert here.assistant.library.picture(sha256, "keyframe-1.jpg") is None


def test_an_upload_that_became_a_link_is_not_served_and_a_file_elsewhere_is(here, tmp_path):
    library = here.assistant.library
    folder = tmp_path / "film"
    folder.mkdir()
    sha256 = fill(library, folder)
    served = ask("GET", f"/api/video/{sha256}")
    assert served.status == 200
    entry = library.entry(sha256)
    assert not entry.path.is_relative_to(library.home)
    kept = entry.path.rename(tmp_path / "moved.mp4")
    entry.path.symlink_to(kept)  # the person's own link to their own file
    assert ask("GET", f"/api/video/{sha256}").body == served.body
    inside = library.files.uploads / "planted.mp4"
    inside.symlink_to(kept)
    library.database.write("UPDATE videos SET path = ?", (bytes(inside),))
    library.database.write("DELETE FROM paths")  # else the person's own file, which is known too, is played instead
    assert ask("GET", f"/api/video/{sha256}").status == 404


def test_neither_a_pipe_nor_a_step_up_is_opened(tmp_path):
    import os

    home = tmp_path / "home"
    (home / "videos").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    os.mkfifo(home / "videos" / "pipe")
    for path in (home / "videos" / "pipe", home / "videos", home / "videos" / ".." / ".." / "secret", home):
        with pytest.raises(OSError):  # noqa: PT011 - whichever the system names first
            open_below(home, path)
