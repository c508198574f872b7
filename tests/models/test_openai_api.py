"""A language model behind a real HTTP server on loopback that follows a script."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assistant.errors import ContextExceeded, ModelFailed, ModelUnavailable
from assistant.models.chat import servers
from assistant.models.chat.openai_api import OpenAIChatModel
from assistant.models.protocols import GenerationOptions, Message

QUESTION = [Message("system", "Use the evidence."), Message("user", "What happens?")]


class Server:
    """Answers chat requests with the lines of `script`; a number in it is a pause, ``drop`` cuts the connection.

    Args:
        models: what it lists, as llama.cpp, vLLM, Ollama or LM Studio would; None: it has no list.
        documents: path -> what else it answers a GET with.
        holds: how many tokens of four characters it takes in a prompt before it refuses as llama.cpp does; None: any.
        reads_seconds: how long it reads a prompt before it says anything.
    """

    def __init__(self) -> None:
        self.script: list[str | float] = []
        self.status = 200
        self.refusal = ""
        self.models: list[dict] | None = [{"id": "tiny", "object": "model"}]
        self.documents: dict[str, dict] = {}
        self.holds: int | None = None
        self.reads_seconds = 0.0
        self.sent_on_to = ""
        self.requests: list[dict] = []
        self.asked: list[str] = []
        self.hung_up = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.its = self
        self.address = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    @property
    def its(self) -> Server:
        return self.server.its

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        self.its.asked.append(self.path)
        document = self.its.documents.get(self.path)
        if self.path == "/v1/models" and self.its.models is not None:
            document = {"object": "list", "data": self.its.models}
        self.answer(404 if document is None else 200, document or {})

    def answer(self, status: int, document: object, **headers: str) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refused(self, request: dict) -> bool:
        tokens = sum(len(message["content"]) // 4 for message in request["messages"])
        if self.its.sent_on_to:
            self.answer(307, {}, Location=self.its.sent_on_to)
        elif self.its.refusal:
            self.answer(400, json.loads(self.its.refusal))
        elif self.its.holds is not None and tokens > self.its.holds:
            self.answer(400, overflow(tokens, self.its.holds))
        else:
            return False
        return True

    def reads_prompt(self) -> bool:
        """Whether the other side waited until the prompt was read."""
        ends = time.monotonic() + self.its.reads_seconds
        while time.monotonic() < ends:
            if select.select([self.connection], [], [], 0.01)[0] and not self.connection.recv(1):
                self.its.hung_up.set()
                return False
        return True

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.its.requests.append(json.loads(self.rfile.read(length)))
        self.close_connection = True
        if self.refused(self.its.requests[-1]) or not self.reads_prompt():
            return
        self.send_response(self.its.status)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for line in self.its.script:
                if isinstance(line, float):
                    self.its.hung_up.wait(0) or time.sleep(line)
                elif line == "drop":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    self.connection.close()
                    return
                else:
                    self.wfile.write(f"{line}\n\n".encode())
                    self.wfile.flush()
        except OSError:
            self.its.hung_up.set()


def overflow(sent: int, holds: int) -> dict:
    """What llama.cpp says of a prompt that is too long."""
    told = f"request ({sent} tokens) exceeds the available context size ({holds} tokens), try increasing it"
    kind = {"code": 400, "type": "exceed_context_size_error"}
    return {"error": {**kind, "message": told, "n_prompt_tokens": sent, "n_ctx": holds}}


def chunk(text: str | None, finish: str | None = None, model: str = "tiny") -> str:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}
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


def test_a_cancel_ends_the_servers_work_while_it_still_reads_the_prompt(server, model):
    server.reads_seconds, server.script = 20.0, WHOLE
    stopped_at: list[float] = []

    def stop() -> bool:
        if server.requests and not stopped_at:
            stopped_at.append(time.monotonic())
        return bool(stopped_at)

    assert list(model.stream(QUESTION, GenerationOptions(), stop)) == []
    assert time.monotonic() - stopped_at[0] < 0.5
    assert server.hung_up.wait(2.0), "the server was left to read on"


def test_a_time_limit_ends_the_servers_work_and_names_the_setting(server, model):
    server.reads_seconds = 20.0
    with pytest.raises(ModelFailed, match=r"within 2 seconds; .*“Seconds for an answer” under Settings"):
        list(model.stream(QUESTION, GenerationOptions(timeout_seconds=2.0)))
    assert server.hung_up.wait(2.0)


@pytest.mark.parametrize(
    ("refusal", "holds", "sent"),
    [
        (overflow(5031, 2048), "2,048", "5,031"),
        ({"error": "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with"
         " context length of only 4096 tokens, which is not enough."}, "4,096", "9,000"),
        ({"error": "The number of tokens to keep from the initial prompt is greater than the context length"
         " (n_keep: 7055>= n_ctx: 1024). Try to load the model with a larger context length."}, "1,024", "7,055"),
        ({"error": {"message": "This model's maximum context length is 4097 tokens. However, your messages resulted in"
         " 4120 tokens.", "code": "context_length_exceeded"}}, "4,097", "4,120"),
        ({"error": "the input exceeds the context window"}, "4,096", ""),
    ],
)  # fmt: skip
def test_a_prompt_that_is_too_long_is_told_as_such_and_remembered(server, model, refusal, holds, sent):
    server.refusal = json.dumps(refusal)
    counted = model.count_tokens("word " * 300)
    with pytest.raises(ContextExceeded, match=rf"the prompt.*{sent}.* does not fit the {holds} tokens of tiny"):
        list(model.stream(QUESTION, GenerationOptions()))
    assert model.context_tokens == int(holds.replace(",", ""))
    assert (model.count_tokens("word " * 300) > counted) == bool(sent)


def test_a_prompt_that_is_too_long_may_be_told_within_the_stream(server, model):
    error = "The number of tokens to keep from the initial prompt is greater than the context length."
    server.script = [f"event: error\ndata: {json.dumps({'error': {'message': error}})}"]
    with pytest.raises(ContextExceeded):
        list(model.stream(QUESTION, GenerationOptions()))


@pytest.mark.parametrize(
    ("listed", "elsewhere", "holds"),
    [
        ({"meta": {"n_ctx": 2048, "n_ctx_train": 8192}}, {}, 2048),
        ({"max_model_len": 32768}, {}, 32768),
        ({}, {"/api/v0/models": {"data": [{"id": "other", "loaded_context_length": 9},
                                          {"id": "tiny", "max_context_length": 99999, "loaded_context_length": 4096}]}},
         4096),
        ({"owned_by": "library"}, {"/api/ps": {"models": [{"name": "tiny", "context_length": 16384}]}}, 16384),
        ({"owned_by": "library"}, {"/api/ps": {"models": []}}, servers.OLLAMA_CONTEXT_TOKENS),
        ({"meta": "x", "aliases": 5, "max_model_len": True}, {"/api/ps": {"models": 7}, "/api/v0/models": {}}, 8192),
    ],
)  # fmt: skip
def test_how_much_a_model_holds_is_what_its_server_says(server, listed, elsewhere, holds):
    server.models = [{"id": "tiny", **listed}]
    server.documents = elsewhere
    assert OpenAIChatModel(server.address, "tiny").context_tokens == holds
    assert OpenAIChatModel(server.address, "tiny", context_tokens=1234).context_tokens == 1234


def test_a_name_that_the_server_does_not_list_is_told_with_those_that_it_has(server):
    server.models = [{"id": "qwen3:4b"}, {"id": "/home/someone/models/small.gguf"}, {"id": "nomic-embed-text"}]
    with pytest.raises(ModelUnavailable, match=r"no model called 'qwen'; it has qwen3:4b, small.gguf: name one"):
        OpenAIChatModel(server.address, "qwen")
    assert OpenAIChatModel(server.address, "small.gguf").name.startswith("small.gguf at 127.0.0.1")
    server.models = [{"id": "llama3:latest"}, {"id": "b.gguf", "aliases": ["mine"]}]
    assert OpenAIChatModel(server.address, "llama3").name.startswith("llama3:latest at")
    assert OpenAIChatModel(server.address, "mine").name.startswith("b.gguf at")


def test_a_model_that_the_server_has_let_go_is_told_with_those_that_it_has(server, model):
    server.status, server.models = 404, [{"id": "other"}]
    with pytest.raises(ModelFailed, match="no model called 'tiny'; it has other"):
        list(model.stream(QUESTION, GenerationOptions()))


def test_a_server_without_a_list_is_believed_and_met_when_it_has_one(server):
    server.models = None
    model = OpenAIChatModel(server.address, "tiny")
    server.models = [{"id": "tiny", "max_model_len": 2000}]
    server.script = WHOLE
    assert list(model.stream(QUESTION, GenerationOptions()))
    assert model.context_tokens == 2000


def test_the_model_that_answered_is_named(server):
    server.script = [chunk("A red circle [S1].", "stop", model="/models/what-is-loaded.gguf"), "data: [DONE]"]
    model = OpenAIChatModel(server.address, "tiny")
    assert list(model.stream(QUESTION, GenerationOptions()))
    assert model.name.startswith("what-is-loaded.gguf at 127.0.0.1")


def test_nothing_goes_by_a_proxy_or_where_the_server_sends_it_on(server, monkeypatch):
    elsewhere = Server()
    elsewhere.script = server.script = WHOLE
    try:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, elsewhere.address.removesuffix("/v1"))
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        assert list(OpenAIChatModel(server.address).stream(QUESTION, GenerationOptions()))
        server.sent_on_to = f"{elsewhere.address}/chat/completions"
        with pytest.raises(ModelFailed, match="status 307"):
            list(OpenAIChatModel(server.address).stream(QUESTION, GenerationOptions()))
        assert elsewhere.requests == []
        assert elsewhere.asked == []
    finally:
        elsewhere.http.shutdown()
        elsewhere.http.server_close()


def test_servers_on_the_usual_ports_are_found_by_name_and_nothing_else_is_asked(server, monkeypatch):
    other = Server()
    other.models = None  # some other program's web server
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    try:
        usual = (("Ollama", server.http.server_port), ("llama.cpp", other.http.server_port), ("LM Studio", closed))
        monkeypatch.setattr(servers, "USUAL_PORTS", usual)
        server.models = [{"id": "qwen3:4b", "owned_by": "library"}, {"id": "nomic-embed-text"}]
        (found,) = servers.nearby()
        assert (found.name, [model.shown for model in found.models]) == ("Ollama", ["qwen3:4b"])
        assert found.setting(found.models[0]) == f"{server.address}#qwen3:4b"
        assert server.asked == other.asked == ["/v1/models"]
        server.models = [{"id": "/m/a.gguf", "owned_by": "llamacpp"}]
        assert servers.nearby()[0].name == "llama.cpp"
    finally:
        other.http.shutdown()
        other.http.server_close()
