"""The values that travel through the whole program, all frozen, with JSON both ways.

Times are seconds of presentation time from the first video frame (from the first sample where there is no picture).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from assistant.core import documents
from assistant.core.documents import Json

Transition = Literal["start", "cut", "fade", "dissolve"]
Verdict = Literal["supported", "unsupported", "contradicted", "not_checkable"]
EvidenceKind = Literal["actions", "descriptions", "speech", "timeline"]
Outcome = Literal["answer", "not_in_video", "cannot_tell", "not_looked_at", "small_talk"]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time ``[start_seconds, end_seconds)``; the only notion of time.

    Raises:
        ValueError: not finite, or the end lies before the start.
    """

    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_seconds) and math.isfinite(self.end_seconds)):
            raise ValueError(f"a span needs finite ends, not {self.start_seconds} and {self.end_seconds}")
        if self.end_seconds < self.start_seconds:
            raise ValueError(f"a span cannot end ({self.end_seconds}) before it starts ({self.start_seconds})")

    @property
    def seconds(self) -> float:
        return self.end_seconds - self.start_seconds

    @property
    def middle_seconds(self) -> float:
        return 0.5 * (self.start_seconds + self.end_seconds)

    def overlap_seconds(self, other: Span) -> float:
        """How much of ``other`` lies in this span, >= 0."""
        return max(0.0, min(self.end_seconds, other.end_seconds) - max(self.start_seconds, other.start_seconds))

    def touches(self, other: Span) -> bool:
        """Whether they share more than an edge; an instant touches the span that it lies in."""
        return (
            self.overlap_seconds(other) > 0 or other.contains(self.start_seconds) or self.contains(other.start_seconds)
        )

    def contains(self, seconds: float) -> bool:
        return self.start_seconds <= seconds < self.end_seconds


_IMAGES = {"png", "jpeg", "gif", "webp", "avif", "heic", "bmp", "tiff"}


@dataclass(frozen=True, slots=True)
class Video:
    """What is known of a file before any model looks at it; ``width`` and ``height`` upright, 0 without a picture."""

    path: str
    sha256: str
    duration_seconds: float
    width: int
    height: int
    frame_rate: float
    has_audio: bool
    video_codec: str = ""
    audio_codec: str = ""
    container: str = ""
    size_bytes: int = 0
    rotation_degrees: int = 0

    @property
    def has_picture(self) -> bool:
        return self.width > 0

    @property
    def is_still(self) -> bool:
        """Whether the file is an image that does not move; as a video it lasts a second."""
        return self.container in _IMAGES and self.frame_rate * self.duration_seconds < 1.5


@dataclass(frozen=True, slots=True)
class ActionScore:
    """One label of the action recogniser; ``score`` is its softmax over all labels."""

    label: str
    score: float
    model: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """One label of a label list; ``score`` is the zero-shot softmax over that list."""

    label: str
    score: float
    model: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words that were said. ``no_speech_probability`` is the transcriber's own, in 0..1.

    ``source`` names the subtitles that they were read in, "" where a transcriber heard them.
    """

    span: Span
    text: str
    language: str = "en"
    no_speech_probability: float = 0.0
    words: tuple[Word, ...] = ()
    speaker: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Words that a transcriber produced and that were not believed, with the reason."""

    span: Span
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch without a cut; ``transition`` is how it begins."""

    span: Span
    transition: Transition


@dataclass(frozen=True, slots=True)
class Absence:
    """Something that is not there, and why: no audio track, no speech found, a stage that failed."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What a witness beside actions, scene and speech found: a text on screen, a sound, an object, a level.

    One record for every kind, so that lanes, exports, search and prompts take a new kind without knowing it.

    Args:
        kind: the witness's, and the name of its lane: ``text``, ``sound``, ``object``, ``caption``, ``surprise`` ...
        label: one of a closed set of names, or "".
        text: words that were read or written, or "".
        score: how sure it is, or how much of it there is, in 0..1.
        source: the model, or the method.
        details: what else this kind knows (box, track, frame time), as plain JSON data.
    """

    kind: str
    span: Span
    label: str = ""
    text: str = ""
    score: float = 1.0
    source: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a lane or a list shows of it."""
        return self.label or self.text or self.kind


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of the video with everything that the models said of it.

    ``flags`` are short names such as ``none_of_my_labels``, ``out_of_protocol``, ``models_disagree`` and
    ``shared_result``; ``notes`` gives the sentence behind a flag, with its numbers.
    """

    id: int
    span: Span
    actions: tuple[ActionScore, ...] = ()
    descriptions: tuple[Description, ...] = ()
    utterances: tuple[Utterance, ...] = ()
    keyframe_seconds: float | None = None
    flags: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    frame_seconds: tuple[float, ...] = ()  # the frames that the recogniser saw

    @property
    def action(self) -> ActionScore | None:
        return self.actions[0] if self.actions else None

    @property
    def description(self) -> Description | None:
        return self.descriptions[0] if self.descriptions else None

    @property
    def words(self) -> str:
        return " ".join(utterance.text for utterance in self.utterances)


@dataclass(frozen=True, slots=True)
class Work:
    """How often the visual models were asked: ``clips`` of the recogniser, ``frames`` of the image-text encoder.

    ``tokens`` are those that the recogniser's encoder computed in its clips, 0 for a recogniser without.

    ``shared`` of the ``windows`` took over the result of an earlier one; ``..._without`` is what there would have been
    to do without saving.
    """

    windows: int
    shared: int
    clips: int
    clips_without: int
    frames: int
    frames_without: int
    tokens: int = 0
    tokens_without: int = 0


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which pack and models spoke, how each was fed, and what work was saved (`Work`, and whether that was ``on``).

    ``text`` is empty where no model is here that reads text in the picture.
    """

    pack: str
    actions: Json = field(default_factory=dict)
    descriptions: Json = field(default_factory=dict)
    speech: Json = field(default_factory=dict)
    subtitles: Json = field(default_factory=dict)  # which were read, and which were not; empty where there are none
    saving: Json = field(default_factory=dict)
    text: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timeline:
    """One video's segments, shots and voice; segments and shots each cover it in order without gap or overlap."""

    schema: ClassVar[str] = "timeline/1"

    video: Video
    segments: tuple[Segment, ...]
    shots: tuple[Shot, ...]
    speech_spans: tuple[Span, ...]
    absences: tuple[Absence, ...]
    provenance: Provenance
    suppressed: tuple[Suppressed, ...] = ()
    observations: tuple[Observation, ...] = ()

    def observed(self, span: Span) -> tuple[Observation, ...]:
        """The observations that touch this span, in order of time."""
        return tuple(item for item in self.observations if item.span.touches(span))

    def observed_by_segment(self) -> tuple[tuple[Observation, ...], ...]:
        """For each segment the observations that touch it, in order of time."""
        found: list[list[Observation]] = [[] for _ in self.segments]
        starts = [segment.span.start_seconds for segment in self.segments]
        for item in self.observations:
            first = max(0, bisect_right(starts, item.span.start_seconds) - 1)
            for index in range(first, len(starts)):
                if starts[index] > item.span.end_seconds:
                    break
                if item.span.touches(self.segments[index].span):
                    found[index].append(item)
        return tuple(map(tuple, found))

    def segment(self, segment_id: int) -> Segment | None:
        """The segment with this id (ids count from 1), or None."""
        if 1 <= segment_id <= len(self.segments):
            return self.segments[segment_id - 1]
        return None

    def segment_at(self, seconds: float) -> Segment | None:
        """The segment that is on screen at this time, or None outside the video."""
        for segment in self.segments:
            if segment.span.contains(seconds):
                return segment
        last = self.segments[-1] if self.segments else None
        return last if last is not None and seconds == last.span.end_seconds else None

    def to_json(self) -> Json:
        """The document ``timeline/1``."""
        return documents.dump(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Timeline:
        """Read ``timeline/1``.

        Raises:
            ValueError: another schema, a missing field or a field of the wrong kind.
        """
        return documents.load(cls, document)


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in the video that an answer points at."""

    segment_id: int
    span: Span


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of an answer and what the evidence says of it."""

    text: str
    verdict: Verdict
    segment_ids: tuple[int, ...] = ()
    evidence: EvidenceKind = "timeline"
    reason: str = ""
    answers_question: bool | None = None  # None: not judged


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, and what it rests on.

    ``found`` is False where the video does not hold the answer; ``outcome`` says why: searched and not there, nothing
    here could tell, or not looked at.
    """

    schema: ClassVar[str] = "answer/1"

    question: str
    text: str
    citations: tuple[Citation, ...] = ()
    claims: tuple[Claim, ...] = ()
    unresolved: tuple[int, ...] = ()
    found: bool = True
    model: str = "extractive"
    notices: tuple[str, ...] = ()  # e.g. why the language model did not speak
    draft: str = ""  # what the model said before unsupported sentences were withheld, "" where the same
    outcome: Outcome | Literal[""] = ""  # "": as ``found`` says

    def __post_init__(self) -> None:
        if not self.outcome:
            object.__setattr__(self, "outcome", "answer" if self.found else "not_in_video")

    def to_json(self) -> Json:
        """The document ``answer/1``."""
        return documents.dump(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Answer:
        """Read ``answer/1``.

        Raises:
            ValueError: another schema, a missing field or a field of the wrong kind.
        """
        return documents.load(cls, document)


def length(seconds: float) -> str:
    """How long something is, as people read it: below a minute to the tenth, above to the nearest second."""
    tenths = round(10 * max(0.0, seconds))
    return clock(tenths / 10, 1) if tenths % 10 and tenths < 600 else clock(round(max(0.0, seconds)))


def clock(seconds: float, decimals: int = 0) -> str:
    """The time as people read it: ``m:ss``, ``h:mm:ss`` from an hour on."""
    scaled = math.floor(max(0.0, seconds) * 10**decimals + 1e-6) / 10**decimals
    minutes, rest = divmod(scaled, 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:0{3 + decimals if decimals else 2}.{decimals}f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
