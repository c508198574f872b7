"""What a witness promises. A new one is one file below ``analyzers/`` and one line in its table.

Most witnesses are an `Analyzer`: they get the whole sound, or frames at a rate and size of their own, and yield what
they found. Those that say something of every window, from the frames that all visual models share in one pass, are a
`WindowAnalyzer`. Each result lies in the library under a key of its own: with another CLIP, V-JEPA 2 is not run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.windows import Window
from assistant.config import Settings
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck
from assistant.core.timeline import Absence, Observation, Shot, Span, Suppressed, Utterance, Video
from assistant.media.audio import AudioBuffer, SoundTrack
from assistant.media.subtitles import SubtitleTrack
from assistant.media.video import read
from assistant.models.registry import Models
from assistant.store import Library


@dataclass(frozen=True, slots=True)
class Voice:
    """A stretch where somebody speaks, whatever the words."""

    span: Span


@dataclass(frozen=True, slots=True)
class TrackChoice:
    """Which of the file's sound tracks was heard, and which were not."""

    track: SoundTrack
    others: tuple[SoundTrack, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadTrack:
    """Which of the video's subtitles were read, and which were not."""

    track: SubtitleTrack
    others: tuple[SubtitleTrack, ...] = ()


# What a witness may say; each finds its own place in the timeline, by its kind where it is an `Observation`.
Finding = Observation | Utterance | Suppressed | Voice | TrackChoice | ReadTrack | Absence


@dataclass(frozen=True, slots=True)
class Needs:
    """What a witness must be fed with; where a video has none of it, it is not run, and the timeline says so.

    Who needs neither sound nor picture is asked before anything is decoded. ``sidecars``: its result also hangs on the
    subtitles that lie beside the video.
    """

    sound: bool = False
    picture: bool = False
    sidecars: bool = False

    @property
    def nothing_decoded(self) -> bool:
        return not (self.sound or self.picture)


class Stream(Protocol):
    """One video as a witness is fed with it."""

    @property
    def video(self) -> Video: ...

    @property
    def path(self) -> Path: ...

    @property
    def shots(self) -> Sequence[Shot]:
        """The stretches without a cut that cover the video, in order; none before anything is decoded."""
        ...

    def sound(self) -> NDArray[np.float32]:
        """All of the sound, mono float32 ``[N]`` at 16 kHz (`media.audio.SAMPLE_RATE`), on the video's clock.

        Empty where there is sound only before the first picture.
        """
        ...

    def lead(self) -> NDArray[np.float32] | None:
        """The sound from before the first picture, mono float32 ``[N]`` at 16 kHz up to time 0; None: nothing there."""
        ...

    def track_choice(self) -> TrackChoice | None:
        """The track that `sound` is of, None where no track has any sound."""
        ...

    def frames(self, rate_hz: float, size: int) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Seconds and frames uint8 ``[H, W, 3]`` at about this rate, shorter edge ``size``; decodes once more."""
        ...


@dataclass(frozen=True)
class FileStream:
    """The `Stream` of a file."""

    path: Path
    video: Video
    shots: Sequence[Shot]
    audio: AudioBuffer | None
    tracks: tuple[SoundTrack, ...]
    cancelled: CancelCheck

    def sound(self) -> NDArray[np.float32]:
        if self.audio is None:
            raise ValueError("a witness that needs the sound says so in its needs")
        samples = self.audio.samples()
        return np.zeros(0, np.float32) if samples is None else samples

    def lead(self) -> NDArray[np.float32] | None:
        return self.audio.lead() if self.audio is not None else None

    def track_choice(self) -> TrackChoice | None:
        index = self.audio.wanted if self.audio is not None else None
        if index is None:
            return None
        return TrackChoice(self.tracks[index], tuple(t for t in self.tracks if t is not self.tracks[index]))

    def frames(self, rate_hz: float, size: int) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        pictures = read(self.path, self.video, frame_size=size, frame_rate=rate_hz, cancelled=self.cancelled)
        return ((picture.pts_seconds, picture.frame) for picture in pictures if picture.frame is not None)


class Analyzer(Protocol):
    """A witness that is fed with a whole video. It is made with the `AnalysisContext`."""

    kind: str  # names its stage, its lane, and the absence where it did not run
    needs: Needs

    def key(self) -> Json:
        """All that its result hangs on beside the video: model, revision, settings, a version of its own."""
        ...

    def run(self, stream: Stream, cancelled: CancelCheck) -> Iterator[Finding]:
        """What it finds, in any order.

        Raises:
            ModelFailed: it could not be done this time; recorded as an absence, and tried again with the next analysis.
        """
        ...


@dataclass(frozen=True)
class WindowResult:
    """What a model found in one window.

    Args:
        arrays: name -> float32 of any shape, whose first axis may differ from window to window.
        facts: small plain data beside them.
    """

    arrays: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class WindowAnalyzer(Protocol):
    """A witness of every window. It is made with the `AnalysisContext`, and loads its model when first asked."""

    kind: str

    def key(self) -> Json:
        """All that its result hangs on beside the video and how its windows are cut."""
        ...

    def frame_size(self) -> int:
        """Pixels of the shorter edge at which frames should arrive."""
        ...

    def about(self) -> Json:
        """What is kept once for all windows: labels, thresholds."""
        ...

    def observe(self, windows: Sequence[Window], found: Mapping[str, Sequence[WindowResult]]) -> Sequence[WindowResult]:
        """One result per window; ``found``: what the witnesses before this one found in these windows, by kind."""
        ...


@dataclass(frozen=True)
class AnalysisContext:
    """Settings, the models that they name, and where results are kept."""

    settings: Settings
    models: Models
    library: Library
