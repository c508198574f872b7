"""Files as such: what they hash to, and how big they are in a person's words."""

from __future__ import annotations

import hashlib
from pathlib import Path

from assistant.core.progress import CancelCheck, never
from assistant.errors import Cancelled

_PIECE_BYTES = 1 << 20


def sha256_of(path: Path, cancelled: CancelCheck = never) -> str:
    """The hash of the file's content in hexadecimal, read piece by piece.

    Raises:
        Cancelled: nobody wants it any more.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            if cancelled():
                raise Cancelled("stopped while the file was read")
    return digest.hexdigest()


def human_bytes(count: float) -> str:
    """The size as people read it, in powers of ten: ``6.2 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("GB ends the loop")
