"""One pass over a video's pictures, and all witnesses of windows fed from it, batch by batch as decoding delivers them.

Decoding runs ahead in a thread of its own through a short queue, so that it and the models overlap and memory stays
flat however long the video is. A window that shows again what an earlier one showed goes to no model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.analyzer import WindowAnalyzer, WindowResult
from assistant.analysis.stages import ResultStage, WindowRecord
from assistant.analysis.windows import Window
from assistant.core.progress import CancelCheck
from assistant.media.frames import jpeg, strip
from assistant.media.prefetch import batches
from assistant.media.sampling import Clip

STRIP_FRAMES = 16
KeepPicture = Callable[[str, bytes], object]


@dataclass(frozen=True)
class Witness:
    """A witness of windows, and where its results are kept.

    Args:
        done: its results of all windows, where an earlier analysis left them; it is not asked then.
        stage: where new results go; None where there is nothing to do.
    """

    analyzer: WindowAnalyzer
    done: Sequence[WindowResult] = ()
    stage: ResultStage | None = None


@dataclass(frozen=True)
class ObservedWindow:
    """One window with what every witness found in it, by kind."""

    record: WindowRecord
    results: Mapping[str, WindowResult]


def observe_windows(
    windows: Iterator[Window],
    witnesses: Sequence[Witness],
    most: int,
    keep_picture: KeepPicture,
    cancelled: CancelCheck,
) -> Iterator[ObservedWindow]:
    """Each window with its results, in order.

    Args:
        witnesses: asked in this order; each is shown what those before it found.
        most: windows that go to them at once.
    """
    found: dict[int, dict[str, WindowResult]] = {}
    for batch in batches(windows, most, cancelled):
        new = [window for window in batch if window.same_as is None]
        found.update({window.index: {} for window in new})
        for witness in witnesses:
            results = _results(witness, batch, new, found)
            for window, result in zip(new, results, strict=True):
                found[window.index][witness.analyzer.kind] = result
        for window in batch:
            own = found[window.index if window.same_as is None else window.same_as]
            for witness in witnesses:
                if witness.stage is not None:
                    witness.stage.add(window.span, own[witness.analyzer.kind])
            yield ObservedWindow(_record(window, own, keep_picture), own)


def _results(
    witness: Witness, batch: Sequence[Window], new: Sequence[Window], found: Mapping[int, Mapping[str, WindowResult]]
) -> Sequence[WindowResult]:
    """What a witness says of the new windows of a batch, from an earlier analysis where that knew the whole batch."""
    if witness.stage is None:
        return [witness.done[window.index] for window in new]
    # A batch of which a part is known is asked about as a whole: its digits belong together.
    if all(witness.stage.knows(window.index, window.span) for window in batch):
        return [witness.stage.known[window.index][1] for window in new]
    if not new:
        return []
    kinds = found[new[0].index]
    return witness.analyzer.observe(new, {kind: [found[window.index][kind] for window in new] for kind in kinds})


def _record(window: Window, results: Mapping[str, WindowResult], keep_picture: KeepPicture) -> WindowRecord:
    offset = next((r.facts["key_seconds"] for r in results.values() if "key_seconds" in r.facts), None)
    seconds, frame = _keyframe(window, offset)
    _keep_pictures(window, frame, keep_picture)
    return WindowRecord(
        span=window.span,
        frame_seconds=tuple(round(float(t), 4) for t in window.clips[0].pts_seconds),
        out_of_protocol=window.out_of_protocol,
        same_as=window.same_as,
        clips=len(window.clips),
        keyframe_seconds=seconds,
    )


def _keyframe(window: Window, offset: float | None) -> tuple[float, NDArray[np.uint8]]:
    """Time and picture of the frame nearest to where a witness wants it, or of the middle one of the even frames."""
    if offset is None:
        middle = len(window.frames.frames) // 2
        return float(window.frames.pts_seconds[middle]), window.frames.frames[middle]
    wanted = window.span.start_seconds + offset
    candidates: tuple[Clip, ...] = (window.frames, *window.clips)
    nearest = [(float(np.abs(clip.pts_seconds - wanted).min()), clip) for clip in candidates]
    clip = min(nearest, key=lambda item: item[0])[1]
    index = int(np.argmin(np.abs(clip.pts_seconds - wanted)))
    return float(clip.pts_seconds[index]), clip.frames[index]


def _keep_pictures(window: Window, key: NDArray[np.uint8], keep_picture: KeepPicture) -> None:
    number = window.index + 1
    keep_picture(f"keyframe-{number}.jpg", jpeg(key))
    frames = window.clips[0].frames
    step = max(1, len(frames) // STRIP_FRAMES)
    keep_picture(f"frames-{number}.jpg", strip(list(frames[::step])[:STRIP_FRAMES]))
