"""``train verifier``: all-MiniLM-L6-v2 made into the starter pack's entailment model, from the written timelines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from assistant.models.entailment import minilm_cross_encoder as model
from assistant.models.runtime import packed_bert
from assistant.training.minilm import MiniLMRun
from assistant.training.run import Plan, Say, pooled
from assistant.training.verifier import figures
from assistant.training.verifier.examples import Composer, Example

EXAMPLES = 80_000  # seen in a whole run
BATCH = 16
POOL = 64  # batches whose examples are sorted by length together
RELEVANCE_WEIGHT = 0.5
# Few other lines beside the needed ones at first: what agrees with what is learned sooner, and twice as fast.
CROWD_AT_FIRST, CROWD_LATER, FIRST_SHARE = 0.15, 0.5, 0.5
SHIPPED = Path(__file__).resolve().parents[2] / "packs" / "verifier"


def train(plan: Plan, say: Say, cancelled: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Train, choose on the held-out subjects, write the model to ``plan.out``; the figures of what was written.

    Raises:
        Cancelled: asked to stop; the checkpoint is kept.
    """
    return _Run(plan, say).train(cancelled)


class _Run(MiniLMRun):
    name, model_type = "verifier", "cross_encoder"
    batch = BATCH
    rates = (1.5e-4, 6e-4)

    def __init__(self, plan: Plan, say: Say) -> None:
        super().__init__(plan, say, model.build)
        self._encoding = model.Encoding(self.tokenizer)

    def batches(self, first: int) -> Iterator[list[Example]]:
        def make(number: int, seed: int) -> list[Example]:
            crowd = CROWD_AT_FIRST if number * POOL < FIRST_SHARE * self.total else CROWD_LATER
            return list(itertools.islice(iter(Composer(self.material, seed, crowd)), POOL * self.batch))

        def length(example: Example) -> int:
            one = example.statement
            return len(one.sentence) + len(one.question) + sum(map(len, one.evidence))

        return pooled(make, length, self.batch, POOL, self.plan.seed, first)

    def loss(self, batch: list[Example]) -> Any:
        import torch
        from torch.nn import functional

        rows = [self._encoding.windows(example.statement)[0] for example in batch]
        inputs = [part.to(self.device) for part in packed_bert.batch(rows)]
        targets = torch.tensor([example.support for example in batch], device=self.device)
        known = torch.tensor([example.answers is not None for example in batch], device=self.device)
        answers = torch.tensor([example.answers or 0.0 for example in batch], device=self.device)
        with self.half_precision():
            support, relevance = self.network(*inputs)
        loss = functional.cross_entropy(support.float(), targets, label_smoothing=0.02)
        if known.any():
            relevant = functional.binary_cross_entropy_with_logits(relevance.float()[known], answers[known])
            loss = loss + RELEVANCE_WEIGHT * relevant
        return loss

    def look(self) -> tuple[float, dict[str, Any], str]:
        found = figures.held_out(self._judge, self.held_out)
        # Not the loss: it grows with how sure the model is where it is wrong, while more and more is told apart.
        quality = (found["support_told_apart"] + found["relevance_told_apart"]) / 2
        told = (
            f"told apart {quality:.3f}, support {found['accuracy']:.3f}, "
            f"errors marked supported {found['errors_marked_supported']:.3f}, true kept {found['true_kept']:.3f}, "
            f"relevance {found['relevance']:.3f}"
        )
        return quality, {name: value for name, value in found.items() if not isinstance(value, dict)}, told

    def _judge(self, examples: list[Example]) -> list[list[float]]:
        with self.half_precision():
            return model.judge(self.network, [self._encoding.windows(one.statement)[0] for one in examples], 64)

    def figures(self, folder: Path) -> dict[str, Any]:
        written = model.MiniLMCrossEncoder(folder, device="cpu")
        return figures.held_out(
            lambda examples: figures.as_rows(written.score([e.statement for e in examples])), self.held_out
        )
