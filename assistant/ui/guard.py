"""Who may talk to the routes: the page itself, and no other web site that happens to be open in the same browser."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "x-assistant-token"  # noqa: S105 - the name of a header
HOSTS_VARIABLE = "ASSISTANT_HOSTS"
# The page loads nothing from elsewhere, whatever a text from outside may ask for.
SECURITY_HEADERS = {
    "content-security-policy": (
        "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' data: blob:; "
        "font-src 'self' data:; frame-ancestors 'self'; object-src 'none'; base-uri 'self'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def own_hosts() -> frozenset[str]:
    """The names that this machine answers to, besides plain addresses."""
    named = [name.strip().lower() for name in os.environ.get(HOSTS_VARIABLE, "").split(",") if name.strip()]
    return frozenset({"localhost", socket.gethostname().lower(), *named})


def is_own_host(host: str, names: Iterable[str]) -> bool:
    """Whether a Host header names this machine.

    A name that an attacker's server resolves to this machine (DNS rebinding) is a name, never a plain address.
    """
    name = urlsplit(f"//{host}").hostname or ""
    if name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class HostGuard:
    """ASGI middleware: refuses foreign Host headers, on web sockets too, and adds `SECURITY_HEADERS`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.names = own_hosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if not is_own_host(Headers(scope=scope).get("host", ""), self.names):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await PlainTextResponse("This address is not served here.", 421)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def may_read(request: Request) -> bool:
    """Whether this request comes from our own page (browsers name the kind of site; programs need not)."""
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none") and _same_origin(request)


def may_write(request: Request, token: str) -> bool:
    """Whether this request comes from our own page and knows this process's token."""
    given = request.headers.get(TOKEN_HEADER, "")
    return may_read(request) and secrets.compare_digest(given.encode(), token.encode())


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
