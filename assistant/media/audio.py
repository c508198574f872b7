"""Sound of a video as mono float32 at 16 kHz on the video's clock, spooled to disk so that memory does not grow."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from assistant.core.timeline import Video
from assistant.errors import LibraryUnusable
from assistant.media.container import DAMAGE

logger = logging.getLogger(__name__)

SAMPLE_RATE = 16_000
MAX_TRACKS = 4
# -60 dB of full scale: below it there is nothing a person would call sound.
_SILENT_PEAK = 0.001
# Time stamps of sound are rounded to the container's clock; only more than this is a real gap.
_GAP_SAMPLES = SAMPLE_RATE // 20
# Opposite channels cancel out when they are averaged; a real stereo mix loses 3 dB (0.7) at most where they differ.
_CANCELLED_SHARE = 0.25


class SoundSink(Protocol):
    """Takes decoded sound, track by track."""

    def wants(self, track: int) -> bool:
        """Whether blocks of this track can still change anything."""
        ...

    def feed(self, track: int, start_seconds: float, samples: NDArray[np.float32]) -> None:
        """Take the next block of mono float32 at 16 kHz; times count from the first video frame and may be negative."""
        ...


class AudioBuffer:
    """Keeps the sound of up to `MAX_TRACKS` tracks in temporary files and gives the first one that is not silent.

    Gaps become silence, overlaps are cut, sound before 0 and after the video's end is dropped.
    """

    def __init__(self, video: Video, folder: Path | None = None) -> None:
        self._most = max(0, round(video.duration_seconds * SAMPLE_RATE))
        self._has_audio = video.has_audio
        self._folder = folder
        self._files: dict[int, IO[bytes]] = {}
        self._lengths: dict[int, int] = {}
        self._peaks: dict[int, float] = {}

    def wants(self, track: int) -> bool:
        return track < MAX_TRACKS and not any(
            peak > _SILENT_PEAK for earlier, peak in self._peaks.items() if earlier < track
        )

    def feed(self, track: int, start_seconds: float, samples: NDArray[np.float32]) -> None:
        if not len(samples) or not self.wants(track):
            return
        position, end = round(start_seconds * SAMPLE_RATE), self._lengths.get(track, 0)
        if abs(position - end) <= _GAP_SAMPLES and end > 0:
            position = end
        if position < end:
            samples, position = samples[end - position :], end
        samples = samples[: max(0, self._most - position)]
        self._peaks.setdefault(track, 0.0)
        if not len(samples):
            return
        self._write(track, position, samples)
        self._lengths[track] = position + len(samples)
        self._peaks[track] = max(self._peaks[track], float(np.abs(samples).max()))

    def _write(self, track: int, position: int, samples: NDArray[np.float32]) -> None:
        try:
            if track not in self._files:
                self._files[track] = tempfile.TemporaryFile(prefix="sound-", dir=self._folder)  # noqa: SIM115
            file = self._files[track]
            # Writing behind the end leaves a hole in the file: silence that takes no room on the disk.
            file.seek(4 * position)
            file.write(np.ascontiguousarray(samples, dtype="<f4").tobytes())
            file.flush()
        except OSError as error:
            what = f"the sound cannot be kept while it is read ({error.strerror or error})"
            raise LibraryUnusable(what, "free some space") from error

    @property
    def track(self) -> int | None:
        """The first track that is not silent."""
        return next((track for track in sorted(self._peaks) if self._peaks[track] > _SILENT_PEAK), None)

    @property
    def reason(self) -> str:
        """Why there is nothing to listen to; empty where there is."""
        if self.track is not None:
            return ""
        if not self._has_audio:
            return "no audio track"
        if not self._files:
            return "the sound track holds no sound that can be decoded"
        return "the sound track is silent" if len(self._files) == 1 else "all sound tracks are silent"

    def samples(self) -> NDArray[np.float32] | None:
        """Mono float32 ``[N]`` at 16 kHz of `track`, read from disk as it is used; None where `reason` says why."""
        track = self.track
        if track is None:
            return None
        return np.memmap(self._files[track], dtype="<f4", mode="r", shape=(self._lengths[track],))

    def close(self) -> None:
        """Delete the temporary files; arrays from `samples` stay valid until they are dropped."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._peaks.clear()

    def __enter__(self) -> AudioBuffer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SoundDecoder:
    """Turns one track's packets into blocks of mono float32 at 16 kHz with their times."""

    def __init__(self, origin_seconds: float) -> None:
        self._origin = origin_seconds
        self._resampler: av.AudioResampler | None = None
        self._kind: tuple[str, str, int] | None = None
        self._start: float | None = None
        self._taken_seconds = 0.0
        self._given = 0
        self._loudest = 0

    def decode(self, packet: Any) -> Iterator[tuple[float, NDArray[np.float32]]]:
        """Blocks ``(start_seconds, samples)`` of one packet.

        Raises:
            FFmpegError: a damaged packet.
        """
        for frame in packet.decode():
            yield from self._convert(frame)
        if packet.size == 0:
            yield from self.flush()

    def flush(self) -> Iterator[tuple[float, NDArray[np.float32]]]:
        """What the resampler still holds."""
        if self._resampler is None:
            return
        resampler, self._resampler = self._resampler, None
        try:
            blocks = resampler.resample(None)
        except DAMAGE:
            return
        yield from self._timed(blocks)
        self._start = None

    def _convert(self, frame: AudioFrame) -> Iterator[tuple[float, NDArray[np.float32]]]:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        time = None if frame.pts is None or frame.time is None else float(frame.time) - self._origin
        expected = None if self._start is None else self._start + self._taken_seconds
        jumped = time is not None and expected is not None and abs(time - expected) > _GAP_SAMPLES / SAMPLE_RATE
        if kind != self._kind or self._resampler is None or jumped:
            yield from self.flush()
            self._kind, self._given, self._taken_seconds = kind, 0, 0.0
            # The channels are kept apart, for they may cancel each other out.
            self._resampler = av.AudioResampler(format="fltp", rate=SAMPLE_RATE)
            self._start = time if time is not None else (expected or 0.0)
        self._taken_seconds += frame.samples / frame.sample_rate
        frame.pts = None
        yield from self._timed(self._resampler.resample(frame))

    def _timed(self, blocks: list[AudioFrame]) -> Iterator[tuple[float, NDArray[np.float32]]]:
        for block in blocks:
            mono = self._mix(np.asarray(block.to_ndarray(), dtype=np.float32))
            start = (self._start or 0.0) + self._given / SAMPLE_RATE
            self._given += len(mono)
            yield start, mono

    def _mix(self, channels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mono of ``[channels, N]``: the mean of left, right and centre, or the loudest where they cancel out."""
        if len(channels) == 1:
            return np.nan_to_num(channels[0])
        channels = np.nan_to_num(channels)
        mono: NDArray[np.float32] = channels[:3].mean(axis=0)
        loudness = np.sqrt(np.square(channels).mean(axis=1))
        # Stay with the channel chosen before unless another is clearly louder: no clicks from changing back and forth.
        best = int(loudness.argmax())
        if self._loudest >= len(loudness) or loudness[best] > 1.5 * loudness[self._loudest]:
            self._loudest = best
        if float(np.sqrt(np.square(mono).mean())) < _CANCELLED_SHARE * float(loudness[best]):
            return channels[self._loudest]
        return mono
