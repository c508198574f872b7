"""Conversations about a video: several per video, each an ordered list of questions and answers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Literal

from assistant.core.timeline import Answer
from assistant.store.database import Database
from assistant.store.text import clean, dump

Rating = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation about a video; ``title`` is its first question until the person names it."""

    id: int
    sha256: str
    title: str
    created_at: float
    turns: int


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """One question and its answer. ``partial``: the person stopped the answer before its end.

    ``reason``: what was wrong with it, where its ``rating`` is down and the person said so.
    """

    id: int
    conversation_id: int
    question: str
    answer: Answer
    partial: bool
    rating: Rating | None
    reason: str
    asked_at: float


class Chats:
    """The conversations of one library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def conversations(self, sha256: str) -> list[Conversation]:
        """Every conversation about this video, the newest first."""
        rows = self._database.read(
            "SELECT c.id, c.sha256, c.created_at, count(t.id) AS turns,"
            " CASE WHEN c.title <> '' THEN c.title ELSE coalesce((SELECT question FROM turns"
            " WHERE conversation_id = c.id ORDER BY id LIMIT 1), '') END AS title"
            " FROM conversations c LEFT JOIN turns t ON t.conversation_id = c.id"
            " WHERE c.sha256 = ? GROUP BY c.id ORDER BY c.id DESC",
            (sha256,),
        )
        return [Conversation(r["id"], r["sha256"], r["title"], r["created_at"], r["turns"]) for r in rows]

    def start(self, sha256: str, title: str = "") -> int:
        """The id of a new, empty conversation about this video."""
        with self._database.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO conversations (sha256, title, created_at) VALUES (?, ?, ?)",
                (sha256, clean(title), time.time()),
            )
            return int(cursor.lastrowid or 0)

    def rename(self, conversation_id: int, title: str) -> None:
        self._database.write("UPDATE conversations SET title = ? WHERE id = ?", (clean(title), conversation_id))

    def delete(self, conversation_id: int) -> None:
        self._database.write("DELETE FROM conversations WHERE id = ?", (conversation_id,))

    def turns(self, conversation_id: int) -> list[StoredTurn]:
        """What was asked and answered, in order."""
        rows = self._database.read("SELECT * FROM turns WHERE conversation_id = ? ORDER BY id", (conversation_id,))
        return [
            StoredTurn(
                id=row["id"],
                conversation_id=row["conversation_id"],
                question=row["question"],
                answer=Answer.from_json(json.loads(row["answer"])),
                partial=bool(row["partial"]),
                rating=row["rating"],
                reason=row["reason"],
                asked_at=row["asked_at"],
            )
            for row in rows
        ]

    def append_turn(self, conversation_id: int, question: str, answer: Answer, partial: bool = False) -> int:
        """The id of the turn, now the last of its conversation."""
        with self._database.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO turns (conversation_id, question, answer, partial, asked_at) VALUES (?, ?, ?, ?, ?)",
                (conversation_id, clean(question), dump(answer.to_json()), partial, time.time()),
            )
            return int(cursor.lastrowid or 0)

    def replace_turn(self, turn_id: int, question: str, answer: Answer, partial: bool = False) -> None:
        """Answer a turn again, or ask it otherwise; its rating goes, its place stays."""
        self._database.write(
            "UPDATE turns SET question = ?, answer = ?, partial = ?, rating = NULL, reason = '' WHERE id = ?",
            (clean(question), dump(answer.to_json()), partial, turn_id),
        )

    def drop_after(self, turn_id: int) -> None:
        """Remove what was asked after this turn: its question was edited, so the rest no longer follows."""
        self._database.write(
            "DELETE FROM turns WHERE id > ?1 AND conversation_id = (SELECT conversation_id FROM turns WHERE id = ?1)",
            (turn_id,),
        )

    def rate(self, turn_id: int, rating: Rating | None, reason: str = "") -> None:
        """Keep the person's thumb, up or down, and the reason for it; None takes both back."""
        if rating not in ("up", "down", None):
            raise ValueError(f"a rating is up, down or None, not {rating!r}")
        kept = (rating, clean(reason) if rating == "down" else "", turn_id)
        self._database.write("UPDATE turns SET rating = ?, reason = ? WHERE id = ?", kept)
