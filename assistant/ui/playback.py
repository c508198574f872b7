"""Which file a browser can play, and the H.264 proxy of one that it cannot, made in a process of its own."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from pathlib import Path
from typing import Any

from assistant.config import Settings
from assistant.proxy import plays_in_browser
from assistant.store import Entry
from assistant.ui.services import Services

logger = logging.getLogger(__name__)

PROXY_NAME = "proxy.mp4"
PROXY_HOURS = 6
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
_lock = threading.Lock()
_making: dict[str, str] = {}  # sha256 -> "" while it is made, else why it failed


def media_type(path: Path) -> str:
    return _MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")


def state(here: Services, entry: Entry) -> dict[str, Any]:
    """``playable`` now, or ``making`` a proxy, or neither with the ``reason``; begins the proxy where one is needed."""
    if not entry.path.is_file():
        return {"playable": False, "making": False, "reason": "The file is no longer where it was.", "version": 0}
    proxy = here.assistant.library.file(entry.sha256, PROXY_NAME)
    if proxy is not None or plays_in_browser(entry.video):
        return {"playable": True, "making": False, "reason": "", "version": 1 if proxy else 0}
    begin_proxy(here, entry)
    reason = _making.get(entry.sha256, "")
    return {"playable": False, "making": not reason, "reason": reason, "version": 0}


def file_to_play(here: Services, entry: Entry) -> Path | None:
    """The proxy where there is one, else the file itself."""
    proxy = here.assistant.library.file(entry.sha256, PROXY_NAME)
    return proxy or (entry.path if entry.path.is_file() else None)


def begin_proxy(here: Services, entry: Entry) -> None:
    """Make the proxy in the background, once."""
    with _lock:
        if entry.sha256 in _making or here.assistant.library.file(entry.sha256, PROXY_NAME) is not None:
            return
        _making[entry.sha256] = ""
    threading.Thread(target=_make, args=(here, entry), name="proxy", daemon=True).start()


def _make(here: Services, entry: Entry) -> None:
    library = here.assistant.library
    target = library.new_temporary(".mp4")
    # Strangers' files are decoded in a process that may die without taking the page with it.
    worker = multiprocessing.get_context("spawn").Process(
        target=_transcode, args=(here.settings, entry.path, target), daemon=True
    )
    try:
        worker.start()
        worker.join(PROXY_HOURS * 3600)
        if worker.is_alive():
            worker.kill()
        if worker.exitcode == 0 and target.is_file():
            library.adopt_file(entry.sha256, PROXY_NAME, target)
            with _lock:
                del _making[entry.sha256]
            return
        _making[entry.sha256] = "This file cannot be played here; the timeline and the answers still work."
        logger.warning("no proxy video=%s exit=%s", entry.sha256[:8], worker.exitcode)
    except Exception:
        logger.exception("no proxy video=%s", entry.sha256[:8])
        _making[entry.sha256] = "This file cannot be played here; the timeline and the answers still work."
    finally:
        target.unlink(missing_ok=True)


def _transcode(settings: Settings, source: Path, target: Path) -> None:
    from assistant.probing import probe
    from assistant.proxy import make_proxy
    from assistant.worker.limits import apply_limits, limits_of

    apply_limits(limits_of(settings))
    make_proxy(source, probe(source, settings.limits), target)
