"""The full-text index: a row for every segment with its file's name, its labels and the words spoken in it.

Found first is what holds the query as a phrase, then what holds all of its words, then what holds some; within each by
bm25, which weighs a word by how rare it is and a row by how short. So neither a long transcript, in which every word
comes somewhere, nor one that repeats a word goes ahead of a label that is just what was asked for.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Sequence

from assistant.core.corrections import with_corrections
from assistant.core.timeline import ActionScore, Description, Observation, Span, Timeline
from assistant.core.transcript import texts_by_segment
from assistant.store.database import Database
from assistant.store.entries import Hit, correction_of
from assistant.store.text import all_of, any_of, as_phrase, clean, unspaced_words

logger = logging.getLogger(__name__)

VERSION = 3  # of what the rows are made of; with another one the index is filled again

# A label far down the list would be found for a word that the model hardly believed.
LEAST_SCORE = 0.1
# The weights of bm25, by column: a label of the scene is one of several and weighs less than what is done and said.
# A word that is said eighty times counts little more for bm25 than one that is said once, but more it does: so the
# score is divided by what grows with the length of what is said, 1.6 for 10 s of talk, 4 for 4 minutes.
# Rows of which only the file's name is found are one moment again and again: the first stands for them, and for
# nothing where the video has moments of its own.
_RANKED = """
SELECT * FROM (SELECT *, NOT matches_content AS is_name,
    max(matches_content) OVER (PARTITION BY sha256) AS has_moments FROM (
    SELECT s.sha256, v.name AS video, s.segment_id, s.start_seconds, s.end_seconds,
        snippet(segment_texts, -1, '', '', '…', 16) AS excerpt,
        -bm25(segment_texts, 1.0, 1.0, 0.8, 1.0, 0.8) / (1 + ln(1 + length(s.words) / 200.0)) AS score,
        s.rowid AS place,
        s.rowid IN (SELECT rowid FROM segment_texts WHERE segment_texts MATCH ?4) AS is_phrase,
        s.rowid IN (SELECT rowid FROM segment_texts WHERE segment_texts MATCH ?5) AS has_all,
        s.rowid IN (SELECT rowid FROM segment_texts
            WHERE segment_texts MATCH '{actions descriptions words observed} : (' || ?1 || ')') AS matches_content
    FROM segment_texts s JOIN videos v ON v.sha256 = s.sha256
    WHERE segment_texts MATCH ?1 AND (?2 IS NULL OR s.sha256 = ?2)
)) WHERE matches_content OR (?2 IS NULL AND segment_id = 1 AND NOT has_moments)
ORDER BY is_phrase DESC, has_all DESC, score DESC, place LIMIT ?3
"""
_CONTAINING = """
SELECT s.sha256, v.name AS video, s.segment_id, s.start_seconds, s.end_seconds, substr(s.text, 1, 80) AS excerpt,
    (SELECT 1.0 * count(*) FROM json_each(?1) WHERE instr(s.text, value) > 0) AS score, 0 AS is_name
FROM (SELECT *, rowid AS place, actions || ' ' || descriptions || ' ' || words || ' ' || observed
        || iif(?2 IS NULL AND segment_id = 1, ' ' || name, '') AS text FROM segment_texts) s
    JOIN videos v ON v.sha256 = s.sha256
WHERE score > 0 AND (?2 IS NULL OR s.sha256 = ?2)
ORDER BY score DESC, s.place LIMIT ?3
"""
_INSIDE_NAMES = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|(?<=[a-zà-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])")


def replace(connection: sqlite3.Connection, sha256: str, timeline: Timeline) -> None:
    """Index this timeline, with what the person corrected, in the place of what was indexed for its video."""
    forget(connection, sha256)
    _insert(connection, sha256, timeline)


def rename(connection: sqlite3.Connection, sha256: str, name: str) -> None:
    """Find the video by this name from now on."""
    connection.execute("UPDATE segment_texts SET name = ? WHERE sha256 = ?", (_name(name), sha256))


def forget(connection: sqlite3.Connection, sha256: str) -> None:
    """Take a video's texts out of the index."""
    connection.execute("DELETE FROM segment_texts WHERE sha256 = ?", (sha256,))


def refresh(database: Database) -> None:
    """Fill the index from all timelines where it is of another version; done at every opening."""
    if _is_current(database.read("SELECT version FROM index_version")):
        return
    with database.writing() as connection:
        if _is_current(connection.execute("SELECT version FROM index_version").fetchall()):
            return  # another process was first
        connection.execute("DELETE FROM segment_texts")
        for row in connection.execute("SELECT sha256, document FROM timelines").fetchall():
            try:
                _insert(connection, row["sha256"], Timeline.from_json(json.loads(row["document"])))
            except ValueError as error:  # whoever opens that video is told
                logger.warning("damaged timeline not indexed video=%s: %s", row["sha256"][:8], error)
        connection.execute("DELETE FROM index_version")
        connection.execute("INSERT INTO index_version VALUES (?)", (VERSION,))


def search(database: Database, query: str, limit: int, sha256: str | None = None) -> list[Hit]:
    """Segments that hold a word of the query, best first, of one video or of all.

    In all videos the name of the file counts as well; a video of which nothing else is found comes once.
    """
    expression = any_of(query)
    if not expression:
        return []
    rows = database.read(_RANKED, (expression, sha256, limit, as_phrase(query), all_of(query)))
    if not rows and (parts := unspaced_words(query)):
        rows = database.read(_CONTAINING, (json.dumps(parts), sha256, limit))
    return [_hit(row) for row in rows]


def _is_current(rows: Sequence[sqlite3.Row]) -> bool:
    return [row[0] for row in rows] == [VERSION]


def _insert(connection: sqlite3.Connection, sha256: str, timeline: Timeline) -> None:
    corrections = connection.execute("SELECT * FROM corrections WHERE sha256 = ?", (sha256,)).fetchall()
    timeline = with_corrections(timeline, map(correction_of, corrections))
    row = connection.execute("SELECT name FROM videos WHERE sha256 = ?", (sha256,)).fetchone()
    name = _name(row["name"] if row is not None else "")
    connection.executemany(
        "INSERT INTO segment_texts (name, actions, descriptions, words, observed, sha256, segment_id, start_seconds,"
        " end_seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                name,
                "" if "none_of_my_labels" in segment.flags else _labels(segment.actions),
                _labels(segment.descriptions),
                clean(words),
                _observed(seen),
                sha256,
                segment.id,
                segment.span.start_seconds,
                segment.span.end_seconds,
            )
            for segment, words, seen in zip(
                timeline.segments, texts_by_segment(timeline.segments), timeline.observed_by_segment(), strict=True
            )
        ],
    )


def _name(name: str) -> str:
    """A file's name in words: as it is, and where it joins words without spaces also divided."""
    whole = clean(name)
    divided = _INSIDE_NAMES.sub(" ", whole)
    return whole if divided == whole else f"{whole} {divided}"


def _observed(items: Sequence[Observation]) -> str:
    """What other witnesses found here, in words: text on screen, sounds, objects."""
    texts = (part for item in items for part in (item.label, item.text) if part)
    return clean(". ".join(dict.fromkeys(texts)))


def _hit(row: sqlite3.Row) -> Hit:
    span = Span(row["start_seconds"], row["end_seconds"])
    excerpt = row["video"] if row["is_name"] else row["excerpt"]
    return Hit(row["sha256"], row["video"], row["segment_id"], span, row["score"], excerpt)


def _labels(scores: Sequence[ActionScore | Description]) -> str:
    return clean(". ".join(score.label for rank, score in enumerate(scores) if rank == 0 or score.score >= LEAST_SCORE))
