"""The result of an explanation, and ``explanation/1``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.core.fields import checked, listed
from assistant.core.timeline import ActionScore, Json, Span, span_from_json

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the log-odds of the label fall when what changes in this stretch is held still."""

    span: Span
    importance: float


@dataclass(frozen=True, slots=True)
class Control:
    """What the label becomes when the clip is changed in a known way; ``own_score`` is the explained label's."""

    label: str
    score: float
    own_score: float


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Areas under the curves of the label's probability while places are covered or shown in an order.

    All in 0..1. A true order makes the deletion area small and the insertion area large.
    """

    deletion_auc: float
    insertion_auc: float
    random_deletion_auc: float
    random_insertion_auc: float
    better_than_random: bool


@dataclass(frozen=True)
class Explanation:
    """Why a label was predicted for a segment: measurements, their controls, and a text made from the numbers.

    Args:
        grid: fall of the log-odds where a place is covered, float32 ``[rows, columns]`` over the square that was seen.
        hint: the cheap variant over the same stretches (encoder tokens dropped before the pooler), or empty.
    """

    segment_id: int
    label: str
    score: float
    rivals: tuple[ActionScore, ...]
    temporal: tuple[Moment, ...]
    grid: NDArray[np.float32]
    controls: Mapping[str, Control]
    faithfulness: Faithfulness
    agreement: Json
    sampling_report: Json
    text: str
    hint: tuple[float, ...] = ()
    passes: int = 0
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> Json:
        """The document ``explanation/1``."""
        return {
            "schema": "explanation/1",
            "segment_id": self.segment_id,
            "label": self.label,
            "score": self.score,
            "rivals": [{"label": rival.label, "score": rival.score} for rival in self.rivals],
            "temporal": [
                {
                    "start_seconds": moment.span.start_seconds,
                    "end_seconds": moment.span.end_seconds,
                    "importance": moment.importance,
                }
                for moment in self.temporal
            ],
            "spatial": {"grid": np.round(self.grid.astype(float), 5).tolist(), "importance of each cell": True},
            "controls": {
                name: {"label": control.label, "score": control.score, "own_score": control.own_score}
                for name, control in self.controls.items()
            },
            "faithfulness": {
                "deletion_auc": self.faithfulness.deletion_auc,
                "insertion_auc": self.faithfulness.insertion_auc,
                "random_deletion_auc": self.faithfulness.random_deletion_auc,
                "random_insertion_auc": self.faithfulness.random_insertion_auc,
                "better_than_random": self.faithfulness.better_than_random,
            },
            "agreement": self.agreement,
            "sampling_report": self.sampling_report,
            "temporal_hint": list(self.hint),
            "passes": self.passes,
            "notes": list(self.notes),
            "text": self.text,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Explanation:
        """Read ``explanation/1``.

        Raises:
            ValueError: another schema, a missing field or a field of the wrong kind.
        """
        if not isinstance(document, Mapping) or document.get("schema") != "explanation/1":
            raise ValueError("not an explanation/1 document")
        try:
            found = cls(
                segment_id=document["segment_id"],
                label=document["label"],
                score=document["score"],
                rivals=tuple(ActionScore(item["label"], item["score"]) for item in document["rivals"]),
                temporal=tuple(Moment(span_from_json(item), item["importance"]) for item in document["temporal"]),
                grid=np.array(checked(_rows(document["spatial"]["grid"]), Rows), np.float32),
                controls={
                    name: Control(item["label"], item["score"], item.get("own_score", 0.0))
                    for name, item in document["controls"].items()
                },
                faithfulness=Faithfulness(**document["faithfulness"]),
                agreement=document["agreement"],
                sampling_report=document.get("sampling_report", document.get("passport", {})),
                text=document["text"],
                hint=listed(document.get("temporal_hint", ())),
                passes=document.get("passes", 0),
                notes=listed(document.get("notes", ())),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"a damaged explanation/1 document: {error!r}") from error
        return checked(found)


def _rows(grid: Sequence[Sequence[float]]) -> Rows:
    return tuple(listed(row) for row in listed(grid))
