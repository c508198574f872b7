"""One thumbnail and what the shot detector remembers of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BLACK_BELOW, WHITE_ABOVE = 14.0, 241.0  # mean level of an empty picture
EMPTY_DEVIATION = 8.0
CHANGED_LEVELS = 8
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_BLOCK = 4


@dataclass(slots=True)
class FrameFeatures:
    """A thumbnail uint8 ``[36, 64, 3]`` with the lowest and highest values of each pixel's 3 x 3 surroundings.

    ``coarse``: float32 ``[9 x 16, 3]`` means of blocks; ``brightness``: mean luma, 0..255; ``change``: `difference` to
    the frame before; ``empty``: all black or all white.
    """

    seconds: float
    pixels: NDArray[np.uint8]
    lowest: NDArray[np.uint8]
    highest: NDArray[np.uint8]
    coarse: NDArray[np.float32]
    brightness: float
    empty: bool
    change: float = 0.0
    is_cut: bool = False

    @classmethod
    def of(cls, seconds: float, pixels: NDArray[np.uint8], before: FrameFeatures | None) -> FrameFeatures:
        if before is not None and before.pixels is pixels:  # the very picture again
            return replace(before, seconds=seconds, change=0.0, is_cut=False)
        lowest, highest = _surroundings(pixels, np.minimum), _surroundings(pixels, np.maximum)
        coarse = _blocks(pixels)
        luma = coarse @ _LUMA
        brightness = float(luma.mean())
        extreme = brightness < BLACK_BELOW or brightness > WHITE_ABOVE
        empty = extreme and float(luma.std()) < EMPTY_DEVIATION
        frame = cls(seconds, pixels, lowest, highest, coarse, brightness, empty)
        if before is not None:
            frame.change = difference(before, frame)
        return frame


def difference(one: FrameFeatures, other: FrameFeatures) -> float:
    """How far two pictures differ beyond what motion by one thumbnail pixel explains; mean level, 0..255, symmetric."""
    return 0.5 * (_outside(one, other) + _outside(other, one))


def changed_share(one: FrameFeatures, other: FrameFeatures) -> float:
    """The share of the blocks in which something differs clearly and beyond motion."""
    excess = np.maximum(_excess(one, other), _excess(other, one)).max(axis=2) > CHANGED_LEVELS
    height, width = excess.shape
    blocks = excess.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).any(axis=(1, 3))
    return float(blocks.mean())


def colour_distance(one: FrameFeatures, other: FrameFeatures) -> float:
    """How far the colours of two pictures differ, wherever in them they are; mean level, 0..255, symmetric.

    The one-dimensional earth mover's distance of each channel's values: what moves about changes it little.
    """
    first, second = (np.sort(frame.pixels.reshape(-1, 3), axis=0).astype(np.float32) for frame in (one, other))
    return float(np.abs(first - second).mean())


def _excess(frame: FrameFeatures, bounds: FrameFeatures) -> NDArray[np.uint8]:
    """How far each value lies outside the range of the other's surroundings."""
    # Unsigned differences cannot be negative: compare against the clipped value instead of subtracting first.
    inside = np.minimum(np.maximum(frame.pixels, bounds.lowest), bounds.highest)
    return np.maximum(frame.pixels, inside) - np.minimum(frame.pixels, inside)


def _outside(frame: FrameFeatures, bounds: FrameFeatures) -> float:
    """The mean of `_excess`."""
    apart = _excess(frame, bounds)
    # A product with ones is several times faster than a sum over bytes.
    flat = apart.ravel().astype(np.float32)
    return float(flat @ _ones(flat.size)) / flat.size


def _blocks(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Means of 4 x 4 pixels, float32 ``[blocks, 3]``: two small products are much faster than `mean` over two axes."""
    height, width = pixels.shape[:2]
    down, across = _pooling(height, width)
    rows = pixels.reshape(height, width * 3).astype(np.float32)
    means: NDArray[np.float32] = np.matmul(np.matmul(down, rows), across)
    return means.reshape(-1, 3)


@lru_cache(maxsize=4)
def _pooling(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Matrices that average rows, and columns of interleaved channels, by blocks."""
    down = np.kron(np.eye(height // _BLOCK), np.full((1, _BLOCK), 1 / _BLOCK))
    across = np.kron(np.eye(width // _BLOCK), np.kron(np.full((_BLOCK, 1), 1 / _BLOCK), np.eye(3)))
    return down.astype(np.float32), across.astype(np.float32)


@lru_cache(maxsize=4)
def _ones(count: int) -> NDArray[np.float32]:
    return np.ones(count, dtype=np.float32)


def _surroundings(pixels: NDArray[np.uint8], extreme: np.ufunc) -> NDArray[np.uint8]:
    """The extreme of each pixel and its eight neighbours."""
    rows = pixels.copy()
    extreme(rows[1:], pixels[:-1], out=rows[1:])
    extreme(rows[:-1], pixels[1:], out=rows[:-1])
    both = rows.copy()
    extreme(both[:, 1:], rows[:, :-1], out=both[:, 1:])
    extreme(both[:, :-1], rows[:, 1:], out=both[:, :-1])
    return both
