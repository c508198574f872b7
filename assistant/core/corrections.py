"""What a person put right, set above what the models said of the same stretch."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assistant.core.timeline import ActionScore, Description, Segment, Span, Timeline

# The model of a score that a person gave, and the flag of a segment that has one.
PERSON, CORRECTED = "person", "corrected"
# Flags that speak of the models' own labels, void once the right one is known.
_VOID = {"action": ("none_of_my_labels", "models_disagree"), "description": ("models_disagree",)}


@dataclass(frozen=True, slots=True)
class Correction:
    """The label that the person says is right for a segment; its span, since ids change with the windows."""

    segment_id: int
    kind: str  # action | description
    span: Span
    label: str
    made_at: float

    def holds_for(self, segment: Segment) -> bool:
        """Whether the segment lies in the span for more than a half."""
        return segment.span.overlap_seconds(self.span) > 0.5 * segment.span.seconds


def with_corrections(timeline: Timeline, corrections: Iterable[Correction]) -> Timeline:
    """The timeline as the person says it is; the same one where nothing was corrected.

    A label that was put right stands alone in the place of the model's, with `PERSON` as its model and a score of 1;
    the segment carries the flag `CORRECTED`, whose note says what the model had said.
    """
    starts = [segment.span.start_seconds for segment in timeline.segments]
    holding: dict[int, dict[str, Correction]] = {}
    for item in sorted(corrections, key=lambda one: one.made_at):
        place = max(0, bisect_right(starts, item.span.start_seconds) - 1)
        while place < len(starts) and starts[place] < item.span.end_seconds:
            if item.holds_for(timeline.segments[place]):
                holding.setdefault(place, {})[item.kind] = item
            place += 1
    if not holding:
        return timeline
    segments = (_put_right(one, holding[i]) if i in holding else one for i, one in enumerate(timeline.segments))
    return dataclasses.replace(timeline, segments=tuple(segments))


def _put_right(segment: Segment, right: Mapping[str, Correction]) -> Segment:
    void = {name for kind in right for name in _VOID[kind]}
    notes = {name: text for name, text in segment.notes.items() if name not in void}
    said = {"action": segment.action, "description": segment.description}
    notes[CORRECTED] = "; ".join(_note(item.label, said[kind]) for kind, item in sorted(right.items()))
    action, looks = right.get("action"), right.get("description")
    return dataclasses.replace(
        segment,
        actions=(ActionScore(action.label, 1.0, PERSON),) if action else segment.actions,
        descriptions=(Description(looks.label, 1.0, PERSON),) if looks else segment.descriptions,
        flags=(*(name for name in segment.flags if name not in void), CORRECTED),
        notes=notes,
    )


def _note(label: str, before: ActionScore | Description | None) -> str:
    said = f"the model said “{before.label}” ({100 * before.score:.0f} %)" if before else "the model said nothing"
    return f"you say “{label}”, {said}"


def labels_of_person(segment: Segment) -> dict[str, str]:
    """Kind (``action``, ``description``) -> the label that the person gave."""
    best = {"action": segment.action, "description": segment.description}
    return {kind: score.label for kind, score in best.items() if score is not None and score.model == PERSON}
