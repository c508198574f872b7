"""Where the time of one clip goes, as in docs/performance.md: ``PYTHONPATH=. python tools/profile_clip.py``.

The recogniser is a full-size ViT-L with random weights (those of ``assistant bench``), once as transformers runs it in
float32 and in bfloat16, then as this program runs it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import VJEPA2ForVideoClassification
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from assistant.evaluation.speed.weights import folder_of
from assistant.models.actions import vjepa2_fast
from assistant.models.actions.vjepa2 import VJepa2Recognizer
from assistant.models.runtime.int8 import Int8Linear

PARTS = ("linear layers", "attention", "turning by place", "gelu", "patches", "rest", "whole clip")


class Clock:
    """Seconds by part; what runs inside another part is taken off that one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[tuple[str, float]] = []

    def enter(self, part: str) -> None:
        self._settle()
        self._open.append((part, time.perf_counter()))

    def leave(self) -> None:
        self._settle()
        self._open.pop()
        if self._open:
            self._open[-1] = self._open[-1][0], time.perf_counter()

    def _settle(self) -> None:
        if self._open:
            part, since = self._open[-1]
            now = time.perf_counter()
            self.seconds[part] += now - since
            self._open[-1] = part, now

    def wrapped(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            self.enter(part)
            try:
                return function(*arguments, **named)
            finally:
                self.leave()

        return timed


def part_of(module: torch.nn.Module) -> str | None:
    """The part of the table that a module's own time belongs to."""
    kind = type(module).__name__
    if isinstance(module, (torch.nn.Linear, Int8Linear)):
        return "linear layers"
    if kind in ("VJEPA2RopeAttention", "HalvesAttention"):
        return "turning by place"  # all of it but the linear layers and the attention itself
    return {"GELUActivation": "gelu", "VJEPA2PatchEmbeddings3D": "patches"}.get(kind)


@contextmanager
def watched(model: Any) -> Iterator[Clock]:
    """A clock on every part of the model while it is entered."""
    clock = Clock()
    hooks = []
    for module in model.modules():
        part = part_of(module)
        if part is not None:
            hooks.append(module.register_forward_pre_hook(lambda m, a, part=part: clock.enter(part)))
            hooks.append(module.register_forward_hook(lambda m, a, out: clock.leave()))
    plain, quick = ALL_ATTENTION_FUNCTIONS["sdpa"], vjepa2_fast.attend
    ALL_ATTENTION_FUNCTIONS["sdpa"] = clock.wrapped("attention", plain)
    vjepa2_fast.attend = clock.wrapped("attention", quick)
    ALL_ATTENTION_FUNCTIONS[vjepa2_fast.ATTENTION] = vjepa2_fast.attend
    try:
        yield clock
    finally:
        ALL_ATTENTION_FUNCTIONS["sdpa"], vjepa2_fast.attend = plain, quick
        ALL_ATTENTION_FUNCTIONS[vjepa2_fast.ATTENTION] = quick
        for hook in hooks:
            hook.remove()


def measured(model: Any, rounds: int) -> dict[str, float]:
    """Seconds of each part in the quickest of so many passes of one clip."""
    config = model.config
    pixels = vjepa2_fast.calibration_clip(config.frames_per_clip, config.crop_size).to(model.dtype)
    best: dict[str, float] = {}
    for _ in range(rounds + 1):
        with watched(model) as clock, torch.inference_mode():
            clock.enter("rest")
            model.classifier(model.pooler(model.vjepa2.encoder(pixels).last_hidden_state))
            clock.leave()
        found = dict(clock.seconds) | {"whole clip": sum(clock.seconds.values())}
        if not best or found["whole clip"] < best["whole clip"]:
            best = found
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    folder = folder_of("random-standard", sys.stderr.write) / "actions"
    columns: dict[str, dict[str, float]] = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16, plain", torch.bfloat16)):
        columns[name] = measured(VJEPA2ForVideoClassification.from_pretrained(folder, dtype=dtype).eval(), rounds)
    for precision in ("bfloat16", "int8"):
        columns[precision] = measured(VJepa2Recognizer(folder, "cpu", precision)._model, rounds)
    rows = [["ms", *columns], ["---", *["---:"] * len(columns)]]
    rows += [[part, *(f"{1000 * column.get(part, 0):.0f}" for column in columns.values())] for part in PARTS]
    sys.stdout.write("".join(f"| {' | '.join(row)} |\n" for row in rows))


if __name__ == "__main__":
    main()
