"""How much of the time lies inside the models: every outermost call of a torch module, by the model it belongs to."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# The module path of the class that is called first -> the stage that it serves.
_STAGES = {
    "transformers.models.vjepa2": "actions",
    "assistant.models.actions.vjepa2": "actions",
    "open_clip": "descriptions",
    "timm": "descriptions",
    "whisper": "speech",
}


class ForwardClock:
    """Seconds inside the models, by stage; calls from inside other modules count once."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._here = threading.local()

    @contextmanager
    def running(self) -> Iterator[ForwardClock]:
        """Counts every module of the process while it is entered."""
        from torch.nn.modules import module

        hooks = [
            module.register_module_forward_pre_hook(self._before),
            module.register_module_forward_hook(self._after, always_call=True),
        ]
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()

    def _before(self, module: Any, arguments: Any) -> None:
        depth = getattr(self._here, "depth", 0)
        if depth == 0:
            self._here.started = time.perf_counter()
            self._here.stage = stage_of(type(module).__module__)
        self._here.depth = depth + 1

    def _after(self, module: Any, arguments: Any, result: Any) -> None:
        self._here.depth -= 1
        if self._here.depth == 0:
            self.seconds[self._here.stage] += time.perf_counter() - self._here.started
            self.calls[self._here.stage] += 1


def stage_of(place: str) -> str:
    """The stage that a module of this Python package serves; ``other`` where none is known."""
    return next((stage for package, stage in _STAGES.items() if place.startswith(package)), "other")
