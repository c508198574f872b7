"""A page on another port of the same machine, in the same browser, gets nothing of the app and changes nothing."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from test_browser import SECONDS, Server, chromium, free_port  # noqa: F401 - chromium is a fixture

from assistant.store import Library

TOKEN = "a-token-that-nobody-guesses"
NAME = "shapes.mp4"
# Everything that a page can try with an address: each is told by what came of it.
ATTACK = """async ({app, sha256}) => {
    const path = (text) => app + text.replace("SHA", sha256);
    const socket = (address, protocols) => new Promise((done) => {
        const made = new WebSocket(address.replace("http", "ws"), protocols);
        made.onopen = () => done("opened");
        made.onmessage = () => done("opened");
        made.onerror = () => done("refused");
        setTimeout(() => done("silent"), 15000);
    });
    const ask = async (method, text, mode, headers, body) => {
        try {
            const given = {method, mode, headers, body, credentials: "include"};
            const reply = await fetch(path(text), given);
            return reply.type === "opaque" ? "opaque" : "read " + reply.status;
        } catch (error) {
            return "refused";
        }
    };
    const load = (tag, set) => new Promise((done) => {
        const element = Object.assign(document.createElement(tag), set);
        element.onload = element.onloadeddata = () => done(tag === "iframe" ? "framed" : "loaded");
        element.onerror = () => done("refused");
        document.body.append(element);
        setTimeout(() => done("silent"), 15000);
    });
    const found = {};
    found.socket = await socket(path("/_stcore/stream"));
    found.streamlit = await socket(path("/_stcore/stream"), ["streamlit", "x", "y"]);
    for (const mode of ["cors", "no-cors"])
        for (const text of ["/", "/api/shelf", "/api/desk/SHA", "/_stcore/health", "/_stcore/host-config", "/media/x"])
            found[mode + " GET " + text] = await ask("GET", text, mode);
    const token = {"x-assistant-token": "x"};
    found.upload = await ask("PUT", "/api/upload?name=a.mp4", "cors", token, new Blob([new Uint8Array(9000)]));
    found.simple = await ask("POST", "/api/correct/SHA/1?kind=action&label=hacked", "no-cors", {}, "");
    found.correct = await ask("POST", "/api/correct/SHA/1?kind=action&label=hacked", "cors", token, "");
    found.proxy = await ask("POST", "/api/proxy/SHA", "no-cors", {}, "");
    found.why = await ask("DELETE", "/api/why/SHA/1", "cors", token);
    found.uploadFile = await ask("PUT", "/_stcore/upload_file/a/b", "cors", {"X-Xsrftoken": "x"}, "x");
    found.picture = await load("img", {src: path("/api/picture/SHA/keyframe-1.jpg")});
    found.icon = await load("img", {src: path("/favicon.png")});
    found.video = await load("video", {src: path("/api/video/SHA"), preload: "auto", muted: true});
    found.script = await load("script", {src: path("/static/index.js")});
    return found;
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of another web server of this machine."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "index.html").write_text("<!doctype html><title>Elsewhere</title><body>")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def served(home: Path, *more: str) -> Server:
    port = free_port()
    os.environ.pop("ASSISTANT_TOKEN", None)
    server = Server([str(ROOT / "tests" / "desk_server.py"), str(home), str(port), NAME, *more], port, home)
    assert server.process.stdout is not None
    server.sha256 = server.process.stdout.readline().strip()
    return server


@pytest.fixture(scope="module", params=["", TOKEN], ids=["open", "with a token"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    server = served(tmp_path_factory.mktemp("app"), *([request.param] if request.param else []))
    yield server, request.param
    server.close()


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("own", "other"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("127.0.0.1", "localhost")]
)
def test_a_page_on_another_port_gets_nothing_and_changes_nothing(
    chromium: Any,  # noqa: F811
    app: tuple[Server, str],
    elsewhere: int,
    own: str,
    other: str,
) -> None:
    server, token = app
    address = server.address.replace("127.0.0.1", own)
    context = chromium.new_context()
    context.set_default_timeout(SECONDS * 1000)
    try:
        page = context.new_page()
        # The person has the app open, with its cookie where it has one: cookies do not know ports.
        page.goto(f"{address}/?token={token}" if token else address)
        page.locator(".shelf .title").first.wait_for()
        assert bool(context.cookies(address)) or not token
        foreign = context.new_page()
        foreign.goto(f"http://{other}:{elsewhere}/")
        found = foreign.evaluate(ATTACK, {"app": address, "sha256": server.sha256})
        # An opaque answer is one that the page cannot look into; the server refused it all the same.
        assert {name: said for name, said in found.items() if said not in ("refused", "opaque")} == {}
        assert found["socket"] == found["streamlit"] == "refused"
        # The page itself goes on, and a link from elsewhere still opens it.
        page.reload()
        page.locator(".shelf .title").first.wait_for()
        foreign.evaluate("address => { location.href = address }", address)
        foreign.locator(".shelf .title" if other == own or not token else "body").first.wait_for()
    finally:
        context.close()
    with Library(server.home) as library:
        assert [entry.name for entry in library.videos()] == [NAME]
        assert library.corrections(server.sha256) == []
        assert list(library.files.uploads.iterdir()) == []
