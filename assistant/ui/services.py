"""What the page's scripts and the routes share: one engine, one queue and one secret per process."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assistant import config
from assistant.config import Settings

if TYPE_CHECKING:
    from assistant.engine import Assistant
    from assistant.jobs import JobQueue


@dataclass(frozen=True)
class Services:
    """The engine, the queue of analyses, and the token that only pages of this process know."""

    settings: Settings
    assistant: Assistant
    jobs: JobQueue
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))


_lock = threading.Lock()
_current: list[Services] = []


def services() -> Services:
    """The services of this process, built on first use from the settings of the environment.

    Raises:
        LibraryUnusable: the library's folder cannot be used.
    """
    with _lock:
        if not _current:
            # Here, so that importing this package stays quick.
            from assistant.engine import Assistant
            from assistant.jobs import JobQueue

            settings = config.load()
            _current.append(Services(settings, Assistant(settings), JobQueue(settings)))
        return _current[0]


def install(replacement: Services | None) -> None:
    """Use these services from now on (None: build them afresh when next asked for)."""
    with _lock:
        _current.clear()
        if replacement is not None:
            _current.append(replacement)
