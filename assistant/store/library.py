"""One person's library of videos: what was analysed, what was found, what was asked, in one folder."""

from __future__ import annotations

import dataclasses
import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from assistant.core import documents
from assistant.core.corrections import with_corrections
from assistant.core.documents import Json
from assistant.core.timeline import Segment, Timeline, Video
from assistant.store import index, stages
from assistant.store.backups import Backups
from assistant.store.chats import Chats
from assistant.store.database import Database
from assistant.store.disk import Disk, close_to_others, reported
from assistant.store.entries import Correction, Entry, Hit, checked_sha256, content_hash, correction_of
from assistant.store.files import SAFE_NAME, Files, suffix_of
from assistant.store.home import claim
from assistant.store.made import Made
from assistant.store.sealed import seal
from assistant.store.stages import stage_key
from assistant.store.sweep import sweep
from assistant.store.text import clean, dump
from assistant.store.videos import Videos

logger = logging.getLogger(__name__)

# Sentences made of labels; what was measured in the picture stays true whatever a label is called.
WRITTEN_FROM_LABELS = ("summary",)

__all__ = ["Correction", "Entry", "Hit", "Library", "stage_key"]


class Library:
    """Everything the program keeps, under one folder. Safe to use from several threads and several processes.

    Args:
        home: the folder; made where it is missing.
        disk: the calls that change the disk; tests give one that fails.

    Raises:
        LibraryUnusable: the folder cannot be written or holds other things, or its database is damaged or newer than
            this program.
    """

    def __init__(self, home: Path, disk: Disk | None = None) -> None:
        self.home = home.expanduser().absolute()
        self._disk = disk or Disk()
        names = claim(self.home, self._disk)
        self.files = Files(self.home, self._disk, names)
        self.database = Database(self.home / "library.sqlite", Backups(self.files.backups, names), self._disk)
        try:
            index.refresh(self.database)
            self.chats = Chats(self.database)
            self._made = Made(self.files, self.database)
            self._videos = Videos(self.database, self.files, self._made)
            self.sweep()
            with reported(self.home):
                was_open_to_others = self._made.close_to_others()
        except BaseException:
            self.database.close()
            raise
        # What the person should be told once, a sentence each; the surfaces say it.
        self.notices: tuple[str, ...] = ()
        if was_open_to_others and not self.database.new:
            self.notices = (
                f"other accounts on this machine could read the library {self.home}; it is closed to them now",
            )
            logger.warning("%s", self.notices[0])

    def sweep(self) -> None:
        """Clear away what killed processes left in the making; done at every opening."""
        sweep(self.files, self.database, self._made)

    def close(self) -> None:
        """Let go of the database; the library object is of no use afterwards."""
        self.database.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- videos -----------------------------------------------------------------------------------------------------

    def add_video(self, path: Path, name: str, video: Video, keep_copy: bool = False) -> Entry:
        """The entry of this video, new or known. An upload becomes the library's own.

        The file given stays where it is (an upload is linked, not moved: work on it may be under way); the name of a
        video that is already known stays too.

        Args:
            path: where the file lies now.
            name: what the person calls it; kept as text, never used as a path.
            video: what probing found; ``sha256`` is the content's.
            keep_copy: copy a file from elsewhere into the library.
        """
        return self._videos.add(path, name, video, keep_copy)

    def videos(self) -> list[Entry]:
        """Every video, the newest first."""
        return self._videos.all()

    def entry(self, sha256: str) -> Entry | None:
        """The video with this content hash, or None."""
        return self._videos.get(sha256)

    def find_by_path(self, path: Path, size_bytes: int, mtime_ns: int) -> str | None:
        """The sha256 that this very file had when it was added, or None where the file is new or was changed."""
        return self._videos.find(path, size_bytes, mtime_ns)

    def prefer_path(self, sha256: str, path: Path) -> None:
        """Use this one of the copies that `find_by_path` knows, as the person named it; one of our own comes first."""
        self._videos.prefer(sha256, path.absolute())

    def rename(self, sha256: str, name: str) -> None:
        """Call the video otherwise; its file keeps its name."""
        self._videos.rename(sha256, name)

    def delete_video(self, sha256: str) -> None:
        """Remove the video and all that was made of it; never a file that this program did not make, wherever."""
        self._videos.delete(sha256)

    def new_upload(self, name: str) -> Path:
        """An empty file below ``uploads`` for what a person sends; only the suffix comes from its name."""
        return self.files.new_upload(suffix_of(name))

    def discard_upload(self, path: Path) -> None:
        """Remove an upload that is not needed any more; any other file is left alone, wherever it lies."""
        self._videos.discard_upload(path)

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
        path = self.files.regular(stages.file_of(self.home, key, ".json"))
        return stages.read_document(path) if path is not None else None

    def save_arrays(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep the arrays of a stage, as `save_stage` keeps its document."""
        self._seal(key, ".npz", stages.pack_arrays(arrays))

    def load_arrays(self, key: str) -> dict[str, NDArray[Any]] | None:
        """The stored arrays, or None, as `load_stage`."""
        path = self.files.regular(stages.file_of(self.home, key, ".npz"))
        return stages.read_arrays(path) if path is not None else None

    # --- pictures and other files of a video ------------------------------------------------------------------------

    def save_picture(self, sha256: str, name: str, data: bytes) -> Path:
        """The file that now holds this picture; ``name`` is one of ours (``segment-12.jpg``)."""
        target = self._file(sha256, "pictures", name)
        self._videos.place(self.files.write_temporary([data]), sha256, target)
        return target

    def picture(self, sha256: str, name: str) -> Path | None:
        """The picture of this name, or None."""
        return self.files.filled(self._file(sha256, "pictures", name))

    def new_temporary(self, suffix: str = "") -> Path:
        """A path for a file in the making, on the library's disk; `adopt_file` makes it last."""
        return self.files.new_temporary(suffix)

    def adopt_file(self, sha256: str, name: str, temporary: Path) -> Path:
        """Where a finished file from `new_temporary` lies now, as this video's file ``name`` (``proxy.mp4``)."""
        target = self._file(sha256, "files", name)
        with reported(self.home), temporary.open("rb") as handle:
            close_to_others(temporary)
            self._disk.sync(handle)
        self._videos.place(temporary, sha256, target)
        return target

    def file(self, sha256: str, name: str) -> Path | None:
        """The video's file of this name, or None."""
        return self.files.filled(self._file(sha256, "files", name))

    def size_bytes(self, sha256: str) -> int:
        """How much disk the library uses for this video."""
        return self.files.size_bytes(self.files.videos / checked_sha256(sha256))

    # --- timelines --------------------------------------------------------------------------------------------------

    def save_timeline(self, sha256: str, timeline: Timeline) -> None:
        """Keep the video's timeline and index its texts; what rested on a different one before is dropped."""
        # The path is the entry's affair: a file that moved has the same timeline.
        document = dump(dataclasses.replace(timeline, video=dataclasses.replace(timeline.video, path="")).to_json())
        content = content_hash(document)
        with self.database.writing() as connection:
            self._videos.require(connection, sha256)
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
        """The latest timeline of the video, as the person corrected it, or None."""
        timeline = self.analysed(sha256)
        return self.corrected(timeline) if timeline is not None else None

    def corrected(self, timeline: Timeline) -> Timeline:
        """A timeline with what the person corrected in its video."""
        return with_corrections(timeline, self.corrections(timeline.video.sha256))

    def analysed(self, sha256: str) -> Timeline | None:
        """The latest timeline of the video as the models made it, or None."""
        rows = self.database.read(
            "SELECT document, content_sha256 FROM timelines WHERE sha256 = ?",
            (sha256,),
        )
        entry = self.entry(sha256)
        if not rows or entry is None:
            return None
        try:
            if content_hash(rows[0]["document"]) != rows[0]["content_sha256"]:
                raise ValueError("its hash differs")
            timeline = Timeline.from_json(json.loads(rows[0]["document"]))
        except ValueError as error:
            logger.warning("damaged timeline removed video=%s: %s", sha256[:8], error)
            self.database.write("DELETE FROM timelines WHERE sha256 = ?", (sha256,))
            return None
        return dataclasses.replace(timeline, video=dataclasses.replace(timeline.video, path=str(entry.path)))

    def save_partial(self, sha256: str, segments: Iterable[Segment], afresh: bool = False) -> None:
        """Add finished segments of an analysis that still runs, or begin ``afresh``; the same id replaces itself."""
        with self.database.writing() as connection:
            self._videos.require(connection, sha256)
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
        """Moments of the whole library that hold a word of the query, or whose file's name does, best first."""
        return index.search(self.database, query, limit)

    # --- what rests on a timeline, and what the person said of it -----------------------------------------------------

    def save_document(self, sha256: str, kind: str, key: str, document: Json) -> None:
        """Keep a summary, an explanation or the like; it goes when another timeline comes."""
        with self.database.writing() as connection:
            self._videos.require(connection, sha256)
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
        span = segment.span
        row = (sha256, segment.id, kind, span.start_seconds, span.end_seconds, clean(label), time.time())
        with self.database.writing() as connection:
            self._videos.require(connection, sha256)
            connection.execute("INSERT OR REPLACE INTO corrections VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._renew(connection, sha256)

    def withdraw_correction(self, sha256: str, segment_id: int, kind: str) -> None:
        """Drop what was corrected of this segment, whichever number it had then."""
        timeline = self.analysed(sha256)
        segment = timeline.segment(segment_id) if timeline is not None else None
        known = [item for item in self.corrections(sha256) if item.kind == kind and segment is not None]
        numbers = {segment_id, *(item.segment_id for item in known if segment and item.holds_for(segment))}
        with self.database.writing() as connection:
            sql = "DELETE FROM corrections WHERE sha256 = ? AND segment_id = ? AND kind = ?"
            connection.executemany(sql, [(sha256, number, kind) for number in sorted(numbers)])
            self._renew(connection, sha256)

    def _renew(self, connection: sqlite3.Connection, sha256: str) -> None:
        """Let the search find the labels that hold now, and drop what was written from others."""
        timeline = self.analysed(sha256)
        if timeline is not None:
            index.replace(connection, sha256, timeline)
        for kind in WRITTEN_FROM_LABELS:
            connection.execute("DELETE FROM documents WHERE sha256 = ? AND kind = ?", (sha256, kind))

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

    def _seal(self, key: str, suffix: str, payload: bytes) -> None:
        target, owner = stages.file_of(self.home, key, suffix), stages.owner_of(key)
        temporary = self.files.write_temporary(seal(payload))
        if owner != stages.SHARED:
            self._videos.place(temporary, owner, target)
            return
        try:
            self.files.place(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
