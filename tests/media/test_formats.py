"""Every kind of file on the list is analysed, by page and command line alike, and the README prints the same list."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from making_media import scene, tone, write
from test_images import STILLS

from assistant.config import Limits
from assistant.errors import VideoUnreadable
from assistant.media.audio import AudioBuffer
from assistant.media.formats import CONTAINERS, FORMATS, HEAD_BYTES, described, looks_like_media
from assistant.media.probe import timing
from assistant.media.proxy import make_proxy
from assistant.media.video import clip_at, probe, read

LIMITS = Limits()
# extension: encoder, libavformat's muxer
PICTURES = {
    ".mp4": ("libx264", "mp4"),
    ".mkv": ("libx264", "matroska"),
    ".webm": ("libvpx", "webm"),
    ".avi": ("mpeg4", "avi"),
    ".ts": ("libx264", "mpegts"),
    ".vob": ("mpeg2video", "vob"),
    ".flv": ("flv", "flv"),
    ".wmv": ("wmv2", "asf"),
    ".mxf": ("mpeg2video", "mxf"),
    ".nut": ("mpeg4", "nut"),
    ".ivf": ("libvpx", "ivf"),
    ".dv": ("dvvideo", "dv"),
    ".h264": ("libx264", "h264"),
    ".h265": ("libx265", "hevc"),
    ".m1v": ("mpeg1video", "mpeg1video"),
    ".m2v": ("mpeg2video", "mpeg2video"),
    ".mpeg4": ("mpeg4", "m4v"),
    ".obu": ("libsvtav1", "obu"),
    ".mjpeg": ("mjpeg", "mjpeg"),
    ".y4m": ("wrapped_avframe", "yuv4mpegpipe"),
}
SOUNDS = {
    ".mp3": ("libmp3lame", "mp3", 16_000),
    ".wav": ("pcm_s16le", "wav", 16_000),
    ".w64": ("pcm_s16le", "w64", 16_000),
    ".flac": ("flac", "flac", 16_000),
    ".ogg": ("flac", "ogg", 16_000),
    ".opus": ("libopus", "ogg", 16_000),
    ".aac": ("aac", "adts", 16_000),
    ".aiff": ("pcm_s16be", "aiff", 16_000),
    ".caf": ("pcm_s16le", "caf", 16_000),
    ".amr": ("libopencore_amrnb", "amr", 8_000),
    ".ac3": ("ac3", "ac3", 48_000),
    ".eac3": ("eac3", "eac3", 48_000),
    ".au": ("pcm_s16be", "au", 16_000),
    ".wv": ("wavpack", "wv", 16_000),
    ".tta": ("tta", "tta", 16_000),
}


def pictures_file(folder: Path, extension: str) -> Path:
    """Two scenes of two seconds at 25 frames a second."""
    codec, container = PICTURES[extension]

    def prepare(stream) -> None:
        stream.codec_context.time_base = Fraction(1, 25)
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"

    size = (720, 576) if codec == "dvvideo" else (96, 64)
    one, two = scene(1, *size), scene(2, *size)
    path = folder / f"a{extension}"
    return write(path, [one] * 50 + [two] * 50, codec=codec, format=container, prepare=prepare)


def test_the_list_of_the_readme_is_the_list_of_the_code():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{described()}." in text


def test_no_demuxer_that_opens_other_files_is_on_the_list():
    follow = {"concat", "hls", "dash", "image2", "image2pipe", "sdp", "rtsp", "rtp", "sap", "lavfi", "tty", "vobsub"}
    assert not follow & set(CONTAINERS.split(","))


def test_every_kind_on_the_list_is_tried_here_or_is_a_name_of_one_that_is():
    tried = {*PICTURES, *SOUNDS, *(f".{kind}" for kind in STILLS), ".heic"}  # test_images writes the last by hand
    assert all(tried & {*kind.extensions} for kind in FORMATS)


@pytest.mark.parametrize("extension", PICTURES)
def test_pictures_of_every_kind_have_their_times(tmp_path, extension):
    path = pictures_file(tmp_path, extension)
    assert looks_like_media(path.read_bytes()[:HEAD_BYTES])
    video = probe(path, LIMITS)
    assert video.duration_seconds == pytest.approx(4.0, abs=0.1)
    assert video.frame_rate == pytest.approx(25.0, abs=0.1)
    seen = list(read(path, video, frame_size=32, frame_rate=1000.0))
    assert [round(p.pts_seconds, 2) for p in seen] == pytest.approx([index / 25 for index in range(100)], abs=0.011)
    # The frame at any time is the one that reading gives, whether the container can be sought in or not.
    for seconds in (3.5, 1.0):
        found = clip_at(path, video, [seconds], 32).frames[0]
        wanted = next(p.frame for p in seen if p.pts_seconds > seconds - 0.021)
        assert wanted is not None
        assert np.abs(found.astype(int) - wanted).mean() < 3


@pytest.mark.parametrize("extension", SOUNDS)
def test_sound_of_every_kind_is_heard(tmp_path, extension):
    codec, container, rate = SOUNDS[extension]
    path = write(
        tmp_path / f"a{extension}", (), [tone(2.0, rate=rate)], sound_codec=codec, format=container, sound_rate=rate
    )
    assert looks_like_media(path.read_bytes()[:HEAD_BYTES])
    assert_tone(path)


def test_rf64_is_heard(tmp_path):
    path = write(tmp_path / "a.wav", (), [tone(2.0)], sound_codec="pcm_s16le", options={"rf64": "always"})
    assert path.read_bytes()[:4] == b"RF64"
    assert looks_like_media(path.read_bytes()[:HEAD_BYTES])
    assert_tone(path)


def assert_tone(path: Path) -> None:
    video = probe(path, LIMITS)
    assert (video.has_picture, video.has_audio) == (False, True)
    with AudioBuffer(video) as audio_buffer:
        assert list(read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer)) == []
        samples = audio_buffer.samples()
        assert samples is not None
        assert len(samples) == pytest.approx(32_000, abs=2400)
        assert int(np.abs(np.fft.rfft(samples[:16_000])).argmax()) == pytest.approx(440, abs=3)


def test_a_raw_stream_longer_than_the_search_for_a_first_frame_is_read(tmp_path):
    path = write(
        tmp_path / "a.h264",
        [scene(number // 100) for number in range(3300)],
        format="h264",
        rate=50,
        options={"preset": "ultrafast"},
        prepare=lambda stream: setattr(stream.codec_context, "time_base", Fraction(1, 50)),
    )
    video = probe(path, LIMITS)
    assert video.duration_seconds == pytest.approx(66.0, abs=0.1)
    assert timing(path, video).untimed


def test_a_raw_stream_becomes_a_copy_for_the_browser(tmp_path):
    path = pictures_file(tmp_path, ".h264")
    copy = probe(make_proxy(path, probe(path, LIMITS), tmp_path / "copy.mp4"), LIMITS)
    assert copy.duration_seconds == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "seconds", "picture"),
    [
        ("raw.h264", 13.1, True),
        ("raw.h265", 13.17, True),
        ("vp8.ivf", 13.17, True),
        ("a.mxf", 13.04, True),
        ("a.nut", 13.17, True),
        ("a.ogv", 13.17, True),
        ("a.caf", 13.0, False),
        ("speech.aiff", 13.0, False),
        ("low.mp3", 13.06, False),
    ],
)
def test_rare_kinds_of_real_writers_are_read(media, name, seconds, picture):
    path = media / "odd2" / name
    assert looks_like_media(path.read_bytes()[:HEAD_BYTES])
    video = probe(path, LIMITS)
    assert video.has_picture == picture
    assert video.duration_seconds == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\1ABCD" + b"\x80" + bytes(7) + b"rest of the file",
        b"\0\0\0\1mdat" + b"\x7f" + b"\xff" * 7,
        b"\0\0\0\1ftyp" + b"\xff" * 8 + bytes(100),
    ],
)
def test_a_box_longer_than_any_file_is_told_in_one_line(tmp_path, head):
    (tmp_path / "a.bin").write_bytes(head)
    with pytest.raises(VideoUnreadable) as caught:
        probe(tmp_path / "a.bin", LIMITS)
    assert "; " in str(caught.value)


@pytest.mark.parametrize(
    "head",
    [
        b"PK\3\4" + os.urandom(5000),
        b"%PDF-1.7\n" + b"text " * 900,
        b"<html>" + b"not a film " * 400,
        b"Dear all,\n" + b"the meeting is at nine. " * 200,
        b"\0\0\1\0\1\0\x10\x10" + bytes(4000),  # an icon
        b"\x7fELF" + bytes(4000),
        bytes(5000),
        b"{}",
        b"",
    ],
    ids=["zip", "pdf", "html", "text", "icon", "program", "zeros", "json", "empty"],
)
def test_what_is_no_media_fails_the_first_look_and_is_told_in_one_line(tmp_path, head):
    assert not looks_like_media(head[:HEAD_BYTES])
    (tmp_path / "a.mp4").write_bytes(head)
    with pytest.raises(VideoUnreadable) as caught:
        probe(tmp_path / "a.mp4", LIMITS)
    assert "; " in str(caught.value)
