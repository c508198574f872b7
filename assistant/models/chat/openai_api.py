"""A chat model behind an OpenAI-compatible server on this machine or near it (Ollama, llama.cpp, LM Studio, vLLM)."""

from __future__ import annotations

import logging
import math
import queue
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from assistant.core.progress import CancelCheck, never
from assistant.errors import ContextExceeded, ModelFailed, ModelUnavailable
from assistant.models.chat import servers
from assistant.models.protocols import RAISE_TIME_LIMIT, GenerationOptions, Message

logger = logging.getLogger(__name__)

# A server does not tell its tokenizer. Four characters make about a token of English, three keep to the safe side; in
# evidence, with its marks, each digit and each sign is one (1,433 tokens of 3,930 characters, measured with SmolLM2's).
_CHARACTERS_PER_TOKEN = 3
_PIECE = re.compile(r"[^\W\d_]{1,4}|[\d_]|[^\w\s]")
_CONTEXT_TOKENS = 8192  # where neither the server nor the person says
_LEAST_CONTEXT_TOKENS = 512
_GRACE_SECONDS = 1.0
_CHECK_SECONDS = 0.05
_CONNECT_SECONDS = 5.0
_MORE_CONTEXT = "start the server with a longer context (Settings has the number for servers that do not tell theirs)"


class OpenAIChatModel:
    """One model of one server.

    Args:
        address: such as ``http://127.0.0.1:11434/v1``; plain http only to this machine or a private network, and
            anywhere else only where `anywhere` allows it, since evidence from the person's video goes there.
        model: as the server calls it; empty: the first one that it lists.
        context_tokens: how many tokens it holds; 0: what the server says.

    Raises:
        ModelUnavailable: the address is not one of those, nobody answers there, or it lists no such model.
    """

    def __init__(self, address: str, model: str = "", *, context_tokens: int = 0, anywhere: bool = False) -> None:
        self._address = servers.checked_address(address, anywhere)
        self._model, self._context_wanted, self._met = model, context_tokens, False
        self.context_tokens = context_tokens or _CONTEXT_TOKENS
        self._more_than_counted = 1.0  # what the server counts, by what is counted here
        self.name = self._named(model)
        self._meet()

    def count_tokens(self, text: str) -> int:
        """About how many tokens a text takes, on the safe side."""
        by_length = len(text.encode()) / _CHARACTERS_PER_TOKEN
        return math.ceil(max(by_length, len(_PIECE.findall(text))) * self._more_than_counted)

    def stream(
        self, messages: Sequence[Message], options: GenerationOptions, cancelled: CancelCheck = never
    ) -> Iterator[str]:
        """Pieces of the answer; ends soon after `cancelled`, whether or not the server sends anything.

        Raises:
            ContextExceeded: the prompt is too long; `context_tokens` and `count_tokens` have learned from it.
            ModelFailed: the server is gone, refuses, sends what cannot be read, or takes too long.
        """
        deadline = time.monotonic() + options.timeout_seconds
        if not self._met:
            self._meet()
        # A little longer than the limit below, so that it is always this one that ends a request, in its own words.
        reader = _Reader(self._address, self._request(messages, options), options.timeout_seconds + _GRACE_SECONDS)
        finished = False
        try:
            while not cancelled():
                if time.monotonic() > deadline:
                    what = f"{self.name} did not finish within {options.timeout_seconds:g} seconds"
                    raise ModelFailed(what, f"ask for less, or {RAISE_TIME_LIMIT}")
                item = reader.next(_CHECK_SECONDS)
                if isinstance(item, str):
                    if reader.model:  # some servers answer with what they have, whatever was asked for
                        self.name = self._named(reader.model)
                    yield item
                elif isinstance(item, BaseException):
                    raise self._failed(item, messages) from item
                elif item is _END:
                    finished = True
                    return
        finally:
            if not finished:
                reader.close()

    def _request(self, messages: Sequence[Message], options: GenerationOptions) -> dict[str, Any]:
        return {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": options.max_tokens,
            "temperature": options.temperature,
            "stop": list(options.stop) or None,
            "stream": True,
        }

    def _meet(self) -> None:
        """Find the model in the server's list, and how much it holds; a server that has no list is believed.

        Raises:
            ModelUnavailable: it has no such model; or none was named, and nobody answers.
        """
        found = servers.listed(self._address)
        if found is None:
            if not self._model:
                raise ModelUnavailable(
                    f"no language model answers at {self._address}", "start the server, or correct the address"
                )
            return
        if not found and not self._model:
            raise ModelUnavailable(f"the server at {self._address} has no model", "load one into it first")
        chosen = next((one for one in found if not self._model or one.is_called(self._model)), None)
        if chosen is None and found:
            raise ModelUnavailable(
                f"the server at {self._address} has no model called {self._model[:80]!r}",
                f"it has {', '.join(one.shown for one in found[:6])}: name one of them",
            )
        if chosen is not None:
            self._model, self.name = chosen.id, self._named(chosen.id)
            told = 0 if self._context_wanted else servers.context_tokens(self._address, chosen)
            self.context_tokens = self._context_wanted or told or _CONTEXT_TOKENS
        self._met = True

    def _named(self, model: str) -> str:
        return f"{servers.shown(model)} at {urlsplit(self._address).netloc}"

    def _failed(self, error: BaseException, messages: Sequence[Message]) -> ModelFailed:
        import openai

        logger.debug("the server failed", exc_info=error)
        if isinstance(error, openai.APITimeoutError):
            return ModelFailed(f"{self.name} did not answer in time", f"ask again, or {RAISE_TIME_LIMIT}")
        if isinstance(error, openai.APIError) and _speaks_of_context(error):
            return self._too_long(error, messages)
        if isinstance(error, openai.APIStatusError):
            return self._refused(error.status_code)
        if isinstance(error, openai.APIConnectionError) or _is_network(error):
            return ModelFailed(f"the server of {self.name} is gone", "start it again and ask once more")
        return ModelFailed(f"the server of {self.name} sent what cannot be read", "check that it is OpenAI-compatible")

    def _refused(self, status: int) -> ModelFailed:
        if status == 404:
            try:
                self._meet()
            except ModelUnavailable as error:
                return ModelFailed(error.what, error.remedy)
        return ModelFailed(f"the server of {self.name} refused with status {status}", "look into the server's log")

    def _too_long(self, error: Any, messages: Sequence[Message]) -> ContextExceeded:
        """Learn from a refusal how much fits, and how the server counts."""
        holds, sent = _number(_HOLDS, error), _number(_SENT, error)
        counted = sum(self.count_tokens(message.content) for message in messages)
        self.context_tokens = max(_LEAST_CONTEXT_TOKENS, min(self.context_tokens, holds or self.context_tokens // 2))
        if counted and sent > counted:
            self._more_than_counted *= min(4.0, 1.05 * sent / counted)
        size = f"of {sent:,} tokens " if sent else ""
        what = f"the prompt {size}does not fit the {holds or self.context_tokens:,} tokens of {self.name}"
        return ContextExceeded(what, _MORE_CONTEXT)


_CONTEXT_WORDS = re.compile(r"context.{0,12}(?:size|length|window|overflow)|exceed_context", re.IGNORECASE)
_HOLDS = re.compile(r"(?:n_ctx\W{1,4}|context (?:size|length)[ :(a-z]{0,20})(\d{2,9})", re.IGNORECASE)
_SENT = re.compile(
    r"(?:n_prompt_tokens\W{1,4}|n_keep\W{1,4}|request \(|resulted in |requested |first )(\d{2,9})", re.IGNORECASE
)


def _speaks_of_context(error: Any) -> bool:
    return bool(_CONTEXT_WORDS.search(f"{error} {getattr(error, 'body', '')}"))


def _number(pattern: re.Pattern[str], error: Any) -> int:
    """A number of tokens that the server's refusal names, 0 where it names none."""
    found = pattern.search(f"{getattr(error, 'body', '')} {error}")
    return int(found[1]) if found else 0


_END = object()


class _Reader:
    """Reads the server's stream in a thread of its own, so that a silent server cannot hold up a cancel.

    It has a connection of its own, which `close` cuts at once: while the server still reads the prompt there is no
    answer yet that could be closed, and it would read on to the end for nobody.
    """

    def __init__(self, address: str, request: dict[str, Any], timeout_seconds: float) -> None:
        self.model = ""  # who the server says is answering
        self._items: queue.Queue[Any] = queue.Queue()
        self._socket: socket.socket | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=self._read, args=(address, request, timeout_seconds), name="openai-reader", daemon=True
        )
        self._thread.start()

    def next(self, wait_seconds: float) -> Any:
        """The next piece, an exception, `_END`, or None where nothing came in time."""
        try:
            return self._items.get(timeout=wait_seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Cut the connection: the server stops reading or writing, the thread ends."""
        self._closed.set()
        if self._socket is not None:
            with suppress(OSError):  # it may be gone already
                # A close alone would wait for the thread that reads from it.
                self._socket.shutdown(socket.SHUT_RDWR)

    def _read(self, address: str, request: dict[str, Any], timeout_seconds: float) -> None:
        try:
            with _client(address, self._traced) as client:
                ended = False
                with client.chat.completions.create(**request, timeout=timeout_seconds) as chunks:
                    for chunk in chunks:
                        piece, last = _piece(chunk)
                        ended = ended or last
                        if piece:
                            self.model = getattr(chunk, "model", "") or self.model
                            self._items.put(piece)
            if not ended:
                # A server that dies in mid-answer may just close the connection; a whole answer says that it is one.
                self._items.put(ConnectionError("the stream ended before the answer did"))
            self._items.put(_END)
        except Exception as error:  # whatever it is, the one who waits must hear of it
            self._items.put(error)

    def _traced(self, event: str, info: dict[str, Any]) -> None:
        """Told by the client of each step of a request; keeps the socket, and stops what was cut before it had one."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._closed.is_set():
                raise ConnectionAbortedError("stopped")


def _piece(chunk: Any) -> tuple[str, bool]:
    """The text of a chunk and whether it is the last; chunks without choices (usage, pings) are empty.

    Raises:
        ValueError: the chunk is not one of a chat.
    """
    choices = getattr(chunk, "choices", None)
    if choices is None:
        raise ValueError("a chunk without choices")
    if not choices:
        return "", False
    delta = getattr(choices[0], "delta", None)
    text = getattr(delta, "content", None) if delta is not None else None
    if text is not None and not isinstance(text, str):
        raise ValueError("a chunk whose content is not text")
    return text or "", bool(getattr(choices[0], "finish_reason", None))


def _client(address: str, traced: Any) -> Any:
    """A client that goes to this address alone: by no proxy of the environment, and nowhere that it is sent on to."""
    import openai

    def watch(request: Any) -> None:
        request.extensions["trace"] = traced

    http = openai.DefaultHttpxClient(trust_env=False, follow_redirects=False, event_hooks={"request": [watch]})
    # No key of the person's is read from the environment: it belongs to a service elsewhere.
    timeout = openai.Timeout(120.0, connect=_CONNECT_SECONDS)
    return openai.OpenAI(base_url=address, api_key="none", timeout=timeout, max_retries=0, http_client=http)


def _is_network(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in ("httpx", "httpcore", "httpx2")
