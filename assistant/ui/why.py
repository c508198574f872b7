"""Why a label was predicted: measured by a job in a worker process, and looked at from the page.

The measuring decodes the video again, so it has the same limits as an analysis: what breaks there is one failed answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assistant.core.documents import Json
from assistant.jobs import Job
from assistant.store import Entry
from assistant.ui.services import Services
from assistant.ui.text import in_words

KIND = "explain"
_LOST = ("The analysis has changed meanwhile", "ask again")


@dataclass(frozen=True, slots=True)
class Asked:
    """One label of one segment; "" is the segment's best."""

    sha256: str
    segment_id: int
    label: str

    @property
    def options(self) -> Json:
        return {"sha256": self.sha256, "segment": self.segment_id, "label": self.label}


def begin(here: Services, entry: Entry, asked: Asked) -> dict[str, Any]:
    """How far the explanation is, which is begun where it was not measured yet.

    Raises:
        UnknownSegment: no such segment.
        QueueFull: too many wait already.
    """
    found = _result(here, asked)
    if found is None:
        here.jobs.submit(entry.path, entry.name, kind=KIND, options=asked.options)
    return look(here, asked) or _view("running")


def look(here: Services, asked: Asked) -> dict[str, Any] | None:
    """How far the explanation is, or None where nobody asked for it."""
    found = _result(here, asked)
    if found is not None:
        return _view("done", explanation=found)
    job = _job(here, asked)
    if job is None:
        return None
    if job.state in ("waiting", "running"):
        return _view("running", fraction=job.fraction, message=job.message)
    if job.state == "cancelled":
        return _view("failed", what="Stopped", remedy="ask again to go on where it stopped")
    what, _, remedy = in_words(job.reason).partition("; ")
    return _view("failed", what=what or _LOST[0], remedy=remedy or _LOST[1])


def stop(here: Services, asked: Asked) -> None:
    """Ask for the end of the measuring; what was measured is kept."""
    job = _job(here, asked)
    if job is not None and job.state in ("waiting", "running"):
        here.jobs.cancel(job.id)


def _result(here: Services, asked: Asked) -> dict[str, Any] | None:
    found = here.assistant.explained(asked.sha256, asked.segment_id, asked.label or None)
    return found.to_json() | {"seen": _seen_part(here)} if found is not None else None


def _job(here: Services, asked: Asked) -> Job | None:
    """The newest job of this question."""
    jobs = reversed(here.jobs.jobs())
    return next((job for job in jobs if job.kind == KIND and job.options == asked.options), None)


def _seen_part(here: Services) -> float:
    """The side of the square that the recogniser sees, as a share of the shorter edge; 0 where it sees all of it."""
    framing = here.assistant.models.framing()
    return framing.size / framing.edge if framing.fit == "shortest" else 0.0


def _view(
    state: str,
    *,
    fraction: float = 0.0,
    message: str = "",
    explanation: Json | None = None,
    what: str = "",
    remedy: str = "",
) -> dict[str, Any]:
    return {
        "state": state,
        "fraction": fraction,
        "message": message,
        "explanation": explanation,
        "what": what,
        "remedy": remedy,
    }
