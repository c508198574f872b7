"""The visual half of an analysis: pictures become windows, windows become what the two visual models say of them.

Decoding runs ahead in a thread of its own through a short queue, so that it and the models overlap and memory stays
flat however long the video is.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant import errors, pictures
from assistant.clip import Clip, ClipSpec
from assistant.models.seams import ActionRecognizer, Cancelled, Describer
from assistant.sampling import FrameBuffer, clip_spans, judge_protocol, sample_times
from assistant.segmentation import Segmenter
from assistant.timeline import Shot, Span
from assistant.video import Picture

logger = logging.getLogger(__name__)

QUEUED_WINDOWS = 4
STRIP_FRAMES = 16


@dataclass(frozen=True)
class Window:
    """One segment's frames on their way to the models: clips for the recogniser, looks for the describer."""

    index: int
    span: Span
    clips: tuple[Clip, ...]
    looks: Clip
    out_of_protocol: str


@dataclass(frozen=True)
class Sight:
    """What is kept of one window. Arrays are None where that model did not run.

    Args:
        action_scores: softmax over all labels, float32 ``[labels]``.
        action_embedding: float32 ``[D]``.
        look_embeddings: unit vectors of the looked-at frames, float32 ``[frames, D]``.
        keyframe_seconds: the frame nearest to the mean of the others.
        frame_seconds: the frames that the recogniser saw.
    """

    span: Span
    action_scores: NDArray[np.float32] | None
    action_embedding: NDArray[np.float32] | None
    look_embeddings: NDArray[np.float32] | None
    keyframe_seconds: float | None
    frame_seconds: tuple[float, ...]
    out_of_protocol: str


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """How windows are cut and sampled; belongs to the recogniser's protocol and the settings."""

    spec: ClipSpec
    clips: int
    looks: int
    min_shot_seconds: float
    window_seconds: float

    @property
    def frame_rate(self) -> float:
        """Frames kept for each second of video: three times what a clip needs, so the nearest is near enough."""
        return 3.0 * self.spec.frames_per_second


class Windows:
    """Turns a stream of pictures into windows; afterwards ``shots`` holds the shots."""

    def __init__(self, plan: WindowPlan, duration_seconds: float) -> None:
        self._plan = plan
        self._segmenter = Segmenter(plan.window_seconds, duration_seconds, min_shot_seconds=plan.min_shot_seconds)
        self._buffer = FrameBuffer()
        self._count = 0

    @property
    def shots(self) -> tuple[Shot, ...]:
        return tuple(self._segmenter.shots)

    def of(self, stream: Iterable[Picture], seen: Callable[[float], None]) -> Iterator[Window]:
        """Windows as soon as they are certain; ``seen`` is told how far decoding is, in seconds."""
        last_seconds = 0.0
        for picture in stream:
            if picture.frame is not None:
                self._buffer.add(picture.pts_seconds, picture.frame)
            for span in self._segmenter.feed(picture.pts_seconds, picture.thumbnail):
                yield from self._window(span)
            if picture.pts_seconds - last_seconds >= 0.5:
                last_seconds = picture.pts_seconds
                seen(last_seconds)
        for span in self._segmenter.finish():
            yield from self._window(span)

    def _window(self, span: Span) -> Iterator[Window]:
        plan = self._plan
        clips = []
        for part in clip_spans(span, plan.spec, plan.clips):
            clip = self._buffer.clip(part, sample_times(part, plan.spec.num_frames))
            if clip is not None:
                clips.append(clip)
        looks = self._buffer.clip(span, sample_times(span, plan.looks))
        self._buffer.drop_before(span.end_seconds)
        if not clips or looks is None:
            return
        distinct = len(set(clips[0].pts_seconds.tolist()))
        protocol = judge_protocol(span, plan.spec, distinct)
        yield Window(self._count, span, tuple(clips), looks, protocol.reason)
        self._count += 1


@dataclass(frozen=True)
class Watchers:
    """The models that look; None where its result is already there."""

    recognizer: ActionRecognizer | None
    describer: Describer | None
    views: int = 1
    batch: int = 8


def watch(
    windows: Iterator[Window],
    watchers: Watchers,
    keep_picture: Callable[[str, bytes], object],
    cancelled: Cancelled,
) -> Iterator[tuple[Window, Sight]]:
    """What the models say of each window, in order, batch by batch as decoding delivers them."""
    for batch in _ahead(windows, watchers.batch, cancelled):
        recognitions = (
            watchers.recognizer.recognize([window.clips for window in batch], views=watchers.views)
            if watchers.recognizer
            else None
        )
        embeddings = _embed(watchers.describer, batch) if watchers.describer else None
        for position, window in enumerate(batch):
            recognition = recognitions[position] if recognitions else None
            looks = embeddings[position] if embeddings else None
            key = _keyframe(looks, len(window.looks.frames))
            _keep_pictures(window, key, keep_picture)
            yield (
                window,
                Sight(
                    window.span,
                    recognition.probabilities if recognition else None,
                    recognition.embedding if recognition else None,
                    looks,
                    float(window.looks.pts_seconds[key]),
                    tuple(round(float(t), 4) for t in window.clips[0].pts_seconds),
                    window.out_of_protocol,
                ),
            )


def _embed(describer: Describer, batch: Sequence[Window]) -> list[NDArray[np.float32]]:
    vectors = describer.embed_frames(np.concatenate([window.looks.frames for window in batch]))
    ends = np.cumsum([len(window.looks.frames) for window in batch])
    return list(np.split(vectors, ends[:-1]))


def _keyframe(looks: NDArray[np.float32] | None, count: int) -> int:
    """The look that is most like the others: the medoid of the unit vectors, or the middle one without them."""
    if looks is None:
        return count // 2
    return int(np.argmax(looks @ looks.mean(axis=0)))


def _keep_pictures(window: Window, key: int, keep_picture: Callable[[str, bytes], object]) -> None:
    number = window.index + 1
    keep_picture(f"keyframe-{number}.jpg", pictures.jpeg(window.looks.frames[key]))
    frames = window.clips[0].frames
    step = max(1, len(frames) // STRIP_FRAMES)
    keep_picture(f"frames-{number}.jpg", pictures.strip(list(frames[::step])[:STRIP_FRAMES]))


class _End:
    """What the decoding thread puts last: nothing, or the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Decoding:
    """A thread that decodes ahead into a short queue."""

    def __init__(self, windows: Iterator[Window], room: int) -> None:
        self._windows = windows
        self._ready: queue.Queue[Window | _End] = queue.Queue(maxsize=room)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for window in self._windows:
                if not self._put(window):
                    return
        except BaseException as caught:  # handed to the thread that waits for windows
            error = caught
        self._put(_End(error))

    def _put(self, item: Window | _End) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def batch(self, most: int) -> tuple[list[Window], _End | None]:
        """The windows that are ready, at least one unless decoding has ended."""
        batch: list[Window] = []
        item = self._ready.get()
        while True:
            if isinstance(item, _End):
                return batch, item
            batch.append(item)
            if len(batch) >= most:
                return batch, None
            try:
                item = self._ready.get_nowait()
            except queue.Empty:
                return batch, None

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10.0)


def _ahead(windows: Iterator[Window], most: int, cancelled: Cancelled) -> Iterator[list[Window]]:
    """Batches of the windows that are ready; raises what ended the decoding, if it was an error."""
    decoding = _Decoding(windows, max(QUEUED_WINDOWS, most))
    try:
        ended: _End | None = None
        while ended is None:
            batch, ended = decoding.batch(most)
            if cancelled():
                raise errors.Cancelled
            if batch:
                yield batch
        if ended.error is not None:
            raise ended.error
    finally:
        decoding.close()
