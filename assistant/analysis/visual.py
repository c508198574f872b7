"""The visual half of an analysis: pictures become windows, windows become what the two visual models say of them.

Decoding runs ahead in a thread of its own through a short queue, so that it and the models overlap and memory stays
flat however long the video is. Where work is saved, a window that shows again what an earlier one showed goes to no
model, and the image-text encoder looks only at the frames that tell most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.frame_selection import informative, looks_wanted
from assistant.core.clip import Clip, ClipSpec
from assistant.core.progress import CancelCheck
from assistant.core.timeline import Shot, Span
from assistant.media import pictures
from assistant.media.prefetch import batches
from assistant.media.sampling import FrameBuffer, clip_spans, judge_protocol, sample_times
from assistant.media.video import Picture
from assistant.models.protocols import ActionRecognizer, ImageTextEncoder, Recognition
from assistant.shots.repeats import Repeats, changed_share, shrunk
from assistant.shots.windows import Segmenter

STRIP_FRAMES = 16


@dataclass(frozen=True)
class Window:
    """One segment's frames on their way to the models.

    Args:
        clips: for the recogniser.
        looks: for the image-text encoder, evenly spread over the segment.
        same_as: index of the earlier window that it shows again; None too where nobody compared.
        changed_share: share of the picture's blocks that change within it, 1 where nobody compared.
    """

    index: int
    span: Span
    clips: tuple[Clip, ...]
    looks: Clip
    out_of_protocol: str
    same_as: int | None = None
    changed_share: float = 1.0


@dataclass(frozen=True)
class Sight:
    """What is kept of one window. Arrays are None where that model did not run.

    Args:
        action_scores: softmax over all labels, float32 ``[labels]``.
        action_embedding: float32 ``[D]``.
        look_embeddings: unit vectors of the looked-at frames, float32 ``[frames, D]``.
        keyframe_seconds: the frame nearest to the mean of the others.
        frame_seconds: the frames that the recogniser saw, or would have seen.
        same_as: index of the earlier window whose result this one shares; its arrays are that window's.
        clips: how many clips the window has.
        tokens: how many of the recogniser's tokens were computed for it, and would have been without saving.
    """

    span: Span
    action_scores: NDArray[np.float32] | None
    action_embedding: NDArray[np.float32] | None
    look_embeddings: NDArray[np.float32] | None
    keyframe_seconds: float | None
    frame_seconds: tuple[float, ...]
    out_of_protocol: str
    same_as: int | None = None
    clips: int = 0
    tokens: int = 0
    tokens_without: int = 0


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """How windows are cut, sampled and compared; belongs to the recogniser's protocol and the settings."""

    spec: ClipSpec
    clips: int
    looks: int
    min_shot_seconds: float
    window_seconds: float
    save_work: bool = True

    @property
    def frame_rate(self) -> float:
        """Frames kept for each second of video: three times what a clip needs, so the nearest is near enough."""
        return 3.0 * self.spec.frames_per_second

    def window_bytes(self, frame_size: int, aspect: float) -> int:
        """About how much the frames of one window take, whose shorter edge has ``frame_size`` pixels."""
        frame = 3 * frame_size**2 * min(6.0, max(aspect, 1.0 / aspect))
        return round((self.clips * self.spec.num_frames + self.looks) * frame)


class Windows:
    """Turns a stream of pictures into windows; afterwards ``shots`` holds the shots."""

    def __init__(self, plan: WindowPlan, duration_seconds: float) -> None:
        self._plan = plan
        self._segmenter = Segmenter(plan.window_seconds, duration_seconds, min_shot_seconds=plan.min_shot_seconds)
        self._buffer = FrameBuffer()
        self._repeats = Repeats()
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
        same_as, changed = None, 1.0
        if plan.save_work:
            small = np.concatenate([shrunk(clip.frames) for clip in (*clips, looks)])
            same_as, changed = self._repeats.first_like(self._count, small), changed_share(small)
        yield Window(self._count, span, tuple(clips), looks, protocol.reason, same_as, changed)
        self._count += 1


@dataclass(frozen=True)
class Watchers:
    """The models that look; None where its result is not wanted. ``batch``: most windows that go to them at once."""

    recognizer: ActionRecognizer | None
    image_text_encoder: ImageTextEncoder | None
    views: int = 1
    batch: int = 8
    save_work: bool = True


@dataclass(frozen=True)
class _Found:
    """What the models said of a window that was not like any before; its best picture, in seconds from its start."""

    scores: NDArray[np.float32] | None
    embedding: NDArray[np.float32] | None
    looks: NDArray[np.float32] | None
    key_seconds: float
    tokens: int = 0
    tokens_without: int = 0


def watch(
    windows: Iterator[Window],
    watchers: Watchers,
    keep_picture: Callable[[str, bytes], object],
    cancelled: CancelCheck,
    known: Sequence[Sight] = (),
) -> Iterator[tuple[Window, Sight]]:
    """What the models say of each window, in order, batch by batch as decoding delivers them.

    Args:
        known: what an earlier analysis of the same file said of its first windows; no model is asked about them again.
    """
    found: dict[int, _Found] = {}
    for batch in batches(windows, watchers.batch, cancelled):
        new = [window for window in batch if window.same_as is None]
        # A batch of which a part is known is asked about as a whole: its digits belong together.
        if all(_is_known(window, known) for window in batch):
            found.update((window.index, _from(known[window.index])) for window in new)
        else:
            found.update(_look_at(new, watchers))
        for window in batch:
            own = found[window.index if window.same_as is None else window.same_as]
            shown = _candidates(window, watchers)
            key = int(np.argmin(np.abs(shown.pts_seconds - (window.span.start_seconds + own.key_seconds))))
            _keep_pictures(window, shown.frames[key], keep_picture)
            yield (
                window,
                Sight(
                    window.span,
                    own.scores,
                    own.embedding,
                    own.looks,
                    float(shown.pts_seconds[key]),
                    tuple(round(float(t), 4) for t in window.clips[0].pts_seconds),
                    window.out_of_protocol,
                    window.same_as,
                    len(window.clips),
                    own.tokens,
                    own.tokens_without,
                ),
            )


def _look_at(windows: Sequence[Window], watchers: Watchers) -> Iterator[tuple[int, _Found]]:
    """What both models say of these windows: first the recogniser, whose features choose what the encoder sees."""
    if not windows:
        return
    recognitions: Sequence[Recognition | None] = [None] * len(windows)
    if watchers.recognizer is not None:
        recognitions = watchers.recognizer.recognize(
            [window.clips for window in windows], views=watchers.views, save_work=watchers.save_work
        )
    candidates = [_candidates(window, watchers) for window in windows]
    chosen = [
        _chosen(window, len(shown.frames), recognition, watchers)
        for window, shown, recognition in zip(windows, candidates, recognitions, strict=True)
    ]
    looks: Sequence[NDArray[np.float32] | None] = [None] * len(windows)
    if watchers.image_text_encoder is not None:
        frames = [shown.frames[indices] for shown, indices in zip(candidates, chosen, strict=True)]
        vectors = watchers.image_text_encoder.embed_frames(np.concatenate(frames))
        looks = np.split(vectors, np.cumsum([len(part) for part in frames])[:-1])
    for index, window in enumerate(windows):
        recognition, vectors_of = recognitions[index], looks[index]
        scores = recognition.probabilities if recognition else None
        embedding = recognition.embedding if recognition else None
        key = chosen[index][_keyframe(vectors_of, len(chosen[index]))]
        seconds = float(candidates[index].pts_seconds[key]) - window.span.start_seconds
        tokens = (recognition.tokens, recognition.tokens_without) if recognition else (0, 0)
        yield window.index, _Found(scores, embedding, vectors_of, seconds, *tokens)


def _is_known(window: Window, known: Sequence[Sight]) -> bool:
    return window.index < len(known) and known[window.index].span == window.span


def _from(sight: Sight) -> _Found:
    """What an earlier analysis found in this window."""
    assert sight.keyframe_seconds is not None
    seconds = sight.keyframe_seconds - sight.span.start_seconds
    return _Found(
        sight.action_scores,
        sight.action_embedding,
        sight.look_embeddings,
        seconds,
        sight.tokens,
        sight.tokens_without,
    )


def _looks(window: Window, watchers: Watchers) -> int:
    """How many frames of it the image-text encoder sees."""
    most = len(window.looks.frames)
    return looks_wanted(window.changed_share, most) if watchers.save_work else most


def _candidates(window: Window, watchers: Watchers) -> Clip:
    """The frames of which the encoder sees some: those that the recogniser has seen, where few of them will do."""
    if watchers.recognizer is None or _looks(window, watchers) == len(window.looks.frames):
        return window.looks
    if len(window.clips) == 1:
        return window.clips[0]
    return Clip(
        np.concatenate([clip.frames for clip in window.clips]),
        np.concatenate([clip.pts_seconds for clip in window.clips]),
    )


def _chosen(window: Window, frames: int, recognition: Recognition | None, watchers: Watchers) -> list[int]:
    """The indices of the candidates that the image-text encoder sees."""
    count = _looks(window, watchers)
    if count == len(window.looks.frames):
        return list(range(count))
    changes = np.zeros(0, np.float32)
    if recognition is not None and recognition.changes is not None:
        # Nothing is known of what lies between two clips, so no step leads from one to the next.
        changes = np.pad(recognition.changes, ((0, 0), (0, 1))).ravel()[:-1]
    return informative(changes, frames, count, len(window.looks.frames))


def _keyframe(looks: NDArray[np.float32] | None, count: int) -> int:
    """The look that is most like the others: the medoid of the unit vectors, or the middle one without them."""
    if looks is None:
        return count // 2
    return int(np.argmax(looks @ looks.mean(axis=0)))


def _keep_pictures(window: Window, key: NDArray[np.uint8], keep_picture: Callable[[str, bytes], object]) -> None:
    number = window.index + 1
    keep_picture(f"keyframe-{number}.jpg", pictures.jpeg(key))
    frames = window.clips[0].frames
    step = max(1, len(frames) // STRIP_FRAMES)
    keep_picture(f"frames-{number}.jpg", pictures.strip(list(frames[::step])[:STRIP_FRAMES]))
