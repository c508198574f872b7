"""What every training with torch does the same way: where it computes, how fast it learns, how it is kept."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from assistant.core.files import replaced

if TYPE_CHECKING:
    import torch

Report = Callable[[str], None]


class Run(Protocol):
    """A training that can be stopped after any step and taken up again."""

    step: int
    total: int
    device: "torch.device"

    def take_step(self) -> np.ndarray:
        """One batch learnt; the figures that are worth reporting, float64 ``[figures]``."""
        ...

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


def finish(run: Run, checkpoint: Path, name: str, figures: Sequence[str], every: int, report: Report) -> None:
    """Take all steps that are left, from the checkpoint where one is there.

    Args:
        figures: what the numbers of a step are called; their mean since the last line is told.
        every: so many steps lie between two lines, and between two checkpoints.
    """
    import torch

    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        run.load_state(torch.load(checkpoint, weights_only=True, map_location=run.device))
        report(f"{name}: going on from step {run.step}")
    started, first = time.monotonic(), run.step
    sums = np.zeros(len(figures))
    while run.step < run.total:
        sums += run.take_step()
        if run.step % every and run.step < run.total:
            continue
        means = sums / ((run.step - 1) % every + 1)
        told = " ".join(f"{word} {value:.4f}" for word, value in zip(figures, means, strict=True))
        pace = (time.monotonic() - started) / (run.step - first)
        left = (run.total - run.step) * pace / 60
        report(f"{name}: step {run.step}/{run.total} {told}, {pace:.2f} s a step, {left:.0f} min left")
        sums[:] = 0
        with replaced(checkpoint) as unfinished:
            torch.save(run.state(), unfinished)


def best_device() -> "torch.device":
    """The accelerator if there is one, else the processor."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def adamw(parameters: list[Any], rate: float) -> "torch.optim.AdamW":
    """An optimiser that lets matrices decay, but neither biases nor norms."""
    import torch

    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.05},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))


def learning_rate(step: int, total: int, peak: float) -> float:
    """The rate of step ``step`` of ``total``: a short warm-up, then half a cosine down to a hundredth of the peak."""
    warm_up = min(300, max(1, total // 10))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    done = (step - warm_up) / max(1, total - warm_up)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
