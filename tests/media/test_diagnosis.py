"""What a file is instead of a video is told from its first bytes, in one line with something that can be done."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.config import Limits
from assistant.errors import VideoTooLarge, VideoUnreadable
from assistant.media import diagnosis
from assistant.media.formats import CONTAINERS, EXTENSIONS, FORMATS, HEAD_BYTES, UNTIMED, described, looks_like_media

QUICK = settings(max_examples=150, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"%PDF-1.7 ...", "is a PDF document, not a video"),
        (b"PK\x03\x04....", "is a ZIP archive, not a video"),
        (b"Rar!\x1a\x07", "is a RAR archive, not a video"),
        (b"\x7fELF\x02", "is a program, not a video"),
        (b"MZ\x90\0", "is a program, not a video"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", "is an HLS playlist, not a video"),
        (b"\xef\xbb\xbf#EXTM3U\n", "is an HLS playlist, not a video"),
        (b"ffconcat version 1.0\nfile a.mp4\n", "is a list of files, not a video"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", "is a session description, not a video"),
        (b"<?xml version='1.0'?><MPD type='static'>", "is a playlist, not a video"),
        (b"  \r\n<!DOCTYPE html><html>", "is a web page, not a video"),
        (b"\x89PNG\r\n\x1a\nbroken", "is a picture that is damaged"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "is a picture that is damaged"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "is a HEIC picture that cannot be decoded here"),
        (bytes(300), "contains only zeros"),
        (b"", "contains only zeros"),
        (b"Dear diary, today it rained.\n" * 20, "is text, not a video"),
        (bytes(range(1, 256)), "is not a video or sound file that can be read"),
    ],
)
def test_a_file_of_another_kind_is_called_by_its_name(head, told):
    what, remedy = diagnosis.wrong_kind(head)
    assert what == told
    assert remedy


@given(head=st.binary(max_size=400))
@QUICK
def test_any_first_bytes_have_one_line_and_a_remedy(tmp_path_factory, head):
    path = tmp_path_factory.getbasetemp() / "any.mp4"
    path.write_bytes(head)
    error = diagnosis.unreadable(path)
    assert error.what.startswith("any.mp4 ")
    assert error.remedy
    assert "\n" not in str(error)
    assert looks_like_media(head) in (True, False)


def box(name: bytes, content: bytes = b"", size: int | None = None) -> bytes:
    return (len(content) + 8 if size is None else size).to_bytes(4, "big") + name + content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (box(b"ftyp", b"isom") + box(b"mdat", bytes(50), size=900), "was cut off before its index was written"),
        (box(b"ftyp", b"isom") + box(b"moov", bytes(9)) + box(b"mdat", bytes(50), size=900), "is damaged"),
        (box(b"ftyp", b"isom") + box(b"mdat", bytes(50)), "was cut off before its index was written"),
        (box(b"ftyp", b"isom") + box(b"moof") + box(b"mdat", bytes(9), size=99), "is damaged"),
        (box(b"ftyp", b"isom") + box(b"free", size=3), "is damaged"),
    ],
)
def test_a_video_that_was_cut_off_is_told_from_one_that_is_damaged(tmp_path, content, told):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert diagnosis.unreadable(path).what == f"a.mp4 {told}"


def test_boxes_that_lie_about_their_size_end_the_search(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(box(b"ftyp", b"isom") + (1).to_bytes(4, "big") + b"mdat" + (2**64 - 1).to_bytes(8, "big"))
    assert "cut off" in diagnosis.unreadable(path).what
    path.write_bytes(box(b"free") * 5000)
    assert diagnosis.unreadable(path).remedy


def test_what_is_no_plain_file_is_told(tmp_path):
    def said(path: Path, limits: Limits | None = None) -> str:
        with pytest.raises((VideoUnreadable, VideoTooLarge)) as caught:
            diagnosis.require_file(path, limits or Limits())
        return str(caught.value)

    assert said(tmp_path / "gone.mp4") == "no such file: gone.mp4; check the path"
    assert said(tmp_path) == f"{tmp_path.name} is a folder; give one video file"
    os.mkfifo(tmp_path / "pipe.mp4")
    assert said(tmp_path / "pipe.mp4") == "pipe.mp4 is not a plain file; give one video file"
    assert "is not a plain file" in said(Path("/dev/null"))
    (tmp_path / "empty.mp4").touch()
    assert said(tmp_path / "empty.mp4") == "empty.mp4 is empty (0 bytes); copy or download it again"
    assert "cannot be reached" in said(tmp_path / ("a" * 300))
    assert "cannot be reached" in said(Path("a\0b.mp4"))
    (tmp_path / "big.mp4").write_bytes(bytes(3000))
    assert said(tmp_path / "big.mp4", Limits(max_bytes=2048)).startswith("big.mp4 is 2.9 kB, the limit is 2.0 kB; ")
    assert diagnosis.require_file(tmp_path / "big.mp4", Limits()) == 3000


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1 second"), (59, "59 seconds"), (150, "2.5 minutes"), (7200, "2 hours"), (100_000, "27.8 hours")],
)
def test_a_length_is_said_in_the_unit_that_people_use_for_it(seconds, said):
    told = diagnosis.too_long(Path("a.mp4"), seconds, Limits(max_seconds=1))
    assert told.what == f"a.mp4 is {said} long, the limit is 1 second"


def test_the_other_refusals_name_the_file_and_what_can_be_done():
    path = Path("a.mp4")
    assert "1000 x 2000 pixels (2 million)" in diagnosis.too_many_pixels(path, 1000, 2000, Limits()).what
    assert "unknown codec" in diagnosis.undecodable(path, "").what
    assert "(h266)" in diagnosis.undecodable(path, "h266").what
    for error in (diagnosis.encrypted(path), diagnosis.nothing_inside(path), diagnosis.undecodable(path, "x")):
        assert error.what.startswith("a.mp4 ") or "a.mp4" in error.what
        assert error.remedy


@given(name=st.text(max_size=200))
@QUICK
def test_a_name_from_outside_is_a_short_line_of_characters_that_can_be_seen(name):
    safe = diagnosis.safe_name(name)
    assert len(safe) <= 80
    assert not any(unicodedata.category(character)[0] == "C" for character in safe)
    assert diagnosis.safe_name(safe) == safe


def test_a_long_name_keeps_its_beginning_and_its_extension():
    safe = diagnosis.safe_name("holiday " * 30 + ".mp4")
    assert safe.startswith("holiday holiday")
    assert safe.endswith(".mp4")
    assert "..." in safe


# The first look at an upload

STARTS = [(kind.name, offset, start) for kind in FORMATS for offset, start in kind.starts]


@pytest.mark.parametrize(("name", "offset", "start"), STARTS)
def test_every_start_of_the_list_is_taken(name, offset, start):
    assert looks_like_media(bytes(offset) + start + bytes(100)), name


@pytest.mark.parametrize(
    "head",
    [
        (b"G" + bytes(187)) * 4,
        (bytes(4) + b"G" + bytes(187)) * 4,
        (b"G" + bytes(203)) * 4,
        b"\0\0\0\1\x67" + bytes(50),
        b"\0\0\1\xb6" + bytes(50),
        b"\xff\xfb\x90\0" + bytes(50),
        bytes(200) + b"\xff\xf1" + bytes(50),
        b"BM" + (5000).to_bytes(4, "little") + bytes(4) + bytes(50),
        bytes(500) + b"\x06\x0e+4\2\5\1\1\r\1\2\1\1\2" + bytes(50),
    ],
)
def test_streams_without_a_name_of_their_own_are_taken(head):
    assert looks_like_media(head[:HEAD_BYTES])


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"hello", b"BMWs are cars, not pictures", b"%PDF-1.7", b"PK\x03\x04", b"#EXTM3U\n", b"\x7fELF"),
        *(b"<html>", bytes(4096), b"\0\0\1\0\1\0", b"G" * 2, b"#!/bin/sh\n", b"\xff", b"ffconcat version 1.0"),
    ],
)
def test_texts_programs_archives_playlists_and_icons_are_not(head):
    assert not looks_like_media(head)


def test_the_list_of_formats_holds_together():
    assert len(EXTENSIONS) == len(set(EXTENSIONS))
    assert all(extension.startswith(".") and extension == extension.lower() for extension in EXTENSIONS)
    demuxers = [demuxer for kind in FORMATS for demuxer in kind.demuxers]
    assert len(demuxers) == len(set(demuxers))
    assert set(demuxers) >= UNTIMED
    assert not {"hls", "dash", "concat", "image2", "sdp", "rtsp"} & {
        name for d in CONTAINERS.split(",") for name in [d]
    }
    assert all(kind.name in described() for kind in FORMATS)
