"""How well the two judgements are made on subjects that training never saw, by kind of error."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from assistant.models.protocols import Entailment, Statement
from assistant.training.verifier.examples import NOT_THERE, SUPPORTED, Example, of_error, written
from assistant.training.verifier.material import Fact, Transcript

# Probabilities supported, contradicted, not there, answers of each example.
Judge = Callable[[list[Example]], Sequence[Sequence[float]]]
SURE = 0.5  # from this probability on a sentence counts as supported, or as an answer


def as_rows(judged: Iterable[Entailment]) -> list[list[float]]:
    return [[j.supported, j.contradicted, j.not_there, 0.0 if j.answers is None else j.answers] for j in judged]


def test_examples(transcripts: Iterable[Transcript]) -> list[Example]:
    """Every written sentence once with its lines among others and once without them, the same on every call."""
    rng = random.Random(0)
    found: list[Example] = []
    for transcript in transcripts:
        for number, fact in enumerate(transcript.facts):
            own = fact.questions[0]
            others = [f for f in transcript.facts if f is not fact and not set(f.lines) & set(fact.lines)]
            other = others[number % len(others)].questions[0]
            for sentence in fact.true:
                found.append(_example(transcript, fact, own, sentence, "true", 1.0, rng))
                found.append(_example(transcript, fact, other, sentence, "true", 0.0, rng))
            if fact.near:
                found.append(_example(transcript, fact, fact.near, fact.true[0], "true", 0.0, rng))
            found.append(_example(transcript, fact, own, fact.true[0], "absent", None, rng))
            for kind, sentence in fact.errors:
                found.append(_example(transcript, fact, own, sentence, kind, None, rng))
    return found


def _example(
    transcript: Transcript, fact: Fact, question: str, sentence: str, kind: str, answers: float | None,
    rng: random.Random,
) -> Example:  # fmt: skip
    rest = [number for number in range(len(transcript.lines)) if number not in fact.lines]
    chosen = rng.sample(rest, min(len(rest), 2)) + ([] if kind == "absent" else list(fact.lines))
    evidence = tuple(written(transcript.lines[number]) for number in sorted(chosen))
    support = SUPPORTED if kind == "true" else NOT_THERE if kind == "absent" else of_error(kind)
    return Example(Statement(evidence, question, sentence), support, answers, kind)


def held_out(judge: Judge, transcripts: Iterable[Transcript]) -> dict[str, Any]:
    """How well both heads tell apart at any threshold; at 0.5: loss, accuracy, errors let through, true kept."""
    transcripts = list(transcripts)
    near_questions = {fact.near for transcript in transcripts for fact in transcript.facts if fact.near}
    examples = test_examples(transcripts)
    rows = judge(examples)
    kinds: dict[str, list[bool]] = defaultdict(list)
    loss, right, relevance, near = 0.0, [], [], []
    for example, row in zip(examples, rows, strict=True):
        loss -= sum(t * math.log(max(p, 1e-6)) for t, p in zip(example.support, row, strict=False))
        best = max(range(3), key=lambda outcome: row[outcome])
        right.append(example.support[best] > 0)
        kinds[example.kind].append(row[0] >= SURE)
        if example.answers is not None:
            loss -= math.log(max(1e-6, row[3] if example.answers else 1 - row[3])) / 2
            relevance.append((row[3] >= SURE) == bool(example.answers))
            if example.statement.question in near_questions:
                near.append(row[3] < SURE)
    scored = list(zip(examples, rows, strict=True))
    errors = [marked for kind, values in kinds.items() if kind not in ("true", "absent") for marked in values]
    return {
        "examples": len(examples),
        "loss": loss / len(examples),
        "support_told_apart": told_apart(
            [row[0] for e, row in scored if e.support[0]], [row[0] for e, row in scored if not e.support[0]]
        ),
        "relevance_told_apart": told_apart(
            [row[3] for e, row in scored if e.answers], [row[3] for e, row in scored if e.answers == 0]
        ),
        "accuracy": share(right),
        "relevance": share(relevance),
        "relevance_near": share(near),
        "true_kept": share(kinds["true"]),
        "errors_marked_supported": share(errors),
        "absent_marked_supported": share(kinds["absent"]),
        "marked_supported_by_kind": {kind: [sum(v), len(v)] for kind, v in sorted(kinds.items())},
    }


def told_apart(high: Sequence[float], low: Sequence[float]) -> float:
    """The chance that one of ``high`` is above one of ``low``: the area under the ROC curve, 0.5 for guessing."""
    above, below = np.asarray(high)[:, None], np.asarray(low)[None, :]
    pairs = (above > below) + 0.5 * (above == below)
    return round(float(pairs.mean()), 4) if pairs.size else 0.0


def share(values: Sequence[bool]) -> float:
    return round(sum(values) / max(1, len(values)), 4)
