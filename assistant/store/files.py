"""Files of the library: written beside, synced, then renamed into place: a reader sees all of a file or none."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from assistant.errors import LibraryUnusable
from assistant.store.disk import FILE_MODE, Disk, make_folder, make_private_file, reported
from assistant.store.home import FOLDERS, Names, is_unsigned_name

LEFTOVER_SECONDS = 3600.0
SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
SAFE_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_BLOCK_BYTES = 1 << 20


class Files:
    """The folders of one library: ``videos`` (a folder each), ``uploads``, ``temporary``, ``backups``, ``shared``.

    Links are never followed: what lies behind one is not the library's.
    """

    def __init__(self, home: Path, disk: Disk, names: Names) -> None:
        self.home = home
        self.disk = disk
        self.names = names
        self.videos, self.uploads, self.temporaries, self.backups, self.shared = (home / name for name in FOLDERS)
        with reported(home):
            for folder in (self.videos, self.uploads, self.temporaries, self.backups):
                self.make_folders(folder)
            probe = self.new_temporary()
            make_private_file(probe)
            probe.unlink()

    def make_folders(self, folder: Path) -> None:
        """Make a folder of the library, and those between it and the home.

        Raises:
            LibraryUnusable: one of them is a link.
        """
        path = self.home
        for part in folder.relative_to(self.home).parts:
            path = path / part
            if path.is_symlink():
                raise LibraryUnusable(
                    f"{path} is a link, which the library never follows",
                    "put a folder in its place, or choose another --home",
                )
            make_folder(path)

    def new_temporary(self, suffix: str = "") -> Path:
        """A fresh path in ``temporary`` that says which process made it; nothing is created."""
        return self.temporaries / self.names.fresh(suffix)

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
            self.make_folders(target.parent)
            self.disk.replace(temporary, target)
            self.disk.sync_folder(target.parent)

    def second_name(self, path: Path) -> Path:
        """A temporary with the content of this file: the same bytes on the disk for an upload, else a copy."""
        if self.is_upload(path):
            temporary = self.new_temporary(".link")
            with contextlib.suppress(OSError):  # a file system without hard links: copied below
                os.link(path, temporary)
                temporary.chmod(FILE_MODE)  # whoever wrote the upload may have given others a right to read it
                return temporary
        return self.write_temporary(_blocks(path))

    def new_upload(self, suffix: str) -> Path:
        """A fresh empty file in ``uploads`` that only this account may read."""
        path = self.uploads / self.names.fresh(suffix)
        with reported(self.home):
            make_private_file(path)
        return path

    def is_upload(self, path: Path) -> bool:
        """Whether this is a regular file in ``uploads`` that has a name of ours."""
        named = self.names.are_ours(path.name) or is_unsigned_name(path.name)
        return path.parent == self.uploads and named and self.regular(path) is not None

    def regular(self, path: Path) -> Path | None:
        """The same path where a regular file lies there and no link on the way from the home, else None."""
        try:
            parts = path.relative_to(self.home).parts
        except ValueError:
            return None
        if not parts or ".." in parts:
            return None
        try:
            folders_are_real = all(
                stat.S_ISDIR(self.home.joinpath(*parts[:count]).lstat().st_mode) for count in range(1, len(parts))
            )
            return path if folders_are_real and stat.S_ISREG(path.lstat().st_mode) else None
        except (OSError, ValueError):
            return None

    def filled(self, path: Path) -> Path | None:
        """The same path where a regular file of at least one byte lies there, else None."""
        try:
            return path if self.regular(path) is not None and path.lstat().st_size > 0 else None
        except OSError:
            return None

    def leftovers(self, folder: Path) -> Iterator[Path]:
        """Files here whose process is gone, or that nobody has touched for an hour; who made them is not asked."""
        for path in sorted(folder.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                maker = self.names.maker(path.name)
                is_old = time.time() - status.st_mtime > LEFTOVER_SECONDS
                is_orphaned = maker is not None and not is_alive(maker)
                if stat.S_ISREG(status.st_mode) and (is_old or is_orphaned):
                    yield path

    def size_bytes(self, folder: Path) -> int:
        """How many bytes the regular files below this folder hold."""
        total = 0
        for parent, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    status = os.lstat(os.path.join(parent, name))
                    total += status.st_size if stat.S_ISREG(status.st_mode) else 0
        return total


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK_BYTES):
            yield block


def is_alive(process_id: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def suffix_of(name: str) -> str:
    """The suffix of a name from outside, where it is a plain one, else nothing."""
    suffix = Path(name).suffix.lower()
    return suffix if SAFE_SUFFIX.fullmatch(suffix) else ""
