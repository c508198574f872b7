"""A language model behind a real HTTP server on loopback that follows a script."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assistant.errors import ModelFailed, ModelUnavailable
from assistant.models.chat.openai_api import OpenAIChatModel
from assistant.models.protocols import GenerationOptions, Message

QUESTION = [Message("system", "Use the evidence."), Message("user", "What happens?")]


class Server:
    """Answers chat requests with the lines of `script`; a number in it is a pause, ``drop`` cuts the connection."""

    def __init__(self) -> None:
        self.script: list[str | float] = []
        self.status = 200
        self.requests: list[dict] = []
        self.hung_up = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args) -> None:
                pass

            def do_GET(self) -> None:
                body = json.dumps({"object": "list", "data": [{"id": "tiny", "object": "model"}]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.requests.append(json.loads(self.rfile.read(length)))
                self.send_response(outer.status)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                try:
                    for line in outer.script:
                        if isinstance(line, float):
                            outer.hung_up.wait(0) or time.sleep(line)
                        elif line == "drop":
                            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                            self.connection.close()
                            return
                        else:
                            self.wfile.write(f"{line}\n\n".encode())
                            self.wfile.flush()
                except OSError:
                    outer.hung_up.set()

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def chunk(text: str | None, finish: str | None = None) -> str:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [choice]}
    return "data: " + json.dumps(body)


WHOLE = [chunk("A red "), chunk("circle "), chunk("[S1]."), chunk(None, "stop"), "data: [DONE]"]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def model(server: Server) -> OpenAIChatModel:
    return OpenAIChatModel(server.address, "tiny")


def test_an_answer_streams_in_pieces(server, model):
    server.script = WHOLE
    pieces = list(model.stream(QUESTION, GenerationOptions(max_tokens=50)))
    assert pieces == ["A red ", "circle ", "[S1]."]
    assert server.requests[0]["messages"][1] == {"role": "user", "content": "What happens?"}
    assert server.requests[0]["max_tokens"] == 50


def test_the_first_model_of_the_server_is_taken_where_none_is_named(server):
    assert OpenAIChatModel(server.address).name.startswith("tiny at 127.0.0.1")


def test_a_cancel_does_not_wait_for_a_silent_server(server, model):
    server.script = [chunk("A red "), *[0.1, chunk("x")] * 100]
    stop = threading.Event()
    started = 0.0
    for _ in model.stream(QUESTION, GenerationOptions(), stop.is_set):
        stop.set()
        started = time.monotonic()
    assert time.monotonic() - started < 0.5
    assert server.hung_up.wait(5), "the server was left to write on"


def test_a_server_that_takes_too_long_is_told(server, model):
    server.script = [chunk("A red "), 3.0]
    with pytest.raises(ModelFailed, match=r"did not finish|did not answer"):
        list(model.stream(QUESTION, GenerationOptions(timeout_seconds=0.5)))


def test_a_server_that_is_gone_in_mid_answer_is_told(server, model):
    server.script = [chunk("A red "), chunk("circle "), "drop"]
    with pytest.raises(ModelFailed, match=r"is gone|cannot be read"):
        list(model.stream(QUESTION, GenerationOptions(timeout_seconds=10)))


def test_a_stream_that_just_ends_in_mid_answer_is_told(server, model):
    server.script = [chunk("A red ")]
    with pytest.raises(ModelFailed, match="is gone"):
        list(model.stream(QUESTION, GenerationOptions(timeout_seconds=10)))


@pytest.mark.parametrize(
    "line",
    [
        "data: {not json",
        'data: {"object": "chat.completion.chunk"}',
        'data: {"choices": [{"index": 0, "delta": {"content": 7}}]}',
        'data: {"choices": 5}',
        'data: {"error": {"message": "boom"}}',
        "data: []",
    ],
)
def test_a_malformed_chunk_is_told(server, model, line):
    server.script = [chunk("A red "), line, *WHOLE]
    with pytest.raises(ModelFailed):
        list(model.stream(QUESTION, GenerationOptions(timeout_seconds=10)))


def test_chunks_without_text_are_passed_over(server, model):
    usage = 'data: {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": []}'
    server.script = [": ping", usage, *WHOLE]
    assert "".join(model.stream(QUESTION, GenerationOptions())) == "A red circle [S1]."


def test_a_refusal_of_the_server_is_told(server, model):
    server.status = 404
    with pytest.raises(ModelFailed, match="status 404"):
        list(model.stream(QUESTION, GenerationOptions()))


def test_nobody_at_the_address_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/v1"
    with pytest.raises(ModelUnavailable, match="no language model answers"):
        OpenAIChatModel(address)
    with pytest.raises(ModelFailed, match="is gone"):
        list(OpenAIChatModel(address, "tiny").stream(QUESTION, GenerationOptions()))


@pytest.mark.parametrize(
    "address",
    ["http://8.8.8.8/v1", "https://models.example/v1", "http://169.254.1.1.example/v1", "ftp://127.0.0.1/", "http://",
     "x",
     "http://user:word@127.0.0.1/v1", "http://127.0.0.1:99999/v1", "http://0.0.0.0/v1", "file:///etc/passwd"],
)  # fmt: skip
def test_addresses_elsewhere_are_refused(address):
    with pytest.raises(ModelUnavailable):
        OpenAIChatModel(address, "tiny")


@pytest.mark.parametrize("address", ["http://localhost:1/v1", "http://[::1]:1/v1", "http://192.168.1.7:11434/v1/"])
def test_addresses_of_this_machine_and_its_network_are_taken(address):
    assert OpenAIChatModel(address, "tiny").context_tokens > 0


def test_tokens_are_counted_on_the_safe_side(model):
    assert model.count_tokens("a red circle moves left") >= 5
    assert model.count_tokens("") == 0
