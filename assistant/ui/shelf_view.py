"""The library and the queue as one list, the way people see them: videos, some of them still being analysed."""

from __future__ import annotations

from typing import Any

from assistant.core.timeline import clock
from assistant.ui.jobs_view import job_view
from assistant.ui.services import Services
from assistant.ui.text import shown_name

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
                "length": clock(entry.video.duration_seconds),
                "picture": f"/api/picture/{entry.sha256}/keyframe-1.jpg" if has_picture else None,
                "ready": entry.has_timeline,
                "job": job_view(job) if job is not None and matters else None,
            }
        )
    return {"items": items, "busy": any(job.state in ("waiting", "running") for job in jobs)}
