"""Calls that change the disk, for this account's eyes alone, and what a refusal of the system means for a person."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from assistant.errors import LibraryUnusable

logger = logging.getLogger(__name__)

# Videos, speech and conversations are nobody else's: no rights for the group and for others, whatever the umask.
FOLDER_MODE, FILE_MODE = 0o700, 0o600
_OTHERS = 0o077
_BINARY = getattr(os, "O_BINARY", 0)  # without it Windows writes other ends of lines


class Disk:
    """Every call that changes the disk, in one place, so that a test can make any one of them fail."""

    def create(self, path: Path) -> BinaryIO:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, FILE_MODE), "wb")

    def write(self, handle: BinaryIO, data: bytes) -> None:
        handle.write(data)

    def sync(self, handle: BinaryIO) -> None:
        handle.flush()
        os.fsync(handle.fileno())

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def sync_folder(self, folder: Path) -> None:
        # A rename lasts only once its folder is on the disk; some file systems refuse to sync a folder, and need not.
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)

    def commit(self, connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")


def private(path: str, flags: int) -> int:
    """The descriptor of a file that, where it is made, this account alone may read; an ``opener`` for `open`."""
    return os.open(path, flags | _BINARY, FILE_MODE)


def make_private_file(path: Path) -> None:
    """Make an empty file that only this account may read, where there is none; others write into it later.

    Raises:
        OSError: a link lies there, or the system refuses.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(path, flags, FILE_MODE))


def make_folder(path: Path, parents: bool = False) -> None:
    """Make a folder that only this account may enter; the folders above it are made as the system makes folders."""
    path.mkdir(mode=FOLDER_MODE, parents=parents, exist_ok=True)


def is_open_to_others(path: Path) -> bool:
    """Whether the group or others have rights on this file or folder; never true for a link or where modes are not."""
    if os.name == "nt":
        return False
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return bool(mode & _OTHERS) and (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def close_to_others(path: Path) -> None:
    """Take the rights of the group and of others away; a link is not followed, what is another account's stays."""
    if not is_open_to_others(path):
        return
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with contextlib.suppress(FileNotFoundError):
        try:
            descriptor = os.open(path, flags)
            try:
                os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) & ~_OTHERS)
            finally:
                os.close(descriptor)
        except PermissionError as error:
            logger.warning("others may go on reading file=%s: %s", path.name, error.strerror)


@contextlib.contextmanager
def reported(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a `LibraryUnusable` that names the way out."""
    try:
        yield
    except OSError as error:
        raise unusable(error, folder) from error


def unusable(error: OSError, folder: Path) -> LibraryUnusable:
    """What this refusal of the operating system means for the library in ``folder``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return LibraryUnusable(
            f"the disk that holds the library {folder} is full", "free some space there and try again"
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return LibraryUnusable("too many files are open on this machine", "close some programs and try again")
    return LibraryUnusable(
        f"the library {folder} cannot be written ({error.strerror or error})",
        "choose another folder with --home or ASSISTANT_HOME",
    )


try:
    import fcntl
except ImportError:  # a system without it: one process is assumed
    fcntl = None  # type: ignore[assignment]


class FileLock:
    """Held by at most one process (and at most one object) at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: IO[bytes] | None = None
        self._taking = threading.Lock()

    @property
    def held(self) -> bool:
        return self._handle is not None

    def acquire(self) -> bool:
        """Whether the lock is ours now; does not wait. Several threads of one holder share it."""
        with self._taking:
            if self._handle is None:
                self._handle = self._taken()
            return self._handle is not None

    def _taken(self) -> IO[bytes] | None:
        with reported(self._path.parent):
            handle = os.fdopen(private(str(self._path), os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                handle.close()
                return None
        return handle

    def release(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()
