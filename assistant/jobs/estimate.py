"""How far a job is and how long it will still take, from the stages that it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# What share of a whole analysis ends with each stage; both visual models work while the file is decoded.
STAGE_SHARES: Mapping[str, tuple[float, float]] = {
    "decode": (0.0, 0.8),
    "actions": (0.0, 0.8),
    "descriptions": (0.0, 0.8),
    "speech": (0.8, 0.98),
    "fusion": (0.98, 1.0),
    "proxy": (0.0, 1.0),
    "explain": (0.0, 1.0),
}
LEAST_FRACTION = 0.02
LEAST_SECONDS = 1.5


@dataclass
class Estimate:
    """Fed with reports on one steady clock; ``fraction`` never falls."""

    fraction: float = 0.0
    _first_fraction: float = -1.0
    _first_time: float = 0.0

    def feed(self, now: float, stage: str, done_seconds: float, total_seconds: float) -> None:
        start, end = STAGE_SHARES.get(stage, (self.fraction, self.fraction))
        share = min(1.0, max(0.0, done_seconds / total_seconds)) if total_seconds > 0 else 0.0
        self.fraction = max(self.fraction, start + share * (end - start))
        # Loading the models comes before the first frame, and says nothing about the speed.
        if self._first_fraction < 0 and done_seconds > 0:
            self._first_fraction, self._first_time = self.fraction, now

    def seconds_left(self, now: float) -> float | None:
        """At the speed so far; None while too little is done to tell."""
        gained, took = self.fraction - self._first_fraction, now - self._first_time
        if self._first_fraction < 0 or gained < LEAST_FRACTION or took < LEAST_SECONDS:
            return None
        return took / gained * (1.0 - self.fraction)
