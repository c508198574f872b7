"""The app's routes asked directly, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware

from assistant.ui.guard import HostGuard
from assistant.ui.routes import routes


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    method: str,
    target: str,
    *,
    headers: dict[str, str] | None = None,
    body: Iterable[bytes] = (b"",),
    host: str = "127.0.0.1:8501",
    disconnects: bool = False,
) -> Reply:
    """One request to the routes behind the guard; ``disconnects``: the client goes away after its last piece."""
    path, _, query = target.partition("?")
    app = Starlette(routes=routes(), middleware=[Middleware(HostGuard)])
    pieces = iter(body)
    sent: list[dict] = []
    ended: list[bool] = []

    async def receive() -> dict:
        piece = next(pieces, None)
        if piece is None and disconnects:
            return {"type": "http.disconnect"}
        if piece is None:
            if ended:
                await anyio.sleep_forever()  # a client that stays and says nothing more
            ended.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message: dict) -> None:
        sent.append(message)

    given = {"host": host, **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "server": ("127.0.0.1", 8501),
        "client": ("127.0.0.1", 5000),
        "scheme": "http",
        "root_path": "",
    }
    anyio.run(app, scope, receive, send)
    start = next((m for m in sent if m["type"] == "http.response.start"), {"status": 0, "headers": []})
    content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    return Reply(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, content)
