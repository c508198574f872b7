"""What the page's scripts and the routes share: one engine, one queue and one secret per process."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assistant import config
from assistant.config import Settings
from assistant.core import documents
from assistant.errors import AssistantError
from assistant.store import Library

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


PREFERENCE = "settings"
# Set where the pages stand behind the guard of `serve`; Streamlit alone would open them to every port of the machine.
guarded = threading.Event()

logger = logging.getLogger(__name__)

_lock = threading.RLock()
_current: list[Services] = []


def services() -> Services:
    """The services of this process, built on first use from the environment and from what the person chose before.

    Raises:
        LibraryUnusable: the library's folder cannot be used.
    """
    with _lock:
        if not _current:
            _current.append(_build(secrets.token_urlsafe(24)))
        return _current[0]


def change(here: Services, overrides: Mapping[str, Any]) -> None:
    """Keep other settings and work with them from now on; a job that was running goes on from its finished stages.

    The library stays open and the same: answers that are being written go on and are kept.
    """
    library = here.assistant.library
    kept = documents.merged(library.preference(PREFERENCE, {}), overrides)
    # A slip shows here, before anything is kept.
    documents.load(Settings, documents.merged(documents.dump(here.settings), kept))
    library.set_preference(PREFERENCE, kept)
    with _lock:
        here.jobs.close()
        _current.clear()
        _current.append(_build(here.token, library, chosen_now=overrides))


def with_track(number: int) -> dict[str, Any]:
    """The options of a job that analyses a video by this sound track."""
    return {"settings": {"speech": {"audio_track": number}}}


def track_of(options: Mapping[str, Any]) -> int:
    """The sound track that a job was asked to analyse a video by, 0 where it may choose."""
    return int(options.get("settings", {}).get("speech", {}).get("audio_track", 0))


def pack_name(here: Services) -> str:
    """The pack that speaks, or "no" where its weights are missing; the Models page says more."""
    try:
        return here.assistant.pack.name
    except AssistantError:
        return "no"


def install(replacement: Services | None) -> None:
    """Use these services from now on (None: build them afresh when next asked for)."""
    with _lock:
        _current.clear()
        if replacement is not None:
            _current.append(replacement)


def _build(token: str, library: Library | None = None, chosen_now: Mapping[str, Any] | None = None) -> Services:
    # Here, so that importing this package stays quick.
    from assistant.engine import Assistant
    from assistant.jobs import JobQueue

    given = config.load()
    library = library or Library(given.home)
    stored = library.preference(PREFERENCE, {})
    kept = dict(stored) if isinstance(stored, Mapping) else {}
    if os.environ.get("ASSISTANT_PACK"):
        kept.pop("pack", None)  # named on the command line: that holds until another is chosen in the page
    kept = documents.merged(kept, chosen_now or {})
    try:
        settings = documents.load(Settings, documents.merged(documents.dump(given), kept))
    except ValueError as error:
        logger.warning("the settings that were kept cannot be read, and are left aside: %s", error)
        settings = documents.load(Settings, documents.merged(documents.dump(given), chosen_now or {}))
    return Services(settings, Assistant(settings, library), JobQueue(settings, library=library), token)
