"""Videos from files: what a file holds, its pictures and sound in one pass, and single frames on demand."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from av.codec import codecs_available
from av.codec.context import CodecContext
from av.container import InputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from assistant.config import Limits
from assistant.core.files import sha256_of
from assistant.core.progress import CancelCheck, never
from assistant.core.timeline import Video
from assistant.media.audio import AudioBuffer, SoundDecoder, SoundSink
from assistant.media.clocks import Clocks
from assistant.media.container import (
    DAMAGE,
    codec_name,
    decoder_threads,
    listen_to,
    open_guarded,
    packets,
    sound_streams,
)
from assistant.media.damage import Damage, Losses
from assistant.media.diagnosis import too_many_pixels, undecodable
from assistant.media.frames import FrameConverter
from assistant.media.probe import Timing, check, probe, timing
from assistant.media.sampling import Clip

__all__ = [
    "AudioBuffer",
    "Damage",
    "Picture",
    "SoundSink",
    "clip_at",
    "open_guarded",
    "probe",
    "read",
    "sha256_of",
]

logger = logging.getLogger(__name__)

# Decoding on costs less than seeking where the next frame wanted is no further away.
_DECODE_ON_SECONDS = 2.0
_SAME_TIME_SECONDS = 1e-4
_WITH_TRANSPARENCY = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded frame; times count from the first.

    ``thumbnail`` is uint8 ``[36, 64, 3]`` whatever the video's shape, as stored (not turned upright). ``frame`` is
    uint8 ``[H, W, 3]``, upright, of square pixels, its shortest edge the size asked for; None where the rate asked for
    is met.
    """

    pts_seconds: float
    thumbnail: NDArray[np.uint8]
    frame: NDArray[np.uint8] | None


def read(
    path: Path,
    video: Video,
    *,
    frame_size: int,
    frame_rate: float,
    sound: SoundSink | None = None,
    cancelled: CancelCheck = never,
    damage: Damage | None = None,
    limits: Limits | None = None,
) -> Iterator[Picture]:
    """Every decoded picture in the order of its time, from one pass over the file that also feeds ``sound``.

    Damaged packets are skipped and counted in ``damage``. Where there is only sound, no picture comes.

    Args:
        frame_size: pixels of the shortest edge of `Picture.frame`; 0 where only the sound is wanted (no picture comes).
        frame_rate: at most so many pictures a second carry a `Picture.frame`.
        cancelled: asked at every packet.

    Raises:
        VideoUnreadable: nothing at all could be decoded.
        VideoTooLarge: the pictures grew over the limit in the middle of the file.
        Cancelled: ``cancelled`` turned true.
    """
    damage = damage if damage is not None else Damage()
    max_pixels = (limits or Limits()).max_pixels
    clock = timing(path, video)
    with open_guarded(path, max_pixels) as container:
        reader = _Reader(container, video, clock, frame_size, frame_rate, sound)
        for packet in Clocks(container, reader.streams).packets(damage.count_place):
            check(cancelled)
            reader.given(packet)
            if packet.stream.index != clock.picture:
                reader.decode_sound(packet, damage)
                continue
            for frame in reader.decode(packet, damage):
                if frame.width * frame.height > max_pixels:
                    raise too_many_pixels(path, frame.width, frame.height, limits or Limits())
                picture = reader.picture_of(frame)
                if picture is not None:
                    yield picture
        reader.tell_losses(damage)
    if damage.total:
        logger.warning("skipped %d damaged places of video=%s", damage.total, video.sha256[:8])
    if video.has_picture and frame_size > 0 and not reader.seen:
        raise undecodable(path, video.video_codec)


class _Reader:
    """What one pass over a file keeps from packet to packet."""

    def __init__(
        self,
        container: InputContainer,
        video: Video,
        clock: Timing,
        frame_size: int,
        frame_rate: float,
        sound: SoundSink | None,
    ) -> None:
        self.seen = 0
        self._timing, self._frame_rate, self._sink = clock, frame_rate, sound
        self._last_seconds, self._last_slot = -math.inf, -1
        sounds = [] if sound is None else [s for s in enumerate(sound_streams(container)) if sound.wants(s[0])]
        self._sounds = {s.index: (track, SoundDecoder(clock.origin_seconds)) for track, s in sounds}
        self.streams: list[Any] = [stream for _, stream in sounds]
        if clock.picture is not None and frame_size > 0:
            picture = container.streams[clock.picture]
            self._converter = FrameConverter(clock.orientation, video.width, video.height, frame_size)
            self._decoder = PictureDecoder(picture)
            self.streams.append(picture)
        self._losses = {s.index: Losses(container, s, clock.origin_seconds) for s in self.streams}

    def given(self, packet: Any) -> None:
        """A packet of a track that is read comes next."""
        self._losses[packet.stream.index].given(packet)

    def decode_sound(self, packet: Any, damage: Damage) -> None:
        """Decode one packet of sound and hand it on."""
        track, decoder = self._sounds[packet.stream.index]
        assert self._sink is not None
        if not self._sink.wants(track):
            return
        try:
            for start, samples in decoder.decode(packet):
                self._sink.feed(track, start, samples)
        except DAMAGE:
            damage.sound_packets += 1
            self._losses[packet.stream.index].refused(packet)

    def decode(self, packet: Any, damage: Damage) -> list[VideoFrame]:
        """The frames that come out with this packet; none where it is damaged."""
        frames = _decoded(self._decoder, packet, damage)
        for frame in frames:
            self._losses[packet.stream.index].came_out(frame)
        return frames

    def tell_losses(self, damage: Damage) -> None:
        """Put down where pictures and sound are missing, now that the file has ended."""
        picture = self._losses.get(-1 if self._timing.picture is None else self._timing.picture)
        # Of the first sound track; the others are there in case.
        sound = next((self._losses[index] for index, (track, _) in self._sounds.items() if track == 0), None)
        if picture is not None:
            damage.picture = picture.spans(whole=damage.picture_packets == 0, other=sound)
        if sound is not None:
            damage.sound = sound.spans(whole=True, other=picture)

    def picture_of(self, frame: VideoFrame) -> Picture | None:
        """The picture of one frame, or None where its time does not lie after the last one's."""
        seconds = frame_time(frame, self._timing)
        if seconds is None:
            seconds = 0.0 if not self.seen else self._last_seconds + self._timing.frame_seconds
        if seconds <= self._last_seconds or seconds < -_SAME_TIME_SECONDS:
            return None
        self.seen += 1
        self._last_seconds = seconds = max(0.0, seconds)
        slot = math.floor(seconds * self._frame_rate + 1e-6)
        wanted = slot > self._last_slot
        self._last_slot = max(slot, self._last_slot)
        thumbnail, upright = self._converter.both(frame, upright=wanted)
        return Picture(seconds, thumbnail, upright)


class PictureDecoder:
    """Decodes a picture track on several threads, fewer where its pictures are large, with its transparency."""

    def __init__(self, stream: Any) -> None:
        own: Any = stream.codec_context
        context: Any = own
        # The usual decoders of VP8 and VP9 leave out what is transparent.
        name = _WITH_TRANSPARENCY.get(codec_name(stream)) if stream.metadata.get("alpha_mode") == "1" else None
        if name in codecs_available:
            context = CodecContext.create(name, "r")
            context.options = dict(own.options)
        if not context.is_open:  # the file's own stays open where one seeks and starts anew
            context.thread_type = "AUTO"
            context.thread_count = decoder_threads(own.width, own.height)
        self._context, self._is_own = context, context is own

    def decode(self, packet: Any) -> list[VideoFrame]:
        """The frames that come out with this packet.

        Raises:
            FFmpegError: a damaged packet.
        """
        frames: list[VideoFrame] = (
            packet.decode() if self._is_own else self._context.decode(packet if packet.size else None)
        )
        return frames


def frame_time(frame: VideoFrame, clock: Timing) -> float | None:
    """Seconds from the first frame, None where the frame carries no time."""
    return None if frame.time is None or clock.untimed else float(frame.time) - clock.origin_seconds


def _decoded(decoder: PictureDecoder, packet: Any, damage: Damage) -> list[VideoFrame]:
    """The frames that come out with this packet; none where it is damaged."""
    try:
        frames = decoder.decode(packet)
    except DAMAGE:
        damage.picture_packets += 1
        return []
    return frames


def clip_at(path: Path, video: Video, times_seconds: Sequence[float], size: int) -> Clip:
    """The frames on screen at these times, with the times at which each really appeared.

    A time before the first frame or after the last gives that frame. Frames are upright, their shortest edge ``size``.

    Raises:
        ValueError: no times, or the video has no picture.
        VideoUnreadable: nothing could be decoded.
    """
    if not len(times_seconds) or not video.has_picture:
        raise ValueError("a clip needs times and a video with a picture")
    clock = timing(path, video)
    frames: dict[float, tuple[float, NDArray[np.uint8]]] = {}
    with open_guarded(path) as container:
        finder = _Finder(container, video, clock, size)
        for seconds in sorted(set(times_seconds)):
            found = finder.find(seconds)
            if found is None:
                raise undecodable(path, video.video_codec)
            frames[seconds] = found
    chosen = [frames[seconds] for seconds in times_seconds]
    return Clip(np.stack([frame for _, frame in chosen]), np.array([seconds for seconds, _ in chosen]))


class _Finder:
    """Finds frames by time in growing order: seeks to a key frame before, decodes forward."""

    def __init__(self, container: InputContainer, video: Video, clock: Timing, size: int) -> None:
        assert clock.picture is not None
        self._container, self._timing = container, clock
        self._stream: Any = container.streams[clock.picture]
        self._converter = FrameConverter(clock.orientation, video.width, video.height, size)
        self._frames = self._decode()
        self._current: tuple[float, VideoFrame] | None = None
        self._next: tuple[float, VideoFrame] | None = next(self._frames, None)

    def find(self, seconds: float) -> tuple[float, NDArray[np.uint8]] | None:
        """Time and pixels of the last frame that appears at or before ``seconds``, else of the first one."""
        seconds += _SAME_TIME_SECONDS
        reached = self._current[0] if self._current else -math.inf
        if not self._timing.jumped and seconds > max(reached, 0.0) + _DECODE_ON_SECONDS:
            self._seek(seconds)
        while self._next is not None and (self._current is None or self._next[0] <= seconds):
            self._current, self._next = self._next, next(self._frames, None)
        if self._current is None:
            return None
        return self._current[0], self._converter.upright(self._current[1])

    def _seek(self, seconds: float) -> None:
        """Stand before ``seconds``: further and further back, for key frames lie anywhere; at worst the start."""
        # Containers without an index look for decoding times, which lie before the first picture's presentation.
        for target in (*(max(0.0, seconds - back) for back in (0.0, 1.0, 4.0, 16.0, 64.0, math.inf)), -10.0):
            stamp = (target + self._timing.origin_seconds) / float(self._stream.time_base)
            try:
                self._container.seek(math.floor(stamp), stream=self._stream, backward=True)
            except DAMAGE:
                continue
            self._frames = self._decode()
            self._current, self._next = None, next(self._frames, None)
            if self._next is not None and self._next[0] <= seconds:
                return

    def _packets(self) -> Iterator[Any]:
        if self._timing.jumped:
            return Clocks(self._container, [self._stream]).packets()
        # Nothing is to be mended, and behind a place that was sought nobody could tell a gap from a jump.
        listen_to(self._container, [self._stream])
        return packets(self._container, [self._stream])

    def _decode(self) -> Iterator[tuple[float, VideoFrame]]:
        damage, last = Damage(), -math.inf
        decoder = PictureDecoder(self._stream)
        for packet in self._packets():
            for frame in _decoded(decoder, packet, damage):
                seconds = frame_time(frame, self._timing)
                if seconds is None:
                    seconds = 0.0 if last == -math.inf else last + self._timing.frame_seconds
                if seconds > last:
                    last = seconds
                    yield max(0.0, seconds), frame
