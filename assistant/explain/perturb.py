"""What is done to a clip in an experiment. Frames are uint8 ``[T, S, S, 3]``, the squares that the model sees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Hidden = NDArray[np.bool_]


def moments(num_frames: int, tubelet: int, most: int) -> list[slice]:
    """The stretches of a clip that are held or shown together: whole tubelets, at most ``most`` stretches."""
    tubelets = num_frames // tubelet
    count = min(most, tubelets)
    edges = [round(index * tubelets / count) * tubelet for index in range(count + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]


def hold_before(frames: Frames, part: slice) -> Frames:
    """The clip in which nothing changes before ``part``: what was there is replaced by the first frame of the part."""
    held = frames.copy()
    held[: part.start] = frames[part.start]
    return held


def hold_after(frames: Frames, part: slice) -> Frames:
    """The clip in which nothing changes after ``part``: what was there is replaced by the last frame of the part."""
    held = frames.copy()
    held[part.stop :] = frames[part.stop - 1]
    return held


def reverse(frames: Frames) -> Frames:
    """The clip played backwards."""
    return np.ascontiguousarray(frames[::-1])


def freeze(frames: Frames) -> Frames:
    """The middle frame, all the time."""
    return np.repeat(frames[len(frames) // 2 : len(frames) // 2 + 1], len(frames), axis=0)


def shuffle(frames: Frames, seed: int = 0) -> Frames:
    """The same frames in an order drawn by ``seed``."""
    order = np.random.default_rng(seed).permutation(len(frames))
    return np.ascontiguousarray(frames[order])


def cover(frames: Frames, hidden: Hidden) -> Frames:
    """The clip with some places covered, in every frame, by the colours around them.

    Args:
        hidden: bool ``[rows, columns]``, True where covered; sizes that divide ``S``.
    """
    if not hidden.any():
        return frames
    rows, columns = hidden.shape
    total, size = len(frames), frames.shape[1]
    tall, wide = size // rows, size // columns
    cells = frames[:, : rows * tall, : columns * wide].reshape(total, rows, tall, columns, wide, 3)
    colors = _spread(cells.mean(axis=(2, 4)), hidden)
    covered = frames.copy()
    for row, column in np.argwhere(hidden):
        # The last row and column also take the pixels that are left over by the division.
        bottom = size if row == rows - 1 else (row + 1) * tall
        right = size if column == columns - 1 else (column + 1) * wide
        patch = colors[:, row, column].astype(np.uint8)[:, None, None]
        covered[:, row * tall : bottom, column * wide : right] = patch
    return covered


def _spread(colors: NDArray[np.floating], hidden: Hidden) -> NDArray[np.floating]:
    """Colours ``[T, rows, columns, 3]`` with hidden cells filled from the seen cells around them, step by step.

    Where everything is hidden, each frame gets its mean colour, in which nothing but its brightness is left.
    """
    if hidden.all():
        return np.broadcast_to(colors.mean(axis=(1, 2), keepdims=True), colors.shape)
    filled, known = np.where(hidden[None, :, :, None], 0.0, colors), ~hidden
    while not known.all():
        padded = np.pad(filled, ((0, 0), (1, 1), (1, 1), (0, 0)))
        weights = np.pad(known.astype(float), 1)
        shifts = [(0, 1), (2, 1), (1, 0), (1, 2), (0, 0), (0, 2), (2, 0), (2, 2)]
        rows, columns = known.shape
        sums = sum(padded[:, y : y + rows, x : x + columns] for y, x in shifts)
        counts = sum(weights[y : y + rows, x : x + columns] for y, x in shifts)
        new = ~known & (counts > 0)
        filled = np.where(new[None, :, :, None], sums / np.maximum(counts, 1)[None, :, :, None], filled)
        known = known | new
    return filled


def windows(rows: int, columns: int) -> list[Hidden]:
    """Every block of 2 x 2 neighbouring places, as a mask of what it hides; small grids give single places."""
    high, wide = min(2, rows - 1) or 1, min(2, columns - 1) or 1
    masks = []
    for row in range(rows - high + 1):
        for column in range(columns - wide + 1):
            mask = np.zeros((rows, columns), bool)
            mask[row : row + high, column : column + wide] = True
            masks.append(mask)
    return masks


def hide_first(order: Sequence[int], count: int, shape: tuple[int, int]) -> Hidden:
    """The mask that hides the first ``count`` places of an order over the flattened grid."""
    mask = np.zeros(shape[0] * shape[1], bool)
    mask[list(order[:count])] = True
    return mask.reshape(shape)
