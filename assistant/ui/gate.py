"""Who may come in where the app listens to more than this machine: whoever brings the token."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

VARIABLE = "ASSISTANT_TOKEN"
PARAMETER, COOKIE = "token", "assistant_access"
FEWEST_CHARACTERS = 16


def only_this_machine(host: str) -> bool:
    """Whether a server that listens on this address is out of reach for every other machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_for(host: str, environment: Mapping[str, str]) -> str:
    """What visitors must know: nothing where only this machine can come in; else the token that was set, or a new one.

    Raises:
        ValueError: the token that was set could be guessed.
    """
    given = environment.get(VARIABLE, "")
    if given and len(given) < FEWEST_CHARACTERS:
        raise ValueError(f"{VARIABLE} needs at least {FEWEST_CHARACTERS} characters")
    return given or ("" if only_this_machine(host) else secrets.token_urlsafe(24))


class TokenGate:
    """ASGI middleware: lets nobody in without the token, on web sockets neither.

    The address with ``?token=`` sets a cookie once and is then left, so that the token stays out of the history's
    later entries and of what the page itself sees.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._knows(_cookie(Headers(scope=scope).get("cookie", ""))):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        if scope["method"] == "GET" and self._knows(dict(query).get(PARAMETER, "")):
            rest = urlencode([(name, value) for name, value in query if name != PARAMETER])
            # A path that begins with two slashes would lead to another machine.
            response = RedirectResponse("/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else ""), 303)
            response.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            await response(scope, receive, send)
            return
        refusal = "Open the address with the token that the app printed where it was started."
        await PlainTextResponse(refusal, 401, {"cache-control": "no-store"})(scope, receive, send)

    def _knows(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(errors="replace"), self.token.encode())


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""
