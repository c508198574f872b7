"""Who may talk to the routes: the page itself, and no other web site that happens to be open in the same browser."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import re
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
# What the page may load and run, whatever a text from outside asks for; everything else is refused.
POLICY = {
    "default-src": "'none'",
    # blob: is how Streamlit starts the scripts of our components; only a script that runs already can make one.
    "script-src": "'self' blob:",
    "script-src-attr": "'none'",
    # Streamlit writes its styles into the page, and ours.
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "media-src": "'self' blob:",  # a file that was just dropped is looked at by the browser first
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'none'",
    "frame-src": "'none'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def policy(page: bytes = b"") -> str:
    """The content security policy of the app; the scripts that stand in ``page`` may run, named by their hashes."""
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE_SCRIPT.findall(page)]
    allowed = "".join(f" 'sha256-{value}'" for value in hashes)
    return "; ".join(f"{name} {value}{allowed if name == 'script-src' else ''}" for name, value in POLICY.items())


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
    """ASGI middleware: refuses foreign Host headers, on web sockets too, and adds `SECURITY_HEADERS` and a `policy`.

    ``page`` is the HTML that the app serves.
    """

    def __init__(self, app: ASGIApp, page: bytes = b"") -> None:
        self.app = app
        self.names = own_hosts()
        self.headers = {**SECURITY_HEADERS, "content-security-policy": policy(page)}

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
                for name, value in self.headers.items():
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
