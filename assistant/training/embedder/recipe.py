"""``train embedder``: all-MiniLM-L6-v2 taught by contrast which line answers a question, from the written timelines.

InfoNCE over a batch (van den Oord et al. 2018, arXiv:1807.03748): every other line of the batch is a wrong one.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.models.embed import packed
from assistant.models.protocols import Passage
from assistant.training.minilm import MiniLMRun
from assistant.training.reranker import passages
from assistant.training.run import Plan, Say
from assistant.training.verifier.material import Transcript

EXAMPLES = 28_800  # questions seen in a whole run
TEMPERATURE = 0.05
SUBJECTS, QUESTIONS = 6, 8  # transcripts in a batch, and questions of each
POOL = 64  # batches to a seed
SHIPPED = Path(__file__).resolve().parents[2] / "packs" / "embedder"


def train(plan: Plan, say: Say, cancelled: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Train, choose on the held-out subjects, write the model to ``plan.out``; the figures of what was written.

    Raises:
        Cancelled: asked to stop; the checkpoint is kept.
    """
    return _Run(plan, say).train(cancelled)


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

    def __init__(
        self, transcripts: Sequence[Transcript], seed: int, subjects: int = SUBJECTS, questions: int = QUESTIONS
    ) -> None:
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
                texts = passages.spoken(transcript) if rng.random() < 0.5 else [line.text for line in transcript.lines]
                start = len(lines)
                lines += texts
                for fact in rng.sample(transcript.facts, min(self._questions, len(transcript.facts))):
                    asked.append(passages.typed(rng.choice(fact.questions), rng))
                    chosen = fact.lines[0] if rng.random() < 0.7 else rng.choice(fact.lines)
                    right.append(start + chosen)
                    maybe.append(frozenset(start + place for place in fact.lines if place != chosen))
            yield Batch(tuple(asked), tuple(lines), tuple(right), tuple(maybe))


class _Run(MiniLMRun):
    name, model_type = "embedder", "packed_bert"
    batch = SUBJECTS * QUESTIONS
    rates = (5e-5, 5e-5)

    def __init__(self, plan: Plan, say: Say) -> None:
        super().__init__(plan, say, packed.build)
        self._tokenizer = packed.prepared(self.tokenizer)

    def batches(self, first: int) -> Iterator[Batch]:
        for number in itertools.count(first // POOL):
            stream = Pairs(self.material, self.plan.seed * 1_000_003 + number, SUBJECTS, QUESTIONS)
            skipped = first - number * POOL if number == first // POOL else 0
            yield from itertools.islice(iter(stream), skipped, POOL)

    def loss(self, batch: Batch) -> Any:
        import torch
        from torch.nn import functional

        with self.half_precision():
            asked = packed.vectors(self.network, self._tokenizer, batch.questions, 32)
            lines = packed.vectors(self.network, self._tokenizer, batch.lines, 32)
        logits = asked.float() @ lines.float().T / TEMPERATURE
        for row, places in enumerate(batch.open):
            logits[row, sorted(places)] = -1e4
        return functional.cross_entropy(logits, torch.tensor(batch.right, device=self.device))

    def look(self) -> tuple[float, dict[str, Any], str]:
        with self.half_precision():
            found = passages.held_out(self._judge(self._embed), self.held_out)
        return found["right_line_first"], found, f"right line first {found['right_line_first']:.3f}"

    def _embed(self, texts: Sequence[str]) -> Any:
        import torch

        with torch.inference_mode():
            return packed.vectors(self.network, self._tokenizer, texts).float().cpu().numpy()

    def _judge(self, embed: Callable[[Sequence[str]], Any]) -> passages.Judge:
        """The cosine of each question with each line; a transcript's lines are read once."""
        read: dict[tuple[str, ...], Any] = {}

        def judge(asked: Sequence[tuple[str, Passage]]) -> list[float]:
            lines = tuple(one.text for _, one in asked)
            if lines not in read:
                read[lines] = embed(lines)
            found: list[float] = (read[lines] @ embed([asked[0][0]])[0]).tolist()
            return found

        return judge

    def figures(self, folder: Path) -> dict[str, Any]:
        return passages.held_out(self._judge(packed.PackedEmbedder(folder).embed), self.held_out)
