"""Sound of a video as mono float32 at 16 kHz on the video's clock, in temporary files so that memory does not grow."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from assistant.core.timeline import Video
from assistant.errors import InputUnusable, LibraryUnusable
from assistant.media.container import DAMAGE, codec_name, open_guarded, sound_streams
from assistant.media.downmix import Downmix

logger = logging.getLogger(__name__)

SAMPLE_RATE = 16_000
MAX_TRACKS = 4
# -60 dB of full scale: below it there is nothing a person would call sound.
_SILENT_PEAK = 0.001
# Time stamps of sound are rounded to the container's clock; only more than this is a real gap.
_GAP_SAMPLES = SAMPLE_RATE // 20
# Sound that begins earlier than the picture by less is the padding of its codec, not something to hear.
_LEAST_LEAD_SECONDS = 0.5
MOST_LEAD_SECONDS = 600.0
# What a track is for, where its flags do not say it.
_SECONDARY_TITLE = re.compile(r"comment|descri(bed|pti)|karaoke|instrumental|music only|effects", re.IGNORECASE)
_SECONDARY = (
    Disposition.comment
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.descriptions
    | Disposition.lyrics
    | Disposition.karaoke
    | Disposition.clean_effects
    | Disposition.non_diegetic
    | Disposition.dependent
)


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """What the file says of a sound track; ``number`` counts from 1 among its sound tracks."""

    number: int
    language: str = ""
    title: str = ""
    channels: int = 0
    codec: str = ""
    is_default: bool = False
    is_main: bool = True  # no commentary, no description for the blind, no karaoke


def sound_tracks(path: Path) -> tuple[SoundTrack, ...]:
    """The sound tracks of a file in its order.

    Raises:
        VideoUnreadable: it cannot be opened.
    """
    with open_guarded(path) as container:
        return _all_described(sound_streams(container))


def main_sound(container: InputContainer) -> Any:
    """The best-placed sound track of an open container, or None; whether there is voice in it is not asked."""
    streams = sound_streams(container)
    order = preferred(_all_described(streams))
    return streams[order[0]] if order else None


def _all_described(streams: list[Any]) -> tuple[SoundTrack, ...]:
    return tuple(_described(number, stream) for number, stream in enumerate(streams, 1))


def _described(number: int, stream: Any) -> SoundTrack:
    # Titles are a stranger's, and are printed on terminals.
    texts = {str(k).lower(): "".join(c for c in str(v) if c.isprintable()) for k, v in stream.metadata.items()}
    handler = texts.get("handler_name", "")  # MP4's place for a title; most writers leave their own name there
    title = texts.get("title") or ("" if "handler" in handler.lower() else handler)
    language = texts.get("language", "")
    return SoundTrack(
        number=number,
        language="" if language == "und" else language[:40],
        title=title[:200],
        channels=int(stream.codec_context.layout.nb_channels),
        codec=codec_name(stream),
        is_default=bool(stream.disposition & Disposition.default),
        is_main=not stream.disposition & _SECONDARY and _SECONDARY_TITLE.search(title) is None,
    )


def preferred(tracks: Sequence[SoundTrack], wanted: int = 0) -> tuple[int, ...]:
    """Indices of the tracks worth hearing, best first: main before others, default before the rest, file order.

    Args:
        wanted: the number of the only one that a person wants to hear; 0: whichever fits.

    Raises:
        InputUnusable: there is no track of that number.
    """
    if wanted:
        if not 1 <= wanted <= len(tracks):
            known = f"choose 1 to {len(tracks)}" if len(tracks) > 1 else "leave the choice out"
            raise InputUnusable(f"there is no sound track {wanted} in this file", known)
        return (wanted - 1,)
    ranked = sorted(range(len(tracks)), key=lambda index: (not tracks[index].is_main, not tracks[index].is_default))
    return tuple(ranked[:MAX_TRACKS])


class SoundSink(Protocol):
    """Takes decoded sound, track by track."""

    def wants(self, track: int) -> bool:
        """Whether blocks of this track can still change anything."""
        ...

    def feed(self, track: int, start_seconds: float, samples: NDArray[np.float32]) -> None:
        """Take the next block of mono float32 at 16 kHz; times count from the first video frame and may be negative."""
        ...


class AudioBuffer:
    """Keeps the sound of some tracks in temporary files and gives one of them: `chosen`, else the first audible one.

    Gaps become silence, overlaps are cut, sound after the video's end is dropped; sound before 0 lies apart.

    Args:
        order: which tracks are kept, best first.
    """

    def __init__(
        self, video: Video, folder: Path | None = None, order: Sequence[int] = tuple(range(MAX_TRACKS))
    ) -> None:
        self._most = max(0, round(video.duration_seconds * SAMPLE_RATE))
        self._has_audio = video.has_audio
        self._folder, self._order = folder, tuple(order)
        self._tracks: dict[int, _SampleFile] = {}
        self._leads: dict[int, _SampleFile] = {}
        self.chosen: int | None = None

    def wants(self, track: int) -> bool:
        return track in self._order

    def feed(self, track: int, start_seconds: float, samples: NDArray[np.float32]) -> None:
        if not len(samples) or not self.wants(track):
            return
        start = round(start_seconds * SAMPLE_RATE)
        kept = self._tracks.setdefault(track, _SampleFile(0, self._most, self._folder))
        if start < 0:
            most = round(MOST_LEAD_SECONDS * SAMPLE_RATE)
            self._leads.setdefault(track, _SampleFile(max(start, -most), 0, self._folder)).add(start, samples)
        kept.add(start, samples)

    @property
    def audible(self) -> tuple[int, ...]:
        """The tracks that are not silent, best first."""
        return tuple(t for t in self._order if t in self._tracks and self._tracks[t].peak > _SILENT_PEAK)

    @property
    def track(self) -> int | None:
        """The track to listen to; None where `reason` says why there is none."""
        audible = self.audible
        return self.chosen if self.chosen in audible else next(iter(audible), None)

    @property
    def wanted(self) -> int | None:
        """The only track that was asked for, whatever is in it; `track` where there was a choice."""
        return self._order[0] if len(self._order) == 1 else self.track

    @property
    def reason(self) -> str:
        """Why there is nothing to listen to; empty where there is."""
        if self.track is not None:
            return ""
        if not self._has_audio:
            return "no audio track"
        if not any(kept.length for kept in self._tracks.values()):
            return "the sound track holds no sound that can be decoded"
        return "the sound track is silent" if len(self._tracks) == 1 else "all sound tracks are silent"

    def samples(self, track: int | None = None) -> NDArray[np.float32] | None:
        """Mono float32 ``[N]`` at 16 kHz of a track (default: `track`), read from disk as it is used; None: none."""
        track = self.track if track is None else track
        return None if track is None or track not in self._tracks else self._tracks[track].samples()

    def lead(self) -> NDArray[np.float32] | None:
        """Mono float32 ``[N]`` at 16 kHz of what `track` holds before 0, up to 0; None where it is short or silent."""
        heard = self.track if self.track is not None else next((t for t in self._order if t in self._leads), -1)
        kept = self._leads.get(heard)
        if kept is None or kept.length < _LEAST_LEAD_SECONDS * SAMPLE_RATE or kept.peak <= _SILENT_PEAK:
            return None
        return kept.samples()

    def close(self) -> None:
        """Delete the temporary files; arrays from `samples` stay valid until they are dropped."""
        for kept in (*self._tracks.values(), *self._leads.values()):
            kept.close()
        self._tracks.clear()
        self._leads.clear()

    def __enter__(self) -> AudioBuffer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _SampleFile:
    """Samples from ``first`` to ``last`` on the video's clock, in a temporary file."""

    def __init__(self, first: int, last: int, folder: Path | None) -> None:
        self._first, self._most, self._folder = first, last - first, folder
        self._file: IO[bytes] | None = None
        self.length = 0
        self.peak = 0.0

    def add(self, start: int, samples: NDArray[np.float32]) -> None:
        position = start - self._first
        if abs(position - self.length) <= _GAP_SAMPLES and self.length > 0:
            position = self.length
        if position < self.length:
            samples, position = samples[self.length - position :], self.length
        samples = samples[: max(0, self._most - position)]
        if len(samples):
            self._write(position, samples)
            self.length = position + len(samples)
            self.peak = max(self.peak, float(np.abs(samples).max()))

    def _write(self, position: int, samples: NDArray[np.float32]) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="sound-", dir=self._folder)  # noqa: SIM115
            # Writing behind the end leaves a hole in the file: silence that takes no room on the disk.
            self._file.seek(4 * position)
            self._file.write(np.ascontiguousarray(samples, dtype="<f4").tobytes())
            self._file.flush()
        except OSError as error:
            what = f"the sound cannot be kept while it is read ({error.strerror or error})"
            raise LibraryUnusable(what, "free some space") from error

    def samples(self) -> NDArray[np.float32] | None:
        if self._file is None:
            return None
        return np.memmap(self._file, dtype="<f4", mode="r", shape=(self.length,))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class SoundDecoder:
    """Turns one track's packets into blocks of mono float32 at 16 kHz with their times."""

    def __init__(self, origin_seconds: float) -> None:
        self._origin = origin_seconds
        self._resampler: av.AudioResampler | None = None
        self._kind: tuple[str, str, int] | None = None
        self._start: float | None = None
        self._taken_seconds = 0.0
        self._given = 0
        self._downmix: Downmix | None = None

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
            # The channels are kept apart, for they may cancel each other out; packed, since PyAV's planes end with
            # the eighth.
            self._resampler = av.AudioResampler(format="flt", rate=SAMPLE_RATE)
            self._downmix = Downmix(tuple(channel.name for channel in frame.layout.channels), SAMPLE_RATE)
            self._start = time if time is not None else (expected or 0.0)
        self._taken_seconds += frame.samples / frame.sample_rate
        frame.pts = None
        yield from self._timed(self._resampler.resample(frame))

    def _timed(self, blocks: list[AudioFrame]) -> Iterator[tuple[float, NDArray[np.float32]]]:
        for block in blocks:
            packed = np.asarray(block.to_ndarray(), dtype=np.float32).reshape(block.samples, -1)
            assert self._downmix is not None
            mono = self._downmix.mix(packed.T)
            start = (self._start or 0.0) + self._given / SAMPLE_RATE
            self._given += len(mono)
            yield start, mono
