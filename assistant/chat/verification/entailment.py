"""Whether lines of evidence bear out a sentence: the seam for a model, and the limits within which it is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.core.timeline import EvidenceKind, Verdict


@dataclass(frozen=True)
class Finding:
    """What one rule found."""

    verdict: Verdict
    reason: str
    evidence: EvidenceKind = "timeline"
    by_words: bool = False  # no rule has read it: its words alone agree with the evidence


@dataclass(frozen=True)
class Probabilities:
    """What an entailment model gives one sentence; the first three add up to 1. ``answers`` is None where not told."""

    supported: float
    contradicted: float
    missing: float
    answers: float | None = None


class EntailmentModel(Protocol):
    """A model that reads lines of evidence, a question and a sentence (premise and hypothesis of an NLI checkpoint)."""

    name: str

    def score(self, evidence_lines: Sequence[str], question: str, sentence: str) -> Probabilities: ...


@dataclass(frozen=True)
class Thresholds:
    """When a model is believed, and how much words must agree where there is none.

    A model may confirm what words leave open, and object to what they would let pass; what a rule contradicts stays.
    """

    model_supports: float = 0.80
    model_objects: float = 0.80
    model_answers: float = 0.5
    many_direct: int = 4  # units in the cited segments: with so many, one that is missing does not matter,
    most_direct: int = 3  # with so many it leaves the sentence open
    verb_share: float = 0.7  # of the units, where only a verb is missing
    reach_segments: int = 3  # how far around a pronoun's meaning is looked for


KIND: dict[str, EvidenceKind] = {
    "speech": "speech",
    "text": "descriptions",
    "action": "actions",
    "description": "descriptions",
}
