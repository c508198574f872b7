"""What a scene label or an answer rests on: frames and words of the label, kinds of evidence of the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assistant.core.documents import Json
from assistant.core.timeline import Answer, EvidenceKind, Segment, Timeline
from assistant.errors import UnknownSegment
from assistant.models.protocols import ImageTextEncoder


@dataclass(frozen=True)
class SceneExplanation:
    """Measured on the stored vectors of the sampled frames.

    Args:
        frames: similarity (cosine) of each sampled frame to the label, -1..1.
        words: how far the mean similarity falls when this word is left out of the label.
    """

    segment_id: int
    label: str
    frames: tuple[float, ...]
    words: tuple[tuple[str, float], ...]

    def to_json(self) -> Json:
        return {
            "segment_id": self.segment_id,
            "label": self.label,
            "frames": list(self.frames),
            "words": [{"word": word, "fall": fall} for word, fall in self.words],
        }


def explain_scene(
    segment: Segment, frames: NDArray[np.float32], image_text_encoder: ImageTextEncoder
) -> SceneExplanation:
    """Which frame and which word carry the best description of a segment.

    Args:
        frames: unit vectors of the sampled frames, float32 ``[frames, D]``.

    Raises:
        UnknownSegment: the segment has no description.
    """
    if segment.description is None:
        raise UnknownSegment(f"segment {segment.id} has no description to explain", "choose a segment with a picture")
    label = segment.description.label
    words = label.split()
    shorter = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(words))] if len(words) > 1 else []
    vectors = image_text_encoder.embed_texts([label, *shorter])
    similar = frames @ vectors.T
    falls = similar[:, 0].mean() - similar[:, 1:].mean(axis=0)
    return SceneExplanation(
        segment.id,
        label,
        tuple(float(value) for value in similar[:, 0]),
        tuple((word, float(fall)) for word, fall in zip(words, falls, strict=False)),
    )


KINDS: tuple[EvidenceKind, ...] = ("speech", "actions", "descriptions")


@dataclass(frozen=True)
class AnswerExplanation:
    """The answer without each kind of evidence; ``changed`` names those without which it is another answer."""

    question: str
    text: str
    without: dict[str, str]
    changed: tuple[str, ...]

    def to_json(self) -> Json:
        return {
            "question": self.question,
            "text": self.text,
            "without": dict(self.without),
            "changed": list(self.changed),
        }


def explain_answer(answer: Answer, timeline: Timeline, ask: Callable[[str, Timeline], Answer]) -> AnswerExplanation:
    """Which kind of evidence an answer rests on.

    Args:
        ask: answers a question from a timeline, with the answerer that gave ``answer``.
    """
    again = {kind: ask(answer.question, without(timeline, kind)) for kind in KINDS}
    changed = tuple(kind for kind, other in again.items() if _core(other) != _core(answer))
    return AnswerExplanation(answer.question, answer.text, {k: other.text for k, other in again.items()}, changed)


def without(timeline: Timeline, kind: EvidenceKind) -> Timeline:
    """The timeline as if one kind of model had not run."""

    def bare(segment: Segment) -> Segment:
        if kind == "speech":
            return replace(segment, utterances=())
        return replace(segment, actions=()) if kind == "actions" else replace(segment, descriptions=())

    return replace(timeline, segments=tuple(bare(segment) for segment in timeline.segments))


def _core(answer: Answer) -> tuple[bool, str, tuple[int, ...]]:
    cited = tuple(sorted({citation.segment_id for citation in answer.citations}))
    return answer.found, " ".join(answer.text.lower().split()), cited
