"""The tables of the library, one script per version; a script that was once released is never changed."""

from __future__ import annotations

_VERSION_1 = """
CREATE TABLE videos (
    sha256 TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    path BLOB NOT NULL,
    probe TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    owned INTEGER NOT NULL DEFAULT 0,
    added_at REAL NOT NULL
);
CREATE TABLE paths (
    path BLOB PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL REFERENCES videos(sha256) ON DELETE CASCADE
);
CREATE INDEX paths_of_video ON paths(sha256);
CREATE TABLE timelines (
    sha256 TEXT PRIMARY KEY REFERENCES videos(sha256) ON DELETE CASCADE,
    document TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    saved_at REAL NOT NULL
);
CREATE TABLE partial_segments (
    sha256 TEXT NOT NULL REFERENCES videos(sha256) ON DELETE CASCADE,
    segment_id INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (sha256, segment_id)
);
CREATE VIRTUAL TABLE segment_texts USING fts5(
    actions, descriptions, words,
    sha256 UNINDEXED, segment_id UNINDEXED, start_seconds UNINDEXED, end_seconds UNINDEXED,
    tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TABLE documents (
    sha256 TEXT NOT NULL REFERENCES videos(sha256) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    saved_at REAL NOT NULL,
    PRIMARY KEY (sha256, kind, key)
);
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256 TEXT NOT NULL REFERENCES videos(sha256) ON DELETE CASCADE,
    title TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL
);
CREATE INDEX conversations_of_video ON conversations(sha256);
CREATE TABLE turns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    partial INTEGER NOT NULL DEFAULT 0,
    rating TEXT,
    asked_at REAL NOT NULL
);
CREATE INDEX turns_of_conversation ON turns(conversation_id);
CREATE TABLE corrections (
    sha256 TEXT NOT NULL REFERENCES videos(sha256) ON DELETE CASCADE,
    segment_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    start_seconds REAL NOT NULL,
    end_seconds REAL NOT NULL,
    label TEXT NOT NULL,
    made_at REAL NOT NULL,
    PRIMARY KEY (sha256, segment_id, kind)
);
CREATE TABLE preferences (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sha256 TEXT,
    name TEXT NOT NULL,
    path BLOB NOT NULL,
    options TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL,
    stage TEXT NOT NULL DEFAULT '',
    fraction REAL NOT NULL DEFAULT 0,
    seconds_left REAL,
    reason TEXT NOT NULL DEFAULT '',
    segments_done INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL
);
CREATE INDEX jobs_by_state ON jobs(state, position);
"""

# What this program laid into a video's folder, by its place there; only that is ever removed. The rows outlive the
# video's own, since a deletion may be cut short between the two.
_VERSION_2 = """
CREATE TABLE made (
    owner TEXT NOT NULL,
    place TEXT NOT NULL,
    PRIMARY KEY (owner, place)
) WITHOUT ROWID;
"""

# The index is filled again by `index.refresh`, which knows of what its texts are made.
_VERSION_3 = """
DROP TABLE segment_texts;
CREATE VIRTUAL TABLE segment_texts USING fts5(
    name, actions, descriptions, words, observed,
    sha256 UNINDEXED, segment_id UNINDEXED, start_seconds UNINDEXED, end_seconds UNINDEXED,
    tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TABLE index_version (version INTEGER NOT NULL);
"""

# Why a person was not content with an answer; "" where they did not say.
_VERSION_4 = "ALTER TABLE turns ADD COLUMN reason TEXT NOT NULL DEFAULT '';"

MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
