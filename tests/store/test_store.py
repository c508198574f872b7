"""The library: what is kept, what is found again, what is noticed when it is damaged, and what a person is told."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timelines

from assistant.core.timeline import (
    ActionScore,
    Answer,
    Citation,
    Description,
    Observation,
    Provenance,
    Segment,
    Shot,
    Span,
    Timeline,
    Utterance,
    Video,
    Word,
)
from assistant.errors import Cancelled, LibraryUnusable
from assistant.store import Library, stage_key
from assistant.store.backups import Backups
from assistant.store.database import Database
from assistant.store.disk import Disk
from assistant.store.home import Names
from assistant.store.schema import MIGRATIONS


@pytest.fixture
def library(tmp_path):
    with Library(tmp_path / "library") as opened:
        yield opened


def file_with(path, content=b"not really a film"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def video_file(tmp_path_factory):
    return file_with(tmp_path_factory.mktemp("films") / "film.mp4")


def video_of(path):
    return Video(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), 4.0, 64, 48, 25.0, True)


def timeline_of(video, *, said="Hello from the über garden", action="moving left", looks="a red circle"):
    spans = (Span(0.0, 2.0), Span(2.0, 4.0))
    segments = (
        Segment(1, spans[0], (ActionScore(action, 0.8), ActionScore("shaking", 0.04)), (Description(looks, 0.6),)),
        Segment(2, spans[1], (ActionScore("rotating", 0.7),), (), (Utterance(spans[1], said),)),
    )
    return Timeline(video, segments, (Shot(Span(0.0, 4.0), "start"),), (spans[1],), (), Provenance("demo"))


def backups_in(home):
    return Backups(home / "backups", Names(b"a key"))


@pytest.fixture
def video(library, tmp_path):
    path = file_with(tmp_path / "films" / "garden.mp4")
    library.add_video(path, "garden.mp4", video_of(path))
    return library.videos()[0].video


# --- videos ---------------------------------------------------------------------------------------------------------


def test_a_video_is_found_again_after_the_library_was_closed(tmp_path):
    path = file_with(tmp_path / "garden.mp4")
    with Library(tmp_path / "library") as library:
        library.add_video(path, "My garden", video_of(path))
    with Library(tmp_path / "library") as library:
        entry = library.videos()[0]
    assert (entry.name, entry.path, entry.video.duration_seconds) == ("My garden", path, 4.0)
    assert not entry.owned
    assert not entry.has_timeline


def test_the_same_content_twice_is_one_video_that_keeps_its_name(library, tmp_path):
    one, two = file_with(tmp_path / "one.mp4"), file_with(tmp_path / "two.mp4")
    library.add_video(one, "first", video_of(one))
    library.add_video(two, "second", video_of(two))
    assert [entry.name for entry in library.videos()] == ["first"]


def test_an_unchanged_file_is_known_without_hashing_and_a_changed_one_is_not(library, tmp_path, video):
    path = tmp_path / "films" / "garden.mp4"
    status = path.stat()
    assert library.find_by_path(path, status.st_size, status.st_mtime_ns) == video.sha256
    assert library.find_by_path(path, status.st_size, status.st_mtime_ns + 1) is None
    assert library.find_by_path(path, status.st_size + 1, status.st_mtime_ns) is None
    assert library.find_by_path(tmp_path / "other.mp4", status.st_size, status.st_mtime_ns) is None


def test_an_upload_becomes_the_librarys_own_and_survives_its_first_name(library):
    upload = file_with(library.new_upload("../../Holiday <b>.MP4"))
    assert upload.parent == library.home / "uploads"
    entry = library.add_video(upload, "Holiday <b>.MP4", video_of(upload))
    assert entry.owned
    assert upload.exists(), "work on the upload may be under way"
    library.discard_upload(upload)
    assert entry.path.read_bytes() == b"not really a film"
    assert entry.path.name == "original.mp4"


def test_a_file_from_elsewhere_is_copied_where_the_person_wants_that(library, tmp_path):
    path = file_with(tmp_path / "garden.mp4", os.urandom(3_000_000))
    entry = library.add_video(path, "garden", video_of(path), keep_copy=True)
    assert entry.path.read_bytes() == path.read_bytes()
    assert entry.path.is_relative_to(library.home)


def test_discarding_an_upload_never_touches_a_file_elsewhere(library, tmp_path):
    path = file_with(tmp_path / "garden.mp4")
    library.discard_upload(path)
    library.discard_upload(library.home / "uploads" / ".." / "library.sqlite")
    assert path.exists()
    assert (library.home / "library.sqlite").exists()


def test_deleting_a_video_deletes_all_that_came_from_it_and_not_the_persons_file(library, tmp_path, video):
    other = file_with(tmp_path / "other.mp4", b"another film")
    library.add_video(other, "other", video_of(other))
    kept = fill(library, video_of(other))
    before = everything(library)
    fill(library, video)
    library.delete_video(video.sha256)
    kept_files = {name for name in before["files"] if video.sha256 not in name}
    assert everything(library) == {**before, "videos": {kept.sha256}, "files": kept_files}
    assert (tmp_path / "films" / "garden.mp4").exists()
    assert library.timeline(kept.sha256) is not None
    assert library.search_all("garden") != []
    assert {hit.sha256 for hit in library.search_all("garden")} == {kept.sha256}


def fill(library, video):
    """Leave something of every kind for this video."""
    sha256, timeline = video.sha256, timeline_of(video)
    key = stage_key(sha256, "sights", "model", "1", {})
    library.save_stage(key, {"a": 1})
    library.save_arrays(key, {"a": np.arange(3)})
    library.save_picture(sha256, "segment-1.jpg", b"picture")
    file = library.new_temporary(".mp4")
    file.write_bytes(b"proxy")
    library.adopt_file(sha256, "proxy.mp4", file)
    library.save_timeline(sha256, timeline)
    library.save_partial(sha256, timeline.segments)
    library.save_document(sha256, "summary", "extractive", {"text": "A film."})
    library.correct(sha256, timeline.segments[0], "action", "shaking")
    conversation = library.chats.start(sha256)
    library.chats.append_turn(conversation, "What?", Answer("What?", "This."))
    return video


def everything(library):
    """The files below the library, and what its tables hold by video."""
    tables = ("timelines", "partial_segments", "segment_texts", "documents", "conversations", "corrections", "paths")
    found = {name: {row[0] for row in library.database.read(f"SELECT sha256 FROM {name}")} for name in tables}
    found["turns"] = library.database.read("SELECT count(*) FROM turns")[0][0]
    found["videos"] = {entry.sha256 for entry in library.videos()}
    home = library.home
    found["files"] = {str(path.relative_to(home)) for path in home.rglob("*") if "sqlite" not in path.name}
    # A video that was added but not filled has its row and its path, and nothing else.
    found["paths"] = {sha256 for sha256 in found["paths"] if sha256 in found["timelines"]}
    return found


def test_saving_for_a_deleted_video_leaves_nothing_behind(library, video):
    library.delete_video(video.sha256)
    for save in (
        lambda: library.save_stage(stage_key(video.sha256, "sights", "m", "1", {}), {}),
        lambda: library.save_picture(video.sha256, "segment-1.jpg", b"x"),
        lambda: library.save_timeline(video.sha256, timeline_of(video)),
        lambda: library.save_partial(video.sha256, timeline_of(video).segments),
    ):
        with pytest.raises(Cancelled, match="removed from the library"):
            save()
    assert list((library.home / "videos").iterdir()) == []
    assert list((library.home / "temporary").iterdir()) == []


@pytest.mark.parametrize("name", ["../evil.jpg", "/etc/passwd", "a/b.jpg", ".hidden", "", "a\x00.jpg", "A b.jpg"])
def test_a_name_from_outside_never_becomes_a_path(library, video, name):
    with pytest.raises(ValueError, match="not a file name of ours"):
        library.save_picture(video.sha256, name, b"x")


def test_only_a_hash_names_a_folder(library):
    for text in ("..", "a" * 63, "A" * 64, "../" + "a" * 61):
        with pytest.raises(ValueError, match="not a sha256"):
            library.picture(text, "segment-1.jpg")
        with pytest.raises(ValueError, match="not a sha256"):
            library.delete_video(text)


@pytest.mark.parametrize(
    "name", ['<img src=x onerror="x">', "a\u202eb", "line\nbreak", "é" * 127, "\udcff\udc80", "'; --"]
)
def test_any_name_is_kept_as_text(library, tmp_path, name):
    path = file_with(tmp_path / "x.mp4")
    library.add_video(path, name, video_of(path))
    assert library.videos()[0].name == name.encode("utf-8", "replace").decode()


def test_a_path_that_is_not_utf8_comes_back_as_it_was(library, tmp_path):
    path = file_with(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    library.add_video(path, path.name, video_of(path))
    assert library.videos()[0].path == path


# --- stages ---------------------------------------------------------------------------------------------------------


def test_a_key_depends_on_everything_that_changes_the_result_and_on_nothing_else():
    base = stage_key("a" * 64, "sights", "model", "1", {"size": 256, "views": (1, 2)})
    assert base == stage_key("a" * 64, "sights", "model", "1", {"views": [1, 2], "size": 256})
    others = [
        stage_key("b" * 64, "sights", "model", "1", {"size": 256, "views": (1, 2)}),
        stage_key("a" * 64, "speech", "model", "1", {"size": 256, "views": (1, 2)}),
        stage_key("a" * 64, "sights", "other", "1", {"size": 256, "views": (1, 2)}),
        stage_key("a" * 64, "sights", "model", "2", {"size": 256, "views": (1, 2)}),
        stage_key("a" * 64, "sights", "model", "1", {"size": 257, "views": (1, 2)}),
    ]
    assert len({base, *others}) == 6


def test_a_stage_comes_back_as_it_was_saved(library, video):
    key = library.stage_key(video.sha256, "sights", "model", "1", {"size": 256})
    assert library.load_stage(key) is None
    assert library.load_arrays(key) is None
    arrays = {
        "scores": np.random.default_rng(0).random((5, 7)).astype(np.float32),
        "ids": np.arange(4),
        "none": np.empty(0),
    }
    library.save_stage(key, {"windows": [[0.1, 2.0]], "text": "ü\udcff"})
    library.save_arrays(key, arrays)
    assert library.load_stage(key) == {"windows": [[0.1, 2.0]], "text": "ü\udcff"}
    loaded = library.load_arrays(key)
    assert loaded is not None
    assert {name: (a.dtype, a.tolist()) for name, a in loaded.items()} == {
        name: (a.dtype, a.tolist()) for name, a in arrays.items()
    }


def test_a_stage_without_a_video_is_kept_for_all(library):
    key = library.stage_key("", "labels", "model", "1", ["cat", "dog"])
    library.save_arrays(key, {"matrix": np.eye(3)})
    loaded = library.load_arrays(key)
    assert loaded is not None
    assert loaded["matrix"].shape == (3, 3)


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "header", "other"])
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_damaged_stage_is_noticed_removed_and_can_be_saved_again(library, video, damage, suffix, caplog):
    key = library.stage_key(video.sha256, "sights", "model", "1", {})
    library.save_stage(key, {"a": list(range(100))})
    library.save_arrays(key, {"a": np.arange(100)})
    (path,) = (library.home / "videos").glob(f"*/stages/*{suffix}")
    content = bytearray(path.read_bytes())
    match damage:
        case "flip":
            content[-5] ^= 1
        case "truncate":
            del content[-7:]
        case "empty":
            content.clear()
        case "header":
            content[:20] = b"x" * 20
        case "other":
            content[:] = b'{"a": 1}\n'
    path.write_bytes(bytes(content))
    load = library.load_stage if suffix == ".json" else library.load_arrays
    assert load(key) is None
    assert "damaged file removed" in caplog.text
    assert not path.exists()
    library.save_stage(key, {"a": 1})
    assert library.load_stage(key) == {"a": 1}


def test_arrays_of_objects_are_neither_saved_nor_loaded(library, video):
    key = library.stage_key(video.sha256, "sights", "model", "1", {})
    with pytest.raises(ValueError, match="objects"):
        library.save_arrays(key, {"a": np.array([{}, []], dtype=object)})


def test_a_key_that_is_none_of_ours_names_no_file(library):
    for key in ("../../etc/passwd", "a" * 64 + "/../x-" + "0" * 40, "shared/x", ""):
        with pytest.raises(ValueError, match="not a stage key"):
            library.load_stage(key)


# --- timelines and search -------------------------------------------------------------------------------------------


def test_a_timeline_comes_back_with_the_path_where_the_file_lies_now(library, tmp_path, video):
    library.save_timeline(video.sha256, timeline_of(video))
    assert library.timeline(video.sha256) == timeline_of(video)
    moved = file_with(tmp_path / "elsewhere" / "garden.mp4")
    library.add_video(moved, "garden", video_of(moved))
    loaded = library.timeline(video.sha256)
    assert loaded is not None
    assert loaded.video.path == str(moved)


def test_a_timeline_that_was_tampered_with_is_dropped(library, video, caplog):
    library.save_timeline(video.sha256, timeline_of(video))
    library.database.write("UPDATE timelines SET document = replace(document, 'rotating', 'resting')")
    assert library.timeline(video.sha256) is None
    assert "damaged timeline" in caplog.text
    assert not library.videos()[0].has_timeline


def test_what_rests_on_a_timeline_stays_while_it_is_the_same_and_goes_with_it(library, video):
    library.save_timeline(video.sha256, timeline_of(video))
    library.save_document(video.sha256, "summary", "extractive", {"text": "A film."})
    library.save_timeline(video.sha256, timeline_of(video))
    assert library.document(video.sha256, "summary", "extractive") == {"text": "A film."}
    library.save_timeline(video.sha256, timeline_of(video, action="moving right"))
    assert library.document(video.sha256, "summary", "extractive") is None


def test_finished_segments_show_while_the_rest_runs_and_go_when_it_is_done(library, video):
    first, second = timeline_of(video).segments
    library.save_partial(video.sha256, [second])
    library.save_partial(video.sha256, [first, second])
    assert library.partial(video.sha256) == (first, second)
    library.save_timeline(video.sha256, timeline_of(video))
    assert library.partial(video.sha256) == ()


def test_search_finds_actions_looks_and_words_by_their_stem(library, video):
    library.save_timeline(video.sha256, timeline_of(video))
    assert [found for found, _ in library.search(video.sha256, "where does it move?")] == [1]
    assert [found for found, _ in library.search(video.sha256, "circles")] == [1]
    assert [found for found, _ in library.search(video.sha256, "gardens uber")] == [2]
    assert library.search(video.sha256, "elephant") == []
    assert library.search(video.sha256, "shaking") == [], "a label that the model hardly believed"


def test_a_segment_that_holds_more_of_the_query_comes_first(library, video):
    library.save_timeline(video.sha256, timeline_of(video, said="a red circle in the garden", looks="a red bar"))
    ranked = library.search(video.sha256, "red circle garden")
    assert [found for found, _ in ranked] == [2, 1]
    assert ranked[0][1] > ranked[1][1]


@pytest.mark.parametrize(
    "query",
    ['"', "a OR", "NEAR(a b)", "words:garden*", "garden AND NOT", "(", "*", "^", "", "   ", "\x00", "\udcff", "'; --"],
)
def test_no_query_is_ever_taken_for_syntax(library, video, query):
    library.save_timeline(video.sha256, timeline_of(video))
    assert isinstance(library.search(video.sha256, query), list)


def test_words_without_spaces_between_them_are_found(library, video):
    library.save_timeline(video.sha256, timeline_of(video, said="これは赤い円です"))
    assert [found for found, _ in library.search(video.sha256, "赤い円")] == [2]


def test_the_whole_library_is_searched_and_a_new_timeline_replaces_the_old_in_the_index(library, video, tmp_path):
    other = file_with(tmp_path / "other.mp4", b"another film")
    library.add_video(other, "other", video_of(other))
    library.save_timeline(video.sha256, timeline_of(video))
    library.save_timeline(video_of(other).sha256, timeline_of(video_of(other), said="nothing of the kind"))
    hits = library.search_all("garden")
    assert [(hit.name, hit.segment_id, hit.span) for hit in hits] == [("garden.mp4", 2, Span(2.0, 4.0))]
    assert "garden" in hits[0].excerpt
    library.save_timeline(video.sha256, timeline_of(video, said="silence"))
    assert [hit.excerpt for hit in library.search_all("garden")] == ["garden.mp4"], "its name alone"


def add_analysed(library, folder, name, rows):
    """A video in the library whose segments say these rows: action, look, words."""
    path = file_with(folder / name, name.encode())
    entry = library.add_video(path, name, video_of(path))
    library.save_timeline(entry.sha256, replace(timelines.timeline_of(rows), video=entry.video))
    return entry.sha256


def found(library, query):
    return [(hit.name, hit.segment_id) for hit in library.search_all(query)]


TALK = "and then we talk on about a red thing, a circle, red here, circle there, and so on and on " * 40


def test_the_longest_transcript_does_not_win(library, tmp_path):
    add_analysed(library, tmp_path, "talk.mp4", [("", "", TALK), ("", "", TALK)])
    add_analysed(library, tmp_path, "shapes.mp4", [("moving left", "red circle", ""), ("", "blue bar", "a red bar")])
    assert found(library, "red circle")[0] == ("shapes.mp4", 1)
    assert found(library, "a red bar")[0] == ("shapes.mp4", 2)
    assert {name for name, _ in found(library, "red")[:2]} == {"shapes.mp4"}


def test_what_holds_the_phrase_comes_first_then_what_holds_all_words(library, tmp_path):
    rows = [
        ("", "", "white sails and a boat, and the white of the eggs"),
        ("", "", "the boat was red and its sails were white, and much more was said on that long day at the sea"),
        ("", "", "white sails"),
        ("", "", "white boat, red sails"),
    ]
    add_analysed(library, tmp_path, "sea.mp4", rows)
    assert [segment for _, segment in found(library, "the red sails")] == [4, 2, 3, 1]


def test_a_file_is_found_by_its_name_once_and_its_moments_go_before(library, tmp_path):
    add_analysed(
        library, tmp_path, "GardenParty_2024.mp4", [("", "a lawn", ""), ("", "a cake", ""), ("", "a lawn", "")]
    )
    add_analysed(library, tmp_path, "sea.mp4", [("", "a beach", "")])
    for query in ("garden party", "gardenparty", "2024", "party"):
        assert found(library, query) == [("GardenParty_2024.mp4", 1)], query
    assert library.search_all("party")[0].excerpt == "GardenParty_2024.mp4"
    assert found(library, "garden cake")[0] == ("GardenParty_2024.mp4", 2)


def test_a_renamed_video_is_found_by_its_new_name_alone(library, tmp_path):
    sha256 = add_analysed(library, tmp_path, "holiday.mp4", [("", "a beach", "")])
    library.rename(sha256, "wedding.mp4")
    assert found(library, "wedding") == [("wedding.mp4", 1)]
    assert found(library, "holiday") == []


def test_in_one_video_its_own_name_finds_nothing(library, tmp_path):
    sha256 = add_analysed(library, tmp_path, "holiday.mp4", [("", "a beach", ""), ("", "a holiday home", "")])
    assert [segment for segment, _ in library.search(sha256, "holiday")] == [2]


def test_a_word_is_found_in_the_segment_in_which_it_is_spoken(library, tmp_path):
    sha256 = add_analysed(library, tmp_path, "talk.mp4", [("", "", ""), ("", "", "")])
    timeline = library.timeline(sha256)
    words = (Word(Span(3.0, 3.4), "early"), Word(Span(4.6, 5.0), "later"), Word(Span(5.5, 6.0), "last"))
    said = Utterance(Span(3.0, 6.0), "early later last", words=words)
    first, second = timeline.segments
    library.save_timeline(sha256, replace(timeline, segments=(first, replace(second, utterances=(said,)))))
    assert found(library, "early") == [("talk.mp4", 1)]
    assert found(library, "later") == [("talk.mp4", 2)]


def test_what_other_witnesses_read_is_found(library, tmp_path):
    sha256 = add_analysed(library, tmp_path, "shop.mp4", [("", "a street", ""), ("", "a street", "")])
    sign = Observation("text", Span(5.0, 6.0), text="Bakery, open till noon")
    library.save_timeline(sha256, replace(library.timeline(sha256), observations=(sign,)))
    assert found(library, "bakery") == [("shop.mp4", 2)]


def test_fifty_thousand_segments_are_searched_in_a_blink(library, video):
    library.save_timeline(video.sha256, timeline_of(video))
    with library.database.writing() as connection:
        connection.executemany(
            "INSERT INTO segment_texts VALUES ('a film', ?, ?, ?, '', ?, ?, 0, 1)",
            [(f"action {n % 50}", f"looks {n % 97}", f"word {n}", video.sha256, n) for n in range(50_000)],
        )
    started = time.perf_counter()
    assert [found for found, _ in library.search(video.sha256, "garden")] == [2]
    assert time.perf_counter() - started < 0.25


# --- chats, corrections, preferences --------------------------------------------------------------------------------


def test_a_conversation_is_kept_in_order_with_its_citations_ratings_and_partial_answers(library, video):
    chats = library.chats
    conversation = chats.start(video.sha256)
    answer = Answer("What?", "A circle [S1].", (Citation(1, Span(0.0, 2.0)),))
    first = chats.append_turn(conversation, "What?", answer)
    second = chats.append_turn(conversation, "When?", Answer("When?", "At"), partial=True)
    chats.rate(first, "up")
    turns = chats.turns(conversation)
    assert [(turn.question, turn.partial, turn.rating) for turn in turns] == [
        ("What?", False, "up"),
        ("When?", True, None),
    ]
    assert turns[0].answer == answer
    chats.replace_turn(second, "When?", Answer("When?", "At 0:00."))
    assert [(turn.answer.text, turn.partial) for turn in chats.turns(conversation)][1] == ("At 0:00.", False)
    chats.drop_after(first)
    assert [turn.id for turn in chats.turns(conversation)] == [first]
    chats.rate(first, None)
    assert chats.turns(conversation)[0].rating is None
    with pytest.raises(ValueError, match="rating"):
        chats.rate(first, "sideways")


def test_a_video_has_several_conversations_each_named_by_its_first_question(library, video):
    chats = library.chats
    one, two = chats.start(video.sha256), chats.start(video.sha256, "Named")
    chats.append_turn(one, "What happens?", Answer("What happens?", "This."))
    assert [(c.id, c.title, c.turns) for c in chats.conversations(video.sha256)] == [
        (two, "Named", 0),
        (one, "What happens?", 1),
    ]
    chats.rename(one, "Other")
    chats.delete(two)
    assert [c.title for c in chats.conversations(video.sha256)] == ["Other"]
    assert chats.conversations("0" * 64) == []


def test_a_correction_keeps_the_label_and_the_span_it_was_made_for(library, video):
    segment = timeline_of(video).segments[1]
    library.correct(video.sha256, segment, "action", "circling")
    library.correct(video.sha256, segment, "action", "shaking")
    (correction,) = library.corrections(video.sha256)
    assert (correction.segment_id, correction.label, correction.span) == (2, "shaking", Span(2.0, 4.0))
    library.withdraw_correction(video.sha256, 2, "action")
    assert library.corrections(video.sha256) == []


def test_a_preference_is_kept(library):
    assert library.preference("top_labels", 5) == 5
    library.set_preference("top_labels", {"n": 3})
    assert library.preference("top_labels") == {"n": 3}


# --- opening, sharing, refusing -------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_a_folder_is_refused_with_a_remedy(tmp_path):
    file_with(tmp_path / "file")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(LibraryUnusable, match=r"cannot be written.*--home"):
            Library(home)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that nobody can write")
def test_a_home_that_nobody_may_write_is_refused_with_a_remedy():
    with pytest.raises(LibraryUnusable, match=r"cannot be written.*--home"):
        Library(Path("/proc/library"))


def test_a_damaged_database_is_refused_with_a_remedy_and_left_alone(tmp_path):
    with Library(tmp_path) as library:
        library.set_preference("a", "b" * 100_000)
    path = tmp_path / "library.sqlite"
    for damaged in (b"this is no database at all" * 100, path.read_bytes()[:4096] + os.urandom(100_000)):
        path.write_bytes(damaged)
        with pytest.raises(LibraryUnusable, match=r"damaged.*move library.sqlite. away"):
            Library(tmp_path)
        assert path.read_bytes() == damaged


def test_a_library_whose_database_is_gone_finds_its_videos_and_stages_again(tmp_path):
    home, own = tmp_path / "library", file_with(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    with Library(home) as library:
        upload = file_with(library.new_upload("holiday.mp4"), b"a holiday")
        key = stage_key(video_of(upload).sha256, "sights", "model", "1", {})
        before = [library.add_video(own, "mine", video_of(own)), library.add_video(upload, "Holiday", video_of(upload))]
        library.rename(before[0].sha256, "My own")
        library.save_stage(key, {"a": 1})
        gone = library.add_video(file_with(tmp_path / "gone.mp4", b"gone"), "gone", video_of(tmp_path / "gone.mp4"))
        library.delete_video(gone.sha256)
    for path in home.glob("library.sqlite*"):
        path.unlink()
    with Library(home) as library:
        after = {entry.sha256: entry for entry in library.videos()}
        assert library.load_stage(key) == {"a": 1}
    assert {(e.sha256, e.path, e.owned) for e in after.values()} == {(e.sha256, e.path, e.owned) for e in before}
    assert [after[entry.sha256].name for entry in before] == ["My own", "Holiday"]
    assert after[before[1].sha256].video == before[1].video


def test_a_copy_is_made_once_a_day_and_put_back_when_the_database_is_gone(tmp_path, video_file):
    with Library(tmp_path) as library:
        sha256 = library.add_video(video_file, "film", video_of(video_file)).sha256
        library.chats.append_turn(library.chats.start(sha256), "What?", Answer("What?", "This."))
    assert list((tmp_path / "backups").iterdir()) == [], "nothing was there when it was opened"
    for _ in range(2):
        Library(tmp_path).close()
    (backup,) = (tmp_path / "backups").iterdir()
    with Library(tmp_path) as library:
        other = file_with(tmp_path.parent / "other.mp4", b"other")
        library.add_video(other, "other", video_of(other))
    (tmp_path / "library.sqlite").unlink()
    file_with(tmp_path / "library.sqlite-wal", b"a journal of the lost one")
    damaged = file_with(backup.with_name("library-99999999-000000-daily.sqlite"), backup.read_bytes()[:5000])
    with Library(tmp_path) as library:
        assert {entry.name for entry in library.videos()} == {"film", "other"}
        (conversation,) = library.chats.conversations(sha256)
        assert [turn.question for turn in library.chats.turns(conversation.id)] == ["What?"]
        assert library.database.integrity() == "ok"
    assert damaged.exists()


def test_a_library_of_a_newer_program_is_refused_unchanged(tmp_path):
    Library(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "library.sqlite")
    connection.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(LibraryUnusable, match=r"newer version.*update"):
        Library(tmp_path)


def test_a_migration_keeps_what_was_there_and_makes_a_backup_first(tmp_path):
    with Library(tmp_path) as library:
        library.set_preference("a", 1)
    later = (*MIGRATIONS, "ALTER TABLE preferences ADD COLUMN note TEXT;\nCREATE TABLE more (x);\n")
    database = Database(tmp_path / "library.sqlite", backups_in(tmp_path), Disk(), later)
    assert [tuple(row) for row in database.read("SELECT key, value, note FROM preferences")] == [("a", "1", None)]
    database.close()
    (backup,) = (tmp_path / "backups").iterdir()
    old = sqlite3.connect(backup)
    assert old.execute("SELECT * FROM preferences").fetchall() == [("a", "1")]
    assert old.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    old.close()


def test_a_migration_that_fails_changes_nothing(tmp_path):
    with Library(tmp_path) as library:
        library.set_preference("a", 1)
    broken = (*MIGRATIONS, "CREATE TABLE more (x);\nCREATE TABLE more (x);\n")
    with pytest.raises(LibraryUnusable):
        Database(tmp_path / "library.sqlite", backups_in(tmp_path), Disk(), broken)
    with Library(tmp_path) as library:
        assert library.preference("a") == 1
        assert library.database.read("SELECT 1 FROM sqlite_master WHERE name = 'more'") == []


def test_a_database_that_somebody_else_holds_is_named_as_busy(library, video, monkeypatch):
    with library.database.writing() as connection:
        connection.execute("PRAGMA busy_timeout=50")
    holder = sqlite3.connect(library.home / "library.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LibraryUnusable, match=r"another program.*again"):
        library.rename(video.sha256, "other")
    assert library.entry(video.sha256).name == "garden.mp4"
    holder.execute("ROLLBACK")
    holder.close()
    library.rename(video.sha256, "other")


def test_a_full_database_is_named_as_a_full_disk_and_is_usable_again_with_room(library):
    with library.database.writing() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LibraryUnusable, match=r"full.*free some space"):
        library.set_preference("a", "b" * 100_000)
    with library.database.writing() as connection:
        connection.execute("PRAGMA max_page_count=1000000")
    library.set_preference("a", "b" * 100_000)
    assert library.database.integrity() == "ok"


def test_threads_share_one_library(library, video):
    errors = []

    def work(number):
        try:
            for turn in range(10):
                key = stage_key(video.sha256, "part", "m", str(number), turn)
                library.save_stage(key, {"n": turn})
                assert library.load_stage(key) == {"n": turn}
                library.chats.append_turn(conversation, f"{number} {turn}", Answer("", ""))
                assert library.entry(video.sha256) is not None
        except Exception as error:
            errors.append(error)

    conversation = library.chats.start(video.sha256)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(library.chats.turns(conversation)) == 80


def test_opening_clears_away_what_dead_processes_left_and_nothing_else(tmp_path, video_file):
    sha256 = video_of(video_file).sha256
    with Library(tmp_path) as library:
        host = library.new_temporary().name.partition("-")[0]
        sign = library.files.names.sign
        library.add_video(video_file, "film", video_of(video_file))
        library.save_picture(sha256, "segment-1.jpg", b"picture")
        # As a process leaves it that is killed between a deletion and the removal of the files.
        (tmp_path / "videos" / sha256 / "card.json").unlink()
        library.database.write("DELETE FROM videos WHERE sha256 = ?", (sha256,))
    dead, mine = sign(f"{host}-{2**22 + 7}-abc", ".part"), sign(f"{host}-{os.getpid()}-abc", ".part")
    elsewhere = sign(f"ffffffff-{2**22 + 7}-abc", ".part")
    for folder in ("temporary", "uploads"):
        for name in (dead, mine, elsewhere):
            file_with(tmp_path / folder / name)
    old = file_with(tmp_path / "temporary" / sign(f"{host}-{os.getpid()}-old", ".part"))
    os.utime(old, (time.time() - 7200,) * 2)
    Library(tmp_path).close()
    for folder in ("temporary", "uploads"):
        assert {path.name for path in (tmp_path / folder).iterdir()} == {mine, elsewhere}
    assert list((tmp_path / "videos").iterdir()) == []


def test_an_upload_that_a_job_waits_for_is_kept(tmp_path):
    with Library(tmp_path) as library:
        host = library.new_temporary().name.partition("-")[0]
        upload = file_with(tmp_path / "uploads" / library.files.names.sign(f"{host}-{2**22 + 7}-abc", ".mp4"))
        library.database.write(
            "INSERT INTO jobs (id, position, kind, name, path, state, created_at)"
            " VALUES ('x', 1, 'analyze', '', ?, 'waiting', 0)",
            (os.fsencode(upload),),
        )
    Library(tmp_path).close()
    assert upload.exists()


def test_an_entry_is_frozen(library, video):
    with pytest.raises(dataclasses.FrozenInstanceError):
        library.videos()[0].name = "other"


def test_many_may_open_a_new_library_at_the_same_moment(tmp_path):
    """Setting WAL mode is the one call for which SQLite does not always wait by itself."""
    failed = []

    def open_one(folder, gate):
        gate.wait()
        try:
            Database(folder / "library.sqlite", backups_in(folder), Disk()).close()
        except LibraryUnusable as error:
            failed.append(error)

    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        gate = threading.Barrier(6)
        threads = [threading.Thread(target=open_one, args=(folder, gate)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed
