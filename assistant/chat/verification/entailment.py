"""What one rule or model found about a sentence, and the limits within which words and models are believed."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.core.timeline import EvidenceKind, Verdict


@dataclass(frozen=True)
class Finding:
    """What one rule found."""

    verdict: Verdict
    reason: str
    evidence: EvidenceKind = "timeline"
    by_words: bool = False  # no rule has read it: its words alone agree with the evidence


@dataclass(frozen=True)
class Thresholds:
    """When a model is believed, and how much words must agree where there is none.

    A model may confirm what words leave open, and object to what they would let pass; what a rule contradicts stays.
    """

    model_supports: float = 0.90
    model_objects: float = 0.90
    # Of 409 sentences that neither rules nor model had seen, the rules told 0.74 rightly, both together 0.84.
    model_denies_answer: float = 0.05
    model_sees_answer: float = 0.95
    quote_misses: float = 0.1  # a quotation less likely than this to answer does not,
    quote_answers: float = 0.5  # one that is likelier does
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
