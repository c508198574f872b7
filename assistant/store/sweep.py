"""What a killed process left behind is cleared away when a library is opened: files of ours, and nothing else."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from assistant.store.database import Database
from assistant.store.entries import read_row
from assistant.store.files import Files
from assistant.store.home import is_unsigned_name
from assistant.store.made import VIDEO_FOLDER, Made

logger = logging.getLogger(__name__)


def sweep(files: Files, database: Database, made: Made) -> None:
    """Remove files in the making whose maker is gone, uploads nobody waits for, and what was made of deleted videos."""
    removed = 0
    for folder in (files.temporaries, files.backups):
        for path in files.leftovers(folder):
            if files.names.are_ours(path.name) and (folder == files.temporaries or path.suffix == ".part"):
                removed += _removed(path)
    # Listed before the rows are read: an upload that appears later is no leftover.
    abandoned = list(files.leftovers(files.uploads))
    wanted = _paths(
        database,
        "SELECT path FROM jobs WHERE state IN ('waiting', 'running') UNION SELECT path FROM videos WHERE NOT owned",
    )
    known = _paths(database, "SELECT path FROM paths UNION SELECT path FROM jobs") if abandoned else set()
    for path in abandoned:
        # A name of a version before the mark proves nothing alone: that version's rows must name the file as well.
        ours = files.names.are_ours(path.name) or (is_unsigned_name(path.name) and str(path) in known)
        if ours and str(path) not in wanted:
            removed += _removed(path)
    # Listed before the rows are read: a video's row comes before its folder.
    folders = [folder for folder in sorted(files.videos.iterdir()) if VIDEO_FOLDER.fullmatch(folder.name)]
    owners = made.owners()
    videos = {row["sha256"] for row in database.read("SELECT sha256 FROM videos")}
    for folder in folders:
        if folder.name not in videos | owners and not folder.is_symlink() and _found_again(folder, database):
            videos.add(folder.name)
    for owner in sorted(owners - videos):
        made.remove(owner)
        removed += 1
    _record(files, database, made)
    if removed:
        logger.info("cleared away what unfinished work had left files=%d", removed)


def _removed(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
        return 1
    return 0


def _paths(database: Database, sql: str) -> set[str]:
    return {os.fsdecode(row["path"]) for row in database.read(sql)}


def _record(files: Files, database: Database, made: Made) -> None:
    """Record the files of videos that have no record, and of all where the database is an older copy of itself."""
    for row in database.read(
        "SELECT sha256, path, owned FROM videos WHERE ? OR NOT EXISTS (SELECT 1 FROM made WHERE owner = sha256)",
        (database.restored,),
    ):
        original = files.videos / row["sha256"] / Path(os.fsdecode(row["path"])).name if row["owned"] else None
        made.note_found(row["sha256"], original)


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
