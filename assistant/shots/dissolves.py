"""Dissolves: stretches whose pictures are mixtures of the pictures at their two ends."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.shots.thumbnails import FrameFeatures

LAG_SECONDS = (0.7, 1.0, 1.3, 1.7)
STEP_SECONDS = 0.08
LEAST_PICTURES = 4
CHANGED_SHARE = 0.55  # of the picture must differ between the ends ...
CHANGED_LEVELS = 10.0  # ... by so many levels of 0..255
MOST_RESIDUAL = 0.2  # of the ends' difference that no mixture of them explains, in any picture ...
MEAN_RESIDUAL = 0.11  # ... and on average
# Two scenes mixed half and half have less contrast than each; a pattern that moves looks like a mixture, but keeps it.
KEPT_CONTRAST = 0.945
LEAST_UNEVEN = 0.33  # share of the change that is not the same everywhere: less is a camera that adapts to the light
DARK_BELOW, DARK_PEAK = 24.0, 100.0  # mean and highest level of an end that belongs to a fade through black
# Both ends must be seen unmixed for so long: light that changes or a camera that moves does not rest.
PLATEAU_SECONDS = 0.1
PLATEAU_SHARE = 0.1
WAIT_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class _Candidate:
    seconds: float
    score: float


class DissolveFinder:
    """Looks back over windows of several lengths every few pictures, and tells the best of overlapping candidates."""

    def __init__(self) -> None:
        self._last_check = float("-inf")
        self._best: _Candidate | None = None
        self._best_since = 0.0

    def feed(self, frames: Sequence[FrameFeatures]) -> list[float]:
        """Middles, in seconds, of dissolves that are certain; ``frames`` are the last few seconds, oldest first."""
        now = frames[-1].seconds
        if now - self._last_check < STEP_SECONDS:
            return []
        self._last_check = now
        times = [frame.seconds for frame in frames]
        for lag in LAG_SECONDS:
            first = bisect_left(times, now - lag - 1e-6)
            window = frames[first:]
            if first > 0 and len(window) >= LEAST_PICTURES and (found := _mixture(window)) is not None:
                self._consider(found, now)
        if self._best is not None and now - self._best_since > WAIT_SECONDS:
            return self.finish()
        return []

    def finish(self) -> list[float]:
        """The candidate that was still waiting for a better one."""
        best, self._best = self._best, None
        return [] if best is None else [best.seconds]

    def _consider(self, found: _Candidate, now: float) -> None:
        if self._best is None or found.score > self._best.score:
            self._best, self._best_since = found, now


def _mixture(window: Sequence[FrameFeatures]) -> _Candidate | None:
    """The middle of the dissolve that fills this window, or None."""
    if window[0].pixels is window[-1].pixels:  # a length of black, a slide that stays
        return None
    first, last = window[0].coarse, window[-1].coarse
    step = last - first
    changed = float((np.abs(step).max(axis=1) > CHANGED_LEVELS).mean())
    if changed < CHANGED_SHARE or any(frame.is_cut or frame.empty for frame in window):
        return None
    if any(frame.brightness < DARK_BELOW and frame.coarse.max() < DARK_PEAK for frame in (window[0], window[-1])):
        return None
    if float(np.abs(step - np.median(step)).mean()) < LEAST_UNEVEN * float(np.abs(step).mean()):
        return None
    inner = np.stack([frame.coarse for frame in window[1:-1]]) - first
    shares = np.tensordot(inner, step, axes=([1, 2], [0, 1])) / float(np.square(step).sum())
    rest = np.abs(inner - shares[:, None, None] * step).mean(axis=(1, 2)) / float(np.abs(step).mean())
    if float(rest.max()) > MOST_RESIDUAL or float(rest.mean()) > MEAN_RESIDUAL:
        return None
    path = np.concatenate([[0.0], shares, [1.0]])
    steps = np.diff(path)
    # A cut makes one large step; a dissolve many, none backwards.
    if float(steps.min()) < -0.08 or float(steps.max()) > 0.6:
        return None
    times = np.array([frame.seconds for frame in window])
    begins = times[int(np.argmax(path > PLATEAU_SHARE))]
    ends = times[len(path) - 1 - int(np.argmax(path[::-1] < 1 - PLATEAU_SHARE))]
    if begins - times[0] < PLATEAU_SECONDS or times[-1] - ends < PLATEAU_SECONDS:
        return None
    index = int(np.argmax(path > 0.5))
    if _contrast(window[index].coarse) > KEPT_CONTRAST * 0.5 * (_contrast(first) + _contrast(last)):
        return None
    below, above = float(path[index - 1]), float(path[index])
    part = 0.5 if above <= below else (0.5 - below) / (above - below)
    middle = float(times[index - 1] + part * (times[index] - times[index - 1]))
    return _Candidate(middle, float(np.abs(step).mean()) * (1.0 - float(rest.mean())))


def _contrast(picture: NDArray[np.float32]) -> float:
    """How much a picture's blocks differ, in levels."""
    return float(picture.std(axis=0).mean())
