"""Decoded frames as small upright arrays: one shrinking conversion straight from the decoder's format."""

from __future__ import annotations

import ctypes
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from assistant.media.colour import Scaler, is_transparent

THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 64, 36
# Beyond this the longer side is squeezed: a strip of 120 to 1 at 256 pixels would be 30,000 pixels wide.
_MOST_ELONGATED = 6.0
# Averaging reads every pixel; above this many the cheap filter is good enough, there is plenty to average anyway.
_LARGE_PIXELS = 2560 * 1440
_ROW_STEP = 61  # of the rows that are compared first
_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture becomes an upright one: first swap its axes, then mirror it."""

    transposed: bool = False
    flipped_x: bool = False
    flipped_y: bool = False

    @property
    def is_upright(self) -> bool:
        return not (self.transposed or self.flipped_x or self.flipped_y)

    @property
    def rotation_degrees(self) -> int:
        """Clockwise turn of 0, 90, 180 or 270 (before a mirror, where there is one)."""
        if self.transposed:
            return 90 if self.flipped_x else 270
        return 180 if self.flipped_y else 0

    def apply(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The upright frame of a stored one, uint8 ``[H, W, 3]``, contiguous."""
        if self.transposed:
            frame = frame.transpose(1, 0, 2)
        if self.flipped_x:
            frame = frame[:, ::-1]
        if self.flipped_y:
            frame = frame[::-1]
        return np.ascontiguousarray(frame)


def orientation_of(frame: VideoFrame) -> Orientation:
    """The orientation that a frame's display matrix asks for, to the nearest quarter turn; upright without one."""
    try:
        side_data: Any = frame.side_data
        data = side_data.get(Type.DISPLAYMATRIX)
        matrix = None if data is None else np.frombuffer(bytes(data), dtype="<i4")
    except (ValueError, TypeError, KeyError, AttributeError):
        # Side data of a kind that this PyAV does not name: the rotation alone is still there, counter-clockwise.
        quarter = round(-int(frame.rotation) / 90) % 4
        return (Orientation(), Orientation(True, True), Orientation(False, True, True), Orientation(True, False, True))[
            quarter
        ]
    if matrix is None or len(matrix) < 9:
        return Orientation()
    # Rows map a stored place (x, y) to a shown one: x' = a x + c y, y' = b x + d y (ISO/IEC 14496-12).
    a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
    if max(abs(a), abs(b), abs(c), abs(d)) == 0:
        return Orientation()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def display_size(width: int, height: int, aspect: Any, orientation: Orientation) -> tuple[int, int]:
    """Upright width and height in square pixels; ``aspect`` is a stored pixel's width over its height, or None."""
    ratio = float(aspect) if aspect else 1.0
    if not (math.isfinite(ratio) and 1 / 200 <= ratio <= 200):
        ratio = 1.0
    wide = max(1, round(width * ratio))
    return (height, wide) if orientation.transposed else (wide, height)


def shrunk_size(width: int, height: int, shortest: int) -> tuple[int, int]:
    """The size of the same shape whose shorter side is ``shortest``."""
    scale = shortest / min(width, height)
    most = round(_MOST_ELONGATED * shortest)
    return min(most, max(shortest, round(width * scale))), min(most, max(shortest, round(height * scale)))


def is_same(one: VideoFrame, other: VideoFrame) -> bool:
    """Whether two frames hold the very same pixels; a look at a few rows tells most others apart.

    It may say no of two that do, where a format's rows end in bytes that mean nothing.
    """
    if (one.width, one.height, one.format.name) != (other.width, other.height, other.format.name):
        return False
    planes = list(zip(one.planes, other.planes, strict=True))
    pairs = [(_rows(a, one.format.name), _rows(b, one.format.name)) for a, b in planes]
    if not all(np.array_equal(a[::_ROW_STEP], b[::_ROW_STEP]) for a, b in pairs):
        return False
    # The memory as it lies takes half the time of a comparison of arrays; it may differ where rows end in padding.
    return all(_same_memory(*both) or np.array_equal(*rows) for both, rows in zip(planes, pairs, strict=True))


def _same_memory(one: Any, other: Any) -> bool:
    """Whether two planes are the same byte by byte, padding and all."""
    return one.buffer_size == other.buffer_size and not _memcmp(one.buffer_ptr, other.buffer_ptr, one.buffer_size)


def _rows(plane: Any, pixel_format: str) -> NDArray[Any]:
    """The rows of a plane as few large numbers as their length allows, without the padding where that is known."""
    used = int(plane.line_size)
    if pixel_format.startswith(("yuv4", "yuvj4", "gray")):  # a value for each pixel in each plane
        used = min(used, plane.width * (2 if used >= 2 * plane.width else 1))
    kind = np.dtype(np.uint64 if used % 8 == 0 and plane.line_size % 8 == 0 else np.uint8)
    return np.frombuffer(plane, dtype=kind).reshape(plane.height, -1)[:, : used // kind.itemsize]


class FrameConverter:
    """Converts one video's frames to tiny thumbnails and to upright frames of one size."""

    def __init__(self, orientation: Orientation, width: int, height: int, frame_size: int) -> None:
        """``width`` and ``height``: upright, square pixels."""
        self._orientation = orientation
        self._width, self._height = shrunk_size(width, height, frame_size)
        width, height = self._width, self._height
        stored = (height, width) if orientation.transposed else (width, height)
        self._to_thumbnail = Scaler(THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT, "rgb24")
        self._to_frame = Scaler(*stored, "rgb24")
        self._last: VideoFrame | None = None
        self._last_thumbnail: NDArray[np.uint8] | None = None
        self._last_upright: NDArray[np.uint8] | None = None

    def both(self, frame: VideoFrame, *, upright: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """`thumbnail` and, where it is wanted, `upright`; the very arrays of the frame before where nothing changed.

        A length of black or a slide that stays costs no conversion then.
        """
        if _is_large(frame) and not is_transparent(frame):
            return self._both_of_large(frame, upright)
        if self._last is None or not is_same(self._last, frame):
            self._last_thumbnail = self._last_upright = None
        self._last = frame
        if self._last_thumbnail is None:
            self._last_thumbnail = self.thumbnail(frame)
        if upright and self._last_upright is None:
            self._last_upright = self.upright(frame)
        return self._last_thumbnail, self._last_upright if upright else None

    def _both_of_large(self, frame: VideoFrame, upright: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """A thumbnail comes from a few rows of a large frame: that costs a fortieth of comparing it with another.

        So frames are compared only where one may save the costly conversion.
        """
        thumbnail = self.thumbnail(frame)
        if self._last_thumbnail is None or not np.array_equal(thumbnail, self._last_thumbnail):
            self._last, self._last_thumbnail, self._last_upright = None, thumbnail, None
        if upright and (self._last is None or not is_same(self._last, frame)):
            self._last, self._last_upright = frame, self.upright(frame)
        return self._last_thumbnail, self._last_upright if upright else None

    def thumbnail(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """uint8 ``[36, 64, 3]``, as stored."""
        how = Interpolation.FAST_BILINEAR if _is_large(frame) else Interpolation.AREA
        return _pixels(self._to_thumbnail.scale(frame, how))

    def upright(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """uint8 ``[H, W, 3]`` of this converter's size, upright."""
        width, height = self._width, self._height
        if self._orientation.transposed:
            width, height = height, width
        growing = width > frame.width or height > frame.height
        how = Interpolation.BICUBIC if growing else Interpolation.AREA
        return self._orientation.apply(_pixels(self._to_frame.scale(frame, how)))


def _is_large(frame: VideoFrame) -> bool:
    return frame.width * frame.height > _LARGE_PIXELS


def _pixels(frame: VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(), dtype=np.uint8)


STRIP_HEIGHT = 96


def jpeg(frame: NDArray[np.uint8], quality: int = 85) -> bytes:
    """One frame uint8 ``[H, W, 3]`` as JPEG."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=quality)
    return out.getvalue()


def strip(frames: Sequence[NDArray[np.uint8]], height: int = STRIP_HEIGHT, quality: int = 80) -> bytes:
    """Frames of one size side by side, left to right in time, as one JPEG of this height."""
    from PIL import Image

    tall, wide = frames[0].shape[:2]
    width = max(1, round(wide * height / tall))
    # JPEG cannot be wider than 65,500 pixels, and no page needs more.
    width = min(width, 16_000 // len(frames))
    sheet = Image.new("RGB", (width * len(frames), height))
    small = Image.fromarray(frames[0]).resize((width, height))
    for index, frame in enumerate(frames):
        if index and not np.array_equal(frame, frames[index - 1]):
            small = Image.fromarray(frame).resize((width, height))
        sheet.paste(small, (index * width, 0))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=quality)
    return out.getvalue()
