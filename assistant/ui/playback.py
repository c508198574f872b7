"""Which file a browser can play, and the H.264 proxy of one that it cannot, made by a job in a worker process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assistant.errors import AssistantError
from assistant.jobs import Job
from assistant.jobs.worker.target import PROXY_NAME
from assistant.media.proxy import plays_in_browser
from assistant.store import Entry
from assistant.ui.services import Services
from assistant.ui.text import in_words

KIND = "proxy"
FAILED = "This file cannot be played here; the timeline and the answers still work."
STOPPED = "No version that this browser can play was made; the timeline and the answers work without it."
_MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",
    ".webm": "video/webm",
    ".ogv": "video/ogg",
    ".ogg": "video/ogg",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
}


def media_type(path: Path) -> str:
    return _MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")


def state(here: Services, entry: Entry) -> dict[str, Any]:
    """``playable`` now, or the ``job`` that makes a proxy with its ``fraction``, or neither with the ``reason``.

    Begins the proxy where one is needed and nobody stopped it; ``can_make`` says whether it can be begun again.
    """
    if not entry.present:
        return _view(reason="The file is no longer where it was.")
    proxy = here.assistant.library.file(entry.sha256, PROXY_NAME)
    if proxy is not None:
        return _view(playable=True, version=1)
    job = _job(here, entry)
    if job is None or job.state == "done":  # done, and its file has gone since
        if plays_in_browser(entry.video):
            return _view(playable=True)
        try:
            job = begin_proxy(here, entry)
        except AssistantError as error:
            return _view(reason=f"{in_words(str(error))}.", can_make=True)
    if job.state in ("waiting", "running"):
        return _view(job=job)
    return _view(reason=STOPPED if job.state == "cancelled" else FAILED, can_make=True)


def file_to_play(here: Services, entry: Entry) -> Path | None:
    """The proxy where there is one, else the file itself."""
    proxy = here.assistant.library.file(entry.sha256, PROXY_NAME)
    return proxy or (entry.path if entry.present else None)


def begin_proxy(here: Services, entry: Entry) -> Job:
    """The job that makes the proxy; the same one where it is asked for twice.

    Raises:
        QueueFull: too many wait already.
    """
    return here.jobs.submit(entry.path, entry.name, kind=KIND, options={"sha256": entry.sha256})


def _job(here: Services, entry: Entry) -> Job | None:
    """The newest job that makes this video's proxy."""
    return next((job for job in reversed(here.jobs.jobs()) if job.kind == KIND and job.sha256 == entry.sha256), None)


def _view(
    *, playable: bool = False, job: Job | None = None, reason: str = "", can_make: bool = False, version: int = 0
) -> dict[str, Any]:
    return {
        "playable": playable,
        "making": job is not None,
        "job": job.id if job is not None else None,
        "fraction": round(job.fraction, 4) if job is not None else 0.0,
        "reason": reason,
        "can_make": can_make,
        "version": version,
    }
