"""Pairs of a question and the line that answers it, for training by contrast."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.training.reranker.passages import spoken, typed
from assistant.training.verifier.material import Transcript


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions and lines; ``right[i]`` are the places among the lines that answer question ``i``, ``open`` those that
    may, and count neither way."""

    questions: tuple[str, ...]
    lines: tuple[str, ...]
    right: tuple[int, ...]
    open: tuple[frozenset[int], ...]


class Pairs:
    """An endless stream of batches, the same for the same seed: several questions of each of some transcripts.

    Every other line of the batch is a wrong one: those of the same transcript the hardest.
    """

    def __init__(self, transcripts: Sequence[Transcript], seed: int, subjects: int = 6, questions: int = 8) -> None:
        self._transcripts = list(transcripts)
        self._subjects, self._questions = subjects, questions
        self._rng = random.Random(seed)

    def __iter__(self) -> Iterator[Batch]:
        rng = self._rng
        while True:
            asked: list[str] = []
            lines: list[str] = []
            right: list[int] = []
            maybe: list[frozenset[int]] = []
            for transcript in rng.sample(self._transcripts, self._subjects):
                texts = spoken(transcript) if rng.random() < 0.5 else [line.text for line in transcript.lines]
                start = len(lines)
                lines += texts
                for fact in rng.sample(transcript.facts, min(self._questions, len(transcript.facts))):
                    asked.append(typed(rng.choice(fact.questions), rng))
                    chosen = fact.lines[0] if rng.random() < 0.7 else rng.choice(fact.lines)
                    right.append(start + chosen)
                    maybe.append(frozenset(start + place for place in fact.lines if place != chosen))
            yield Batch(tuple(asked), tuple(lines), tuple(right), tuple(maybe))
