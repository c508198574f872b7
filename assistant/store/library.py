"""One person's library of videos: what was analysed, what was found, what was asked, in one folder."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from assistant.core import documents
from assistant.core.documents import Json
from assistant.core.timeline import Segment, Timeline, Video
from assistant.errors import Cancelled
from assistant.store import index, stages
from assistant.store.cards import CARD_NAME, pieces_of
from assistant.store.chats import Chats
from assistant.store.database import Database
from assistant.store.entries import Correction, Entry, Hit, checked_sha256, content_hash, correction_of, entry_of
from assistant.store.files import SAFE_NAME, Disk, Files, if_filled, reported, seal, suffix_of, unseal
from assistant.store.stages import stage_key
from assistant.store.sweep import sweep
from assistant.store.text import clean, dump

logger = logging.getLogger(__name__)

__all__ = ["Correction", "Entry", "Hit", "Library", "stage_key"]


class Library:
    """Everything the program keeps, under one folder. Safe to use from several threads and several processes.

    Args:
        home: the folder; made where it is missing.
        disk: the calls that change the disk; tests give one that fails.

    Raises:
        LibraryUnusable: the folder cannot be written, or its database is damaged or newer than this program.
    """

    def __init__(self, home: Path, disk: Disk | None = None) -> None:
        self.home = home.expanduser().absolute()
        self._disk = disk or Disk()
        self.files = Files(self.home, self._disk)
        self.database = Database(self.home / "library.sqlite", self.files.backups, self._disk)
        self.chats = Chats(self.database)
        self.sweep()

    def sweep(self) -> None:
        """Clear away what killed processes left in the making; done at every opening."""
        sweep(self.files, self.database)

    def close(self) -> None:
        """Let go of the database; the library object is of no use afterwards."""
        self.database.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- videos -----------------------------------------------------------------------------------------------------

    def add_video(self, path: Path, name: str, video: Video, keep_copy: bool = False) -> Entry:
        """The entry of this video, new or known. A file below ``uploads`` becomes the library's own.

        The file given stays where it is (an upload is linked, not moved: work on it may be under way); the name of a
        video that is already known stays too.

        Args:
            path: where the file lies now.
            name: what the person calls it; kept as text, never used as a path.
            video: what probing found; ``sha256`` is the content's.
            keep_copy: copy a file from elsewhere into the library.
        """
        path = path.absolute()
        sha256 = checked_sha256(video.sha256)
        with reported(path):
            status = path.stat()
        with self.database.writing() as connection:
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
        if keep_copy or path.is_relative_to(self.files.uploads):
            self._adopt(path, sha256, suffix_of(path.name) or suffix_of(name))
        return self._carded(sha256)

    def videos(self) -> list[Entry]:
        """Every video, the newest first."""
        rows = self.database.read(f"{_ENTRIES} ORDER BY v.added_at DESC, v.sha256")
        return [entry_of(row) for row in rows]

    def entry(self, sha256: str) -> Entry | None:
        """The video with this content hash, or None."""
        rows = self.database.read(f"{_ENTRIES} WHERE v.sha256 = ?", (sha256,))
        return entry_of(rows[0]) if rows else None

    def find_by_path(self, path: Path, size_bytes: int, mtime_ns: int) -> str | None:
        """The sha256 that this very file had when it was added, or None where the file is new or was changed."""
        rows = self.database.read(
            "SELECT sha256 FROM paths WHERE path = ? AND size_bytes = ? AND mtime_ns = ?",
            (os.fsencode(path.absolute()), size_bytes, mtime_ns),
        )
        return str(rows[0]["sha256"]) if rows else None

    def rename(self, sha256: str, name: str) -> None:
        """Call the video otherwise; its file keeps its name."""
        if self.database.write("UPDATE videos SET name = ? WHERE sha256 = ?", (clean(name), sha256)):
            self._carded(sha256)

    def delete_video(self, sha256: str) -> None:
        """Remove the video and all that came from it; never a file of the person's own outside the library."""
        card = self.files.videos / checked_sha256(sha256) / CARD_NAME
        with self.database.writing() as connection:
            # First of all: without it the folder is not wanted, should this process end here.
            with reported(self.home):
                if card.exists():
                    card.unlink()
                    self._disk.sync_folder(card.parent)
            known = connection.execute("SELECT path FROM paths WHERE sha256 = ?", (sha256,)).fetchall()
            connection.execute("DELETE FROM videos WHERE sha256 = ?", (sha256,))
            connection.execute("DELETE FROM jobs WHERE sha256 = ? AND state <> 'running'", (sha256,))
            connection.execute("UPDATE jobs SET cancel_requested = 1 WHERE sha256 = ?", (sha256,))
            index.forget(connection, sha256)
        self.files.discard_video(sha256, self.database)
        for row in known:
            self.discard_upload(Path(os.fsdecode(row["path"])))

    def new_upload(self, name: str) -> Path:
        """A path below ``uploads`` for a file that a person sends; only the suffix comes from its name."""
        return self.files.new_upload(suffix_of(name))

    def discard_upload(self, path: Path) -> None:
        """Remove an upload that is not needed any more; a path outside ``uploads`` is left alone."""
        if path.absolute().parent == self.files.uploads:
            self.database.write("DELETE FROM paths WHERE path = ?", (os.fsencode(path.absolute()),))
            with reported(self.home):
                path.unlink(missing_ok=True)

    # --- finished stages --------------------------------------------------------------------------------------------

    stage_key = staticmethod(stage_key)

    def save_stage(self, key: str, document: Json) -> None:
        """Keep a stage's result; afterwards `load_stage` gives it back, whatever happens to this process.

        Raises:
            Cancelled: the video was deleted meanwhile.
        """
        self._seal(key, ".json", dump(document).encode())

    def load_stage(self, key: str) -> Json | None:
        """The stored result, or None where there is none, or where it was damaged and is now removed."""
        return stages.read_document(stages.file_of(self.home, key, ".json"))

    def save_arrays(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep the arrays of a stage, as `save_stage` keeps its document."""
        self._seal(key, ".npz", stages.pack_arrays(arrays))

    def load_arrays(self, key: str) -> dict[str, NDArray[Any]] | None:
        """The stored arrays, or None, as `load_stage`."""
        return stages.read_arrays(stages.file_of(self.home, key, ".npz"))

    # --- pictures and other files of a video ------------------------------------------------------------------------

    def save_picture(self, sha256: str, name: str, data: bytes) -> Path:
        """The file that now holds this picture; ``name`` is one of ours (``segment-12.jpg``)."""
        target = self._file(sha256, "pictures", name)
        self._place(self.files.write_temporary([data]), sha256, target)
        return target

    def picture(self, sha256: str, name: str) -> Path | None:
        """The picture of this name, or None."""
        return if_filled(self.home, self._file(sha256, "pictures", name))

    def new_temporary(self, suffix: str = "") -> Path:
        """A path for a file in the making, on the library's disk; `adopt_file` makes it last."""
        return self.files.new_temporary(suffix)

    def adopt_file(self, sha256: str, name: str, temporary: Path) -> Path:
        """Where a finished file from `new_temporary` lies now, as this video's file ``name`` (``proxy.mp4``)."""
        target = self._file(sha256, "files", name)
        with reported(self.home), temporary.open("rb") as handle:
            self._disk.sync(handle)
        self._place(temporary, sha256, target)
        return target

    def file(self, sha256: str, name: str) -> Path | None:
        """The video's file of this name, or None."""
        return if_filled(self.home, self._file(sha256, "files", name))

    def size_bytes(self, sha256: str) -> int:
        """How much disk the library uses for this video."""
        total = 0
        for path in (self.files.videos / checked_sha256(sha256)).rglob("*"):
            with contextlib.suppress(OSError):
                total += path.stat().st_size if path.is_file() else 0
        return total

    # --- timelines --------------------------------------------------------------------------------------------------

    def save_timeline(self, sha256: str, timeline: Timeline) -> None:
        """Keep the video's timeline and index its texts; what rested on a different one before is dropped."""
        # The path is the entry's affair: a file that moved has the same timeline.
        document = dump(dataclasses.replace(timeline, video=dataclasses.replace(timeline.video, path="")).to_json())
        content = content_hash(document)
        with self.database.writing() as connection:
            self._require(connection, sha256)
            known = connection.execute("SELECT content_sha256 FROM timelines WHERE sha256 = ?", (sha256,)).fetchone()
            if known is None or known[0] != content:
                connection.execute("DELETE FROM documents WHERE sha256 = ?", (sha256,))
            connection.execute(
                "INSERT OR REPLACE INTO timelines (sha256, document, content_sha256, saved_at) VALUES (?, ?, ?, ?)",
                (sha256, document, content, time.time()),
            )
            connection.execute("DELETE FROM partial_segments WHERE sha256 = ?", (sha256,))
            index.replace(connection, sha256, timeline)

    def timeline(self, sha256: str) -> Timeline | None:
        """The latest timeline of the video, or None."""
        rows = self.database.read(
            "SELECT t.document, t.content_sha256, v.path FROM timelines t JOIN videos v USING (sha256)"
            " WHERE t.sha256 = ?",
            (sha256,),
        )
        if not rows:
            return None
        try:
            if content_hash(rows[0]["document"]) != rows[0]["content_sha256"]:
                raise ValueError("its hash differs")
            timeline = Timeline.from_json(json.loads(rows[0]["document"]))
        except ValueError as error:
            logger.warning("damaged timeline removed video=%s: %s", sha256[:8], error)
            self.database.write("DELETE FROM timelines WHERE sha256 = ?", (sha256,))
            return None
        return dataclasses.replace(
            timeline, video=dataclasses.replace(timeline.video, path=os.fsdecode(rows[0]["path"]))
        )

    def save_partial(self, sha256: str, segments: Iterable[Segment], afresh: bool = False) -> None:
        """Add finished segments of an analysis that still runs, or begin ``afresh``; the same id replaces itself."""
        with self.database.writing() as connection:
            self._require(connection, sha256)
            if afresh:
                connection.execute("DELETE FROM partial_segments WHERE sha256 = ?", (sha256,))
            connection.executemany(
                "INSERT OR REPLACE INTO partial_segments (sha256, segment_id, document) VALUES (?, ?, ?)",
                [(sha256, segment.id, dump(documents.dump(segment))) for segment in segments],
            )

    def partial(self, sha256: str) -> tuple[Segment, ...]:
        """The segments finished so far, in order; empty once the timeline is there."""
        rows = self.database.read(
            "SELECT document FROM partial_segments WHERE sha256 = ? ORDER BY segment_id", (sha256,)
        )
        return tuple(documents.load(Segment, json.loads(row["document"])) for row in rows)

    def search(self, sha256: str, query: str, limit: int = 20) -> list[tuple[int, float]]:
        """Segments of this video that hold a word of the query, best first, with their bm25 (higher is better)."""
        return [(hit.segment_id, hit.score) for hit in index.search(self.database, query, limit, sha256)]

    def search_all(self, query: str, limit: int = 50) -> list[Hit]:
        """Moments of the whole library that hold a word of the query, best first."""
        return index.search(self.database, query, limit)

    # --- what rests on a timeline, and what the person said of it -----------------------------------------------------

    def save_document(self, sha256: str, kind: str, key: str, document: Json) -> None:
        """Keep a summary, an explanation or the like; it goes when another timeline comes."""
        with self.database.writing() as connection:
            self._require(connection, sha256)
            connection.execute(
                "INSERT OR REPLACE INTO documents (sha256, kind, key, document, saved_at) VALUES (?, ?, ?, ?, ?)",
                (sha256, kind, key, dump(document), time.time()),
            )

    def document(self, sha256: str, kind: str, key: str) -> Json | None:
        """What `save_document` kept, or None."""
        rows = self.database.read(
            "SELECT document FROM documents WHERE sha256 = ? AND kind = ? AND key = ?", (sha256, kind, key)
        )
        return dict(json.loads(rows[0]["document"])) if rows else None

    def correct(self, sha256: str, segment: Segment, kind: str, label: str) -> None:
        """Keep the label that the person says is right; ``kind`` is ``action`` or ``description``."""
        with self.database.writing() as connection:
            self._require(connection, sha256)
            connection.execute(
                "INSERT OR REPLACE INTO corrections VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    sha256,
                    segment.id,
                    kind,
                    segment.span.start_seconds,
                    segment.span.end_seconds,
                    clean(label),
                    time.time(),
                ),
            )

    def withdraw_correction(self, sha256: str, segment_id: int, kind: str) -> None:
        self.database.write(
            "DELETE FROM corrections WHERE sha256 = ? AND segment_id = ? AND kind = ?", (sha256, segment_id, kind)
        )

    def corrections(self, sha256: str) -> list[Correction]:
        """What the person corrected in this video, by segment."""
        rows = self.database.read("SELECT * FROM corrections WHERE sha256 = ? ORDER BY segment_id, kind", (sha256,))
        return [correction_of(row) for row in rows]

    def preference(self, key: str, default: Any = None) -> Any:
        """What the page kept under this key, or the default."""
        rows = self.database.read("SELECT value FROM preferences WHERE key = ?", (key,))
        return json.loads(rows[0]["value"]) if rows else default

    def set_preference(self, key: str, value: Any) -> None:
        """Keep anything that JSON can hold."""
        self.database.write("INSERT OR REPLACE INTO preferences (key, value) VALUES (?, ?)", (key, dump(value)))

    # --- within -----------------------------------------------------------------------------------------------------

    def _file(self, sha256: str, folder: str, name: str) -> Path:
        if not SAFE_NAME.fullmatch(name):
            raise ValueError(f"not a file name of ours: {name!r}")
        return self.files.videos / checked_sha256(sha256) / folder / name

    def _carded(self, sha256: str) -> Entry:
        """The entry, with its card written beside its files."""
        entry = self.entry(sha256)
        if entry is None:
            raise _removed()
        target = self.files.videos / sha256 / CARD_NAME
        pieces = pieces_of(entry)
        if unseal(target) != pieces[1]:
            self._place(self.files.write_temporary(pieces), sha256, target)
        return entry

    def _require(self, connection: sqlite3.Connection, sha256: str) -> None:
        if connection.execute("SELECT 1 FROM videos WHERE sha256 = ?", (sha256,)).fetchone() is None:
            raise _removed()

    def _seal(self, key: str, suffix: str, payload: bytes) -> None:
        target = stages.file_of(self.home, key, suffix)
        temporary = self.files.write_temporary(seal(payload))
        self._place(temporary, stages.owner_of(key), target)

    def _place(self, temporary: Path, owner: str, target: Path) -> None:
        try:
            # The transaction writes nothing: it keeps others from deleting the video between the look and the rename.
            with self.database.writing() as connection:
                if owner != stages.SHARED:
                    self._require(connection, owner)
                self.files.place(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def _adopt(self, path: Path, sha256: str, suffix: str) -> None:
        """Make the file the library's own: a second name for an upload, a copy of what lies elsewhere."""
        target = self.files.videos / sha256 / f"original{suffix}"
        entry = self.entry(sha256)
        if entry is not None and entry.owned and entry.path.is_file():
            return
        with reported(self.home):
            temporary = self.files.second_name(path)
            try:
                with self.database.writing() as connection:
                    self._require(connection, sha256)
                    self.files.place(temporary, target)
                    connection.execute(
                        "UPDATE videos SET path = ?, owned = 1 WHERE sha256 = ?", (os.fsencode(target), sha256)
                    )
            finally:
                temporary.unlink(missing_ok=True)


_ENTRIES = "SELECT v.*, EXISTS (SELECT 1 FROM timelines t WHERE t.sha256 = v.sha256) AS has_timeline FROM videos v"


def _removed() -> Cancelled:
    return Cancelled("the video was removed from the library meanwhile", "add it again to analyse it")
