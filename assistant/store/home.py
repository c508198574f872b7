"""The folder of a library: whether it is one of ours, the mark that says so, and the key that our own names carry.

A folder that holds anything else is refused: nothing may be laid beside a person's own files, let alone cleared away.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
import sqlite3
import stat
import uuid
import zlib
from pathlib import Path

from assistant.errors import LibraryUnusable
from assistant.store.disk import Disk, make_folder, reported
from assistant.store.sealed import read_regular, unseal

MARKER = "video-assistant.json"
SCHEMA = "library-home/1"
FOLDERS = ("videos", "uploads", "temporary", "backups", "shared")
# Weights and label lists may lie in a home before its library is opened for the first time; we only ever add to them.
_NEIGHBOURS = frozenset({"packs", "labels"})
# What systems put into every folder, or at the root of every disk.
_LITTER = frozenset({".DS_Store", ".localized", "Thumbs.db", "desktop.ini", ".directory", "lost+found"})
# Tables that every version of the library has had.
_TABLES = frozenset({"videos", "paths", "timelines", "conversations", "turns", "preferences", "jobs"})
_FOLDER = re.compile(r"[0-9a-f]{64}")
# Process numbers mean something on the machine that gave them only; containers that share a folder differ in this.
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
# What versions before the mark called their uploads: enough to know one that a row of the database names, too.
_UNSIGNED = re.compile(r"[0-9a-f]{8}-[0-9]{1,10}-[0-9a-f]{32}(\.[a-z0-9]{1,8})?")


class Names:
    """Names that this library alone can have given: each carries a code made with the key of its home.

    A file whose name does not hold the right code was not made by us, however much the name looks like ours, and is
    never removed.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def fresh(self, suffix: str = "") -> str:
        """A name nobody else uses, with the process that made it in front."""
        return self.sign(f"{_HOST}-{os.getpid()}-{uuid.uuid4().hex}", suffix)

    def sign(self, stem: str, suffix: str = "") -> str:
        """The stem, its code, and the suffix; a stem holds no dot."""
        return f"{stem}-{self._code(stem + suffix)}{suffix}"

    def are_ours(self, name: str) -> bool:
        """Whether this library gave this very name, suffix included."""
        signed, dot, rest = name.partition(".")
        stem, _, code = signed.rpartition("-")
        wanted = self._code(stem + dot + rest)
        return bool(stem) and hmac.compare_digest(code.encode("utf-8", "replace"), wanted.encode())

    def maker(self, name: str) -> int | None:
        """The number of the process on this machine that made a file of ours; None where it is another's."""
        host, _, rest = name.partition("-")
        number, _, _ = rest.partition("-")
        return int(number) if host == _HOST and number.isascii() and number.isdecimal() else None

    def _code(self, text: str) -> str:
        return hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


def is_unsigned_name(name: str) -> bool:
    """Whether a version before the mark may have given this name; that alone says nothing of who made the file."""
    return _UNSIGNED.fullmatch(name) is not None


def claim(home: Path, disk: Disk) -> Names:
    """The names of the library in this folder, which is made where it is missing, and marked where it is not yet.

    Raises:
        LibraryUnusable: the folder cannot be written, or holds other things and no library.
    """
    with reported(home):
        make_folder(home, parents=True)
        key = _key_of(home)
        if key is None:
            try:
                if not _holds_a_library(home):
                    _refuse_strangers(home)
                key = _mark(home, disk)
            except LibraryUnusable:
                key = _key_of(home)  # somebody else who opened it has marked it meanwhile
                if key is None:
                    raise
    return Names(key)


def holds_our_tables(database: Path) -> bool:
    """Whether this file is a library's database; it is only read. One without any table holds nothing to lose."""
    if not _is_regular(database):
        return False
    # Without its journal first: reading that would lay files beside a database that may be somebody else's.
    if _tables_are_ours(database, "immutable=1"):
        return True
    return _is_regular(database.with_name(database.name + "-wal")) and _tables_are_ours(database, "mode=ro")


def _tables_are_ours(database: Path, how: str) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?{how}", uri=True)) as connection:
            found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return False
    return not found or found >= _TABLES


def _key_of(home: Path) -> bytes | None:
    """The key in the mark of this home, or None where there is no mark of ours."""
    try:
        document = json.loads(read_regular(home / MARKER) or b"")
        return bytes.fromhex(document["key"]) if document["schema"] == SCHEMA else None
    except (ValueError, KeyError, TypeError):
        return None


def _mark(home: Path, disk: Disk) -> bytes:
    """The key of the mark that now lies in the home; of several processes that mark it at once, one wins."""
    key = secrets.token_bytes(32)
    note = "The library of video-assistant. Names of files that it may remove are made with this key."
    content = json.dumps({"schema": SCHEMA, "note": note, "key": key.hex()}, indent=1).encode() + b"\n"
    unfinished = home / f"{MARKER}.{uuid.uuid4().hex}.part"
    marker = home / MARKER
    try:
        with disk.create(unfinished) as handle:
            disk.write(handle, content)
            disk.sync(handle)
        try:
            os.link(unfinished, marker)
        except FileExistsError:
            if (winner := _key_of(home)) is not None:
                return winner
            raise LibraryUnusable(
                f"{marker} is in the way: it is not the mark of a library", "move it away, or choose another --home"
            ) from None
        except OSError:  # a file system without hard links
            disk.replace(unfinished, marker)
        disk.sync_folder(home)
    finally:
        unfinished.unlink(missing_ok=True)
    return key


def _holds_a_library(home: Path) -> bool:
    """Whether a library without a mark lies here: its database, a copy of it, or a video's card tells."""
    if holds_our_tables(home / "library.sqlite"):
        return True
    if any(holds_our_tables(path) for path in _children(home / "backups") if path.suffix == ".sqlite"):
        return True
    folders = (path for path in _children(home / "videos") if _FOLDER.fullmatch(path.name) and _is_folder(path))
    return any(unseal(folder / "card.json") is not None for folder in folders)


def _refuse_strangers(home: Path) -> None:
    found = sorted(path.name for path in home.iterdir() if not _is_nothing(path))
    if found:
        shown = ", ".join(name.encode("utf-8", "replace").decode() for name in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise LibraryUnusable(
            f"the folder {home} holds other things ({shown}{more})",
            "choose an empty folder or one made by this program, with --home or ASSISTANT_HOME",
        )


def _is_nothing(path: Path) -> bool:
    """Whether this is no thing of a person's: a system's litter, weights, or what an opening cut short has left."""
    if path.name in _LITTER:
        return True
    if path.name in FOLDERS:
        return _is_folder(path) and not _children(path)
    if path.name in _NEIGHBOURS:
        return _is_folder(path)
    return path.name.startswith(f"{MARKER}.") and path.suffix == ".part" and _is_regular(path)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if _is_folder(folder) else []


def _is_folder(path: Path) -> bool:
    return os.path.lexists(path) and stat.S_ISDIR(path.lstat().st_mode)


def _is_regular(path: Path) -> bool:
    return os.path.lexists(path) and stat.S_ISREG(path.lstat().st_mode)
