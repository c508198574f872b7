"""Files as such: what they hash to, how they are written whole, and how big they are in a person's words."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which takes its place when all went well and is removed where it did not.

    A reader of ``path`` so finds the file before or the one after, and an interruption leaves the one before. The
    library's own files, which are also synced and never follow a link, are `assistant.store.files`' to write.

    Raises:
        OSError: it cannot be moved into place.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())  # else a power cut may leave the new name with nothing behind it
        unfinished.replace(path)
    finally:
        with suppress(OSError):
            unfinished.unlink()


def human_bytes(count: float) -> str:
    """The size as people read it, in powers of ten: ``6.2 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("GB ends the loop")


def size_beside_limit(count: int) -> str:
    """The size of a file, or the most that is allowed, in powers of two, as the limits are set: ``8.0 GB``."""
    for unit, name in ((1024**3, "GB"), (1024**2, "MB"), (1024, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
