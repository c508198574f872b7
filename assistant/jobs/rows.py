"""The jobs of a library as they lie in its database, so that they outlive every process."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from assistant.core.documents import Json
from assistant.errors import AssistantError
from assistant.store import Library
from assistant.store.text import clean, dump

State = Literal["waiting", "running", "done", "failed", "cancelled", "set_aside"]
OPEN_STATES = ("waiting", "running")
KEPT_ENDED_JOBS = 200


class QueueFull(AssistantError):
    """As many jobs wait as the queue takes."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work in the queue, and how far it is.

    ``fraction`` is 0..1 of the whole job; ``reason`` says in one line why it failed, was cancelled or was set aside;
    ``deaths`` counts the workers that died on it.
    """

    id: str
    kind: str
    sha256: str | None
    name: str
    path: Path
    state: State
    stage: str = ""
    message: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    reason: str = ""
    segments_done: int = 0
    deaths: int = 0
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    options: Json = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it still waits or runs."""
        return self.state in OPEN_STATES


class JobRows:
    """Reads and writes jobs; every change is one transaction, so that two processes never take the same job."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._database = library.database

    def add(self, path: Path, name: str, kind: str, options: Json, most_waiting: int) -> Job:
        """The new job, last in line; or the one that already waits or runs for the same work.

        Raises:
            QueueFull: too many wait.
        """
        with self._database.writing() as connection:
            same = connection.execute(
                "SELECT * FROM jobs WHERE path = ? AND kind = ? AND options = ? AND state IN ('waiting', 'running')"
                " AND NOT cancel_requested",
                (os.fsencode(path), kind, dump(options)),
            ).fetchone()
            if same is not None:
                return _job_of(same)
            waiting = connection.execute(
                "SELECT count(*) FROM jobs WHERE state = 'waiting' AND kind = ?", (kind,)
            ).fetchone()[0]
            if waiting >= most_waiting:
                what = "explanations" if kind == "explain" else "videos"
                raise QueueFull(f"{waiting} {what} are waiting already", "wait until some are done, or cancel one")
            job_id = uuid.uuid4().hex
            connection.execute(
                "INSERT INTO jobs (id, position, kind, sha256, name, path, options, state, created_at)"
                " VALUES (?, (SELECT coalesce(max(position), 0) + 1 FROM jobs), ?, ?, ?, ?, ?, 'waiting', ?)",
                (job_id, kind, options.get("sha256"), clean(name), os.fsencode(path), dump(options), time.time()),
            )
            connection.execute(
                "DELETE FROM jobs WHERE state NOT IN ('waiting', 'running') AND id NOT IN (SELECT id FROM jobs"
                " WHERE state NOT IN ('waiting', 'running') ORDER BY position DESC LIMIT ?)",
                (KEPT_ENDED_JOBS,),
            )
            return _job_of(connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())

    def all(self) -> list[Job]:
        """Every job, in the order in which they were asked for."""
        return [_job_of(row) for row in self._database.read("SELECT * FROM jobs ORDER BY position")]

    def get(self, job_id: str) -> Job | None:
        rows = self._database.read("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return _job_of(rows[0]) if rows else None

    def take(self, kinds: Sequence[str]) -> Job | None:
        """The next waiting job of these kinds, now running; None where none waits."""
        wanted = json.dumps(kinds)
        if not self._database.read(_NEXT, (wanted,)):
            return None
        with self._database.writing() as connection:
            found = connection.execute(_NEXT, (wanted,)).fetchone()
            if found is None:
                return None
            connection.execute(
                "UPDATE jobs SET state = 'running', started_at = ?, reason = '', fraction = 0, segments_done = 0"
                " WHERE id = ?",
                (time.time(), found["id"]),
            )
            return _job_of(connection.execute("SELECT * FROM jobs WHERE id = ?", (found["id"],)).fetchone())

    def wait_again(self, kinds: Sequence[str]) -> int:
        """How many jobs of these kinds nobody runs any more; they wait again, in their old places."""
        wanted = json.dumps(kinds)
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'cancelled', finished_at = ? WHERE state = 'running' AND cancel_requested"
                " AND kind IN (SELECT value FROM json_each(?))",
                (time.time(), wanted),
            )
            return connection.execute(
                "UPDATE jobs SET state = 'waiting' WHERE state = 'running'"
                " AND kind IN (SELECT value FROM json_each(?))",
                (wanted,),
            ).rowcount

    def update(self, job_id: str, **values: Any) -> None:
        """Set columns of one job; the names are ours."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._database.write(f"UPDATE jobs SET {names} WHERE id = ?", (*values.values(), job_id))  # noqa: S608

    def end(self, job_id: str, state: State, reason: str = "", sha256: str | None = None) -> None:
        """Close a job. Its fraction is 1 where it is done, and stays where it stopped otherwise."""
        self._database.write(
            "UPDATE jobs SET state = ?1, reason = ?2, sha256 = coalesce(?3, sha256), finished_at = ?4, stage = '',"
            " seconds_left = NULL, cancel_requested = 0, fraction = CASE WHEN ?1 = 'done' THEN 1 ELSE fraction END"
            " WHERE id = ?5",
            (state, reason, sha256, time.time(), job_id),
        )

    def request_cancel(self, job_id: str) -> State | None:
        """Cancel a waiting job at once, ask for a running one's end; the state it was in."""
        with self._database.writing() as connection:
            row = connection.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
            if row is not None and row["state"] == "waiting":
                connection.execute(
                    "UPDATE jobs SET state = 'cancelled', finished_at = ? WHERE id = ?", (time.time(), job_id)
                )
            elif row is not None and row["state"] == "running":
                connection.execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ?", (job_id,))
            return row["state"] if row is not None else None

    def cancel_requested(self, job_id: str) -> bool:
        """Whether somebody, in whatever process, asked for this job's end; so does a row that is gone."""
        rows = self._database.read("SELECT cancel_requested FROM jobs WHERE id = ?", (job_id,))
        return not rows or bool(rows[0]["cancel_requested"])

    def sha256_of(self, path: Path) -> str | None:
        """The video that a job's file turned out to be, once it is in the library."""
        try:
            status = path.stat()
        except OSError:
            return None
        return self._library.find_by_path(path, status.st_size, status.st_mtime_ns)

    def retry(self, job_id: str) -> bool:
        """Whether an ended job now waits again, last in line."""
        job = self.get(job_id)
        if job is None or job.is_open:
            return False
        # An upload may be gone by now, while the library has its own copy.
        entry = self._library.entry(job.sha256) if job.sha256 and not job.path.is_file() else None
        path = entry.path if entry is not None else job.path
        return bool(
            self._database.write(
                "UPDATE jobs SET state = 'waiting', reason = '', deaths = 0, cancel_requested = 0, finished_at = NULL,"
                " path = ?, position = (SELECT max(position) + 1 FROM jobs)"
                " WHERE id = ? AND state IN ('failed', 'cancelled', 'set_aside')",
                (os.fsencode(path), job_id),
            )
        )

    def forget(self, job_id: str) -> None:
        """Remove an ended job from the list."""
        self._database.write("DELETE FROM jobs WHERE id = ? AND state NOT IN ('waiting', 'running')", (job_id,))


_NEXT = (
    "SELECT id FROM jobs WHERE state = 'waiting' AND kind IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT 1"
)


def _job_of(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        sha256=row["sha256"],
        name=row["name"],
        path=Path(os.fsdecode(row["path"])),
        state=row["state"],
        stage=row["stage"],
        fraction=row["fraction"],
        seconds_left=row["seconds_left"],
        reason=row["reason"],
        segments_done=row["segments_done"],
        deaths=row["deaths"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        options=json.loads(row["options"]),
    )
