"""The library's SQLite file: opening with checks, migrations with a backup, and errors that a person can act on."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from assistant.errors import LibraryUnusable
from assistant.store.backups import Backups
from assistant.store.disk import Disk, make_private_file, reported
from assistant.store.schema import MIGRATIONS

logger = logging.getLogger(__name__)

BUSY_SECONDS = 10.0


class Database:
    """One connection that reads and one that writes, each behind a lock; several processes may hold the same file.

    In WAL mode readers never wait for a writer. ``synchronous=FULL``: what was committed outlives a power cut.
    """

    def __init__(
        self, path: Path, backups: Backups, disk: Disk, migrations: Sequence[str] = MIGRATIONS, check: bool = True
    ) -> None:
        self.path = path
        self.restored = False  # whether it was gone, and an older copy stands in its place
        self._disk = disk
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        with self._reported(), reported(path.parent):
            if path.is_symlink():
                raise LibraryUnusable(f"{path} is a link, which the library never follows", "put the file itself there")
            if not path.exists():
                self.restored = backups.restore(path)
                make_private_file(path)  # SQLite gives its journals the rights of their database
            self._writer = self._connect()
            try:
                self._write_ahead()
                if check:
                    self._check()
                self.new = self._version() == 0
                self._migrate(migrations, backups)
                if not self.new:
                    self._back_up_daily(backups)
                self._reader = self._connect()
            except BaseException:
                self._writer.close()
                raise
            self._reader.execute("PRAGMA query_only=1")

    def _write_ahead(self) -> None:
        """Set WAL mode: it needs the file alone for a moment, and does not always wait for that as other calls do."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._writer.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query, as of the last commit."""
        with self._reported(), self._reading:
            return self._reader.execute(sql, parameters).fetchall()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction that nobody else can write beside; committed at the end, or undone."""
        with self._reported(), self._writing:
            if self._writer.in_transaction:
                raise ValueError("a transaction inside a transaction")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._disk.commit(self._writer)
            finally:
                if self._writer.in_transaction:
                    self._writer.rollback()

    def write(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """The number of rows that one statement of its own changed."""
        with self.writing() as connection:
            return connection.execute(sql, parameters).rowcount

    def integrity(self) -> str:
        """``ok``, or what is wrong with the file; reads all of it."""
        return str(self.read("PRAGMA integrity_check")[0][0])

    def close(self) -> None:
        """Close both connections; nothing can be read or written afterwards."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        # A database from elsewhere must not run functions through views or triggers of its own.
        connection.execute("PRAGMA trusted_schema=OFF")
        return connection

    def _check(self) -> None:
        found = self._writer.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"malformed: {found}")

    def _migrate(self, migrations: Sequence[str], backups: Backups) -> None:
        version = self._version()
        if version > len(migrations):
            raise LibraryUnusable(
                f"the library {self.path} was written by a newer version of this program", "update the program"
            )
        if version == len(migrations):
            return
        if version > 0:
            backups.add(self._writer, f"v{version}")
        # Exclusive, and looked at again: another process may have migrated while this one waited.
        self._writer.execute("BEGIN EXCLUSIVE")
        try:
            for number, script in enumerate(migrations[self._version() :], self._version() + 1):
                for statement in script.split(";\n"):
                    if statement.strip():
                        self._writer.execute(statement)
                self._writer.execute(f"PRAGMA user_version={number:d}")
            self._disk.commit(self._writer)
        finally:
            if self._writer.in_transaction:
                self._writer.rollback()

    def _back_up_daily(self, backups: Backups) -> None:
        try:
            if backups.is_due():
                backups.add(self._writer, "daily")
        except (OSError, sqlite3.Error) as error:  # a full disk, say, is no reason not to open
            logger.warning("no daily backup of the library: %s", error)

    def _version(self) -> int:
        return int(self._writer.execute("PRAGMA user_version").fetchone()[0])

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise unusable_database(error, self.path) from error


def unusable_database(error: sqlite3.Error, path: Path) -> LibraryUnusable:
    """What an error of SQLite means for the person.

    A broken rule of the schema (``IntegrityError``) or a misuse is a slip of this program, and is raised as it is.
    """
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        raise error
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL"):
        return LibraryUnusable(
            f"the disk that holds the library {path.parent} is full", "free some space there and try again"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LibraryUnusable(
            f"another program has been writing to the library {path.parent} for too long", "try again in a moment"
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or "malformed" in str(error):
        return LibraryUnusable(
            f"the library's database {path} is damaged",
            f"move {path.name}* away and start again; the videos are found again, the chats in the newest backup",
        )
    return LibraryUnusable(
        f"the library {path.parent} cannot be used ({error})", "choose another folder with --home or ASSISTANT_HOME"
    )
