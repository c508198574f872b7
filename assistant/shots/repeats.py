"""Which windows show again what an earlier one showed, told from small pictures before any model is asked.

Two stretches of video are alike where each frame of the one is like the frame of the other in the same place. The test
is meant to be wrong in one direction only: it takes like for unlike often, and unlike for like never. So it looks at
the block that differs most, not at the mean: a small thing that moves in a large still picture counts.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

BLOCK = 4  # pixels of frames whose shorter edge has 240 or more: a sixtieth of the picture
COARSE = 4  # blocks
# Levels of 255. Noise of a codec in a slide stays at 1, at worst 5; a changing digit of a small clock has 6 and more.
FINE_LEVELS = 5
# What is spread wide is seen by the models although no single block stands out: a picture that slowly grows brighter.
COARSE_LEVELS = 1.5
KEPT = 8  # different windows that a new one is compared with


def shrunk(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of 4 x 4 pixels, uint8 ``[T, H // 4, W // 4, 3]``, of frames uint8 ``[T, H, W, 3]``."""
    if len(frames) > 1 and all(np.array_equal(frames[0], frame) for frame in frames[1:]):
        return np.repeat(shrunk(frames[:1]), len(frames), axis=0)
    height, width = (edge // BLOCK for edge in frames.shape[1:3])
    rows = frames[:, : height * BLOCK, : width * BLOCK].reshape(len(frames), height, BLOCK, width * BLOCK, 3)
    # Slices that are added are several times faster than `sum` over an axis of four.
    down = rows[:, :, 0].astype(np.uint16)
    for index in range(1, BLOCK):
        down += rows[:, :, index]
    columns = down.reshape(len(frames), height, width, BLOCK, 3)
    total = columns[:, :, :, 0] + columns[:, :, :, 1] + columns[:, :, :, 2] + columns[:, :, :, 3]
    return ((total + BLOCK * BLOCK // 2) // (BLOCK * BLOCK)).astype(np.uint8)


def alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether two stacks of small pictures uint8 ``[T, h, w, 3]`` show the same, picture by picture in their order."""
    return one.shape == other.shape and all(_same(a, b) for a, b in zip(one, other, strict=True))


def changed_share(pictures: NDArray[np.uint8]) -> float:
    """The share of a window's blocks in which something changes, 0..1: exactly 0 where all its pictures are alike."""
    middle = pictures[len(pictures) // 2]
    if all(_same(middle, picture) for picture in pictures):
        return 0.0
    apart = pictures.max(axis=0) - pictures.min(axis=0)
    changed = (apart > FINE_LEVELS).any(axis=-1)
    return max(float(changed.mean()), 1.0 / changed.size)


def _same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    if np.array_equal(one, other):
        return True
    apart = np.maximum(one, other) - np.minimum(one, other)
    if int(apart.max(initial=0)) > FINE_LEVELS:
        return False
    height, width = (edge // COARSE * COARSE for edge in one.shape[:2])
    signed = one[:height, :width].astype(np.float32) - other[:height, :width]
    coarse = signed.reshape(height // COARSE, COARSE, width // COARSE, COARSE, 3).mean(axis=(1, 3))
    return bool(np.abs(coarse).max(initial=0.0) <= COARSE_LEVELS)


class Repeats:
    """Remembers the last different windows and finds the one that a new window repeats."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()

    def first_like(self, index: int, pictures: NDArray[np.uint8]) -> int | None:
        """The number of the earlier window that this one repeats, or None; a window that repeats none is remembered.

        It is held against windows that were different themselves, never against one that repeats, so that small
        changes cannot add up unseen.
        """
        for earlier in reversed(self._kept):
            if alike(self._kept[earlier], pictures):
                self._kept.move_to_end(earlier)
                return earlier
        self._kept[index] = pictures
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return None
