"""A library that an earlier version wrote is opened, kept whole, copied first, and goes on.

``old_library`` holds one as version 1 of the schema had it: the rows of its database as SQL, and files beside it, all
from the sample of the generated world.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from conftest import SAMPLE

from assistant.config import Settings
from assistant.engine import Assistant
from assistant.store import Library
from assistant.store.home import MARKER
from assistant.store.schema import MIGRATIONS

OLD = Path(__file__).parent / "old_library"
SHA256 = "528f382c6003d30cb2410f05a4488ef1bcfbae71b644addf97f44740e5f0e166"


@pytest.fixture
def old_home(tmp_path):
    """The old library as it lay on the disk, readable by all."""
    home = tmp_path / "home"
    shutil.copytree(OLD / "home", home)
    for name in ("uploads", "temporary", "backups"):
        (home / name).mkdir()
    with contextlib.closing(sqlite3.connect(home / "library.sqlite")) as connection:
        connection.executescript((OLD / "library.sql").read_text())
        connection.execute("PRAGMA journal_mode=WAL")
    for path in [home, *home.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return home


def test_all_that_a_person_has_in_an_old_library_is_there_afterwards(old_home):
    with Library(old_home) as library:
        engine = Assistant(Settings(old_home, pack="demo"), library)
        (entry,) = library.videos()
        assert (entry.sha256, entry.name, entry.owned, entry.present) == (SHA256, "sample.mp4", False, False)
        timeline = engine.timeline(SHA256)
        assert [segment.action.label for segment in timeline.segments[1:4]] == [
            "coming closer",
            "appearing",
            "coming closer",
        ]
        assert timeline.segments[1].words == "the green bar comes closer"
        (conversation,) = library.chats.conversations(SHA256)
        turns = library.chats.turns(conversation.id)
        assert [(turn.question, turn.rating) for turn in turns] == [
            ("What happens in the video?", None),
            ("When does the blue star circle?", "up"),
        ]
        assert turns[1].answer.text == "A blue star, circling, at [S9]."
        assert [citation.segment_id for citation in turns[1].answer.citations] == [9]
        assert [(c.segment_id, c.kind, c.label) for c in library.corrections(SHA256)] == [(1, "action", "rotating")]
        assert library.preference("settings") == {"pack": "demo"}
        assert engine.explained(SHA256, 2).text.startswith("“coming closer” scored 100 % in segment 2")
        assert library.document(SHA256, "summary", "latest")["schema"] == "summary/1"
        assert library.search_all("blue star")[0].segment_id == 9
        assert [hit.segment_id for hit in library.search_all("sample")] == [1], "by the name of its file"
        assert library.picture(SHA256, "keyframe-1.jpg") is not None
        assert [job["state"] for job in library.database.read("SELECT state FROM jobs")] == ["done"]


def test_an_old_library_gets_its_mark_a_copy_as_it_was_and_is_closed_to_others(old_home):
    with Library(old_home) as library:
        assert len(library.notices) == 1
        assert (old_home / MARKER).is_file()
        loose = [path for path in [old_home, *old_home.rglob("*")] if stat.S_IMODE(path.stat().st_mode) & 0o077]
        assert loose == []
    (backup,) = (old_home / "backups").iterdir()
    assert "-v1-" in backup.name
    with contextlib.closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)
        assert copy.execute("SELECT count(*) FROM turns").fetchone() == (2,)
    with contextlib.closing(sqlite3.connect(old_home / "library.sqlite")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    with Library(old_home) as library:
        assert library.notices == ()


def test_the_files_of_an_old_library_go_with_their_video_and_others_stay(old_home):
    folder = old_home / "videos" / SHA256
    mine = [folder / "holiday.mp4", folder / "pictures" / "holiday.jpg", folder / "stages" / "thesis.json"]
    for path in mine:
        path.write_bytes(b"mine")
    with Library(old_home) as library:
        library.delete_video(SHA256)
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(mine)
    for path in mine:
        path.unlink()


def test_an_old_upload_is_cleared_away_only_where_the_old_database_names_it(old_home):
    host = "ffffffff"
    known, unknown = (old_home / "uploads" / f"{host}-1-{digit * 32}.mp4" for digit in "ab")
    for path in (known, unknown):
        path.write_bytes(b"an upload")
        os.utime(path, (1, 1))
    with contextlib.closing(sqlite3.connect(old_home / "library.sqlite")) as database:
        database.execute("UPDATE jobs SET path = ?", (os.fsencode(known),))
        database.commit()
    Library(old_home).close()
    assert not known.exists()
    assert unknown.exists()


def test_an_old_library_that_lost_its_database_is_known_by_its_cards(old_home):
    for path in old_home.glob("library.sqlite*"):
        path.unlink()
    with Library(old_home) as library:
        assert [entry.sha256 for entry in library.videos()] == [SHA256]
        library.delete_video(SHA256)
    assert list((old_home / "videos").iterdir()) == []


def test_the_video_of_an_old_library_is_analysed_again_beside_stages_of_the_old_version(old_home):
    with Library(old_home) as library:
        engine = Assistant(Settings(old_home, pack="demo"), library)
        timeline = engine.analyze(SAMPLE)
        assert timeline.video.path == str(SAMPLE)
        (conversation,) = library.chats.conversations(SHA256)
        assert len(library.chats.turns(conversation.id)) == 2
        assert library.corrections(SHA256) != []
        if timeline.video.sha256 == SHA256:
            assert library.entry(SHA256).present
