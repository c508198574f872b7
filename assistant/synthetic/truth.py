"""What is true of a generated video: its events, cuts, words and questions, as the document ``truth/1``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from assistant.core import documents
from assistant.core.documents import Json
from assistant.core.timeline import Span, Transition
from assistant.errors import InputUnusable


@dataclass(frozen=True, slots=True)
class Box:
    """Where the object is at one time; the sides are fractions of the frame's width and height from the top left."""

    seconds: float
    left: float
    top: float
    right: float
    bottom: float
    visible: bool = True


@dataclass(frozen=True, slots=True)
class Event:
    """One scene of the video. At a fade or dissolve its span begins and ends in the middle of the transition.

    ``moment_seconds`` is when the object appears or vanishes (video time), None for what goes on all the time;
    ``boxes`` follow the object through the scene.
    """

    span: Span
    action: str
    description: str
    speech: str | None = None
    speech_span: Span | None = field(default=None, metadata={"prefix": "speech_"})
    background: str = "plain"
    entry: Transition = "cut"
    moment_seconds: float | None = None
    boxes: tuple[Box, ...] = ()

    @property
    def color(self) -> str:
        return self.description.split()[0]

    @property
    def shape(self) -> str:
        return self.description.split()[1]

    def box_at(self, seconds: float) -> Box | None:
        """The known box nearest to this time, or None where none is known."""
        return min(self.boxes, key=lambda box: abs(box.seconds - seconds), default=None)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what any right answer holds, and what none may hold; words are lower case, or their beginnings.

    ``event_indices`` (from 0) are the events that a citation may point at; ``trap`` names what makes an
    unanswerable question tempting.
    """

    question: str
    kind: str
    answer_contains: tuple[str, ...]
    answer_excludes: tuple[str, ...] = ()
    event_indices: tuple[int, ...] = ()
    answerable: bool = True
    trap: str = ""


@dataclass(frozen=True, slots=True)
class Fade:
    """A soft transition: ``fade`` goes through black, ``dissolve`` mixes the two scenes."""

    span: Span
    kind: Transition


@dataclass(frozen=True, slots=True)
class Truth:
    """All that is known of one generated video; times are video time."""

    schema: ClassVar[str] = "truth/1"

    seed: int
    duration_seconds: float
    cuts_seconds: tuple[float, ...]
    events: tuple[Event, ...]
    fades: tuple[Fade, ...] = ()
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    questions: tuple[Question, ...] = ()

    def to_json(self) -> Json:
        """The document ``truth/1``."""
        return {**documents.dump(self), "fades_seconds": [fade.span.middle_seconds for fade in self.fades]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Truth:
        """Read ``truth/1``; what the contract does not name may be missing.

        Raises:
            ValueError: another schema, a missing field or a field of the wrong kind.
        """
        return documents.load(cls, document)


def read_truth(path: Path) -> Truth:
    """The truth in a file.

    Raises:
        InputUnusable: the file cannot be read, or holds no ``truth/1``.
    """
    try:
        return Truth.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputUnusable(
            f"{path.name} holds no truth/1 ({error})", "write it anew with the world command"
        ) from error
