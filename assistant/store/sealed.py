"""Sealed files: a header tells length and hash, so that damage is noticed; links are never followed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import stat
from pathlib import Path

logger = logging.getLogger(__name__)

_MAGIC = b"sealed/1 "


def seal(payload: bytes) -> tuple[bytes, bytes]:
    """A header that lets `unseal` notice damage, and the payload, to be written one after the other."""
    note = json.dumps({"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()})
    return _MAGIC + note.encode() + b"\n", payload


def unseal(path: Path, remove_what_is_damaged: bool = False) -> bytes | None:
    """The payload of a sealed file; None where there is no such file or where it is damaged."""
    content = read_regular(path)
    if content is None:
        return None
    header, _, payload = content.partition(b"\n")
    if header.startswith(_MAGIC):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            note = json.loads(header[len(_MAGIC) :])
            if note["bytes"] == len(payload) and note["sha256"] == hashlib.sha256(payload).hexdigest():
                return payload
    if remove_what_is_damaged:
        remove_damaged(path)
    return None


def read_regular(path: Path) -> bytes | None:
    """All of a regular file; None where there is none, where it is a link, a pipe or a folder, or cannot be read."""
    # O_NONBLOCK: opening a pipe that nobody writes would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with os.fdopen(os.open(path, flags), "rb") as handle:
            return handle.read()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            logger.warning("unreadable file=%s reason=%s", path.name, error.strerror)
        return None


def remove_damaged(path: Path) -> None:
    """Remove a file of ours that cannot be trusted, and say so in the log; a link is left alone."""
    with contextlib.suppress(OSError):
        if stat.S_ISREG(path.lstat().st_mode):
            path.unlink()
            logger.warning("damaged file removed, it will be made again: %s", path.name)
