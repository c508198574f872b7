"""The web server under the app: where it listens, how long it waits for a client that falls silent, and its address."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from assistant.errors import AssistantError

HEADER_SECONDS = 20.0
# What the page says through its socket is the state of its fields.
LARGEST_MESSAGE_BYTES = 4 << 20


class AddressUnusable(AssistantError):
    """The app cannot listen there."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 whose clients have `HEADER_SECONDS` for the headers of a request, and for a body that nobody wants.

    uvicorn waits for ever, so that a few connections that say half a request would use up its descriptors.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Start the clock where the client owes something, stop it where it does not."""
        answered = self.cycle is not None and self.cycle.response_complete
        state = self.conn.their_state
        if state is h11.IDLE or (state is h11.SEND_BODY and answered):
            if self._deadline is None:
                self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.abort)
        else:
            self._forget()

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """uvicorn, which says once it can be reached."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any free one.

    Raises:
        AddressUnusable: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, backlog=2048, dualstack_ipv6=both)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AddressUnusable(
            f"The app cannot listen on {host}, port {port} ({reason})", "choose another with --port, or --host"
        ) from error


def address(host: str, port: int, token: str = "") -> str:
    """A link that opens the app on this machine."""
    try:
        given = ipaddress.ip_address(host)
    except ValueError:
        name = host or "127.0.0.1"
    else:
        # Nobody can open "all addresses"; the number, not "localhost", which another account could answer under ::1.
        usable = (
            given if not given.is_unspecified else ipaddress.ip_address("::1" if given.version == 6 else "127.0.0.1")
        )
        name = f"[{usable}]" if usable.version == 6 else str(usable)
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def server(app: Any, ready: Callable[[], object] = lambda: None) -> Server:
    """uvicorn for this app; ``ready`` is called once it can be reached."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        proxy_headers=False,  # who a client says it speaks for changes nothing here
        access_log=False,
        log_level="warning",
        use_colors=False,
    )
    return Server(config, ready)
