"""Which frames of a window the image-text encoder looks at: those between which the recogniser's features change.

V-JEPA 2 has read the window's frames before CLIP does. How far its features move from one pair of frames to the next
says where something happens, and there CLIP looks, where little of the picture changes and a look less will do. Where
much changes it looks as often as the settings say, spread evenly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Share of the picture's blocks that change within a window -> looks that are enough.
FEW_LOOKS = ((0.0, 1), (0.05, 3))
EVEN_SHARE = 0.5  # of the way between the first look and the last is even, whatever the features say


def looks_wanted(changed_share: float, most: int) -> int:
    """How many frames are worth looking at, 1 to ``most``, where this share of the picture changes."""
    return next((min(most, looks) for share, looks in FEW_LOOKS if changed_share <= share), most)


def informative(changes: NDArray[np.float32], frames: int, count: int, most: int = 0) -> list[int]:
    """The indices of ``count`` of a clip's frames, ascending: at equal steps of the features' way through the clip.

    From three looks on, the first and the last lie where those of ``most`` even looks would: what is to be seen for a
    moment only is then as sure to be seen as without a choice, wherever the features put the change.

    Args:
        changes: float32 ``[steps]``, how far the features move from one group of frames to the next, >= 0. Without
            any change, or without steps, the frames lie evenly.
        frames: how many the clip has; each group has ``frames / (steps + 1)`` of them.
        most: at least ``count``, which stands for it otherwise.
    """
    steps, total = len(changes), float(changes.sum())
    way = edges = np.arange(frames + 1) / frames
    if total > 0.0:
        # The change between two groups happens between their middles.
        middles = (np.arange(steps + 1) + 0.5) / (steps + 1)
        moved = np.concatenate([[0.0], np.cumsum(changes, dtype=np.float64)]) / total
        way = EVEN_SHARE * edges + (1.0 - EVEN_SHARE) * np.interp(edges, middles, moved)
    wanted = (np.arange(count) + 0.5) / count
    if count >= 3:
        margin = 0.5 / max(most, count)
        first, last = (int(share * frames) for share in (margin, 1.0 - margin))
        wanted = np.linspace((way[first] + way[first + 1]) / 2, (way[last] + way[last + 1]) / 2, count)
    return [min(frames - 1, int(index)) for index in np.searchsorted(way, wanted, side="right") - 1]
