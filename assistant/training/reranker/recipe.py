"""``train reranker``: all-MiniLM-L6-v2 made to say which line holds the answer, from the written timelines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from assistant.models.protocols import Passage
from assistant.models.rerank import minilm_cross_encoder as model
from assistant.models.runtime import packed_bert
from assistant.training.minilm import MiniLMRun
from assistant.training.reranker import passages
from assistant.training.reranker.passages import Asked, Passages
from assistant.training.run import Plan, Say, pooled

EXAMPLES = 120_000  # seen in a whole run
POOL = 64  # batches whose examples are sorted by length together
SHIPPED = Path(__file__).resolve().parents[2] / "packs" / "reranker"


def train(plan: Plan, say: Say, cancelled: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Train, choose on the held-out subjects, write the model to ``plan.out``; the figures of what was written.

    Raises:
        Cancelled: asked to stop; the checkpoint is kept.
    """
    return _Run(plan, say).train(cancelled)


class _Run(MiniLMRun):
    name = model_type = "reranker"
    batch = 32
    rates = (1.2e-4, 6e-4)

    def __init__(self, plan: Plan, say: Say) -> None:
        super().__init__(plan, say, model.build)
        self._encoding = model.Encoding(self.tokenizer)

    def batches(self, first: int) -> Iterator[list[Asked]]:
        def make(number: int, seed: int) -> Sequence[Asked]:
            return list(itertools.islice(iter(Passages(self.material, seed)), POOL * self.batch))

        def length(one: Asked) -> int:
            return len(one[0]) + sum(map(len, (one[1].text, *one[1].before, *one[1].after)))

        return pooled(make, length, self.batch, POOL, self.plan.seed, first)

    def loss(self, batch: list[Asked]) -> Any:
        import torch
        from torch.nn import functional

        inputs = packed_bert.batch([self._encoding.row(question, passage) for question, passage, _ in batch])
        wanted = torch.tensor([answers for _, _, answers in batch], device=self.device)
        with self.half_precision():
            logits = self.network(*(part.to(self.device) for part in inputs))
        # A little less than sure: a line beside the one that was named may answer, too.
        return functional.binary_cross_entropy_with_logits(logits.float(), wanted * 0.96 + 0.02)

    def look(self) -> tuple[float, dict[str, Any], str]:
        found = passages.held_out(self._judge, self.held_out)
        first, apart = found["right_line_first"], found["answered_told_apart"]
        return first + apart, found, f"right line first {first:.3f}, answered told apart {apart:.3f}"

    def _judge(self, asked: Sequence[tuple[str, Passage]]) -> list[float]:
        with self.half_precision():
            return model.judge(self.network, [self._encoding.row(*one) for one in asked], 64)

    def figures(self, folder: Path) -> dict[str, Any]:
        written = model.MiniLMReranker(folder, device="cpu")
        return passages.held_out(lambda asked: written.relevance(asked[0][0], [one for _, one in asked]), self.held_out)
