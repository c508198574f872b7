"""The one way in which a stranger's file is opened, and what its tracks really hold.

libavformat follows what a file says: playlists name other files, "MP4" may be text, headers lie. Here it gets a stream
of bytes without a name, a list of containers that name nothing outside themselves, no protocols, and a refusal for
every other open; and whole numbers are measured from the packets instead of believed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from assistant.config import Limits
from assistant.errors import AssistantError
from assistant.media.diagnosis import encrypted, unreadable
from assistant.media.formats import CONTAINERS
from assistant.media.images import HEIC, as_video, image_kind, refuse_tiles

logger = logging.getLogger(__name__)

_MAX_ERRORS_IN_A_ROW = 200

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
    kind = image_kind(file)
    if kind == HEIC:
        refuse_tiles(file, path)
    return as_video(file, path, max_pixels) if kind not in ("", HEIC) else nullcontext(file)


@contextmanager
def open_text(text: str, demuxer: str) -> Iterator[InputContainer]:
    """The open container of subtitles as ``demuxer`` takes them apart; what breaks comes out as it is (`DAMAGE`)."""
    with _open(BytesIO(text.encode("utf-8", "replace")), Limits().max_pixels, demuxer) as container:
        yield container


def _open(file: BinaryIO, max_pixels: int, demuxer: str | None = None) -> InputContainer:
    options = {
        "format_whitelist": demuxer or CONTAINERS,
        "protocol_whitelist": "none",
        # Frames may be decoded while the file is opened, before anybody can look at the announced size.
        "max_pixels": str(max_pixels),
        "threads": "1",
    }
    container: InputContainer = av.open(
        _Bytes(file), "r", demuxer, options=options, io_open=_refuse, metadata_errors="replace", buffer_size=128 * 1024
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


def decoder_threads(width: int, height: int) -> int:
    """How many threads may decode a picture of this size: each holds frames of its own."""
    cores = os.cpu_count() or 1
    pixels = width * height
    most = 8 if pixels <= 1920 * 1088 else 4 if pixels <= 4096 * 2304 else 2
    return max(1, min(cores, most))
