"""How a recogniser wants to be fed, and which frames of a segment it is shown: by presentation time, never by index."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.core.timeline import Span

# A clip may be squeezed to three quarters of its protocol's time before it counts as out of protocol: V-JEPA 2 was
# trained with a stride of whole frames on videos whose own rate varies by about as much.
LEAST_SHARE_OF_PROTOCOL = 0.75


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """How an action recogniser wants to be fed: frames sampled by time, not by index.

    Args:
        num_frames: frames of one clip; even, since V-JEPA 2 reads frames in pairs.
        frames_per_second: at this rate of presentation time.
        size: pixels of the square that the model sees.
    """

    num_frames: int
    frames_per_second: float
    size: int

    @property
    def seconds(self) -> float:
        """How much of the video one clip covers."""
        return self.num_frames / self.frames_per_second


@dataclass(frozen=True)
class Clip:
    """Frames uint8 ``[T, H, W, 3]`` (RGB, upright) with their presentation times float64 ``[T]``; never stored."""

    frames: NDArray[np.uint8]
    pts_seconds: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.shape[3] != 3 or self.frames.dtype != np.uint8:
            raise ValueError(f"a clip needs uint8 [T, H, W, 3], not {self.frames.dtype} {self.frames.shape}")
        if self.pts_seconds.shape != (len(self.frames),):
            raise ValueError(f"{len(self.frames)} frames but times of shape {self.pts_seconds.shape}")


def sample_times(span: Span, count: int) -> list[float]:
    """The centres, in seconds, of ``count`` equal slots of ``span``."""
    slot = span.seconds / count
    return [span.start_seconds + (index + 0.5) * slot for index in range(count)]


def clip_spans(span: Span, spec: ClipSpec, clips: int) -> list[Span]:
    """Where ``clips`` clips of a segment lie, each as long as the protocol says, or as the segment if that is shorter.

    One clip lies in the middle; several are spread evenly from the segment's start to its end.
    """
    length = min(spec.seconds, span.seconds)
    room = span.seconds - length
    shares = [0.5] if clips == 1 else [index / (clips - 1) for index in range(clips)]
    starts = [span.start_seconds + share * room for share in shares]
    return [Span(start, start + length) for start in starts]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How far a clip kept to its recogniser's protocol; ``reason`` is empty where it did."""

    frames_per_second: float
    distinct_frames: int
    reason: str = ""


def judge_protocol(span: Span, spec: ClipSpec, distinct_frames: int) -> Protocol:
    """The rate at which a segment was really sampled, and what to say where that is out of protocol."""
    length = min(spec.seconds, span.seconds)
    rate = distinct_frames / length if length > 0 else 0.0
    if span.seconds < LEAST_SHARE_OF_PROTOCOL * spec.seconds:
        reason = f"lasts {span.seconds:.1f} s, the recogniser expects {spec.seconds:.1f} s"
    elif distinct_frames < LEAST_SHARE_OF_PROTOCOL * spec.num_frames:
        reason = f"only {distinct_frames} different frames for the {spec.num_frames} that the recogniser expects"
    else:
        reason = ""
    return Protocol(rate, distinct_frames, reason)


class FrameBuffer:
    """The last frames of a video, uint8 ``[H, W, 3]`` each, to be asked for by time; old ones are dropped on demand."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self._frames: deque[NDArray[np.uint8]] = deque()

    def add(self, pts_seconds: float, frame: NDArray[np.uint8]) -> None:
        self._times.append(pts_seconds)
        self._frames.append(frame)

    def drop_before(self, seconds: float) -> None:
        """Forget what lies before this time, but for the last frame before it, which is still on screen then."""
        while len(self._times) > 1 and self._times[1] <= seconds:
            self._times.popleft()
            self._frames.popleft()

    def __len__(self) -> int:
        return len(self._times)

    def clip(self, span: Span, times_seconds: list[float]) -> Clip | None:
        """The frames of ``span`` nearest to these times (repeats where there are too few), or None without any."""
        times = list(self._times)
        first, last = bisect_left(times, span.start_seconds - 1e-6), bisect_left(times, span.end_seconds - 1e-6)
        if first == last:  # a segment shorter than a frame: show what is on screen when it starts
            first = max(0, first - 1)
            last = min(len(times), first + 1)
        inside = times[first:last]
        if not inside:
            return None
        picked = [first + _nearest(inside, wanted) for wanted in times_seconds]
        frames = list(self._frames)
        return Clip(np.stack([frames[index] for index in picked]), np.array([times[index] for index in picked]))


def _nearest(times: list[float], wanted: float) -> int:
    """The index of the time nearest to ``wanted``; ``times`` ascend."""
    right = min(bisect_left(times, wanted), len(times) - 1)
    left = max(right - 1, 0)
    return left if wanted - times[left] <= times[right] - wanted else right
