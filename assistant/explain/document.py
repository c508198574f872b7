"""The result of an explanation, and ``explanation/1``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from assistant.core import documents
from assistant.core.documents import Json
from assistant.core.timeline import ActionScore, Span

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
    own_score: float = 0.0


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
        grid: fall of the log-odds where a place is covered, rows from the top over the square that was seen.
    """

    schema: ClassVar[str] = "explanation/1"

    segment_id: int
    label: str
    score: float
    rivals: tuple[ActionScore, ...]
    temporal: tuple[Moment, ...]
    grid: Rows
    controls: Mapping[str, Control]
    faithfulness: Faithfulness
    agreement: Json
    text: str
    sampling_report: Json = field(default_factory=dict)
    passes: int = 0
    notes: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """The document ``explanation/1``."""
        document: Json = documents.dump(self)
        grid = [[round(value, 5) for value in row] for row in document.pop("grid")]
        return {**document, "spatial": {"grid": grid, "importance of each cell": True}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Explanation:
        """Read ``explanation/1``.

        Raises:
            ValueError: another schema, a missing field or a field of the wrong kind.
        """
        spatial = document.get("spatial") if isinstance(document, Mapping) else None
        if not isinstance(spatial, Mapping):
            raise ValueError("not a whole explanation/1 document")
        return documents.load(cls, {**document, "grid": spatial.get("grid")})
