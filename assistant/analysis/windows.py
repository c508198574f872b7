"""A stream of pictures becomes windows: one segment's frames each, as the visual models want to be fed.

Where work is saved, each window is compared with those before it, and told how much of its picture changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from assistant.config import Settings
from assistant.core.timeline import Shot, Span
from assistant.media.sampling import Clip, ClipSpec, FrameBuffer, clip_spans, judge_protocol, sample_times
from assistant.media.video import Picture
from assistant.shots.repeats import Repeats, changed_share, shrunk
from assistant.shots.windows import Segmenter


@dataclass(frozen=True)
class Window:
    """One segment's frames on their way to the models.

    Args:
        clips: for the recogniser.
        frames: evenly spread over the segment, for whoever reads single frames.
        same_as: index of the earlier window that it shows again; None too where nobody compared.
        changed_share: share of the picture's blocks that change within it, 1 where nobody compared.
    """

    index: int
    span: Span
    clips: tuple[Clip, ...]
    frames: Clip
    out_of_protocol: str
    same_as: int | None = None
    changed_share: float = 1.0


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """How windows are cut, sampled and compared; belongs to the recogniser's protocol and the settings.

    ``clips`` of the recogniser and ``frames`` for readers of single frames are taken from each window.
    """

    spec: ClipSpec
    clips: int
    frames: int
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
        return round((self.clips * self.spec.num_frames + self.frames) * frame)


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
        frames = self._buffer.clip(span, sample_times(span, plan.frames))
        self._buffer.drop_before(span.end_seconds)
        if not clips or frames is None:
            return
        distinct = len(set(clips[0].pts_seconds.tolist()))
        protocol = judge_protocol(span, plan.spec, distinct)
        same_as, changed = None, 1.0
        if plan.save_work:
            small = np.concatenate([shrunk(clip.frames) for clip in (*clips, frames)])
            same_as, changed = self._repeats.first_like(self._count, small), changed_share(small)
        yield Window(self._count, span, tuple(clips), frames, protocol.reason, same_as, changed)
        self._count += 1


def window_plan(settings: Settings, spec: ClipSpec) -> WindowPlan:
    """How windows are cut and sampled for a recogniser that wants to be fed as ``spec`` says."""
    return WindowPlan(
        spec=spec,
        clips=settings.actions.clips,
        frames=settings.descriptions.frames_per_segment,
        min_shot_seconds=settings.segments.min_shot_seconds,
        window_seconds=settings.segments.window_seconds or spec.seconds,
        save_work=settings.compute.save_work,
    )
