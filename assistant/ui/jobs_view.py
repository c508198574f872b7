"""A job of the queue as the page's components show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assistant.core.plaintext import one_line
from assistant.ui.text import shown_name

if TYPE_CHECKING:
    from assistant.jobs import Job

STAGES = {
    "": "Getting ready",
    "decode": "Watching",
    "actions": "Watching what is done",
    "descriptions": "Looking closer",
    "speech": "Listening",
    "fusion": "Putting it together",
}
STATES = {
    "waiting": "Waiting for its turn",
    "cancelled": "Stopped; what was finished is kept",
    "set_aside": "Set aside: its analysis ended badly more than once",
    "failed": "Could not be analysed",
    "done": "Analysed",
}


def job_view(job: Job) -> dict[str, Any]:
    """State, stage in words, fraction in 0..1, seconds left (None: not known yet), reason."""
    what, _, remedy = (job.reason or "").partition("; ")
    return {
        "id": job.id,
        "sha256": job.sha256,
        "name": shown_name(job.name),
        "state": job.state,
        "says": _says(job),
        "fraction": round(min(1.0, max(0.0, job.fraction or 0.0)), 4),
        "seconds_left": job.seconds_left,
        "what": what,
        "remedy": remedy,
        "segments": job.segments_done,
    }


def _says(job: Job) -> str:
    if job.state != "running":
        return STATES.get(job.state, job.state)
    # Before the first frame the message says more than the stage: that models are being loaded, say.
    if job.message and not job.fraction:
        return one_line(job.message).capitalize()
    return STAGES.get(job.stage, job.stage)
