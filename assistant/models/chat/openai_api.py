"""A chat model behind an OpenAI-compatible server on this machine or near it (Ollama, llama.cpp, vLLM)."""

from __future__ import annotations

import ipaddress
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from assistant.core.progress import CancelCheck, never
from assistant.errors import ModelFailed, ModelUnavailable
from assistant.models.protocols import GenerationOptions, Message

logger = logging.getLogger(__name__)

# A server does not tell its tokenizer. Four characters make about a token of English; three keep to the safe side.
_CHARACTERS_PER_TOKEN = 3
_CONTEXT_TOKENS = 8192
_CHECK_SECONDS = 0.05
_CONNECT_SECONDS = 5.0


class OpenAIChatModel:
    """One model of one server.

    Args:
        address: such as ``http://127.0.0.1:11434/v1``; plain http only to this machine or a private network, and
            anywhere else only where `anywhere` allows it, since evidence from the person's video goes there.
        model: as the server calls it; empty: the first one that it lists.

    Raises:
        ModelUnavailable: the address is not one of those, or nobody answers there.
    """

    def __init__(
        self, address: str, model: str = "", *, context_tokens: int = _CONTEXT_TOKENS, anywhere: bool = False
    ) -> None:
        self._address = _checked_address(address, anywhere)
        self.context_tokens = context_tokens
        self._client = _client(self._address)
        self._model = model or self._first_model()
        self.name = f"{self._model} at {urlsplit(self._address).netloc}"

    def count_tokens(self, text: str) -> int:
        """About how many tokens a text takes, on the safe side."""
        return -(-len(text.encode()) // _CHARACTERS_PER_TOKEN)

    def stream(
        self, messages: Sequence[Message], options: GenerationOptions, cancelled: CancelCheck = never
    ) -> Iterator[str]:
        """Pieces of the answer; ends soon after `cancelled`, whether or not the server sends anything.

        Raises:
            ModelFailed: the server is gone, refuses, sends what cannot be read, or takes too long.
        """
        deadline = time.monotonic() + options.timeout_seconds
        reader = _Reader(self._client, self._request(messages, options), options.timeout_seconds)
        finished = False
        try:
            while not cancelled():
                if time.monotonic() > deadline:
                    raise ModelFailed(
                        f"{self.name} did not finish within {options.timeout_seconds:g} seconds",
                        "ask for less, or raise the time limit",
                    )
                item = reader.next(_CHECK_SECONDS)
                if isinstance(item, str):
                    yield item
                elif isinstance(item, BaseException):
                    raise self._failed(item) from item
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

    def _first_model(self) -> str:
        import openai

        try:
            found = [model.id for model in self._client.models.list().data]
        except (openai.OpenAIError, ValueError, AttributeError, TypeError) as error:
            raise ModelUnavailable(
                f"no language model answers at {self._address}", "start the server, or correct the address"
            ) from error
        if not found:
            raise ModelUnavailable(f"the server at {self._address} has no model", "load one into it first")
        return str(found[0])

    def _failed(self, error: BaseException) -> ModelFailed:
        import openai

        logger.debug("the server failed", exc_info=error)
        if isinstance(error, openai.APITimeoutError):
            return ModelFailed(f"{self.name} did not answer in time", "ask again, or raise the time limit")
        if isinstance(error, openai.APIStatusError):
            return ModelFailed(
                f"the server of {self.name} refused with status {error.status_code}",
                "check the model's name and the server's log",
            )
        if isinstance(error, openai.APIConnectionError) or _is_network(error):
            return ModelFailed(f"the server of {self.name} is gone", "start it again and ask once more")
        return ModelFailed(f"the server of {self.name} sent what cannot be read", "check that it is OpenAI-compatible")


_END = object()


class _Reader:
    """Reads the server's stream in a thread of its own, so that a silent server cannot hold up a cancel."""

    def __init__(self, client: Any, request: dict[str, Any], timeout_seconds: float) -> None:
        self._items: queue.Queue[Any] = queue.Queue()
        self._response: Any = None
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=self._read, args=(client, request, timeout_seconds), name="openai-reader", daemon=True
        )
        self._thread.start()

    def next(self, wait_seconds: float) -> Any:
        """The next piece, an exception, `_END`, or None where nothing came in time."""
        try:
            return self._items.get(timeout=wait_seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Drop the connection: the server stops generating, the thread ends."""
        self._closed.set()
        response = self._response
        if response is not None:
            try:
                response.close()
            except Exception:  # the connection may be gone already, in any way a network has
                logger.debug("closing the stream failed", exc_info=True)

    def _read(self, client: Any, request: dict[str, Any], timeout_seconds: float) -> None:
        try:
            self._response = client.chat.completions.create(**request, timeout=timeout_seconds)
            ended = False
            for chunk in self._response:
                if self._closed.is_set():
                    break
                piece, last = _piece(chunk)
                ended = ended or last
                if piece:
                    self._items.put(piece)
            if not ended and not self._closed.is_set():
                # A server that dies in mid-answer may just close the connection; a whole answer says that it is one.
                self._items.put(ConnectionError("the stream ended before the answer did"))
            self._items.put(_END)
        except Exception as error:  # whatever it is, the one who waits must hear of it
            self._items.put(error)
        finally:
            if self._closed.is_set():
                self.close()


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


def _client(address: str) -> Any:
    import openai

    # No key of the person's is read from the environment: it belongs to a service elsewhere.
    timeout = openai.Timeout(120.0, connect=_CONNECT_SECONDS)
    return openai.OpenAI(base_url=address, api_key="none", timeout=timeout, max_retries=0)


def _checked_address(address: str, anywhere: bool) -> str:
    parts = urlsplit(address)
    try:
        parts.port  # noqa: B018  raises on a port that is none
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query:
        raise ModelUnavailable(
            f"{address!r} is not an address of a language model", "give one such as http://127.0.0.1:11434/v1#MODEL"
        )
    if not anywhere and not _is_near(host):
        raise ModelUnavailable(
            f"{host} is not on this machine or in its private network, and what is said in a video would go there",
            "run the server on this machine",
        )
    return address.rstrip("/")


def _is_near(host: str) -> bool:
    """Whether a host is this machine or in a private network, by its written form: names are not looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    return found.is_loopback or (found.is_private and not found.is_unspecified)


def _is_network(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in ("httpx", "httpcore", "httpx2")
