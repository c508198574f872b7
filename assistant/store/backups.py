"""Copies of the database: before a migration, and once a day, since chats and corrections are nowhere else."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import time
from pathlib import Path

from assistant.store.files import own_name

logger = logging.getLogger(__name__)

KEPT_BACKUPS = 5
BACKUP_SECONDS = 24 * 3600.0


def back_up(source: sqlite3.Connection, folder: Path, reason: str) -> Path:
    """The file that now holds a whole copy of the database."""
    path = folder / f"library-{time.strftime('%Y%m%d-%H%M%S')}-{reason}.sqlite"
    unfinished = folder / own_name(".part")
    try:
        with contextlib.closing(sqlite3.connect(unfinished)) as copy:
            source.backup(copy)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    for old in backups(folder)[KEPT_BACKUPS:]:
        old.unlink(missing_ok=True)
    logger.info("backed up the library file=%s", path.name)
    return path


def is_due(folder: Path) -> bool:
    """Whether the newest copy is older than a day."""
    newest = next(iter(backups(folder)), None)
    return newest is None or time.time() - newest.stat().st_mtime > BACKUP_SECONDS


def backups(folder: Path) -> list[Path]:
    """All copies, the newest first."""
    return sorted(folder.glob("library-*.sqlite"), reverse=True)


def restore(path: Path, folder: Path) -> Path | None:
    """The newest whole copy, which now stands in the place of a database that is gone; None where there is none."""
    for backup in backups(folder):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(backup)) as copy:
            if copy.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                continue
            unfinished = folder / own_name(".part")
            shutil.copyfile(backup, unfinished)
            # What is left of the lost one's journal belongs to no copy, and would be written into it.
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            os.link(unfinished, path)  # unlike a rename, never over a database that another process has just made
            unfinished.unlink()
            logger.warning("the database was gone, and was put back from file=%s", backup.name)
            return backup
    return None
