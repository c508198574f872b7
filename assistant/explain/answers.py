"""Why an answer says what it says: asked again with one kind of evidence taken away at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from assistant.core.documents import Json
from assistant.core.timeline import Answer, EvidenceKind, Segment, Timeline

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
