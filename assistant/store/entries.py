"""The values that the library hands out, and how they are read from its rows."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.core.corrections import Correction
from assistant.core.timeline import Span, Video
from assistant.store.sealed import seal, unseal
from assistant.store.text import dump

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One video of the library. ``owned``: the file lies in the library; else it is the person's own, elsewhere.

    ``path`` is where the file is now: of several copies one that is still there, as it was when it was added. Where
    none is, ``present`` is false and ``path`` tells where the last one was.
    """

    sha256: str
    name: str
    path: Path
    video: Video
    added_at: float
    has_timeline: bool
    size_bytes: int
    owned: bool
    present: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """One segment that a search found; ``score`` is its bm25, higher is better; ``excerpt`` is plain text."""

    sha256: str
    name: str
    segment_id: int
    span: Span
    score: float
    excerpt: str


def checked_sha256(sha256: str) -> str:
    """The same text, which is a hash and nothing else, so that it may name a folder."""
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"not a sha256: {sha256!r}")
    return sha256


def content_hash(text: str) -> str:
    """The hash that a row keeps beside its document."""
    return hashlib.sha256(text.encode()).hexdigest()


def entry_of(row: sqlite3.Row, path: Path, present: bool) -> Entry:
    """The entry in a row of ``videos`` with ``has_timeline``; its file was looked for, and lies at ``path``."""
    known = {key: value for key, value in json.loads(row["probe"]).items() if key in Video.__dataclass_fields__}
    return Entry(
        sha256=row["sha256"],
        name=row["name"],
        path=path,
        video=dataclasses.replace(Video(**known), path=str(path)),
        added_at=row["added_at"],
        has_timeline=bool(row["has_timeline"]),
        size_bytes=row["size_bytes"],
        owned=bool(row["owned"]),
        present=present,
    )


def correction_of(row: sqlite3.Row) -> Correction:
    """The correction in a row of ``corrections``."""
    span = Span(row["start_seconds"], row["end_seconds"])
    return Correction(row["segment_id"], row["kind"], span, row["label"], row["made_at"])


CARD_NAME = "card.json"


@dataclass(frozen=True, slots=True)
class Card:
    """What the database knows of a video and the file alone does not tell. ``path`` is relative where it is owned."""

    name: str
    path: str
    probe: dict[str, Any]
    size_bytes: int
    owned: bool


def pieces_of(entry: Entry) -> tuple[bytes, bytes]:
    """The card of this video as it is written."""
    path = entry.path.name if entry.owned else str(entry.path)
    probe = {**asdict(entry.video), "path": ""}
    return seal(dump(asdict(Card(entry.name, path, probe, entry.size_bytes, entry.owned))).encode())


def read_row(folder: Path) -> tuple[object, ...] | None:
    """The row of ``videos`` that this folder's card tells, or None where there is no card that can be trusted."""
    file = folder / CARD_NAME
    payload = unseal(file)
    if payload is None:
        return None
    try:
        card = Card(**json.loads(payload))
        path = folder / card.path if card.owned else Path(card.path)
        added_at = file.stat().st_mtime
    except (ValueError, TypeError, OSError):
        return None
    return (folder.name, card.name, os.fsencode(path), dump(card.probe), card.size_bytes, int(card.owned), added_at)
