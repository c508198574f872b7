"""Who may come in where other machines or other people's accounts can reach the app: whoever brings the token."""

from __future__ import annotations

import ipaddress
import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

VARIABLE = "ASSISTANT_TOKEN"
PARAMETER, COOKIE = "token", "assistant_access"
FEWEST_CHARACTERS = 16
# Smaller numbers belong to the system: login.defs(5) of Linux; macOS counts its people from 501.
FIRST_PERSON = 500 if sys.platform == "darwin" else 1000
NO_SHELLS = ("nologin", "false", "true", "sync", "shutdown", "halt")


def only_this_machine(host: str) -> bool:
    """Whether a server that listens on this address is out of reach for every other machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Account(Protocol):
    """An entry of the machine's list of accounts, as `pwd.getpwall` gives them."""

    @property
    def pw_name(self) -> str: ...

    @property
    def pw_uid(self) -> int: ...

    @property
    def pw_shell(self) -> str: ...


def accounts() -> list[Account]:
    """The accounts of this machine that somebody can log in to; none on systems that keep no such list.

    One whose password is locked and that has no key for SSH is a program's, whatever its number: images of machines
    come with such. Only root may read which ones those are; for anybody else they count.
    """
    if sys.platform == "win32":
        return []
    import pwd

    try:
        locked = locked_names(Path("/etc/shadow").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        locked = frozenset()
    return [one for one in pwd.getpwall() if one.pw_name not in locked or _has_keys(Path(one.pw_dir))]


def locked_names(shadow: str) -> frozenset[str]:
    """The names in a list as shadow(5) describes it whose password no text can be: it begins with ``!`` or ``*``."""
    rows = (line.split(":") for line in shadow.splitlines())
    return frozenset(row[0] for row in rows if len(row) > 1 and row[1].startswith(("!", "*")))


def _has_keys(home: Path) -> bool:
    try:
        return (home / ".ssh" / "authorized_keys").stat().st_size > 0
    except OSError:
        return False


def other_people(known: Iterable[Account], user: int) -> list[str]:
    """The names of the accounts that people besides ``user`` (a number) can log in to."""
    return [
        account.pw_name
        for account in known
        if account.pw_uid >= FIRST_PERSON
        and account.pw_uid != user
        and account.pw_name != "nobody"
        # A shell that is left out is /bin/sh.
        and account.pw_shell.rpartition("/")[2] not in NO_SHELLS
    ]


def token_for(
    host: str, environment: Mapping[str, str], *, known: Iterable[Account] | None = None, asked: bool = True
) -> str:
    """What visitors must know: the token that was set, or a new one; nothing where nobody else can come in.

    Args:
        host: the address that the app listens on.
        known: the machine's accounts (None: ask the machine). A loopback address is open to all of them.
        asked: whether a token is wanted at all; only an address of this machine can do without.

    Raises:
        ValueError: the token that was set could be guessed, or other machines would come in without one.
    """
    given = environment.get(VARIABLE, "")
    here = only_this_machine(host)
    if not asked:
        if here:
            return ""
        raise ValueError("without a token the app can listen to this machine alone: leave out --host, or --no-token")
    if given and len(given) < FEWEST_CHARACTERS:
        raise ValueError(f"{VARIABLE} needs at least {FEWEST_CHARACTERS} characters")
    if given:
        return given
    alone = here and not other_people(accounts() if known is None else known, _this_user())
    return "" if alone else secrets.token_urlsafe(24)


def _this_user() -> int:
    return os.getuid() if hasattr(os, "getuid") else -1


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
