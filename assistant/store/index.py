"""The full-text index: labels, descriptions and words of every segment, ranked by bm25."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from assistant.core.timeline import ActionScore, Description, Span, Timeline
from assistant.store.database import Database
from assistant.store.entries import Hit
from assistant.store.text import clean, match_expression, unspaced_words

# A label far down the list would be found for a word that the model hardly believed.
LEAST_SCORE = 0.1
# The middle weight is the descriptions': one of several looks, it weighs less than what is done and said.
_RANKED = """
SELECT s.sha256, v.name, s.segment_id, s.start_seconds, s.end_seconds,
    snippet(segment_texts, -1, '', '', '…', 16) AS excerpt, -bm25(segment_texts, 1.0, 0.8, 1.0) AS score
FROM segment_texts s JOIN videos v ON v.sha256 = s.sha256
WHERE segment_texts MATCH ?1 AND (?2 IS NULL OR s.sha256 = ?2)
ORDER BY score DESC, s.rowid LIMIT ?3
"""
_CONTAINING = """
SELECT s.sha256, v.name, s.segment_id, s.start_seconds, s.end_seconds, substr(s.text, 1, 80) AS excerpt,
    (SELECT 1.0 * count(*) FROM json_each(?1) WHERE instr(s.text, value) > 0) AS score
FROM (SELECT *, rowid AS place, actions || ' ' || descriptions || ' ' || words AS text FROM segment_texts) s
    JOIN videos v ON v.sha256 = s.sha256
WHERE score > 0 AND (?2 IS NULL OR s.sha256 = ?2)
ORDER BY score DESC, s.place LIMIT ?3
"""


def replace(connection: sqlite3.Connection, sha256: str, timeline: Timeline) -> None:
    """Index this timeline in the place of what was indexed for its video."""
    forget(connection, sha256)
    connection.executemany(
        "INSERT INTO segment_texts (actions, descriptions, words, sha256, segment_id, start_seconds, end_seconds)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                "" if "none_of_my_labels" in segment.flags else _labels(segment.actions),
                _labels(segment.descriptions),
                clean(segment.words),
                sha256,
                segment.id,
                segment.span.start_seconds,
                segment.span.end_seconds,
            )
            for segment in timeline.segments
        ],
    )


def forget(connection: sqlite3.Connection, sha256: str) -> None:
    """Take a video's texts out of the index."""
    connection.execute("DELETE FROM segment_texts WHERE sha256 = ?", (sha256,))


def search(database: Database, query: str, limit: int, sha256: str | None = None) -> list[Hit]:
    """Segments that hold a word of the query, best first, of one video or of all."""
    expression = match_expression(query)
    if not expression:
        return []
    rows = database.read(_RANKED, (expression, sha256, limit))
    if not rows and (parts := unspaced_words(query)):
        rows = database.read(_CONTAINING, (json.dumps(parts), sha256, limit))
    return [_hit(row) for row in rows]


def _hit(row: sqlite3.Row) -> Hit:
    span = Span(row["start_seconds"], row["end_seconds"])
    return Hit(row["sha256"], row["name"], row["segment_id"], span, row["score"], row["excerpt"])


def _labels(scores: Sequence[ActionScore | Description]) -> str:
    return clean(". ".join(score.label for rank, score in enumerate(scores) if rank == 0 or score.score >= LEAST_SCORE))
