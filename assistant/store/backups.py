"""Copies of the database: before a migration, and once a day, since chats and corrections are nowhere else."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import sqlite3
import stat
import time
from pathlib import Path

from assistant.store.disk import make_private_file
from assistant.store.home import Names, holds_our_tables

logger = logging.getLogger(__name__)

KEPT_BACKUPS = 5
BACKUP_SECONDS = 24 * 3600.0
# The code at the end came later; copies of versions before are used, and never removed.
_COPY = re.compile(r"library-[0-9]{8}-[0-9]{6}-(daily|v[0-9]+)(-[0-9a-f]{32})?\.sqlite")


def is_backup_name(name: str) -> bool:
    """Whether a copy of some version may have this name."""
    return _COPY.fullmatch(name) is not None


class Backups:
    """The copies in one folder, each a whole database. Others' files in it are neither used nor removed."""

    def __init__(self, folder: Path, names: Names) -> None:
        self.folder = folder
        self._names = names

    def add(self, source: sqlite3.Connection, reason: str) -> Path:
        """The file that now holds a whole copy of the database."""
        path = self.folder / self._names.sign(f"library-{time.strftime('%Y%m%d-%H%M%S')}-{reason}", ".sqlite")
        unfinished = self.folder / self._names.fresh(".part")
        try:
            make_private_file(unfinished)
            with contextlib.closing(sqlite3.connect(unfinished)) as copy:
                source.backup(copy)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        ours = [copy for copy in self.all() if self._names.are_ours(copy.name)]
        for old in ours[KEPT_BACKUPS:]:
            old.unlink(missing_ok=True)
        logger.info("backed up the library file=%s", path.name)
        return path

    def is_due(self) -> bool:
        """Whether the newest copy is older than a day."""
        newest = next(iter(self.all()), None)
        return newest is None or time.time() - newest.stat().st_mtime > BACKUP_SECONDS

    def all(self) -> list[Path]:
        """All copies, the newest first."""
        found = [path for path in self.folder.iterdir() if is_backup_name(path.name)] if self.folder.is_dir() else []
        return sorted((path for path in found if stat.S_ISREG(path.lstat().st_mode)), reverse=True)

    def restore(self, path: Path) -> bool:
        """Whether the newest whole copy now stands in the place of a database that is gone."""
        for backup in self.all():
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(backup)) as copy:
                if copy.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok" or not holds_our_tables(backup):
                    continue
                unfinished = self.folder / self._names.fresh(".part")
                make_private_file(unfinished)
                shutil.copyfile(backup, unfinished)
                # What is left of the lost one's journal belongs to no copy, and would be written into it.
                for suffix in ("-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                os.link(unfinished, path)  # unlike a rename, never over a database that another process has just made
                unfinished.unlink()
                logger.warning("the database was gone, and was put back from file=%s", backup.name)
                return True
        return False
