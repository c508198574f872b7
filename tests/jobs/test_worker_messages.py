"""What a worker says of a file names it as the person does."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import VideoUnreadable
from assistant.jobs.worker.loop import told
from assistant.jobs.worker.target import Request
from assistant.media.diagnosis import unreadable
from assistant.store import Library


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("holiday.mp4", "holiday.mp4"),
        ("Oma's 80. Geburtstag.mov", "Oma's 80. Geburtstag.mov"),
        ("a\u202e4pm.mp4", "a?4pm.mp4"),
        ("a\nb.mp4", "a?b.mp4"),
        ("", "the file"),
    ],
)
def test_a_damaged_upload_is_called_by_the_name_that_the_person_knows(tmp_path, name, shown):
    with Library(tmp_path / "home") as library:
        path = library.new_upload(name or "x.mp4")
        path.write_bytes(b"\x00\x00\x00\x20ftypisom" + bytes(500))
        said = told(unreadable(path), Request("1", "analyze", path, name, {}))
    assert said.startswith(f"{shown} ")
    assert path.name not in said


def test_a_file_that_was_named_by_its_path_keeps_its_name():
    error = VideoUnreadable("talk.mp4 is empty (0 bytes)", "copy or download it again")
    assert told(error, Request("1", "analyze", Path("/videos/talk.mp4"), "talk.mp4", {})) == str(error)
