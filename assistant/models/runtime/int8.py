"""Linear layers in 8-bit integers on a CPU: twice the rate of bfloat16 where the processor multiplies bytes (VNNI).

Nothing is calibrated: weights get one scale per output, activations one per row, from what they hold at that moment.
A layer turns to integers only after it has shown, on the activations of a picture, that it then computes what it did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

logger = logging.getLogger(__name__)

# Rows turned to bytes at a time: their float32 copies then stay in a near cache.
_ROWS = 256


# How far a row of outputs may move, as a share of its length, averaged over the rows. Bytes that fit move it by 0.004
# to 0.01; a few activations far larger than the others, which stretch the scale for all, by more. Noise of 0.02 in
# every layer of the demo pack's recogniser left the first label of 238 of 240 clips as it was.
_MOST_MOVED = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """Where a linear layer sits: ``owner.name``; ``least`` as `Int8Linear` takes it."""

    owner: nn.Module
    name: str
    least: float | None = None


def settle(places: Sequence[Place], run: Callable[[], object]) -> int:
    """How many of the layers compute in integers from now on; the others stay as they are.

    Args:
        run: one pass through the model, on a picture, that goes through all the layers.
    """
    trials = [_Trial(getattr(place.owner, place.name), place.least) for place in places]
    for place, trial in zip(places, trials, strict=True):
        setattr(place.owner, place.name, trial)
    try:
        run()
    finally:
        for place, trial in zip(places, trials, strict=True):
            setattr(place.owner, place.name, trial.chosen)
    count = sum(isinstance(trial.chosen, Int8Linear) for trial in trials)
    logger.info("linear layers in int8: %d of %d", count, len(trials))
    return count


class _Trial(nn.Module):
    """A layer that computes as it always did, and finds out meanwhile whether integers would do."""

    def __init__(self, plain: nn.Linear, least: float | None) -> None:
        super().__init__()
        self.plain, self.least = plain, least
        self.chosen: nn.Module = plain

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.plain(rows)
        quick = Int8Linear(self.plain, self.least)
        lengths = out.float().norm(dim=-1).clamp(min=1e-12)
        moved = ((quick(rows).float() - out.float()).norm(dim=-1) / lengths).mean()
        self.chosen = quick if float(moved) <= _MOST_MOVED else self.plain
        return out


class Int8Linear(nn.Module):
    """A linear layer of a loaded model with its weights in 8 bits, for bfloat16 activations.

    Args:
        linear: the layer as it was.
        least: what no activation is below, where that is known (GELU: -0.17); the bytes then cover only what occurs.
    """

    def __init__(self, linear: nn.Linear, least: float | None = None) -> None:
        super().__init__()
        weight = linear.weight.detach().to(torch.float32, copy=True)
        scales = weight.abs().amax(1).clamp(min=1e-12) / 127
        rounded = weight.div_(scales[:, None]).round_()
        packed = torch.ops.onednn.qlinear_prepack(rounded.to(torch.int8), None)
        self.packed: torch.Tensor
        self.register_buffer("packed", packed, persistent=False)  # so that whoever counts the weights finds them
        self.scales, self.zeros = scales, torch.zeros(len(scales), dtype=torch.int64)
        self.least = least
        bias = torch.zeros(len(scales)) if linear.bias is None else linear.bias.float()
        if least is not None:  # the bytes hold activation - least, and what that adds to each output is taken off here
            bias = bias + least * rounded.sum(1) * scales
        self.bias = bias.to(linear.weight.dtype)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Outputs ``[..., outputs]`` of ``[..., inputs]``, both bfloat16."""
        flat = rows.flatten(0, -2)
        whole, steps = self._bytes(flat)
        product = torch.ops.onednn.qlinear_pointwise(
            whole,
            1.0,
            128 if self.least is None else 0,
            self.packed,
            self.scales,
            self.zeros,
            None,
            1.0,
            0,
            rows.dtype,
            "none",
            [],
            "",
        )
        return torch.addcmul(self.bias, product, steps, out=product).view(*rows.shape[:-1], -1)

    def _bytes(self, flat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows as bytes, and how much one step of each row's bytes is worth, ``[rows, 1]``."""
        whole = torch.empty(flat.shape, dtype=torch.uint8)
        steps = flat.new_empty(len(flat), 1)
        for first in range(0, len(flat), _ROWS):
            part = flat[first : first + _ROWS].float()
            if self.least is None:
                widest, middle = part.abs().amax(-1, keepdim=True) / 127, 128.5
            else:
                part -= self.least
                widest, middle = part.amax(-1, keepdim=True) / 255, 0.5
            # The step as the product will be multiplied by it: rounded first, it costs no exactness afterwards.
            step = widest.clamp(min=1e-12).to(flat.dtype)
            steps[first : first + _ROWS] = step
            whole[first : first + _ROWS] = part.div_(step.float()).add_(middle).clamp_(0, 255)
        return whole, steps
