"""What trainings of small models share: steps, a log, checkpoints, going on after a stop, the best weights kept."""

from __future__ import annotations

import itertools
import json
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import Cancelled

WARM_UP = 0.06
CHECKS = 6  # looks at the held-out subjects in a run
KEPT = 250  # steps from checkpoint to checkpoint
CHECKPOINT = "checkpoint.pt"
LOG = "training.jsonl"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be. ``minutes``: as many examples as this machine makes in them, at most `examples`."""

    base: Path
    out: Path
    seed: int = 0
    examples: int = 0
    minutes: float | None = None


class Run(ABC):
    """A training of a network on batches that a seed gives, one step a batch."""

    batch = 16  # examples a step
    rates: tuple[float, float]  # of the encoder and of the heads

    def __init__(self, plan: Plan, say: Say, network: Any) -> None:
        import torch

        plan.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(plan.seed)
        self.plan, self.say, self.network = plan, say, network
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network.to(self.device)
        trained = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        heads = [p for name, p in trained if not name.startswith("encoder.")]
        body = [p for name, p in trained if name.startswith("encoder.")]
        self._optimizer = torch.optim.AdamW(
            [{"params": body, "lr": self.rates[0]}, {"params": heads, "lr": self.rates[1]}], weight_decay=0.02
        )
        self.total = max(1, plan.examples // self.batch)
        self._step, self._best, self.seconds = 0, 0.0, 0.0
        self.chosen: dict[str, torch.Tensor] = {}
        self._resume()
        self._began = time.monotonic() - self.seconds

    @abstractmethod
    def batches(self, first: int) -> Iterator[Any]:
        """What each step learns from, from step `first` on."""

    @abstractmethod
    def loss(self, batch: Any) -> Any:
        """The loss of one batch."""

    @abstractmethod
    def look(self) -> tuple[float, dict[str, Any], str]:
        """The held-out subjects: the quality to choose by, the figures, and a line to say."""

    @abstractmethod
    def write(self) -> dict[str, Any]:
        """Write the chosen weights as a model's folder; the figures of what was written."""

    def train(self, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Train to the end and write the best; the same seed and number of examples give the same, in the same order.

        An interrupted run goes on from its checkpoint.

        Raises:
            Cancelled: asked to stop; the checkpoint is kept.
        """
        self._go(cancelled)
        document = self.write()
        (self.plan.out / CHECKPOINT).unlink()  # ten times the model, and of no use once it is written
        return document

    def recipe(self) -> dict[str, Any]:
        """What the model's figures say of how it was trained."""
        examples, minutes = self.total * self.batch, round(self.seconds / 60, 1)
        return {"seed": self.plan.seed, "examples": examples, "minutes": minutes}

    def _go(self, cancelled: Callable[[], bool]) -> None:
        losses: list[float] = []
        checked = CHECKS * self._step // self.total
        for batch in self.batches(self._step):
            if self._step >= self.total:
                break
            losses.append(self._learn(batch))
            self._step += 1
            self.seconds = time.monotonic() - self._began
            if self._step % 25 == 0:
                self._fit_to_time()
                speed = self.batch * self._step / self.seconds
                self._note(loss=sum(losses[-25:]) / 25, examples_per_second=speed)
            if CHECKS * self._step // self.total > checked or self._step >= self.total:
                checked = CHECKS * self._step // self.total
                self._check()
            elif self._step % KEPT == 0:
                self._keep()
            if cancelled():
                self._keep()
                raise Cancelled("the training stopped; run the same command again to go on")

    def _learn(self, batch: Any) -> float:
        import torch

        done = self._step / self.total
        slope = min(1.0, done / WARM_UP) if done < WARM_UP else max(0.02, (1 - done) / (1 - WARM_UP))
        for group, rate in zip(self._optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * slope
        self.network.train()
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def half_precision(self) -> Any:
        """bfloat16 where the processor multiplies it itself: 2.7 times as fast on a core with AVX-512 BF16."""
        import torch

        fast = self.device.type == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return torch.autocast(self.device.type, torch.bfloat16) if fast else nullcontext()

    def _fit_to_time(self) -> None:
        """Make the run as long as its minutes allow at the speed so far; a machine's speed changes under way."""
        if self.plan.minutes is not None:
            fits = int(self.plan.minutes * 60 / (self.seconds / self._step))
            self.total = max(self._step + 1, min(self.plan.examples // self.batch, fits))

    def _check(self) -> None:
        """Look at the held-out subjects, and keep the weights if they are the best so far."""
        self.network.eval()
        quality, found, line = self.look()
        if quality > self._best:
            self._best = quality
            self.chosen = {name: tensor.detach().cpu().clone() for name, tensor in self.network.state_dict().items()}
        self._note(held_out=found)
        self.say(f"step {self._step} of {self.total}: {line}")
        self._keep()

    def _note(self, **values: Any) -> None:
        with (self.plan.out / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"step": self._step, "of": self.total, **values}) + "\n")

    def _keep(self) -> None:
        import torch

        part = (self.plan.out / CHECKPOINT).with_suffix(".part")
        state = {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "chosen": self.chosen,
            **{"step": self._step, "total": self.total, "best": self._best, "seconds": self.seconds},
            **{"seed": self.plan.seed, "torch": torch.get_rng_state()},
        }
        torch.save(state, part)
        part.replace(self.plan.out / CHECKPOINT)

    def _resume(self) -> None:
        import torch

        path = self.plan.out / CHECKPOINT
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["seed"] != self.plan.seed:
            return
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["torch"].cpu())
        self._step, self.total, self._best = state["step"], state["total"], state["best"]
        self.seconds, self.chosen = state["seconds"], state["chosen"]
        self.say(f"going on from step {self._step} of {self.total}")


def pooled(
    make: Callable[[int, int], Sequence[Any]], length: Callable[[Any], int], size: int, pool: int, seed: int, first: int
) -> Iterator[list[Any]]:
    """Endless batches of examples of like length, from batch `first` on, in an order that the seed gives.

    Args:
        make: a pool's examples from its number and seed; a seed a pool, so that a resumed run need not compose what it
            has seen.
    """
    for number in itertools.count(first // pool):
        own = seed * 1_000_003 + number
        examples = sorted(make(number, own), key=length)
        batches = [list(examples[start : start + size]) for start in range(0, len(examples), size)]
        random.Random(own).shuffle(batches)
        yield from batches[first - number * pool if number == first // pool else 0 :]
