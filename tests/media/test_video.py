"""Opening, measuring and reading videos; every file here is made on the spot."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import ROOT
from making_media import scene, tone, write

from assistant.config import Limits
from assistant.core.timeline import Video
from assistant.errors import Cancelled, InputUnusable, LibraryUnusable, VideoTooLarge, VideoUnreadable
from assistant.media.frames import is_same
from assistant.media.probe import timing
from assistant.media.proxy import make_proxy, plays_in_browser
from assistant.media.video import AudioBuffer, Damage, Picture, clip_at, probe, read

LIMITS = Limits()


def pictures_of(path: Path, size: int = 64, rate: float = 1000.0) -> list[Picture]:
    return list(read(path, probe(path, LIMITS), frame_size=size, frame_rate=rate))


@pytest.fixture
def hear() -> Iterator[Callable[[Path], AudioBuffer]]:
    """Reads only the sound of a file; the audio_buffers are closed at the end."""
    audio_buffers: list[AudioBuffer] = []

    def listen(path: Path) -> AudioBuffer:
        video = probe(path, LIMITS)
        audio_buffers.append(AudioBuffer(video))
        for _ in read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffers[-1]):
            pytest.fail("pictures came where only sound was wanted")
        return audio_buffers[-1]

    yield listen
    for audio_buffer in audio_buffers:
        audio_buffer.close()


def two_scenes(count: int = 25) -> list[np.ndarray]:
    return [scene(1)] * count + [scene(2)] * count


# What a file holds


@pytest.mark.parametrize(
    ("name", "codec", "sound", "rate", "facts"),
    [
        ("a.mp4", "libx264", "aac", 16_000, ("mp4", "h264", "aac")),
        ("a.mov", "libx264", "aac", 16_000, ("mov", "h264", "aac")),
        ("a.mkv", "libx264", "aac", 16_000, ("matroska", "h264", "aac")),
        ("a.ts", "libx264", "aac", 16_000, ("mpegts", "h264", "aac")),
        ("a.flv", "libx264", "aac", 44_100, ("flv", "h264", "aac")),
        ("a.avi", "mpeg4", "mp3", 16_000, ("avi", "mpeg4", "mp3")),
        ("a.webm", "libvpx-vp9", "libopus", 48_000, ("webm", "vp9", "opus")),
    ],
)
def test_pictures_and_sound_come_out_of_each_container(tmp_path, name, codec, sound, rate, facts):
    path = write(tmp_path / name, two_scenes(), [tone(2.0, rate=rate)], codec=codec, sound_codec=sound, sound_rate=rate)
    video = probe(path, LIMITS)
    assert (video.container, video.video_codec, video.audio_codec) == facts
    assert video.duration_seconds == pytest.approx(2.0, abs=0.08)
    assert (video.width, video.height) == (96, 64)
    assert video.has_audio
    with AudioBuffer(video) as audio_buffer:
        seen = list(read(path, video, frame_size=32, frame_rate=5.0, sound=audio_buffer))
        assert seen[0].pts_seconds == 0.0
        assert len(seen) == 50
        assert all(later.pts_seconds > earlier.pts_seconds for earlier, later in pairwise(seen))
        samples = audio_buffer.samples()
        assert samples is not None
        assert len(samples) / 16_000 == pytest.approx(2.0, abs=0.08)
        assert float(np.sqrt(np.square(samples).mean())) == pytest.approx(0.5 / np.sqrt(2), abs=0.05)


def test_the_hash_is_that_of_the_content(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes(3))
    assert probe(path, LIMITS).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_sound_alone_is_a_video_without_a_picture(tmp_path, hear):
    path = write(tmp_path / "a.mp3", sounds=[tone(1.0)], sound_codec="mp3")
    video = probe(path, LIMITS)
    assert (video.has_picture, video.width, video.frame_rate) == (False, 0, 0.0)
    assert video.duration_seconds == pytest.approx(1.0, abs=0.1)
    assert hear(path).samples() is not None


def test_a_header_that_claims_ten_hours_is_not_believed(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes())
    content = bytearray(path.read_bytes())
    at = content.index(b"mvhd") + 4
    timescale = int.from_bytes(content[at + 12 : at + 16], "big")
    content[at + 16 : at + 20] = (36_000 * timescale).to_bytes(4, "big")
    path.write_bytes(content)
    assert probe(path, LIMITS).duration_seconds == pytest.approx(2.0, abs=0.05)


def test_sound_that_goes_on_after_the_picture_belongs_to_the_video(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes(), [tone(4.0)])
    assert probe(path, LIMITS).duration_seconds == pytest.approx(4.0, abs=0.1)


# What cannot be used, each with its own line


def says(path: Path, *words: str, limits: Limits = LIMITS, kind: type[InputUnusable] = VideoUnreadable) -> None:
    with pytest.raises(kind) as caught:
        probe(path, limits)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message, "a remedy is missing"
    for word in words:
        assert word in message


def test_each_unusable_input_has_its_own_line(tmp_path):
    says(tmp_path / "gone.mp4", "no such file: gone.mp4")
    says(tmp_path, "is a folder")
    cases = {
        "empty.mp4": (b"", "is empty"),
        "page.mp4": (b"\n<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
        "list.mp4": (b"#EXTM3U\n#EXTINF:1,\nother.mp4\n", "is an HLS playlist"),
        "concat.mp4": (b"ffconcat version 1.0\nfile other.mp4\n", "is a list of files"),
        "sdp.mp4": (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", "is a session description"),
        "index.mp4": (b"# VobSub index file, v7\n", "is a subtitle index"),
        "dash.mp4": (b'<?xml version="1.0"?><MPD><BaseURL>a.mp4</BaseURL></MPD>', "is a playlist"),
        "paper.mp4": (b"%PDF-1.7\n", "is a PDF document"),
        "notes.mp4": (b"Dear reader,\nthis is not a video.\n", "is text"),
        "zeros.mp4": (bytes(5000), "contains only zeros"),
        "noise.mp4": (np.random.default_rng(0).bytes(5000), "is not a video or sound file"),
        "still.png": (b"\x89PNG\r\n\x1a\n" + bytes(50), "is a picture that is damaged"),
    }
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        says(tmp_path / name, words)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    says(tmp_path / "pipe.mp4", "is not a plain file")


def test_a_recording_that_was_cut_off_says_so(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes())
    path.write_bytes(path.read_bytes()[:-2000])
    says(path, "was cut off before its index was written")


def test_an_encrypted_file_says_so(tmp_path):
    lock = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "1" * 32, "encryption_kid": "2" * 32}
    path = write(tmp_path / "a.mp4", two_scenes(5), options=lock)
    says(path, "is encrypted")


def test_limits_name_what_is_too_large(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes())
    says(path, "the limit is", limits=replace(LIMITS, max_bytes=100), kind=VideoTooLarge)
    says(path, "seconds long, the limit is 1 second;", limits=replace(LIMITS, max_seconds=1.0), kind=VideoTooLarge)
    says(path, "96 x 64 pixels", limits=replace(LIMITS, max_pixels=1000), kind=VideoTooLarge)


def test_a_hostile_name_stays_on_one_line(tmp_path):
    path = tmp_path / ("line\nbreak\u202e" + "x" * 150 + ".mp4")
    path.write_bytes(b"no")
    with pytest.raises(VideoUnreadable) as caught:
        probe(path, LIMITS)
    assert "\n" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert len(str(caught.value)) < 250


# Files that name other files


HOSTILE = {
    "hls.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{target}\n#EXT-X-ENDLIST\n",
    "http.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    "concat.mp4": "ffconcat version 1.0\nfile {target}\n",
    "self.mp4": "ffconcat version 1.0\nfile self.mp4\n",
    "stream.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "vob.mp4": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n"
    "timestamp: 00:00:00:000, filepos: 00\n",
    "dash.mp4": '<?xml version="1.0"?><MPD type="static" xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>'
    '<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "img%03d.png": "\x89PNG",
    "smooth.mp4": "<SmoothStreamingMedia MajorVersion='2'><StreamIndex Url='{target}'/></SmoothStreamingMedia>",
    "playlist.pls.mp4": "[playlist]\nFile1={target}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_names_others_is_refused(tmp_path, monkeypatch, name):
    target = write(tmp_path / "target.mp4", two_scenes(5))
    write(tmp_path / "img001.png", [scene(1)], codec="png", format="image2", prepare=rgb) if "%" in name else None
    shutil.copy(target, tmp_path / "vob.sub")
    path = tmp_path / name
    path.write_text(HOSTILE[name].format(target=target), encoding="latin-1")
    monkeypatch.chdir(tmp_path)
    video = Video(str(path), "0" * 64, 1.0, 96, 64, 25.0, has_audio=False)
    with pytest.raises(VideoUnreadable):
        probe(path, LIMITS)
    with pytest.raises(VideoUnreadable):
        list(read(path, video, frame_size=32, frame_rate=5.0))
    with pytest.raises(VideoUnreadable):
        clip_at(path, video, [0.0], 32)
    with pytest.raises(VideoUnreadable):
        make_proxy(path, video, tmp_path / "out.mp4")


def rgb(stream) -> None:
    stream.pix_fmt = "rgb24"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not at hand")
def test_no_hostile_file_opens_or_contacts_anything_else(tmp_path):
    target = write(tmp_path / "target.mp4", two_scenes(5))
    for name, text in HOSTILE.items():
        (tmp_path / name).write_text(text.format(target=target), encoding="latin-1")
    program = (
        "import sys; from pathlib import Path; from assistant.config import Limits; from assistant.errors import *\n"
        "from assistant.media.video import probe\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    if path.name != 'target.mp4':\n"
        "        try: probe(path, Limits())\n"
        "        except InputUnusable: pass\n"
    )
    log = tmp_path.parent / "trace.log"
    trace = ["strace", "-f", "-e", "trace=open,openat,connect,socket", "-o", str(log)]
    root = ROOT
    done = subprocess.run([*trace, sys.executable, "-c", program, str(tmp_path)], cwd=root, check=False)
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    if done.returncode != 0 or not any("hls.mp4" in line for line in lines):
        pytest.skip("strace may not trace here")
    assert not [line for line in lines if "target.mp4" in line]
    assert not [line for line in lines if "connect(" in line and "AF_INET" in line]


# Pictures in time and space


def test_times_count_from_the_first_picture(tmp_path):
    late = [10.0 + index / 25 for index in range(50)]
    path = write(tmp_path / "a.ts", two_scenes(), times=late)
    assert probe(path, LIMITS).duration_seconds == pytest.approx(2.0, abs=0.05)
    times = [picture.pts_seconds for picture in pictures_of(path)]
    assert times[0] == 0.0
    assert times[-1] == pytest.approx(1.96, abs=0.01)


def test_times_of_a_variable_frame_rate_are_kept(tmp_path):
    times = [0.0, 0.1, 0.15, 0.9, 2.0, 2.05, 7.0]
    path = write(tmp_path / "a.mkv", [scene(index) for index in range(7)], times=times)
    assert [round(p.pts_seconds, 2) for p in pictures_of(path)] == times


def test_at_most_the_rate_asked_for_is_kept(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes(50))
    kept = [p.pts_seconds for p in pictures_of(path, rate=4.0) if p.frame is not None]
    assert len(kept) == 16
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(kept))


def test_frames_are_shrunk_and_thumbnails_tiny(tmp_path):
    path = write(tmp_path / "a.mp4", [scene(1, 384, 128)] * 2)
    first = pictures_of(path, size=32)[0]
    assert first.thumbnail.shape == (36, 64, 3)
    assert first.frame is not None
    assert first.frame.shape == (32, 96, 3)


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (270, (0, 1))], ids=str)
def test_a_rotation_tag_is_honoured(tmp_path, degrees, corner):
    picture = np.zeros((64, 96, 3), dtype=np.uint8)
    picture[:32, :48] = 255  # white at the top left
    path = write(tmp_path / "a.mp4", [picture] * 3, prepare=lambda s: s.set_display_rotation(degrees))
    video = probe(path, LIMITS)
    upright = pictures_of(path)[0].frame
    assert upright is not None
    turned = degrees in (90, 270)
    assert (video.width, video.height) == ((64, 96) if turned else (96, 64))
    assert upright.shape[:2] == ((96, 64) if turned else (64, 96))
    # The tag turns counter-clockwise: what was at the top left is at the bottom left after a quarter turn.
    height, width = upright.shape[:2]
    row, column = (height - 1 if corner[0] else 0), (width - 1 if corner[1] else 0)
    assert upright[row, column].mean() > 200
    assert upright[height - 1 - row, width - 1 - column].mean() < 50


def test_pixels_that_are_not_square_are_corrected(tmp_path):
    def wide(stream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)

    path = write(tmp_path / "a.mkv", [scene(1)] * 3, prepare=wide)
    video = probe(path, LIMITS)
    assert (video.width, video.height) == (192, 64)
    frame = pictures_of(path, size=32)[0].frame
    assert frame is not None
    assert frame.shape == (32, 96, 3)


def test_frames_at_any_times_are_those_that_reading_gives(tmp_path):
    frames = [scene(index // 5) for index in range(150)]
    path = write(tmp_path / "a.mp4", frames, prepare=lambda s: setattr(s.codec_context, "gop_size", 40))
    seen = pictures_of(path)
    wanted = [5.99, 0.0, 3.21, 3.2, 0.05, -1.0, 99.0, 4.0]
    clip = clip_at(path, probe(path, LIMITS), wanted, 64)
    for seconds, found, frame in zip(wanted, clip.pts_seconds, clip.frames, strict=True):
        expected = [p for p in seen if p.pts_seconds <= max(0.0, seconds) + 1e-3][-1]
        assert found == pytest.approx(expected.pts_seconds, abs=1e-6)
        assert np.array_equal(frame, expected.frame)


def test_reading_stops_when_it_is_cancelled(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes())
    video = probe(path, LIMITS)
    seen: list[Picture] = []
    stream = read(path, video, frame_size=32, frame_rate=5.0, cancelled=lambda: len(seen) >= 3)
    with pytest.raises(Cancelled):
        seen.extend(iter(stream))  # `extend` sees the pictures one by one
    assert 3 <= len(seen) < 50
    with pytest.raises(Cancelled):
        probe(path, LIMITS, cancelled=lambda: True)


# Sound


def test_sound_that_starts_later_than_the_picture_keeps_its_time(tmp_path, hear):
    path = write(tmp_path / "a.mkv", two_scenes(), [tone(0.8)], sound_start=1.0)
    samples = hear(path).samples()
    assert samples is not None
    first = int(np.argmax(np.abs(samples) > 0.1)) / 16_000
    assert first == pytest.approx(1.0, abs=0.06)


def test_the_first_track_that_is_not_silent_is_heard(tmp_path, hear):
    path = write(tmp_path / "a.mp4", two_scenes(), [np.zeros(32_000, np.float32), tone(2.0)])
    audio_buffer = hear(path)
    assert audio_buffer.track == 1
    assert audio_buffer.reason == ""


def test_opposite_channels_do_not_cancel_out(tmp_path, hear):
    left = tone(1.0)
    path = write(tmp_path / "a.wav", sounds=[np.stack([left, -left])], sound_codec="pcm_s16le")
    samples = hear(path).samples()
    assert samples is not None
    assert float(np.sqrt(np.square(samples).mean())) == pytest.approx(0.5 / np.sqrt(2), abs=0.03)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_every_rate_becomes_16_kilohertz(tmp_path, rate, hear):
    path = write(tmp_path / "a.wav", sounds=[tone(1.0, 1000.0, rate)], sound_codec="pcm_s16le", sound_rate=rate)
    samples = hear(path).samples()
    assert samples is not None
    assert len(samples) == pytest.approx(16_000, abs=40)
    spectrum = np.abs(np.fft.rfft(samples[:16_000]))
    assert int(spectrum.argmax()) == pytest.approx(1000, abs=2)


def test_nothing_to_hear_has_a_reason(tmp_path, hear):
    silent = hear(write(tmp_path / "a.mp4", two_scenes(), [np.zeros(32_000, np.float32)]))
    assert silent.samples() is None
    assert silent.reason == "the sound track is silent"
    without = hear(write(tmp_path / "b.mp4", two_scenes()))
    assert without.samples() is None
    assert without.reason == "no audio track"


# Damage


def test_damaged_files_give_pictures_or_one_line(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes(), [tone(2.0)])
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    read_through = refused = 0
    for case in range(40):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 1 + case % 12):
            content[place] ^= 1 << int(rng.integers(8))
        hurt = tmp_path / f"hurt{case}.mp4"
        hurt.write_bytes(content[: int(rng.integers(len(content) // 2, len(content)))] if case % 4 == 0 else content)
        try:
            video = probe(hurt, LIMITS)
            with AudioBuffer(video) as audio_buffer:
                for picture in read(hurt, video, frame_size=32, frame_rate=5.0, sound=audio_buffer, damage=Damage()):
                    assert picture.pts_seconds >= 0.0
            read_through += 1
        except InputUnusable:
            refused += 1
    assert read_through > 10
    assert refused > 5


def test_damaged_packets_are_counted_and_the_rest_is_seen(tmp_path):
    path = write(tmp_path / "a.ts", [scene(index) for index in range(100)], prepare=lambda s: None)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    path.write_bytes(content)
    video, damage = probe(path, LIMITS), Damage()
    seen = list(read(path, video, frame_size=32, frame_rate=5.0, damage=damage))
    assert 50 < len(seen) <= 100


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files cannot be counted here")
def test_no_file_stays_open(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes(5), [tone(0.4)])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        video = probe(path, LIMITS)
        with AudioBuffer(video) as audio_buffer:
            next(read(path, video, frame_size=32, frame_rate=5.0, sound=audio_buffer))  # left in the middle
            clip_at(path, video, [0.1], 32)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


# Copies that every browser plays


def test_a_copy_for_the_browser_shows_the_same_at_the_same_time(tmp_path, hear):
    late = [10.0 + index / 25 for index in range(50)]
    path = write(
        tmp_path / "a.ts",
        two_scenes(),
        [tone(2.0)],
        codec="mpeg2video",
        times=late,
        sound_start=10.5,
        prepare=lambda stream: setattr(stream.codec_context, "time_base", Fraction(1, 25)),
    )
    video = probe(path, LIMITS)
    assert not plays_in_browser(video)
    told: list[float] = []
    out = make_proxy(path, video, tmp_path / "proxy.mp4", progress=told.append)
    copy = probe(out, LIMITS)
    assert plays_in_browser(copy)
    assert copy.duration_seconds == pytest.approx(video.duration_seconds, abs=0.1)
    assert told[-1] == video.duration_seconds
    assert out.read_bytes().index(b"moov") < out.read_bytes().index(b"mdat")
    times = [0.2, 0.9, 1.1, 1.9]
    one, other = clip_at(path, video, times, 64), clip_at(out, copy, times, 64)
    assert np.abs(one.frames.astype(int) - other.frames).mean() < 12
    samples = hear(out).samples()
    assert samples is not None
    assert int(np.argmax(np.abs(samples) > 0.1)) / 16_000 == pytest.approx(0.5, abs=0.06)


def test_a_stopped_or_failed_copy_leaves_nothing_behind(tmp_path):
    path = write(tmp_path / "a.mp4", two_scenes())
    video = probe(path, LIMITS)
    with pytest.raises(Cancelled):
        make_proxy(path, video, tmp_path / "proxy.mp4", cancelled=lambda: True)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LibraryUnusable):
        make_proxy(path, video, tmp_path / "file" / "proxy.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "file"]


def test_what_a_player_shows_at_time_zero_is_known_where_the_sound_starts_first(tmp_path):
    late = [0.8 + index / 25 for index in range(50)]
    path = write(tmp_path / "a.mkv", two_scenes(), [tone(2.8)], times=late)
    video = probe(path, LIMITS)
    assert timing(path, video).player_offset_seconds == pytest.approx(0.8, abs=0.05)
    assert pictures_of(path)[0].pts_seconds == 0.0
    assert video.duration_seconds == pytest.approx(2.0, abs=0.1)


# Pictures that stay


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "rgb24", "nv12", "gray"])
@pytest.mark.parametrize("width", [96, 101])
def test_frames_are_the_same_only_where_every_pixel_is(pixel_format, width):
    def frame(change: int = 0) -> av.VideoFrame:
        pixels = np.full((64, width, 3), 90, np.uint8)
        pixels[41, width - 3 :] += np.uint8(change)
        return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)

    assert is_same(frame(), frame()) or width == 101
    assert not is_same(frame(), frame(90))
    assert not is_same(frame(), av.VideoFrame(width, 64, "yuv422p"))


def test_a_picture_that_stays_is_converted_once_and_gives_the_same_arrays(tmp_path):
    frames = [scene(1)] * 20 + [scene(2)] * 20
    path = write(tmp_path / "a.mkv", frames, codec="ffv1")
    video = probe(path, LIMITS)
    pictures = list(read(path, video, frame_size=32, frame_rate=100.0))
    assert len({id(picture.thumbnail) for picture in pictures}) == 2
    assert len({id(picture.frame) for picture in pictures}) == 2
    alone = clip_at(path, video, [p.pts_seconds for p in pictures], 32)
    assert all(np.array_equal(p.frame, frame) for p, frame in zip(pictures, alone.frames, strict=True))
