"""Image files as videos: a still is one picture of a second, an animated WebP its pictures at their times.

libavformat reads moving GIF and PNG, and HEIC. For the others Pillow decodes, upright as their Exif says, into a
lossless track that then goes the way of every video.
"""

from __future__ import annotations

import re
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import IO, BinaryIO

import av
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageOps
from PIL.Image import Image as Picture

from assistant.config import Limits
from assistant.errors import VideoUnreadable
from assistant.media.diagnosis import display_name, too_many_pixels

STILL_SECONDS = 1.0
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "AVIF", "GIF")
_STARTS = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
}
# Single pictures in H.265 (ISO 23008-12); libavformat reads them.
HEIC = "heic"
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1")
# The entry of an item that is put together from others, as cameras of phones write them.
_GRID_ITEM = re.compile(rb"infe[\2\3]\0\0.[^g]{4,6}grid", re.DOTALL)
_HEAD_BYTES = 64
_SEARCHED_BYTES = 32 << 20
_IN_MEMORY_BYTES = 32 << 20
# A picture that says it lasts no time is shown for a tenth of a second, as browsers do.
_LEAST_MILLISECONDS, _USUAL_MILLISECONDS = 11, 100


def image_kind(file: BinaryIO) -> str:
    """The kind of image that a file holds, "" of those that move; it stands at its beginning afterwards."""
    head = file.read(_HEAD_BYTES)
    kind = next((kind for start, kind in _STARTS.items() if head.startswith(start)), "")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        kind = "webp"
    elif head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        kind = "avif"
    elif head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        kind = HEIC
    # Motion JPEG is one JPEG behind the other; a photograph may hold a second one too, but then says so.
    motion = kind == "jpeg" and _holds(file, b"\xff\xd9\xff\xd8") and not _holds(file, b"MPF\0", 64 << 10)
    moves = motion or (kind == "png" and _holds(file, b"acTL", 64 << 10)) or (kind == "gif" and _moves(file))
    file.seek(0)
    return "" if moves else kind


def refuse_tiles(file: BinaryIO, path: Path) -> None:
    """Leave a HEIC picture alone whose tiles nothing here puts together: the first tile would pass for the whole.

    Raises:
        VideoUnreadable: it is made of tiles.
    """
    head = file.read(64 << 10)
    file.seek(0)
    if _GRID_ITEM.search(head):
        raise VideoUnreadable(
            f"{display_name(path)} is a HEIC picture in tiles, which are not put together here",
            "save it as JPEG or PNG",
        )


def _holds(file: BinaryIO, wanted: bytes, first_bytes: int = _SEARCHED_BYTES) -> bool:
    file.seek(0)
    return wanted in file.read(first_bytes)


def _moves(file: BinaryIO) -> bool:
    file.seek(0)
    try:
        with Image.open(file, formats=("GIF",)) as image:
            return bool(getattr(image, "is_animated", False))
    except (OSError, ValueError, SyntaxError, EOFError):
        return True


@contextmanager
def as_video(file: BinaryIO, path: Path, max_pixels: int) -> Iterator[IO[bytes]]:
    """A QuickTime file with the image's pictures, in memory or, where it is large, in a temporary file.

    Raises:
        VideoTooLarge: over ``max_pixels``.
        OSError: not an image, or damaged.
    """
    # Its own limit would come as a warning; here every picture is held to ours before it is decoded.
    Image.MAX_IMAGE_PIXELS = None
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as out:
        try:
            with Image.open(file, formats=_FORMATS) as image:
                if image.width * image.height > max_pixels:
                    raise too_many_pixels(path, image.width, image.height, Limits(max_pixels=max_pixels))
                _write(image, out)
        except (SyntaxError, EOFError, struct.error, zlib.error) as error:
            raise OSError("a damaged image") from error
        out.seek(0)
        yield out


def _write(image: Picture, out: IO[bytes]) -> None:
    frames = 1 if image.format in ("TIFF", "MPO") else int(getattr(image, "n_frames", 1))
    with av.open(out, "w", format="mov") as target:
        stream = target.add_stream("qtrle", rate=1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        now = 0
        for number in range(frames):
            try:
                image.seek(number)
                # How long it lasts is known only once it is decoded.
                frame = _frame(image)
            except (OSError, SyntaxError, EOFError):
                if number == 0:
                    raise
                break  # what came before the damage is shown
            lasting = int(image.info.get("duration", 0) or 0) if frames > 1 else round(1000 * STILL_SECONDS)
            lasting = lasting if lasting >= _LEAST_MILLISECONDS else _USUAL_MILLISECONDS
            if number == 0:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "argb"
            frame.pts, frame.time_base = now, Fraction(1, 1000)
            for packet in stream.encode(frame):
                packet.duration = lasting
                target.mux(packet)
            now += lasting
        target.mux(stream.encode(None))


def _frame(image: Picture) -> VideoFrame:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        # 16 bits of grey: Pillow cuts off what is above 255.
        deep = np.asarray(upright, dtype=np.int64)
        upright = Image.fromarray((deep // (257 if deep.max(initial=0) > 255 else 1)).clip(0, 255).astype(np.uint8))
    pixels = np.asarray(upright.convert("RGBA"), dtype=np.uint8)
    return VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgba").reformat(format="argb")
