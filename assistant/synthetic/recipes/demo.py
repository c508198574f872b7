"""Trains the demo pack, or parts of it, from nothing but a seed."""

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

from assistant.config import ROOT
from assistant.errors import InputUnusable

PACK_FOLDER = ROOT / "assistant" / "packs" / "demo"


class Trainer(Protocol):
    """Trains one model into ``out``, going on from what ``work`` holds, and gives its figures on held-out data."""

    def __call__(
        self, out: Path, *, work: Path, seed: int = 0, steps: int | None = None, report: Callable[[str], None]
    ) -> dict[str, float]: ...


# Part of the pack -> where its trainer is, and its file or folder in the pack; imported when it is wanted.
TRAINERS: dict[str, tuple[str, str]] = {
    "actions": ("assistant.synthetic.recipes.actions:train_actions", "actions"),
    "descriptions": ("assistant.synthetic.recipes.descriptions:train_descriptions", "descriptions"),
    "speech": ("assistant.synthetic.recipes.speech:train_speech", "speech/model.pt"),
    # After the two whose vectors it judges.
    "domain": ("assistant.synthetic.recipes.domain:train_domain", "domain.safetensors"),
}


def train_demo(
    only: Sequence[str] = (),
    out: Path | None = None,
    *,
    work: Path | None = None,
    seed: int = 0,
    steps: int | None = None,
    threads: int | None = None,
    report: Callable[[str], None],
) -> dict[str, dict[str, float]]:
    """The held-out figures of each part that was trained, by name.

    The same seed gives the same data and the same start; the weights agree bit by bit only on the same kind of machine.
    Called again after an interruption it goes on from the last checkpoint.

    Args:
        only: which parts, by name; all of them where empty.
        out: the pack's folder; default: the one that the project ships.
        work: where checkpoints are kept; default: the user's cache folder.
        steps: how many batches of each; less than the default is for trying out.
        threads: processor cores to use; default: all.

    Raises:
        InputUnusable: a part that nothing here trains.
    """
    unknown = [name for name in only if name not in TRAINERS]
    if unknown:
        raise InputUnusable(f"nothing here trains {', '.join(unknown)}", f"name one of {', '.join(TRAINERS)}")
    import torch

    torch.set_num_threads(threads or os.cpu_count() or 1)
    figures = {}
    for name in only or TRAINERS:
        place, target = TRAINERS[name]
        module, _, function = place.partition(":")
        trainer = cast(Trainer, getattr(importlib.import_module(module), function))
        figures[name] = trainer(
            (out or PACK_FOLDER) / target, work=(work or default_work()) / name, seed=seed, steps=steps, report=report
        )
    return figures


def default_work() -> Path:
    """The folder of the user's cache in which trainings keep their checkpoints."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "video-assistant" / "training"
