"""A video cut into shots, and long shots into windows, while it is being decoded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assistant.core.timeline import Shot, Span, Transition
from assistant.shots.detector import Boundary, ShotDetector

__all__ = ["Boundary", "Segmenter", "ShotDetector"]

# A window is cut off while at least half a window more is left, so that what remains is never a sliver.
_CUT_OFF_WINDOWS = 1.5


class Segmenter:
    """Turns pictures into spans for the models: windows inside shots, in order, without gap or overlap.

    Each window is given as soon as it is certain that no shot boundary lies in it. Afterwards ``shots`` holds the
    shots; both cover ``[0, duration_seconds)``.
    """

    def __init__(self, window_seconds: float, duration_seconds: float, *, min_shot_seconds: float = 0.4) -> None:
        if window_seconds <= 0 or duration_seconds < 0:
            raise ValueError(f"a window of {window_seconds} s in a video of {duration_seconds} s")
        self.shots: list[Shot] = []
        self._window, self._duration = window_seconds, duration_seconds
        self._detector = ShotDetector(min_shot_seconds)
        self._transition: Transition = "start"
        self._shot_start = self._open = 0.0

    def feed(self, pts_seconds: float, thumbnail: NDArray[np.uint8]) -> list[Span]:
        """The windows that this picture makes certain."""
        spans = self._take(self._detector.feed(pts_seconds, thumbnail))
        certain = min(self._detector.certain_until, self._duration)
        while certain - self._open >= _CUT_OFF_WINDOWS * self._window:
            spans.append(self._cut_off())
        return spans

    def finish(self) -> list[Span]:
        """The windows that were still open when the pictures ended."""
        spans = self._take(self._detector.finish())
        spans += self._close(self._duration)
        return spans

    def _take(self, boundaries: list[Boundary]) -> list[Span]:
        spans: list[Span] = []
        for boundary in boundaries:
            if self._shot_start < boundary.seconds < self._duration:
                spans += self._close(boundary.seconds)
                self._transition = boundary.transition
        return spans

    def _close(self, end_seconds: float) -> list[Span]:
        """End the open shot here."""
        spans: list[Span] = []
        while end_seconds - self._open >= _CUT_OFF_WINDOWS * self._window:
            spans.append(self._cut_off())
        if end_seconds > self._open:
            spans.append(Span(self._open, end_seconds))
        if end_seconds > self._shot_start:
            self.shots.append(Shot(Span(self._shot_start, end_seconds), self._transition))
        self._shot_start = self._open = end_seconds
        return spans

    def _cut_off(self) -> Span:
        span = Span(self._open, self._open + self._window)
        self._open = span.end_seconds
        return span
