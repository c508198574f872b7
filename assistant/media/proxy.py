"""A copy of a video that every browser plays: H.264 and AAC in MP4, upright, small, starting with the first picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from numpy.typing import NDArray

from assistant.core.files import replaced
from assistant.core.progress import CancelCheck, never
from assistant.core.timeline import Video
from assistant.errors import LibraryUnusable
from assistant.media.audio import main_sound
from assistant.media.clocks import Clocks
from assistant.media.colour import Scaler
from assistant.media.container import DAMAGE, open_guarded
from assistant.media.diagnosis import undecodable
from assistant.media.downmix import Downmix
from assistant.media.frames import Orientation
from assistant.media.probe import Timing, check, timing
from assistant.media.video import PictureDecoder, frame_time

MOST_PIXELS_A_SIDE = 1280
_SOUND_RATE = 48_000
_TICKS = 90_000
# A proxy with more frames a second only takes longer to make.
_MOST_FRAMES_A_SECOND = 30.0

_SOUND_IN_MP4 = {"", "aac", "mp3", "flac", "opus"}
_SOUND_IN_WEBM = {"", "opus", "vorbis"}
_SOUND_ALONE = {"mp3", "wav", "flac", "ogg", "aac", "mp4"}


def plays_in_browser(video: Video) -> bool:
    """Whether the browsers of today play this file as it is; where they do not, `make_proxy` helps.

    HEVC counts as unplayable, for it depends on the machine, and so does Matroska, which only some open.
    """
    if not video.has_picture:
        return video.container in _SOUND_ALONE
    if video.container in ("mp4", "mov"):
        return video.video_codec in ("h264", "av1", "vp9") and video.audio_codec in _SOUND_IN_MP4
    if video.container == "webm":
        return video.video_codec in ("vp8", "vp9", "av1") and video.audio_codec in _SOUND_IN_WEBM
    return False


def make_proxy(
    path: Path,
    video: Video,
    out: Path,
    *,
    most_pixels: int = MOST_PIXELS_A_SIDE,
    progress: Callable[[float], None] = lambda seconds: None,
    cancelled: CancelCheck = never,
) -> Path:
    """``out``, written: an MP4 with its index in front, whose time 0 is the first picture.

    Nothing is left behind where it fails. ``progress`` is told how many seconds of the video are done.

    Raises:
        VideoUnreadable: nothing could be decoded.
        LibraryUnusable: ``out`` cannot be written.
        Cancelled: ``cancelled`` turned true.
    """
    try:
        with replaced(out) as unfinished, _writing(unfinished) as target:
            _convert(path, video, target, most_pixels, progress, cancelled)
    except OSError as error:
        raise LibraryUnusable(f"{out.name} cannot be written ({error.strerror or error})", "free some space") from error
    return out


def _writing(out: Path) -> OutputContainer:
    out.parent.mkdir(parents=True, exist_ok=True)
    return av.open(str(out), "w", format="mp4", options={"movflags": "+faststart"})


def _convert(
    path: Path,
    video: Video,
    target: OutputContainer,
    most_pixels: int,
    progress: Callable[[float], None],
    cancelled: CancelCheck,
) -> None:
    clock = timing(path, video)
    with open_guarded(path) as source:
        picture: Any = None if clock.picture is None else source.streams[clock.picture]
        sound = main_sound(source)
        streams = [stream for stream in (picture, sound) if stream is not None]
        decoder = None if picture is None else PictureDecoder(picture)
        pictures = None if picture is None else _Pictures(target, video, clock, most_pixels)
        sounds = None if sound is None else _Sounds(target, clock)
        done = 0.0
        for packet in Clocks(source, streams).packets():
            check(cancelled)
            for frame in _decode(packet, decoder if packet.stream is picture else None):
                if packet.stream is not picture:
                    assert sounds is not None
                    sounds.write(frame)
                    continue
                assert pictures is not None
                seconds = pictures.write(frame)
                if seconds - done >= 0.5:
                    done = seconds
                    progress(done)
        if pictures is not None and not pictures.written:
            raise undecodable(path, video.video_codec)
        for part in (pictures, sounds):
            if part is not None:
                part.finish()
        if pictures is None and (sounds is None or not sounds.given):
            raise undecodable(path, video.audio_codec)
    progress(video.duration_seconds)


def _mux(target: OutputContainer, stream: Any, frame: Any) -> None:
    """Encode and write; a disk that is full must not be taken for a damaged video."""
    try:
        target.mux(stream.encode(frame))
    except OSError as error:
        raise LibraryUnusable(
            f"the playable copy cannot be written ({error.strerror or error})", "free some space"
        ) from error


def _decode(packet: Any, decoder: PictureDecoder | None) -> list[Any]:
    try:
        frames: list[Any] = packet.decode() if decoder is None else decoder.decode(packet)
    except DAMAGE:
        return []
    return frames


class _Pictures:
    """Encodes upright pictures of one size at their own times, at most so many a second."""

    def __init__(self, target: OutputContainer, video: Video, clock: Timing, most_pixels: int) -> None:
        scale = min(1.0, most_pixels / max(video.width, video.height))
        self._width = max(2, 2 * round(video.width * scale / 2))
        self._height = max(2, 2 * round(video.height * scale / 2))
        rate = min(_MOST_FRAMES_A_SECOND, max(1.0, video.frame_rate))
        stream: Any = target.add_stream(
            "libx264", rate=Fraction(rate).limit_denominator(1001), options={"preset": "veryfast", "crf": "24"}
        )
        stream.width, stream.height, stream.pix_fmt = self._width, self._height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        # Said in the file, for players guess otherwise by its size.
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.color_range = ColorRange.MPEG
        stream.codec_context.color_primaries, stream.codec_context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        # Seeking in the player jumps from key frame to key frame: one at least every two seconds.
        stream.codec_context.gop_size = max(1, round(2 * rate))
        self._stream, self._target, self._clock = stream, target, clock
        turned = clock.orientation.transposed
        stored = (self._height, self._width) if turned else (self._width, self._height)
        self._shrink = Scaler(*stored, "yuv420p" if clock.orientation.is_upright else "rgb24")
        self._pack = Scaler(self._width, self._height, "yuv420p")
        self._last = -math.inf
        self._least_step = 1 / _MOST_FRAMES_A_SECOND - 0.004
        self.written = 0

    def write(self, frame: VideoFrame) -> float:
        """Encode one frame; gives its time in seconds."""
        seconds = frame_time(frame, self._clock)
        if seconds is None:
            seconds = self._last + self._clock.frame_seconds if self.written else 0.0
        if seconds < -1e-4 or seconds - self._last < self._least_step:
            return max(0.0, seconds)
        self._last = seconds
        upright = self._upright(frame)
        upright.pts, upright.time_base = round(max(0.0, seconds) * _TICKS), Fraction(1, _TICKS)
        _mux(self._target, self._stream, upright)
        self.written += 1
        return seconds

    def _upright(self, frame: VideoFrame) -> VideoFrame:
        turn: Orientation = self._clock.orientation
        small = self._shrink.scale(frame, Interpolation.AREA, threads=0)
        if turn.is_upright:
            return small
        turned = VideoFrame.from_ndarray(turn.apply(np.asarray(small.to_ndarray(), dtype=np.uint8)), format="rgb24")
        return self._pack.scale(turned, Interpolation.AREA)

    def finish(self) -> None:
        _mux(self._target, self._stream, None)


class _Sounds:
    """Encodes stereo on the video's clock; gaps and a late start become silence, for not all players honour them."""

    def __init__(self, target: OutputContainer, clock: Timing) -> None:
        self._stream: Any = target.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
        self._target, self._clock = target, clock
        self._resampler: av.AudioResampler | None = None
        self._downmix: Downmix | None = None
        self._kind: tuple[str, str, int] | None = None
        self.given = 0

    def write(self, frame: Any) -> None:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._kind != kind:
            self._flush()
            self._open(frame)
        self._kind = kind
        start = None if frame.time is None else round((frame.time - self._clock.origin_seconds) * _SOUND_RATE)
        frame.pts = None
        for block in self._blocks(frame):
            if start is not None:
                # Sound from before the first picture is dropped, a gap of more than a twentieth of a second filled.
                missing, start = start - self.given, None
                if missing > _SOUND_RATE // 20:
                    self._encode(np.zeros((2, min(missing, 600 * _SOUND_RATE)), dtype=np.float32))
                elif self.given == 0 and missing < 0:
                    block = block[:, -missing:]
            self._encode(block)

    def _open(self, frame: Any) -> None:
        names = tuple(channel.name for channel in frame.layout.channels)
        # libswresample knows no way from channels without places to stereo.
        placed = not any(name == "NONE" or name.startswith("AMBI") for name in names)
        self._downmix = None if placed else Downmix(names, _SOUND_RATE)
        layout = "stereo" if placed else None
        self._resampler = av.AudioResampler(format="flt", layout=layout, rate=_SOUND_RATE)

    def finish(self) -> None:
        self._flush()
        _mux(self._target, self._stream, None)

    def _flush(self) -> None:
        if self._kind is not None:
            for block in self._blocks(None):
                self._encode(block)

    def _blocks(self, frame: Any) -> Iterator[NDArray[np.float32]]:
        assert self._resampler is not None
        try:
            blocks = self._resampler.resample(frame)
        except DAMAGE:
            return
        for block in blocks:
            packed = np.asarray(block.to_ndarray(), dtype=np.float32).reshape(block.samples, -1).T
            yield np.nan_to_num(packed) if self._downmix is None else np.stack([self._downmix.mix(packed)] * 2)

    def _encode(self, samples: NDArray[np.float32]) -> None:
        # In pieces of a second, so that a long silence costs no memory.
        for first in range(0, samples.shape[1], _SOUND_RATE):
            piece = np.ascontiguousarray(samples[:, first : first + _SOUND_RATE])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, self.given, Fraction(1, _SOUND_RATE)
            self.given += piece.shape[1]
            _mux(self._target, self._stream, frame)
