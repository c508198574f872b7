"""Every file of the collection of odd media gives pictures, sound, or one line that says what is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from assistant.config import Limits
from assistant.errors import VideoUnreadable
from assistant.media.audio import AudioBuffer
from assistant.media.proxy import make_proxy, plays_in_browser
from assistant.media.video import Damage, clip_at, probe, read

LIMITS = Limits()

# name: seconds, width, height (upright, square pixels), clockwise turn, fewest pictures
PICTURES = {
    "8k_hevc_300ms.mp4": (0.333, 7680, 4320, 0, 8),
    "audio_starts_at_3s.mp4": (5.005, 960, 540, 0, 150),
    "av1_monochrome.mp4": (1.0, 320, 240, 0, 30),
    "av1_video.mkv": (5.0, 640, 360, 0, 125),
    "corrupted_no_frames.mp4": (5.0, 1280, 720, 0, 28),
    "dolby_vision_rot.MOV": (0.13, 720, 1280, 90, 4),
    "empty_second_video_track.mp4": (1.0, 1080, 720, 0, 30),
    "fragmented_wrong_duration.mp4": (1.0, 1080, 720, 0, 30),
    "h263.3gp": (1.0, 176, 144, 0, 15),
    "hevc_10bit.mp4": (1.0, 200, 200, 0, 30),
    "hevc_main10_coffee.mp4": (4.004, 960, 540, 0, 120),
    "interlaced_mpeg2_sar16_11.ts": (2.0, 1024, 576, 0, 50),
    "mjpeg_pcm8k.avi": (1.001, 320, 180, 0, 30),
    "mpeg1_anomaly.mpg": (10.0, 640, 480, 0, 248),
    "mpegts.mts": (3.003, 480, 360, 0, 90),
    "mvhd_claims_10h.mp4": (9.576, 1280, 720, 0, 287),
    "no_duration.webm": (4.94, 1280, 720, 0, 74),
    "one_frame.mp4": (0.033, 960, 540, 0, 1),
    "one_pixel_1x1.mp4": (5.0, 1, 1, 0, 5),
    "one_second.mp4": (1.1, 960, 540, 0, 32),
    "portrait_720x1080.mp4": (1.0, 720, 1080, 0, 30),
    "prompt_injection_text.mp4": (2.002, 640, 360, 0, 60),
    "rot90_tag_coffee.mp4": (9.576, 720, 1280, 270, 287),
    "rot_meta_0.mov": (0.1, 568, 320, 0, 3),
    "rot_meta_90.mov": (0.1, 320, 568, 90, 3),
    "rotate_and_mirror.mp4": (1.0, 720, 1080, 270, 30),
    "sample_mp3_xvid.avi": (4.087, 960, 400, 0, 96),
    "silent_black_10s.mp4": (10.0, 320, 240, 0, 300),
    "start_pts_10s.mp4": (4.0, 1137, 640, 0, 120),
    "strip_3840x32.mp4": (5.005, 57, 32, 0, 150),
    "super_slow_motion_vfr.mp4": (14.5, 160, 120, 0, 430),
    "truncated_half_faststart.mp4": (3.87, 1280, 720, 0, 100),
    "two_audio_first_silent.mp4": (5.005, 960, 540, 0, 150),
    "unordered_pts.mov": (0.125, 50, 50, 0, 4),
    "vfr_real_dog.mp4": (9.66, 640, 360, 0, 178),
    "vfr_testsrc.mp4": (14.95, 128, 128, 0, 300),
    "video_named.txt": (5.005, 960, 540, 0, 150),
    "vp9_odd_161x121.webm": (1.0, 161, 121, 0, 30),
    "wmv2.wmv": (2.002, 640, 360, 0, 60),
}
SOUND_ALONE = {"audio_only.mp4": 15.03, "mp3_with_cover_art.mp3": 1.02}
REFUSED = {
    "html_error_page.mp4": "is a web page",
    "init_segment_only.mp4": "holds neither picture nor sound",
    "malformed_box.mp4": "is damaged",
    "truncated_no_moov.mp4": "was cut off before its index was written",
    "vp9_invalid_bitstream.webm": "can be decoded (vp9)",
    "zero_byte.webm": "is empty",
}


def test_the_tables_name_every_odd_file(media):
    assert {p.name for p in (media / "odd").iterdir()} == {*PICTURES, *SOUND_ALONE, *REFUSED}


@pytest.mark.parametrize("name", PICTURES)
def test_an_odd_video_gives_its_pictures(media, name):
    seconds, width, height, turn, fewest = PICTURES[name]
    path = media / "odd" / name
    video, damage = probe(path, LIMITS), Damage()
    assert video.duration_seconds == pytest.approx(seconds, abs=0.05)
    assert (video.width, video.height, video.rotation_degrees) == (width, height, turn)
    times, shapes = [], set()
    for picture in read(path, video, frame_size=64, frame_rate=5.0, damage=damage):
        times.append(picture.pts_seconds)
        if picture.frame is not None:
            shapes.add(picture.frame.shape)
    assert len(times) >= fewest
    assert times[0] == 0.0
    assert all(np.diff(times) > 0)
    assert times[-1] < video.duration_seconds + 0.001
    assert len(shapes) == 1
    assert min(next(iter(shapes))[:2]) == 64


@pytest.mark.parametrize("name", SOUND_ALONE)
def test_an_odd_sound_file_is_a_video_without_a_picture(media, name):
    path = media / "odd" / name
    video = probe(path, LIMITS)
    assert (video.has_picture, video.has_audio) == (False, True)
    assert video.duration_seconds == pytest.approx(SOUND_ALONE[name], abs=0.05)
    with AudioBuffer(video) as audio_buffer:
        assert list(read(path, video, frame_size=64, frame_rate=5.0, sound=audio_buffer)) == []
        assert audio_buffer.reason == "the sound track is silent"


@pytest.mark.parametrize("name", REFUSED)
def test_an_odd_file_that_cannot_be_used_says_why(media, name):
    with pytest.raises(VideoUnreadable) as caught:
        probe(media / "odd" / name, LIMITS)
    assert REFUSED[name] in str(caught.value)
    assert name in str(caught.value)


def first_sound(path: Path) -> float:
    video = probe(path, LIMITS)
    with AudioBuffer(video) as audio_buffer:
        for _ in read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer):
            pass
        samples = audio_buffer.samples()
        assert samples is not None
        loud = np.abs(samples) > 0.05
        return int(loud.argmax()) / 16_000


def test_speech_keeps_its_time_where_sound_starts_late(media):
    assert 3.0 <= first_sound(media / "odd" / "audio_starts_at_3s.mp4") <= 3.4


def test_the_second_sound_track_is_heard_where_the_first_is_silent(media):
    assert first_sound(media / "odd" / "two_audio_first_silent.mp4") <= 0.5


def test_a_picture_that_is_upright_after_its_tag_looks_like_the_upright_one(media):
    # Two clips of the same keyboard: one stored upright, one with a tag.
    for name, shape in (("rot_meta_0.mov", (64, 114)), ("rot_meta_90.mov", (114, 64))):
        path = media / "odd" / name
        assert clip_at(path, probe(path, LIMITS), [0.0], 64).frames.shape[1:3] == shape


@pytest.mark.parametrize("name", ["dolby_vision_rot.MOV", "sample_mp3_xvid.avi", "wmv2.wmv", "vp9_odd_161x121.webm"])
def test_odd_videos_become_copies_for_the_browser(media, tmp_path, name):
    path = media / "odd" / name
    video = probe(path, LIMITS)
    copy = probe(make_proxy(path, video, tmp_path / "copy.mp4", most_pixels=320), LIMITS)
    assert plays_in_browser(copy)
    assert max(copy.width, copy.height) <= 320
    assert copy.duration_seconds == pytest.approx(video.duration_seconds, abs=0.1)


def test_hostile_names_make_no_difference(media, tmp_path):
    for index, name in enumerate(json.loads((media / "hostile_names.json").read_text())):
        (tmp_path / str(index)).mkdir()
        path = tmp_path / str(index) / name
        shutil.copy(media / "odd" / "one_frame.mp4", path)
        assert probe(path, LIMITS).width == 960


MEASURE = """
import resource, sys, time
from pathlib import Path
from assistant.config import Limits
from assistant.errors import InputUnusable
from assistant.media.video import AudioBuffer, probe, read
started = time.monotonic()
try:
    path = Path(sys.argv[1])
    video = probe(path, Limits())
    with AudioBuffer(video) as audio_buffer:
        for _ in read(path, video, frame_size=256, frame_rate=12.0, sound=audio_buffer):
            pass
except InputUnusable:
    pass
# The peak that the kernel counts for a process (ru_maxrss) begins with its parent's; that of its memory does not.
status = Path("/proc/self/status")
if status.exists():
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # bytes on macOS
print(time.monotonic() - started, peak / 1024)
"""


@pytest.mark.parametrize("name", ["8k_hevc_300ms.mp4", "mvhd_claims_10h.mp4", "strip_3840x32.mp4"])
def test_memory_and_time_stay_bounded(media, name):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(media / "odd" / name)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 60
    assert megabytes < 1024
