"""Explanations that are being measured, each in a thread of its own, for pages that look in now and then."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assistant.errors import AssistantError, Cancelled

if TYPE_CHECKING:
    from assistant.engine import Assistant
    from assistant.pipeline import Progress


logger = logging.getLogger(__name__)

Key = tuple[str, int, str]


@dataclass
class Why:
    """One measurement: how far it is, and in the end its document or the reason why there is none."""

    stop: threading.Event = field(default_factory=threading.Event)
    fraction: float = 0.0
    message: str = ""
    document: dict[str, Any] | None = None
    what: str = ""
    remedy: str = ""

    @property
    def running(self) -> bool:
        return self.document is None and not self.what

    def to_json(self) -> dict[str, Any]:
        state = "running" if self.running else "failed" if self.what else "done"
        return {
            "state": state,
            "fraction": self.fraction,
            "message": self.message,
            "explanation": self.document,
            "what": self.what,
            "remedy": self.remedy,
        }


class Whys:
    """The explanations of this process, by video, segment and label."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[Key, Why] = {}

    def start(self, assistant: Assistant, sha256: str, segment_id: int, label: str = "") -> Why:
        """The measurement of this prediction, begun where it is not running or done."""
        key = (sha256, segment_id, label)
        with self._lock:
            known = self._all.get(key)
            if known is not None and not known.what:
                return known
            why = self._all[key] = Why()
        threading.Thread(target=_measure, args=(assistant, key, why), name="why", daemon=True).start()
        return why

    def get(self, sha256: str, segment_id: int, label: str = "") -> Why | None:
        return self._all.get((sha256, segment_id, label))

    def stop(self, sha256: str, segment_id: int, label: str = "") -> None:
        """Stop a measurement; it can be begun again."""
        if (why := self.get(sha256, segment_id, label)) is not None:
            why.stop.set()


def _measure(assistant: Assistant, key: Key, why: Why) -> None:
    sha256, segment_id, label = key

    def report(progress: Progress) -> None:
        why.fraction = progress.done_seconds / progress.total_seconds if progress.total_seconds else 0.0
        why.message = progress.message

    try:
        explanation = assistant.explain(
            sha256, segment_id, label or None, progress=report, cancelled=why.stop.is_set
        )
        why.document = explanation.to_json()
    except Cancelled:
        why.what, why.remedy = "Stopped", "ask again to go on"
    except AssistantError as error:
        why.what, why.remedy = error.what, error.remedy
    except Exception:
        logger.exception("explanation failed segment=%d", segment_id)
        why.what, why.remedy = "The measurement failed", "try again; the log says more"
