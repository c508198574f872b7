"""What is true of a generated video: its events, cuts, words and questions, as the document ``truth/1``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.core.fields import checked, listed, number
from assistant.core.timeline import Json, Span, Transition, span_from_json
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
    speech_span: Span | None = None
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

    def to_json(self) -> Json:
        speech = self.speech_span
        return {
            **asdict(self.span),
            "action": self.action,
            "description": self.description,
            "speech": self.speech,
            "speech_start_seconds": speech.start_seconds if speech else None,
            "speech_end_seconds": speech.end_seconds if speech else None,
            "background": self.background,
            "entry": self.entry,
            "moment_seconds": self.moment_seconds,
            "boxes": [asdict(box) for box in self.boxes],
        }

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Event:
        speech_start, speech_end = item.get("speech_start_seconds"), item.get("speech_end_seconds")
        return cls(
            span=span_from_json(item),
            action=item["action"],
            description=item["description"],
            speech=item["speech"],
            speech_span=Span(speech_start, speech_end) if speech_start is not None and speech_end is not None else None,
            background=item.get("background", "plain"),
            entry=item.get("entry", "cut"),
            moment_seconds=item.get("moment_seconds"),
            boxes=tuple(Box(**box) for box in item.get("boxes", ())),
        )


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

    def to_json(self) -> Json:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Question:
        return cls(
            question=item["question"],
            kind=item["kind"],
            answer_contains=listed(item["answer_contains"]),
            answer_excludes=listed(item["answer_excludes"]),
            event_indices=listed(item["event_indices"]),
            answerable=item["answerable"],
            trap=item.get("trap", ""),
        )


@dataclass(frozen=True, slots=True)
class Fade:
    """A soft transition: ``fade`` goes through black, ``dissolve`` mixes the two scenes."""

    span: Span
    kind: Transition


@dataclass(frozen=True, slots=True)
class Truth:
    """All that is known of one generated video; times are video time."""

    seed: int
    duration_seconds: float
    width: int
    height: int
    frame_rate: float
    cuts_seconds: tuple[float, ...]
    fades: tuple[Fade, ...]
    events: tuple[Event, ...]
    questions: tuple[Question, ...] = ()

    def to_json(self) -> Json:
        """The document ``truth/1``."""
        return {
            "schema": "truth/1",
            "seed": self.seed,
            "duration_seconds": self.duration_seconds,
            "width": self.width,
            "height": self.height,
            "frame_rate": self.frame_rate,
            "cuts_seconds": list(self.cuts_seconds),
            "fades_seconds": [fade.span.middle_seconds for fade in self.fades],
            "fades": [{**asdict(fade.span), "kind": fade.kind} for fade in self.fades],
            "events": [event.to_json() for event in self.events],
            "questions": [question.to_json() for question in self.questions],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Truth:
        """Read ``truth/1``; what the contract does not name may be missing.

        Raises:
            ValueError: another schema, a missing field or a field of the wrong kind.
        """
        if not isinstance(document, Mapping) or document.get("schema") != "truth/1":
            raise ValueError("not a truth/1 document")
        try:
            found = cls(
                seed=document["seed"],
                duration_seconds=number(document["duration_seconds"]),
                width=document.get("width", 0),
                height=document.get("height", 0),
                frame_rate=number(document.get("frame_rate", 0.0)),
                cuts_seconds=listed(document["cuts_seconds"]),
                fades=tuple(Fade(span_from_json(item), item["kind"]) for item in document.get("fades", ())),
                events=tuple(Event.from_json(item) for item in document["events"]),
                questions=tuple(Question.from_json(item) for item in document["questions"]),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"a damaged truth/1 document: {error!r}") from error
        return checked(found)


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
