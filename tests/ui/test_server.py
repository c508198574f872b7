"""The web server as a process: it contacts nobody, waits for nobody for ever, and says where it is."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT
from outsider import HANDSHAKE, say, start
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from assistant.ui import server as servers

OUTSIDER = ROOT / "tests" / "outsider.py"
ADDRESS = re.compile(r'(?:sin_addr=inet_addr\("|sin6_addr=inet_pton\(AF_INET6, "|inet_pton\(AF_INET6, ")([^"]+)"')
REFUSED = {
    "without cookie": 403,
    "other port": 403,
    "all addresses": 403,
    "user name": 403,
    "elsewhere": 403,
    "nowhere": 403,
    "malformed": 400,
}
HOSTS = ["127.0.0.1", "0.0.0.0"]

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def check(report: dict, host: str) -> None:
    seen = dict(report["seen"])
    assert seen.pop("own") == 101
    if not report["token"]:
        assert host == "127.0.0.1"
        assert seen.pop("without cookie") == 101
    assert seen.items() <= REFUSED.items()
    assert report["seconds"] < 10
    assert "Traceback" not in report["log"]
    assert "external" not in report["log"].lower()


@pytest.mark.parametrize("host", HOSTS)
def test_nobody_is_contacted_whoever_tries_the_socket(tmp_path, host):
    if shutil.which("strace") is None:
        pytest.skip("there is no strace on this machine")
    trace = tmp_path / "trace"
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    command = ["strace", "-f", "-qq", "-e", calls, "-o", str(trace), sys.executable, str(OUTSIDER)]
    ran = subprocess.run([*command, str(tmp_path / "home"), host], capture_output=True, text=True, timeout=180)
    if "ptrace" in ran.stderr and not ran.stdout:
        pytest.skip("strace may not trace here")
    check(json.loads(ran.stdout), host)
    traced = trace.read_text(errors="replace")
    contacted = set(ADDRESS.findall(traced))
    assert contacted <= {"127.0.0.1", "::1"}
    assert "127.0.0.1" in contacted, "the trace shows the test's own connections, or it shows nothing"


@pytest.mark.parametrize("host", HOSTS)
def test_without_a_network_the_app_starts_and_refuses_as_quickly(tmp_path, host):
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("there is no unshare, or no ip, on this machine")
    inside = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this account may make no network namespaces")
    command = [*inside, sys.executable, str(OUTSIDER), str(tmp_path / "home"), host, "alone"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert ran.returncode == 0, ran.stderr
    check(json.loads(ran.stdout), host)


def test_a_page_of_another_origin_is_not_even_wondered_about():
    """Whoever calls them: Streamlit's look-ups of this machine's addresses are gone from the process."""
    script = (
        "import sys; sys.addaudithook(lambda event, values: event.startswith('socket.') and event != 'socket.__new__' "
        "and event != 'socket.gethostname' and sys.exit(f'{event} {values}'))\n"
        "from assistant.ui.serve import build, options\n"
        "from streamlit.web.bootstrap import load_config_options\n"
        "from streamlit.web.server.server_util import is_url_from_allowed_origins\n"
        "from streamlit import net_util\n"
        "build(); load_config_options(options('0.0.0.0', 8501))\n"
        "assert not is_url_from_allowed_origins('http://evil.example')\n"
        "assert net_util.get_external_ip() is None and net_util.get_internal_ip() is None\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "assistant.ui.serve", "--no-token", "--port", port, "--home", str(tmp_path)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 3
    assert "cannot listen" in ran.stderr
    assert "--port" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_ctrl_c_ends_the_app_without_a_word(tmp_path):
    process, port, _ = start(tmp_path / "home", "127.0.0.1", tmp_path / "log", "--no-token")
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(b"GET / HTTP/1.1\r\nHo")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_no_token_for_everybody_in_the_network_is_refused():
    command = [sys.executable, "-m", "assistant.ui.serve", "--no-token", "--host", "0.0.0.0"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 2
    assert "this machine alone" in ran.stderr


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The real app without a token: its port, and what it wrote."""
    folder = tmp_path_factory.mktemp("served")
    process, port, token = start(folder / "home", "127.0.0.1", folder / "log", "--no-token")
    assert token == ""
    yield port, folder / "log"
    process.terminate()
    process.wait(20)


PATHS = [
    *("/", "/watch", "/api/shelf", "/api/upload", "/api/desk/x", "/api/jobs/x", "/api/jobs/x/cancel", "/api/video/x"),
    *(
        "/api/proxy/x",
        "/api/picture/x/y",
        "/api/why/x/1",
        "/api/correct/x/1",
        "/_stcore/health",
        "/_stcore/host-config",
    ),
    *("/_stcore/stream", "/_stcore/bidi-components/a/b", "/_stcore/upload_file/a/b", "/_stcore/metrics", "/media/x"),
    *(
        "/static/index.js",
        "/component/a/b",
        "/_stcore/agent/interact",
        "/auth/login",
        "/oauth2callback",
        "/favicon.png",
    ),
]


@pytest.mark.parametrize("path", PATHS)
def test_no_route_of_the_app_takes_a_hostile_header(app, path):
    port, log = app
    own = f"127.0.0.1:{port}"
    for method in ("GET", "PUT", "POST", "DELETE", "OPTIONS"):
        for headers, wanted in (
            ("Host: evil.example", 421),
            ("Host: a b", 400),
            ("Host: [::1", 400),
            (f"Host: {own}\r\nOrigin: http://127.0.0.1:9987", 403),
            (f"Host: {own}\r\nOrigin: http://evil@{own}", 403),
            (f"Host: {own}\r\nOrigin: null", 403),
            (f"Host: {own}\r\nOrigin: http://[", 400),
            (f"Host: {own}\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors", 403),
        ):
            request = f"{method} {path} HTTP/1.1\r\n{headers}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            assert say(port, request) == wanted, (request, wanted)
    assert say(port, f"GET {path}?t={'9' * 5000} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n") == 400
    assert say(port, f"GET {path}/{'9' * 5000} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n") == 400
    assert "Traceback" not in log.read_text()


# Clients that fall silent


async def hello(request):
    await request.body()
    return PlainTextResponse("hello")


async def busy(request):
    return PlainTextResponse("no", 403)


async def talk(connection):
    await connection.accept()
    await connection.receive_bytes()


@pytest.fixture
def port(monkeypatch):
    """A server that waits for half a second."""
    monkeypatch.setattr(servers, "HEADER_SECONDS", 0.5)
    routes = [Route("/", hello, methods=["GET", "PUT"]), Route("/busy", busy, methods=["PUT"])]
    ready = threading.Event()
    made = servers.server(Starlette(routes=[*routes, WebSocketRoute("/_stcore/stream", talk)]), ready.set)
    with servers.listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listening]})
        thread.start()
        assert ready.wait(20)
        yield listening.getsockname()[1]
        made.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def seconds_until_closed(connection: socket.socket, drip: bytes = b"", most: float = 10.0) -> float:
    """How long the other side keeps the connection while a byte comes every now and then."""
    began = time.monotonic()
    connection.settimeout(0.05)
    while time.monotonic() - began < most:
        try:
            if drip:
                connection.sendall(drip)
            if connection.recv(1000) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "drip"),
    [(b"", b""), (b"GET", b""), (HALF, b""), (HALF, b"a"), (WHOLE + HALF, b"a")],
    ids=["nothing", "a word", "half", "byte by byte", "half of the second"],
)
def test_half_a_request_is_not_waited_for(port, first, drip):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(first)
        assert 0.4 < seconds_until_closed(connection, drip) < 5


def test_a_body_that_nobody_wants_is_not_waited_for(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"PUT /busy HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        assert b"403" in connection.recv(1000)
        assert seconds_until_closed(connection, b"a") < 5


def test_a_slow_upload_that_is_wanted_is_waited_for(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            time.sleep(0.2)
            connection.sendall(b"a")
        assert b"200" in connection.recv(1000)


def test_an_open_socket_is_not_cut(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(HANDSHAKE.format(host="localhost", more="").encode())
        assert b"101" in connection.recv(1000)
        assert seconds_until_closed(connection, most=1.5) >= 1.5


def test_the_wait_is_twenty_seconds():
    assert servers.HEADER_SECONDS == 20.0
