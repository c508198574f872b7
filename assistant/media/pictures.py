"""Frames as JPEG bytes for the library and the page."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
    for index, frame in enumerate(frames):
        sheet.paste(Image.fromarray(frame).resize((width, height)), (index * width, 0))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=quality)
    return out.getvalue()
