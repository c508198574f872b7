"""The library and the queue as one list, the way people see them: videos, some of them still being analysed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assistant.core.plaintext import one_line
from assistant.ui.text import in_words, shown_name
from assistant.ui.view import kind_name

if TYPE_CHECKING:
    from assistant.jobs import Job


from assistant.core.timeline import length
from assistant.ui.services import Services

STAGES = {
    "": "Getting ready",
    "subtitles": "Subtitles",
    "decode": "Visual analysis",
    "speech": "Speech analysis",
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
    what, _, remedy = in_words(job.reason or "").partition("; ")
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
    return STAGES.get(job.stage) or kind_name(job.stage)


_SHOWN_STATES = ("waiting", "running", "failed", "cancelled", "set_aside")


def shelf_view(here: Services) -> dict[str, Any]:
    """Videos, newest first, each with its job where one matters; jobs without a video yet come first."""
    library = here.assistant.library
    jobs = [job for job in here.jobs.jobs() if job.kind == "analyze"]
    latest = {job.sha256: job for job in jobs if job.sha256}
    entries = library.videos()
    known = {entry.sha256 for entry in entries}
    items: list[dict[str, Any]] = [
        {
            "sha256": None,
            "name": shown_name(job.name),
            "length": "",
            "picture": None,
            "ready": False,
            "job": job_view(job),
        }
        for job in reversed(jobs)
        if job.state in _SHOWN_STATES and (job.sha256 is None or job.sha256 not in known)
    ]
    for entry in entries:
        job = latest.get(entry.sha256)
        has_picture = library.picture(entry.sha256, "keyframe-1.jpg") is not None
        matters = job is not None and job.state in _SHOWN_STATES and (not entry.has_timeline or job.state == "running")
        items.append(
            {
                "sha256": entry.sha256,
                "name": shown_name(entry.name),
                "length": length(entry.video.duration_seconds),
                "picture": f"/api/picture/{entry.sha256}/keyframe-1.jpg" if has_picture else None,
                "ready": entry.has_timeline,
                "job": job_view(job) if job is not None and matters else None,
            }
        )
    return {"items": items, "busy": any(job.state in ("waiting", "running") for job in jobs)}
