"""A card in each video's folder says what the video is, so that a library whose database was lost finds it again.

The card is written after the video's row, and removed before it: a folder with a card is wanted, one without is not.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.store.entries import Entry
from assistant.store.sealed import seal, unseal
from assistant.store.text import dump

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
