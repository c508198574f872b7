"""What this program made in a video's folder, file by file: only that is ever removed, whatever else lies there."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from assistant.store.backups import is_backup_name
from assistant.store.database import Database
from assistant.store.disk import close_to_others, is_open_to_others, reported
from assistant.store.files import Files
from assistant.store.home import MARKER, is_unsigned_name

logger = logging.getLogger(__name__)

VIDEO_FOLDER = re.compile(r"[0-9a-f]{64}")
_STAGE = r"[a-z0-9_]{1,40}-[0-9a-f]{40}\.(json|npz)"
_SHARED = re.compile(_STAGE)
# What versions that kept no record laid into the folder of a video that the database, or a whole card, names.
_UNRECORDED = re.compile(rf"card\.json|stages/{_STAGE}|pictures/[a-z]+-[0-9]+\.jpg|files/proxy\.mp4")
# DISTINCT would read every row of the record at every opening; this takes one step in the index for each video.
_OWNERS = """
WITH RECURSIVE found(owner) AS (
    SELECT min(owner) FROM made
    UNION ALL SELECT (SELECT min(owner) FROM made WHERE made.owner > found.owner) FROM found WHERE owner IS NOT NULL
)
SELECT owner FROM found WHERE owner IS NOT NULL
"""


class Made:
    """The record of one library's own files. A row is written before its file, so that no file is without one."""

    def __init__(self, files: Files, database: Database) -> None:
        self._files = files
        self._database = database

    def holds(self, owner: str, target: Path) -> bool:
        """Whether this file of a video is in the record."""
        sql = "SELECT 1 FROM made WHERE owner = ? AND place = ?"
        return bool(self._database.read(sql, (owner, self._place(owner, target))))

    def note(self, connection: sqlite3.Connection, owner: str, target: Path) -> None:
        """Record a file that is about to be laid into a video's folder; the caller's transaction keeps it."""
        connection.execute("INSERT OR IGNORE INTO made VALUES (?, ?)", (owner, self._place(owner, target)))

    def note_found(self, owner: str, original: Path | None) -> None:
        """Record what lies in a video's folder without a record: of an older version, or since an older copy."""
        folder = self._files.videos / owner
        found = [
            path
            for path in sorted(folder.glob("*")) + sorted(folder.glob("*/*"))
            if self._files.regular(path) is not None
            and (path == original or _UNRECORDED.fullmatch(self._place(owner, path)))
        ]
        if found:
            with self._database.writing() as connection:
                for path in found:
                    self.note(connection, owner, path)

    def owners(self) -> set[str]:
        """The videos, deleted ones too, of which something is in the record."""
        return {row["owner"] for row in self._database.read(_OWNERS)}

    def remove(self, owner: str) -> None:
        """Remove what was made for a video that the library does not hold; what is not ours stays where it lies."""
        folder = self._files.videos / owner
        # Under the lock that adding a video needs: it cannot come back between the look and the removal.
        with self._database.writing() as connection, reported(self._files.home):
            if connection.execute("SELECT 1 FROM videos WHERE sha256 = ?", (owner,)).fetchone() is not None:
                return
            for path in self._paths(owner):
                if self._files.regular(path) is not None:
                    path.unlink()
            for below in [*_folders(folder), folder]:
                with contextlib.suppress(OSError):  # not empty: something in it is not ours
                    if not below.is_symlink():
                        below.rmdir()
            connection.execute("DELETE FROM made WHERE owner = ?", (owner,))
        if folder.exists():
            logger.warning("left where they are: files that this program did not make folder=%s", owner[:8])

    def close_to_others(self) -> bool:
        """Whether others could read the library until now: its folders and files are this account's alone from here.

        The home comes last, so that an opening that is cut short begins again.
        """
        # The home itself may be a link that a person has set; what lies in it is not.
        home, files = self._files.home.resolve(), self._files
        tops = [files.videos, files.uploads, files.temporaries, files.backups, files.shared]
        if not any(is_open_to_others(path) for path in (home, *tops, self._database.path)):
            return False
        for path in self._own_files():
            close_to_others(path)
        for folder in (*tops, home):
            close_to_others(folder)
        return True

    def _own_files(self) -> Iterator[Path]:
        home, files = self._files.home, self._files
        name = self._database.path.name
        yield from (home / other for other in (name, f"{name}-wal", f"{name}-shm", "queue.lock", MARKER))
        for folder in (files.uploads, files.temporaries, files.backups):
            for path in _children(folder):
                ours = files.names.are_ours(path.name) or is_unsigned_name(path.name)
                if ours or (folder == files.backups and is_backup_name(path.name)):
                    yield path
        yield from (path for path in _children(files.shared) if _SHARED.fullmatch(path.name))
        for owner in sorted(self.owners()):
            paths = [path for path in self._paths(owner) if files.regular(path) is not None]
            yield from paths
            yield from {path.parent for path in paths}
            yield files.videos / owner

    def _paths(self, owner: str) -> list[Path]:
        rows = self._database.read("SELECT place FROM made WHERE owner = ?", (owner,))
        return [self._files.videos / owner / row["place"] for row in rows]

    def _place(self, owner: str, target: Path) -> str:
        return target.relative_to(self._files.videos / owner).as_posix()


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _folders(folder: Path) -> list[Path]:
    return [path for path in _children(folder) if stat.S_ISDIR(os.lstat(path).st_mode)]
