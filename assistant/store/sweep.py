"""What a killed process left behind is cleared away when a library is opened."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from assistant.store.cards import read_row
from assistant.store.database import Database
from assistant.store.files import Files

logger = logging.getLogger(__name__)

_FOLDER = re.compile(r"[0-9a-f]{64}")


def sweep(files: Files, database: Database) -> None:
    """Remove files in the making whose maker is gone, uploads nobody waits for, and folders of deleted videos."""
    removed = 0
    for path in files.leftovers(files.temporaries):
        files.discard(path)
        removed += 1
    # Listed before the rows are read: an upload that appears later is no leftover.
    abandoned = list(files.leftovers(files.uploads))
    wanted = {
        os.fsdecode(row["path"])
        for row in database.read(
            "SELECT path FROM jobs WHERE state IN ('waiting', 'running') UNION SELECT path FROM videos WHERE NOT owned"
        )
    }
    for path in abandoned:
        if str(path) not in wanted:
            files.discard(path)
            removed += 1
    for path in files.leftovers(files.backups):
        if path.suffix == ".part":
            files.discard(path)
            removed += 1
    # Listed before the rows are read: a video's row comes before its folder.
    folders = [folder for folder in sorted(files.videos.iterdir()) if _FOLDER.fullmatch(folder.name)]
    known = {row["sha256"] for row in database.read("SELECT sha256 FROM videos")}
    for folder in folders:
        if folder.name not in known and not _found_again(folder, database):
            files.discard_video(folder.name, database)
            removed += 1
    if removed:
        logger.info("cleared away what unfinished work had left files=%d", removed)


def _found_again(folder: Path, database: Database) -> bool:
    """Whether the folder's card says what it is; the database, which was lost or is an older copy, knows it again."""
    row = read_row(folder)
    if row is None:
        return False
    database.write(
        "INSERT OR IGNORE INTO videos (sha256, name, path, probe, size_bytes, owned, added_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    logger.warning("a video that the database had lost was found again video=%s", folder.name[:8])
    return True
