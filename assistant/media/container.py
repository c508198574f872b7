"""The one way in which a stranger's file is opened, and what its tracks really hold.

libavformat follows what a file says: playlists name other files, "MP4" may be text, headers lie. Here it gets a stream
of bytes without a name, a list of containers that name nothing outside themselves, no protocols, and a refusal for
every other open; and whole numbers are measured from the packets instead of believed.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from assistant.config import Limits
from assistant.errors import AssistantError
from assistant.media.diagnosis import encrypted, unreadable
from assistant.media.images import as_video, image_kind

logger = logging.getLogger(__name__)

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mp3,wav,w64,flac,aac,aiff,caf,amr,ac3,eac3"
    ",gif,apng"
)
# Clocks of these may jump in the middle of a file (a recording that went on, a broadcast).
_JUMPING = {"mpegts", "mpeg", "flv"}
_FORWARD_JUMP_SECONDS = 10.0
_BACKWARD_JUMP_SECONDS = 1.0
_MAX_ERRORS_IN_A_ROW = 200
_LOCKED_TAGS = {"encv", "enca", "drms", "drmi", "drmt"}

# What native decoding throws beside FFmpegError (which derives from several of these): damaged texts, data tracks that
# call themselves video, numbers out of range. All mean the same to a person: the file is damaged.
DAMAGE = (
    av.error.FFmpegError,
    ValueError,
    AttributeError,
    TypeError,
    KeyError,
    IndexError,
    ArithmeticError,
    MemoryError,
    OSError,
    RuntimeError,
)


class Encrypted(Exception):
    """The packets of a track are locked; becomes `VideoUnreadable` where the file's name is known."""


class _Bytes:
    """A file as nothing but bytes: no name, so that nothing can be opened relative to it."""

    __slots__ = ("_file",)

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError("a video may not open other files")


_refused_here: list[str] = []


def open_nothing_here(reason: str) -> None:
    """From now on this process opens no stranger's file: whatever tries to is a slip of ours, and fails at once."""
    _refused_here.append(reason)


@contextmanager
def open_guarded(path: Path, max_pixels: int = Limits().max_pixels) -> Iterator[InputContainer]:
    """The open container of a local file; whatever breaks inside the block comes out as our own error.

    Raises:
        VideoUnreadable: no demuxer of `CONTAINERS` accepts it, or it broke while it was read.
        RuntimeError: this is a process that opens none.
    """
    if _refused_here:
        raise RuntimeError(f"a video was to be opened where none may be: {_refused_here[0]}")
    try:
        with path.open("rb") as file, _media(file, path, max_pixels) as media, _open(media, max_pixels) as container:
            yield container
    except AssistantError:
        raise
    except Encrypted as error:
        raise encrypted(path) from error
    except DAMAGE as error:
        logger.debug("unreadable file", exc_info=error)
        raise unreadable(path) from error


def _media(file: BinaryIO, path: Path, max_pixels: int) -> AbstractContextManager[Any]:
    """The bytes that libavformat reads: the file's own, or those of the video that an image file is made."""
    return as_video(file, path, max_pixels) if image_kind(file) else nullcontext(file)


def _open(file: BinaryIO, max_pixels: int) -> InputContainer:
    options = {
        "format_whitelist": CONTAINERS,
        "protocol_whitelist": "none",
        # Frames may be decoded while the file is opened, before anybody can look at the announced size.
        "max_pixels": str(max_pixels),
        "threads": "1",
    }
    container: InputContainer = av.open(
        _Bytes(file), "r", options=options, io_open=_refuse, metadata_errors="replace", buffer_size=128 * 1024
    )
    for stream in container.streams.video:
        # The demuxer's own look at the first frames is over; the decoders that are used from here on know no limit yet.
        if stream.codec_context is not None:
            stream.codec_context.options = {"max_pixels": str(max_pixels)}
    return container


def picture_streams(container: InputContainer) -> list[VideoStream]:
    """The tracks of moving pictures, in the file's order: no cover art, no thumbnails."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    return [s for s in container.streams.video if s.codec_context is not None and not s.disposition & still]


def sound_streams(container: InputContainer) -> list[Any]:
    """The sound tracks that some decoder knows, in the file's order."""
    return [s for s in container.streams.audio if s.codec_context is not None]


def listen_to(container: InputContainer, wanted: list[Any]) -> None:
    """Let the demuxer skip every track but these, where it can."""
    for stream in container.streams:
        stream.discard = Discard.default if stream in wanted else Discard.all


def codec_name(stream: Any) -> str:
    """The codec's name, whatever the decoder is called (``av1``, not ``libdav1d``)."""
    codec = stream.codec_context.codec
    return str(getattr(codec, "canonical_name", "") or codec.name)


def require_unlocked(container: InputContainer, path: Path) -> None:
    """Refuse protected tracks.

    Raises:
        VideoUnreadable: a picture or sound track is encrypted.
    """
    for stream in container.streams:
        context = getattr(stream, "codec_context", None)
        try:
            tag = "" if context is None else str(context.codec_tag).strip("\0 ")
        except UnicodeDecodeError:  # a number, as AAC has in AVI, and no letters
            continue
        if tag in _LOCKED_TAGS:
            raise encrypted(path)


class Clock:
    """Makes one track's packet times go on evenly where they jump; rewrites packets in place.

    Decoding times never fall in a sound file, so a fall by more than a second is a new recording joined on; a leap
    ahead is one only in containers whose clocks are known to jump (elsewhere it is a picture that stood still).
    """

    def __init__(self, container: InputContainer, stream: Stream) -> None:
        self._may_leap = container.format.name in _JUMPING
        self._base = stream.time_base
        rate = stream.guessed_rate if isinstance(stream, VideoStream) else None
        self._nominal_seconds = float(1 / rate) if rate and 1 <= rate <= 240 else 0.04
        self._last: float | None = None
        self._shift = 0
        self.jumped = False

    def mend(self, packet: Packet) -> None:
        """Shift this packet's times onto the even clock."""
        base = packet.time_base or self._base
        # Presentation times go back and forth where pictures are reordered; only decoding times tell a jump.
        if packet.dts is not None and base:
            now = float((packet.dts + self._shift) * base)
            if self._last is not None:
                step = now - self._last
                if step < -_BACKWARD_JUMP_SECONDS or (self._may_leap and step > _FORWARD_JUMP_SECONDS):
                    self._shift += round((self._last + self._nominal_seconds - now) / float(base))
                    now = float((packet.dts + self._shift) * base)
                    self.jumped = True
            self._last = now
        if self._shift:
            packet.pts = None if packet.pts is None else packet.pts + self._shift
            packet.dts = None if packet.dts is None else packet.dts + self._shift


@dataclass(frozen=True, slots=True)
class Track:
    """What the packets of one track say: seconds on the container's clock, first to end, and how many there are."""

    start_seconds: float
    end_seconds: float
    packets: int
    jumped: bool = False

    @property
    def seconds(self) -> float:
        return self.end_seconds - self.start_seconds


def packets(
    container: InputContainer, streams: list[Any], on_error: Callable[[], None] = lambda: None
) -> Iterator[Packet]:
    """Packets of these tracks in file order, past damaged places; each track ends with an empty one that flushes it."""
    errors = 0
    while True:
        try:
            for packet in container.demux(streams):
                errors = 0
                yield packet
            return
        except EOFError:
            return
        except DAMAGE as error:
            errors += 1
            on_error()
            if errors > _MAX_ERRORS_IN_A_ROW:
                raise
            logger.debug("damaged place in the file", exc_info=error)


def measure_tracks(container: InputContainer, streams: list[Any], tick: Callable[[], None]) -> dict[int, Track]:
    """Each track's real extent by stream index, from its packets and without decoding.

    Tracks without packets are left out. ``tick`` is called now and then.

    Raises:
        Encrypted: packets are locked.
    """
    listen_to(container, streams)
    clocks = {s.index: Clock(container, s) for s in streams}
    found: dict[int, _Extent] = {}
    for number, packet in enumerate(packets(container, streams)):
        if number % 256 == 0:
            tick()
        if packet.size == 0:
            continue
        if packet.stream.index not in found and packet.has_sidedata("encryption_info"):
            raise Encrypted
        clock = clocks[packet.stream.index]
        clock.mend(packet)
        stamp = packet.pts if packet.pts is not None else packet.dts
        base = float(packet.time_base or 0)
        extent = found.setdefault(packet.stream.index, _Extent())
        extent.count += 1
        if stamp is not None and base > 0:
            extent.add(stamp * base, max(0, packet.duration or 0) * base)
    return {index: extent.track(clocks[index].jumped) for index, extent in found.items()}


@dataclass(slots=True)
class _Extent:
    """From when to when the packets seen so far go."""

    start: float = math.inf
    end: float = -math.inf
    last: float = -math.inf
    count: int = 0

    def add(self, seconds: float, lasting: float) -> None:
        self.start, self.last = min(self.start, seconds), max(self.last, seconds)
        self.end = max(self.end, seconds + lasting)

    def track(self, jumped: bool) -> Track:
        if self.count == 0 or self.end < self.start:
            return Track(0.0, 0.0, self.count)
        end = self.end
        if end <= self.last and self.count > 1:  # the last packet does not say how long it lasts: as long as the others
            end += min(1.0, (self.last - self.start) / (self.count - 1))
        return Track(self.start, end, self.count, jumped)


def decoder_threads(width: int, height: int) -> int:
    """How many threads may decode a picture of this size: each holds frames of its own."""
    cores = os.cpu_count() or 1
    pixels = width * height
    most = 8 if pixels <= 1920 * 1088 else 4 if pixels <= 4096 * 2304 else 2
    return max(1, min(cores, most))
