"""Files of the library: written beside, synced, then renamed into place: a reader sees all of a file or none."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import socket
import sqlite3
import stat
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from assistant.errors import LibraryUnusable

if TYPE_CHECKING:
    from assistant.store.database import Database

logger = logging.getLogger(__name__)

LEFTOVER_SECONDS = 3600.0
SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
SAFE_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_BLOCK_BYTES = 1 << 20
_MAGIC = b"sealed/1 "
# Process numbers mean something on the machine that gave them only; containers that share a folder differ in this.
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"


class Disk:
    """Every call that changes the disk, in one place, so that a test can make any one of them fail."""

    def create(self, path: Path) -> BinaryIO:
        return path.open("xb")

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


class Files:
    """The folders of one library: ``videos`` (a folder each), ``uploads``, ``temporary``, ``backups``."""

    def __init__(self, home: Path, disk: Disk) -> None:
        self.home = home
        self.disk = disk
        self.videos = home / "videos"
        self.uploads = home / "uploads"
        self.temporaries = home / "temporary"
        self.backups = home / "backups"
        with reported(home):
            for folder in (self.videos, self.uploads, self.temporaries, self.backups):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.new_temporary()
            probe.touch()
            probe.unlink()

    def new_temporary(self, suffix: str = "") -> Path:
        """A fresh path in ``temporary`` that says which process made it; nothing is created."""
        return self.temporaries / own_name(suffix)

    def write_temporary(self, pieces: Iterable[bytes]) -> Path:
        """The path of a new synced file with these bytes; the caller places or removes it."""
        path = self.new_temporary(".part")
        try:
            with reported(self.home):
                handle = self.disk.create(path)
                with handle:
                    for piece in pieces:
                        self.disk.write(handle, piece)
                    self.disk.sync(handle)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def place(self, temporary: Path, target: Path) -> None:
        """Rename a synced file to its place, over what was there."""
        with reported(self.home):
            target.parent.mkdir(parents=True, exist_ok=True)
            self.disk.replace(temporary, target)
            self.disk.sync_folder(target.parent)

    def discard(self, path: Path) -> None:
        """Remove a file or a folder at once for readers; its space may follow a moment later."""
        if not os.path.lexists(path):
            return
        grave = self.new_temporary(".gone")
        with reported(self.home):
            os.replace(path, grave)
        if grave.is_dir() and not grave.is_symlink():
            shutil.rmtree(grave, ignore_errors=True)
        else:
            grave.unlink(missing_ok=True)

    def second_name(self, path: Path) -> Path:
        """A temporary with the content of this file: the same bytes on the disk for an upload, else a copy."""
        if path.is_relative_to(self.uploads):
            temporary = self.new_temporary(".link")
            with contextlib.suppress(OSError):  # a file system without hard links: copied below
                os.link(path, temporary)
                return temporary
        return self.write_temporary(_blocks(path))

    def new_upload(self, suffix: str) -> Path:
        """A fresh path in ``uploads``; nothing is created."""
        return self.uploads / own_name(suffix)

    def discard_video(self, sha256: str, database: Database) -> None:
        """Remove the folder of a video that the library does not hold, and only then."""
        folder = self.videos / sha256
        if not folder.exists():
            return
        # Under the lock that adding a video needs: it cannot come back between the look and the removal.
        with database.writing() as connection:
            if connection.execute("SELECT 1 FROM videos WHERE sha256 = ?", (sha256,)).fetchone() is None:
                self.discard(folder)

    def leftovers(self, folder: Path) -> Iterator[Path]:
        """Files and folders here whose process is gone, or that nobody has touched for an hour."""
        for path in sorted(folder.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                old = time.time() - path.stat(follow_symlinks=False).st_mtime > LEFTOVER_SECONDS
                if old or _maker_is_gone(path.name):
                    yield path


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK_BYTES):
            yield block


def own_name(suffix: str = "") -> str:
    """A name nobody else uses, with the process that made it in front."""
    return f"{_HOST}-{os.getpid()}-{uuid.uuid4().hex}{suffix}"


def _maker_is_gone(name: str) -> bool:
    host, _, rest = name.partition("-")
    number, _, _ = rest.partition("-")
    return host == _HOST and number.isdecimal() and not is_alive(int(number))


def is_alive(process_id: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def if_filled(home: Path, path: Path) -> Path | None:
    """The path below ``home``, where a file of at least one byte lies there and no link on the way; else None."""
    try:
        found = path.stat(follow_symlinks=False)
        straight = os.path.realpath(path) == os.path.join(os.path.realpath(home), path.relative_to(home))
    except OSError:
        return None
    return path if straight and stat.S_ISREG(found.st_mode) and found.st_size > 0 else None


def suffix_of(name: str) -> str:
    """The suffix of a name from outside, where it is a plain one, else nothing."""
    suffix = Path(name).suffix.lower()
    return suffix if SAFE_SUFFIX.fullmatch(suffix) else ""


def seal(payload: bytes) -> tuple[bytes, bytes]:
    """A header that lets `unseal` notice damage, and the payload, to be written one after the other."""
    note = json.dumps({"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()})
    return _MAGIC + note.encode() + b"\n", payload


def unseal(path: Path) -> bytes | None:
    """The payload of a sealed file; None where there is no such file or where it is damaged (it is then removed)."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        logger.warning("unreadable file=%s reason=%s", path.name, error.strerror)
        content = b""
    header, _, payload = content.partition(b"\n")
    if header.startswith(_MAGIC):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            note = json.loads(header[len(_MAGIC) :])
            if note["bytes"] == len(payload) and note["sha256"] == hashlib.sha256(payload).hexdigest():
                return payload
    remove_damaged(path)
    return None


def remove_damaged(path: Path) -> None:
    """Remove a file that cannot be trusted, and say so in the log."""
    logger.warning("damaged file removed, it will be made again: %s", path.name)
    with contextlib.suppress(OSError):
        path.unlink()


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
