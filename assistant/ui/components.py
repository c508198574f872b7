"""The three components of the page, each built from a few files in ``web/``."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import streamlit as st

from assistant.core.files import size_beside_limit
from assistant.core.timeline import Video
from assistant.media.formats import EXTENSIONS
from assistant.ui.services import Services, pack_name

WEB = Path(__file__).parent / "web"
MEASURED_JOBS = 12
UNMEASURED_SECONDS_PER_SECOND = 0.5  # before the first analysis on this machine; a guess, and shown as "about"

MEMORY = {"demo": "about 2 GB of memory", "standard": "about 6 GB of memory"}

_SCRIPTS = {
    "desk": ("shared.js", "stage.js", "lanes.js", "card.js", "why.js", "transcript.js", "desk.js"),
    "shelf": ("shared.js", "shelf.js"),
    "drop": ("shared.js", "drop.js"),
}


@lru_cache(maxsize=32)
def _text(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def _component(name: str) -> Callable[..., Any]:
    renderer: Callable[..., Any] = st.components.v2.component(
        f"assistant_{name}",
        html=f'<div class="{name}"></div>',
        css=_text("base.css") + _text(f"{name}.css"),
        js="\n".join(_text(script) for script in _SCRIPTS[name]),
    )
    return renderer


def desk(here: Services, sha256: str, video: Video, version: str, visit: str, start_seconds: float = 0.0) -> None:
    """The player with its lanes and the segment card; reruns the page when an analysis has ended."""
    result = _component("desk")(
        key="desk",
        data={
            "sha": sha256,
            "token": here.token,
            "version": version,
            "visit": visit,
            "width": video.width,
            "height": video.height,
            "has_picture": video.has_picture,
            "duration": video.duration_seconds,
            "start": start_seconds,
        },
        on_finished_change=lambda: None,
    )
    if result.get("finished"):
        st.rerun()


def shelf(
    here: Services, *, key: str, small: bool, current: str | None = None, limit: int = 60, empty: str = ""
) -> str | None:
    """The library with the queue; the hash of the video that was just opened, or None."""
    result = _component("shelf")(
        key=key,
        data={"token": here.token, "small": small, "current": current, "limit": limit, "empty": empty},
        on_opened_change=lambda: None,
    )
    return result.get("opened") or None


def drop(here: Services, *, key: str = "drop") -> str | None:
    """The place to drop videos; the hash of the one that was uploaded just now, or None."""
    limits = here.settings.limits
    result = _component("drop")(
        key=key,
        data={
            "token": here.token,
            "accepted": list(EXTENSIONS),
            "max_bytes": limits.max_bytes,
            "max_seconds": limits.max_seconds,
            "seconds_per_second": seconds_per_second(here),
            "memory": MEMORY.get(pack_name(here), ""),
            "hint": f"MP4, MOV, MKV, WebM, AVI and more; up to {size_beside_limit(limits.max_bytes)}"
            f" and {limits.max_seconds / 3600:.0f} hours. It stays on this machine.",
        },
        on_opened_change=lambda: None,
    )
    return result.get("opened") or None


def seconds_per_second(here: Services) -> float:
    """How long the analysis of one second of video took here lately, loading the models included."""
    ratios = []
    analyses = [job for job in here.jobs.jobs() if job.kind == "analyze"]
    for job in analyses[-MEASURED_JOBS:]:
        entry = here.assistant.library.entry(job.sha256) if job.state == "done" and job.sha256 else None
        if entry is not None and job.started_at and job.finished_at and entry.video.duration_seconds > 0:
            ratios.append((job.finished_at - job.started_at) / entry.video.duration_seconds)
    return median(ratios) if ratios else UNMEASURED_SECONDS_PER_SECOND
