"""How work that takes long tells how far it is, and how it learns that nobody wants it any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assistant.core.timeline import Segment

CancelCheck = Callable[[], bool]


def never() -> bool:
    """The `CancelCheck` of work that nobody can stop."""
    return False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a piece of work is. ``segment`` is set when one more segment can be shown."""

    stage: str  # decode | speech | fusion | explain | proxy
    done_seconds: float
    total_seconds: float
    message: str = ""
    segment: Segment | None = None


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The `Report` of work that nobody watches."""
