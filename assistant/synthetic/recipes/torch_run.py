"""What every training with torch does the same way: where it computes, how fast it learns, how it is kept."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


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


def write_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write beside ``path`` and move into place, so that an interruption leaves the last whole one."""
    import torch

    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
