"""Servers of language models on this machine or near it, and what they say of themselves.

Any that speaks OpenAI's protocol is one. What else they tell differs: llama.cpp and vLLM name the context in their list
of models, LM Studio and Ollama in lists of their own.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from assistant.errors import ModelUnavailable

# Where these servers listen unless they are told otherwise; nothing else is ever looked for.
USUAL_PORTS: Sequence[tuple[str, int]] = (("Ollama", 11434), ("llama.cpp", 8080), ("LM Studio", 1234))
# Ollama's own default where it has less than 24 GiB of video memory; it cuts what is longer without a word.
OLLAMA_CONTEXT_TOKENS = 4096
_MOST_BYTES = 4 * 1024**2
_LOOK_SECONDS, _ASK_SECONDS = 0.6, 5.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as its server lists it. ``context_tokens``: 0 where that is not told; ``owner``: who the server says."""

    id: str
    aliases: tuple[str, ...] = ()
    context_tokens: int = 0
    owner: str = ""

    @property
    def shown(self) -> str:
        """What people call it: llama.cpp lists a file by its whole path."""
        return shown(self.id)

    def is_called(self, name: str) -> bool:
        return name in (self.id, self.shown, *self.aliases) or f"{name}:latest" == self.id


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was found on this machine."""

    name: str
    address: str
    models: tuple[Listed, ...]

    def setting(self, model: Listed) -> str:
        """What the setting `language_model` must be to talk with this model."""
        return f"{self.address}#{model.id}"


def shown(model: str) -> str:
    """A model's name without the folder that it lies in."""
    return model.replace("\\", "/").rsplit("/", 1)[-1] if model.lower().endswith(".gguf") else model


def nearby() -> list[Server]:
    """The servers that answer on the usual ports of this machine, each with its models; takes under a second."""

    def look(usual: tuple[str, int]) -> Server | None:
        address = f"http://127.0.0.1:{usual[1]}/v1"
        found = listed(address, _LOOK_SECONDS)
        if not found:
            return None
        # Another program may listen there: llama.cpp says who it is.
        return Server("llama.cpp" if found[0].owner == "llamacpp" else usual[0], address, tuple(found))

    with ThreadPoolExecutor(len(USUAL_PORTS)) as pool:
        return [server for server in pool.map(look, USUAL_PORTS) if server is not None]


def listed(address: str, seconds: float = _ASK_SECONDS) -> list[Listed] | None:
    """The models of a server, without those that only embed; None where nobody answers, or no such list."""
    document = _asked(f"{address}/models", seconds)
    rows = document.get("data") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        return None
    return [
        Listed(row["id"], _texts(row.get("aliases")), next(_contexts(row), 0), str(row.get("owned_by") or ""))
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"]
        if "embed" not in shown(row["id"]).lower()
    ]


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def context_tokens(address: str, model: Listed) -> int:
    """How many tokens a model of this server holds as it is loaded now, 0 where nothing tells."""
    if model.context_tokens:
        return model.context_tokens
    parts = urlsplit(address)
    for path, rows_name in (("/api/v0/models", "data"), ("/api/ps", "models")):  # LM Studio's, Ollama's
        document = _asked(urlunsplit((parts.scheme, parts.netloc, path, "", "")), _ASK_SECONDS)
        rows = document.get(rows_name) if isinstance(document, dict) else None
        for row in rows if isinstance(rows, list) else ():
            named = isinstance(row, dict) and model.id in (row.get("id"), row.get("name"), row.get("model"))
            if named and (found := next(_contexts(row), 0)):
                return found
    return OLLAMA_CONTEXT_TOKENS if model.owner == "library" else 0


def _contexts(row: dict[str, Any]) -> Iterator[int]:
    """The numbers in a row that say how long a prompt may be, the surest first."""
    meta = row.get("meta")
    places = [meta.get("n_ctx")] if isinstance(meta, dict) else []
    names = ("loaded_context_length", "max_model_len", "context_length", "max_context_length")
    places += [row.get(name) for name in names]
    return (value for value in places if type(value) is int and value > 0)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: a server near by must not send what it is told to another."""

    def redirect_request(self, *_: object) -> None:
        return None


def _asked(address: str, seconds: float) -> Any:
    """The JSON document at an address, None where there is none in time; no proxy of the environment is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
    ends, body = time.monotonic() + seconds, b""
    try:
        with opener.open(address, timeout=seconds) as response:
            while block := response.read1(64 * 1024):
                body += block
                if len(body) > _MOST_BYTES or time.monotonic() > ends:
                    return None
        return json.loads(body)
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return None


def checked_address(address: str, anywhere: bool = False) -> str:
    """The address without a slash at its end.

    Raises:
        ModelUnavailable: it is none, or neither of this machine nor of its private network (unless `anywhere`).
    """
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
