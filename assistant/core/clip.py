"""What goes from the decoder to a recogniser: frames with their times, and how a recogniser wants them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
