"""The videos of a library: adding, finding, the copies of a file that are known, and deleting."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path

from assistant.core.timeline import Video
from assistant.errors import Cancelled
from assistant.store import index
from assistant.store.database import Database
from assistant.store.disk import reported
from assistant.store.entries import CARD_NAME, Entry, checked_sha256, entry_of, pieces_of
from assistant.store.files import Files, suffix_of
from assistant.store.made import Made
from assistant.store.sealed import unseal
from assistant.store.text import clean, dump

_ENTRIES = "SELECT v.*, EXISTS (SELECT 1 FROM timelines t WHERE t.sha256 = v.sha256) AS has_timeline FROM videos v"


class Videos:
    """The rows of the videos, and the files that belong to them."""

    def __init__(self, database: Database, files: Files, made: Made) -> None:
        self._database = database
        self._files = files
        self._made = made

    def add(self, path: Path, name: str, video: Video, keep_copy: bool) -> Entry:
        """See `Library.add_video`."""
        path = path.absolute()
        sha256 = checked_sha256(video.sha256)
        with reported(path):
            status = path.stat()
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO videos (sha256, name, path, probe, size_bytes, added_at) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (sha256) DO UPDATE SET probe = excluded.probe,"
                " path = CASE WHEN owned THEN path ELSE excluded.path END",
                (sha256, clean(name), os.fsencode(path), dump(video), status.st_size, time.time()),
            )
            connection.execute(
                "INSERT OR REPLACE INTO paths (path, size_bytes, mtime_ns, sha256) VALUES (?, ?, ?, ?)",
                (os.fsencode(path), status.st_size, status.st_mtime_ns, sha256),
            )
        if keep_copy or self._files.is_upload(path):
            self._adopt(path, sha256, suffix_of(path.name) or suffix_of(name))
        return self._carded(sha256)

    def all(self) -> list[Entry]:
        """Every video, the newest first."""
        return [self._entry(row) for row in self._database.read(f"{_ENTRIES} ORDER BY v.added_at DESC, v.sha256")]

    def get(self, sha256: str) -> Entry | None:
        """The video with this content hash, or None."""
        rows = self._database.read(f"{_ENTRIES} WHERE v.sha256 = ?", (sha256,))
        return self._entry(rows[0]) if rows else None

    def find(self, path: Path, size_bytes: int, mtime_ns: int) -> str | None:
        """See `Library.find_by_path`."""
        rows = self._database.read(
            "SELECT sha256 FROM paths WHERE path = ? AND size_bytes = ? AND mtime_ns = ?",
            (os.fsencode(path.absolute()), size_bytes, mtime_ns),
        )
        return str(rows[0]["sha256"]) if rows else None

    def prefer(self, sha256: str, path: Path) -> None:
        """From now on this one of the known copies is the video's file; the library's own comes before it."""
        sql = "FROM videos WHERE sha256 = ? AND NOT owned AND path <> ?"
        if self._database.read(f"SELECT 1 {sql}", (sha256, os.fsencode(path))):
            self._database.write(
                "UPDATE videos SET path = ? WHERE sha256 = ? AND NOT owned", (os.fsencode(path), sha256)
            )
            self._carded(sha256)

    def rename(self, sha256: str, name: str) -> None:
        """Call the video otherwise; its file keeps its name."""
        with self._database.writing() as connection:
            known = connection.execute("UPDATE videos SET name = ? WHERE sha256 = ?", (clean(name), sha256)).rowcount
            index.rename(connection, sha256, name)
        if known:
            self._carded(sha256)

    def delete(self, sha256: str) -> None:
        """See `Library.delete_video`."""
        card = self._files.videos / checked_sha256(sha256) / CARD_NAME
        with self._database.writing() as connection:
            # First of all: without it the folder is not wanted, should this process end here.
            with reported(self._files.home):
                if self._files.regular(card) is not None:
                    card.unlink()
                    self._files.disk.sync_folder(card.parent)
            known = connection.execute("SELECT path FROM paths WHERE sha256 = ?", (sha256,)).fetchall()
            connection.execute("DELETE FROM videos WHERE sha256 = ?", (sha256,))
            connection.execute("DELETE FROM jobs WHERE sha256 = ? AND state <> 'running'", (sha256,))
            connection.execute("UPDATE jobs SET cancel_requested = 1 WHERE sha256 = ?", (sha256,))
            index.forget(connection, sha256)
        self._made.remove(sha256)
        for row in known:
            self.discard_upload(Path(os.fsdecode(row["path"])))

    def discard_upload(self, path: Path) -> None:
        """Remove an upload that is not needed any more; any other file is left alone, wherever it lies."""
        path = path.absolute()
        if self._files.is_upload(path):
            self._database.write("DELETE FROM paths WHERE path = ?", (os.fsencode(path),))
            with reported(self._files.home):
                path.unlink(missing_ok=True)

    def place(self, temporary: Path, sha256: str, target: Path) -> None:
        """Rename a synced file to its place in a video's folder; the temporary is gone afterwards in any case.

        Raises:
            Cancelled: the video was deleted meanwhile.
        """
        try:
            if not self._made.holds(sha256, target):
                with self._database.writing() as connection:
                    self.require(connection, sha256)
                    self._made.note(connection, sha256, target)
            # The transaction writes nothing: it keeps others from deleting the video between the look and the rename.
            with self._database.writing() as connection:
                self.require(connection, sha256)
                self._files.place(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def require(self, connection: sqlite3.Connection, sha256: str) -> None:
        """Raise `Cancelled` where the library does not hold the video any more."""
        if connection.execute("SELECT 1 FROM videos WHERE sha256 = ?", (sha256,)).fetchone() is None:
            raise _removed()

    def _entry(self, row: sqlite3.Row) -> Entry:
        path = self._own_file(row) or self._copy(row)
        return entry_of(row, path or Path(os.fsdecode(row["path"])), present=path is not None)

    def _own_file(self, row: sqlite3.Row) -> Path | None:
        """The library's own file, wherever the home lies now."""
        if not row["owned"]:
            return None
        return self._files.regular(self._files.videos / row["sha256"] / Path(os.fsdecode(row["path"])).name)

    def _copy(self, row: sqlite3.Row) -> Path | None:
        """The copy that is still as it was: the one named last, else the one added last; else one of that size."""
        known = self._database.read(
            "SELECT path, size_bytes, mtime_ns FROM paths WHERE sha256 = ? ORDER BY path <> ?, rowid DESC",
            (row["sha256"], row["path"]),
        )
        touched = None
        for copy in known:
            path = Path(os.fsdecode(copy["path"]))
            status = _regular(path)
            if status is not None and status.st_size == copy["size_bytes"]:
                if status.st_mtime_ns == copy["mtime_ns"]:
                    return path
                touched = touched or path
        if (
            touched is None
            and not row["owned"]
            and not self._database.read("SELECT 1 FROM paths WHERE path = ?", (row["path"],))
        ):
            # A video that was found again by its card: nothing else is known of its file.
            path = Path(os.fsdecode(row["path"]))
            status = _regular(path)
            return path if status is not None and status.st_size == row["size_bytes"] else None
        return touched

    def _carded(self, sha256: str) -> Entry:
        """The entry, with its card written beside its files."""
        entry = self.get(sha256)
        if entry is None:
            raise _removed()
        target = self._files.videos / sha256 / CARD_NAME
        pieces = pieces_of(entry)
        if unseal(target) != pieces[1]:
            self.place(self._files.write_temporary(pieces), sha256, target)
        return entry

    def _adopt(self, path: Path, sha256: str, suffix: str) -> None:
        """Make the file the library's own: a second name for an upload, a copy of what lies elsewhere."""
        target = self._files.videos / sha256 / f"original{suffix}"
        entry = self.get(sha256)
        if entry is not None and entry.owned and self._files.regular(entry.path) is not None:
            return
        with reported(self._files.home):
            self.place(self._files.second_name(path), sha256, target)
            with self._database.writing() as connection:
                self.require(connection, sha256)
                connection.execute(
                    "UPDATE videos SET path = ?, owned = 1 WHERE sha256 = ?", (os.fsencode(target), sha256)
                )


def _regular(path: Path) -> os.stat_result | None:
    """The status of a person's file, links followed; None where there is no regular file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _removed() -> Cancelled:
    return Cancelled("the video was removed from the library meanwhile", "add it again to analyse it")
