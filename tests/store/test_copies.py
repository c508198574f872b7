"""Several copies of one file: the one that the person names is read and shown; one that is gone hinders nobody."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from test_store import file_with, timeline_of, video_of

from assistant.config import Settings
from assistant.engine import Assistant
from assistant.errors import VideoUnreadable
from assistant.store import Library
from assistant.synthetic.film import make


@pytest.fixture
def library(tmp_path):
    with Library(tmp_path / "library") as opened:
        yield opened


@pytest.fixture
def copies(library, tmp_path):
    """Two copies of one video, both in the library, the second added last."""
    one, two = file_with(tmp_path / "one.mp4"), file_with(tmp_path / "two.mp4")
    for path in (one, two):
        library.add_video(path, path.name, video_of(path))
    return video_of(one).sha256, one, two


@pytest.mark.parametrize("gone", [0, 1])
def test_of_two_copies_the_one_that_is_left_is_used(library, copies, gone):
    sha256, *paths = copies
    paths[gone].unlink()
    entry = library.entry(sha256)
    assert (entry.path, entry.present) == (paths[1 - gone], True)
    assert library.videos()[0].path == paths[1 - gone]
    library.save_timeline(sha256, timeline_of(entry.video))
    assert library.timeline(sha256).video.path == str(paths[1 - gone])


def test_a_copy_that_became_another_film_is_not_taken_for_this_one(library, copies):
    sha256, one, two = copies
    two.write_bytes(b"something else entirely")
    assert library.entry(sha256).path == one
    library.add_video(two, "other", video_of(two))
    one.unlink()
    assert not library.entry(sha256).present
    assert library.entry(video_of(two).sha256).path == two


def test_a_copy_whose_time_alone_changed_is_used_where_no_other_is_left(library, copies):
    sha256, one, two = copies
    os.utime(two, (1, 1))
    assert library.entry(sha256).path == one
    one.unlink()
    assert (library.entry(sha256).path, library.entry(sha256).present) == (two, True)


def test_the_copy_that_a_person_names_is_the_one_shown_until_another_is_named(library, copies):
    sha256, one, two = copies
    assert library.entry(sha256).path == two
    for path in (one, two, one):
        library.prefer_path(sha256, path)
        assert library.entry(sha256).path == path


def test_the_librarys_own_file_comes_before_every_copy(library, copies):
    sha256, one, two = copies
    own = library.add_video(one, "one", video_of(one), keep_copy=True).path
    assert own.is_relative_to(library.home)
    library.prefer_path(sha256, two)
    assert library.entry(sha256).path == own
    own.unlink()
    assert library.entry(sha256).path in (one, two)


def test_without_any_copy_a_question_for_a_reason_says_so_and_decodes_nothing(library, copies):
    sha256, one, two = copies
    library.save_timeline(sha256, timeline_of(library.entry(sha256).video))
    one.unlink()
    two.write_bytes(b"another film, in the place of the one that was analysed")
    engine = Assistant(Settings(library.home, pack="demo"), library)
    with pytest.raises(VideoUnreadable, match=r"one\.mp4 is no longer where it was; put the file back"):
        engine.explain(sha256, 1)


def assistant(home, *arguments):
    command = [sys.executable, "-m", "assistant", "--home", str(home), "--pack", "demo", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("gone", "left"), [("b", "a"), pytest.param("a", "b", marks=pytest.mark.slow)])
def test_a_reason_is_measured_on_the_copy_that_is_left_whichever_was_analysed_last(tmp_path, gone, left):
    home, paths = tmp_path / "home", {name: tmp_path / name / "film.mp4" for name in ("a", "b")}
    paths["a"].parent.mkdir()
    make(paths["a"], 7, 6.0, None)
    shutil.copytree(paths["a"].parent, paths["b"].parent)
    for path in paths.values():
        assert assistant(home, "analyze", path, "--json", "-")["video"]["path"] == str(path)
    paths[gone].unlink()
    assert assistant(home, "explain", paths[left], "--segment", 1, "--json", "-")["segment_id"] == 1
    with Library(home) as library:
        (entry,) = library.videos()
        assert (entry.path, entry.present) == (paths[left], True)
        assert library.timeline(entry.sha256).video.path == str(paths[left])
