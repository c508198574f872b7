"""The visual stage of one video as a whole, and how it lies in the library."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.visual import Sight
from assistant.core.documents import Json
from assistant.core.timeline import Shot, Span, Video
from assistant.store import Library

SOUND_ONLY_WINDOW_SECONDS = 10.0
STORED_EVERY_SECONDS = 20.0


@dataclass(frozen=True)
class Sights:
    """The visual stage of one video: its shots, and what the models said of each window."""

    shots: tuple[Shot, ...]
    sights: tuple[Sight, ...]
    labels: tuple[str, ...]
    none_below: float


def sound_only(video: Video) -> Sights:
    """Windows of equal length over a file that has no picture."""
    total = video.duration_seconds
    count = max(1, round(total / SOUND_ONLY_WINDOW_SECONDS))
    ends = [total * (index + 1) / count for index in range(count)]
    spans = [Span(start, end) for start, end in zip([0.0, *ends[:-1]], ends, strict=True)]
    return Sights(
        shots=(Shot(Span(0.0, total), "start"),),
        sights=tuple(Sight(span, None, None, None, None, (), "") for span in spans),
        labels=(),
        none_below=0.0,
    )


class Growing:
    """The visual stage while it is made: stored now and then, since with large models an hour may lie in it.

    Args:
        key: the stage's; what an analysis that was stopped left under it is ``known``.
    """

    def __init__(self, library: Library, key: str, labels: Sequence[str], none_below: float) -> None:
        self._library, self._key = library, key
        self._labels, self._none_below = tuple(labels), none_below
        self._sights: list[Sight] = []
        self.known = _load_beginning(library, key)
        self._stored, self._stored_at = len(self.known), time.monotonic()

    def add(self, sight: Sight) -> None:
        """Take the next window's result, and store all so far where that is due."""
        self._sights.append(sight)
        if time.monotonic() - self._stored_at >= STORED_EVERY_SECONDS:
            self.store()

    def store(self) -> None:
        """Store all so far, unless that much is stored already."""
        if len(self._sights) > self._stored:
            save_sights(self._library, self._key, self.whole(()), complete=False)
            self._stored = len(self._sights)
        self._stored_at = time.monotonic()

    def whole(self, shots: Sequence[Shot]) -> Sights:
        """The stage as it is now."""
        return Sights(tuple(shots), tuple(self._sights), self._labels, self._none_below)


def save_sights(library: Library, key: str, sights: Sights, *, complete: bool = True) -> None:
    """Store the stage; the looks of all windows lie in one array, one behind the other, those that are shared once.

    Args:
        complete: False while windows are still to come; what is stored is then the stage's beginning.
    """
    items = sights.sights
    arrays: dict[str, NDArray[np.float32]] = {}
    for name in ("action_scores", "action_embedding"):
        parts = [getattr(item, name) for item in items]
        if parts and all(part is not None for part in parts):
            arrays[name] = np.stack(parts).astype(np.float32)
    looks = [None if item.same_as is not None else item.look_embeddings for item in items]
    present = [part for part in looks if part is not None]
    if present:
        arrays["look_embeddings"] = np.concatenate(present).astype(np.float32)
    library.save_arrays(key, arrays)
    library.save_stage(
        key,
        {
            "complete": complete,
            "shots": [[s.span.start_seconds, s.span.end_seconds, s.transition] for s in sights.shots],
            "labels": list(sights.labels),
            "none_below": sights.none_below,
            "windows": [
                {
                    "span": [item.span.start_seconds, item.span.end_seconds],
                    "keyframe_seconds": item.keyframe_seconds,
                    "frame_seconds": list(item.frame_seconds),
                    "out_of_protocol": item.out_of_protocol,
                    "same_as": item.same_as,
                    "clips": item.clips,
                    "tokens": [item.tokens, item.tokens_without],
                    "looks": 0 if own is None else len(own),
                }
                for item, own in zip(items, looks, strict=True)
            ],
        },
    )


def load_sights(library: Library, key: str) -> Sights | None:
    """The stored stage, or None where it is not there, not complete or damaged."""
    document = library.load_stage(key)
    return _sights(library, key, document) if document is not None and document.get("complete", True) else None


def _load_beginning(library: Library, key: str) -> tuple[Sight, ...]:
    """The windows that an analysis finished before it was stopped; none where it never began."""
    document = library.load_stage(key)
    sights = _sights(library, key, document) if document is not None else None
    return sights.sights if sights is not None else ()


def _sights(library: Library, key: str, document: Json) -> Sights | None:
    arrays = library.load_arrays(key)
    if arrays is None:
        return None
    windows = document["windows"]
    looks = _looks(windows, arrays.get("look_embeddings"))

    def row(name: str, index: int) -> NDArray[np.float32] | None:
        return arrays[name][index] if name in arrays else None

    return Sights(
        shots=tuple(Shot(Span(start, end), transition) for start, end, transition in document["shots"]),
        sights=tuple(
            Sight(
                Span(*item["span"]),
                row("action_scores", index),
                row("action_embedding", index),
                looks[index],
                item["keyframe_seconds"],
                tuple(item["frame_seconds"]),
                item["out_of_protocol"],
                item["same_as"],
                item["clips"],
                *item["tokens"],
            )
            for index, item in enumerate(windows)
        ),
        labels=tuple(document["labels"]),
        none_below=document["none_below"],
    )


def look_vectors_of(library: Library, key: str) -> list[NDArray[np.float32]] | None:
    """Unit vectors of each window's looked-at frames, float32 ``[frames, D]``, or None where they are not kept."""
    sights = load_sights(library, key)
    found = [sight.look_embeddings for sight in sights.sights] if sights is not None else []
    vectors = [part for part in found if part is not None]
    return vectors if vectors and len(vectors) == len(found) else None


def _looks(windows: list[Json], stored: NDArray[np.float32] | None) -> list[NDArray[np.float32] | None]:
    """Each window's own rows, or those of the window that it repeats.

    The arrays are stored before the document: an analysis that was stopped between the two left rows of later windows.
    """
    if stored is None:
        return [None] * len(windows)
    parts: list[NDArray[np.float32]] = np.split(stored, np.cumsum([item["looks"] for item in windows]))
    return [parts[index if item["same_as"] is None else item["same_as"]] for index, item in enumerate(windows)]
