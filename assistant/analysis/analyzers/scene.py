"""Scene: how like each other the frames of a window and any text are, by an image-text encoder such as CLIP.

Where work is saved, it is shown the frames between which the recogniser's features change: V-JEPA 2 has read the
window before. How far its features move from one pair of frames to the next says where something happens, and there
CLIP looks, where little of the picture changes and a frame less will do. Where much changes it sees as many as the
settings say, spread evenly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.analyzer import AnalysisContext, WindowResult
from assistant.analysis.windows import Window
from assistant.core.documents import Json
from assistant.media.sampling import Clip

VERSION = "3"  # to be raised with every change of which frames are encoded, or how
# Share of the picture's blocks that change within a window -> frames that are enough.
FEW_FRAMES = ((0.0, 1), (0.05, 3))
EVEN_SHARE = 0.5  # of the way between the first frame and the last is even, whatever the features say


class SceneAnalyzer:
    """Results: ``frames`` ``[frames, D]``, unit vectors; ``key_seconds``, from the window's start to its best frame."""

    kind = "scene"

    def __init__(self, context: AnalysisContext) -> None:
        self._context = context

    def key(self) -> Json:
        models, saving = self._context.models, self._context.settings.compute.save_work
        return {
            "model": list(models.identity("descriptions")),
            # Without saving no recogniser has a say in which frames are encoded.
            "chosen_by": list(models.identity("actions")) if saving else None,
            "version": VERSION,
        }

    def frame_size(self) -> int:
        return self._context.models.image_text_encoder().frame_size

    def about(self) -> Json:
        return {}

    def observe(self, windows: Sequence[Window], found: Mapping[str, Sequence[WindowResult]]) -> Sequence[WindowResult]:
        saving, actions = self._context.settings.compute.save_work, found.get("actions")
        clips, chosen = [], []
        for index, window in enumerate(windows):
            clip, indices = _frames_of(window, actions[index] if actions else None, saving)
            clips.append(clip)
            chosen.append(indices)
        frames = [clip.frames[indices] for clip, indices in zip(clips, chosen, strict=True)]
        vectors = self._context.models.image_text_encoder().embed_frames(np.concatenate(frames))
        parts = np.split(vectors, np.cumsum([len(part) for part in frames])[:-1])
        results = []
        for window, clip, indices, part in zip(windows, clips, chosen, parts, strict=True):
            seconds = float(clip.pts_seconds[indices[_medoid(part)]]) - window.span.start_seconds
            results.append(WindowResult({"frames": part}, {"key_seconds": seconds}))
        return results


def _frames_of(window: Window, actions: WindowResult | None, saving: bool) -> tuple[Clip, list[int]]:
    """The frames of which some are encoded, and the indices of those."""
    most = len(window.frames.frames)
    count = frames_wanted(window.changed_share, most) if saving else most
    if count == most:
        return window.frames, list(range(most))
    if actions is None:
        return window.frames, chosen_frames(np.zeros(0, np.float32), most, count, most)
    # Those that the recogniser has seen, since its features are known of them.
    clip = Clip(
        np.concatenate([clip.frames for clip in window.clips]),
        np.concatenate([clip.pts_seconds for clip in window.clips]),
    )
    changes = actions.arrays.get("changes", np.zeros((1, 0), np.float32))
    # Nothing is known of what lies between two clips, so no step leads from one to the next.
    steps = np.pad(changes, ((0, 0), (0, 1))).ravel()[:-1]
    return clip, chosen_frames(steps, len(clip.frames), count, most)


def _medoid(vectors: NDArray[np.float32]) -> int:
    """The frame that is most like the others."""
    return int(np.argmax(vectors @ vectors.mean(axis=0)))


def frames_wanted(changed_share: float, most: int) -> int:
    """How many frames are worth encoding, 1 to ``most``, where this share of the picture changes."""
    return next((min(most, frames) for share, frames in FEW_FRAMES if changed_share <= share), most)


def chosen_frames(changes: NDArray[np.float32], frames: int, count: int, most: int = 0) -> list[int]:
    """The indices of ``count`` of a clip's frames, ascending: at equal steps of the features' way through the clip.

    From three frames on, the first and the last lie where those of ``most`` even frames would: what is to be seen for a
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
