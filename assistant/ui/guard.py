"""Who may talk to the app: its own page, and no other web site or port that is open in the same browser."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
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
# What Streamlit serves besides, and this app has no use for: uploads into memory, logins, figures, an interface for
# programs, components of the older kind.
UNUSED = (
    *("/_stcore/upload_file", "/_stcore/agent", "/_stcore/metrics", "/_stcore/script-health-check"),
    *("/auth/", "/oauth2callback", "/component/"),
)
DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_PATH = 1000
# Python refuses to read a number of thousands of digits, with an error that few expect.
_ENDLESS_NUMBER = re.compile(rb"[0-9]{400}")
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_][a-z0-9_.-]{0,252})(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]{0,31})://([\x21-\x2e\x30-\x7e]{0,600})")
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def policy(page: bytes = b"") -> str:
    """The content security policy of the app; the scripts that stand in ``page`` may run, named by their hashes."""
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE_SCRIPT.findall(page)]
    allowed = "".join(f" 'sha256-{value}'" for value in hashes)
    return "; ".join(f"{name} {value}{allowed if name == 'script-src' else ''}" for name, value in POLICY.items())


@dataclass(frozen=True)
class Authority:
    """A host with its port as a Host header or an origin names them; ``port`` is None where none is named."""

    name: str
    port: int | None

    def is_same(self, other: Authority, default_port: int) -> bool:
        """Whether both name one place, where a port that is left out is this one."""
        return self.name == other.name and self._port(default_port) == other._port(default_port)

    def _port(self, default: int) -> int:
        return default if self.port is None else self.port


def authority(text: str) -> Authority | None:
    """The host and port that a header names; None where it is none that a browser would write."""
    found = _AUTHORITY.fullmatch(text.lower())
    if found is None:
        return None
    port = int(found[2]) if found[2] else None
    return Authority(found[1], port) if port is None or port < 65536 else None


def own_hosts() -> frozenset[str]:
    """The names that this machine answers to, besides plain addresses."""
    named = [name.strip().lower() for name in os.environ.get(HOSTS_VARIABLE, "").split(",") if name.strip()]
    return frozenset({"localhost", socket.gethostname().lower(), *named})


def is_own_host(host: Authority, names: Iterable[str]) -> bool:
    """Whether a Host header names this machine.

    A name that an attacker's server resolves to this machine (DNS rebinding) is a name, never a plain address.
    """
    if host.name in names:
        return True
    try:
        ipaddress.ip_address(host.name.strip("[]"))
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Refusal:
    """Why a request is not let through."""

    status: int
    what: str
    remedy: str


MALFORMED = Refusal(400, "This request is malformed", "open the address that the app printed")
NOT_HERE = Refusal(421, "This address is not served here", f"open the printed one, or name it in {HOSTS_VARIABLE}")
NOTHING = Refusal(404, "There is nothing at this address", "go back to the start")
FOREIGN = Refusal(403, "This request comes from another web site", "open the app itself")


def refusal(scope: Scope, names: Iterable[str]) -> Refusal | None:
    """Why this request or web socket may not go on to the app, or None.

    Ports count: a page on another port of this machine is another web site, whoever serves it. Browsers name the origin
    of every web socket, so one without an origin is no page's, and the page alone has a use for sockets. Programs name
    no origin in plain requests; those are let through, and what they may do is the token's affair.
    """
    headers = Headers(scope=scope)
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    endless = len(scope["path"]) > LONGEST_PATH or _ENDLESS_NUMBER.search(scope["query_string"])
    if len(hosts) > 1 or len(origins) > 1 or endless:
        return MALFORMED
    if not hosts or not hosts[0]:
        return NOT_HERE
    host = authority(hosts[0])
    if host is None:
        return MALFORMED
    if not is_own_host(host, names):
        return NOT_HERE
    if origins and (reason := _wrong_origin(origins[0], host)):
        return reason
    if scope["type"] == "websocket":
        return None if origins else FOREIGN
    return _wrong_site(headers, scope["method"]) or (NOTHING if scope["path"].startswith(UNUSED) else None)


def _wrong_origin(origin: str, host: Authority) -> Refusal | None:
    if origin == "null":  # a sandboxed frame, a data: address, a file: nobody that can be told from others
        return FOREIGN
    found = _ORIGIN.fullmatch(origin.lower())
    if found is None:
        return MALFORMED
    scheme, rest = found.groups()
    if scheme not in DEFAULT_PORTS or "@" in rest:
        return FOREIGN
    given = authority(rest)
    if given is None:
        return MALFORMED
    # A proxy that speaks TLS may stand in front: the scheme is its affair, host and port are ours.
    return None if given.is_same(host, DEFAULT_PORTS[scheme]) else FOREIGN


def _wrong_site(headers: Headers, method: str) -> Refusal | None:
    """What has no origin (pictures, scripts, links) still has a site in today's browsers."""
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return None
    opens_a_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return None if opens_a_page and method == "GET" else FOREIGN


async def refuse(reason: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or a web socket's first one, with the reason."""
    answers = "websocket.http.response" in scope.get("extensions", {})
    # uvicorn makes a 403 of a close before the handshake; of an answer it makes a complaint in the log as well, which a
    # web site could repeat as often as it likes.
    if scope["type"] == "websocket" and (reason is not MALFORMED or not answers):
        await send({"type": "websocket.close", "code": 1008})
        return
    response: Response = PlainTextResponse(f"{reason.what}; {reason.remedy}.", reason.status)
    if scope["path"].startswith("/api/"):
        response = JSONResponse({"what": reason.what, "remedy": reason.remedy}, reason.status)
    response.headers["cache-control"] = "no-store"
    await response(scope, receive, send)


class HostGuard:
    """ASGI middleware: stops what `refusal` names, web sockets too, and adds `SECURITY_HEADERS` and a `policy`.

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

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        reason = refusal(scope, self.names)
        if reason is not None:
            await refuse(reason, scope, receive, send_with_headers)
            return
        await self.app(_with_plain_origin(scope), receive, send_with_headers)


def _with_plain_origin(scope: Scope) -> Scope:
    """The same request, with the origin written just as the host is.

    Streamlit compares the two as texts, and where they differ it asks the network which addresses this machine has.
    """
    headers = Headers(scope=scope)
    if "origin" not in headers:
        return scope
    scheme = headers["origin"].partition(":")[0]
    plain = f"{scheme}://{headers['host']}".encode("latin-1")
    kept = [(name, plain if name == b"origin" else value) for name, value in scope["headers"]]
    return {**scope, "headers": kept}


def may_read(request: Request) -> bool:
    """Whether this request comes from our own page (browsers name the kind of site; programs need not)."""
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def may_write(request: Request, token: str) -> bool:
    """Whether this request comes from our own page and knows this process's token."""
    given = request.headers.get(TOKEN_HEADER, "")
    return may_read(request) and secrets.compare_digest(given.encode(), token.encode())
