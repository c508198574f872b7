"""A file that is damaged and still decodes in part says how much of it is lost, and where; a whole one says nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from making_media import scene, tone, write

from assistant.config import Limits, load
from assistant.core.timeline import Span
from assistant.engine import Assistant
from assistant.media.audio import AudioBuffer
from assistant.media.damage import as_sentence
from assistant.media.video import Damage, probe, read

LIMITS = Limits()
FRAMES = [np.roll(scene(index // 25), index, axis=1) for index in range(200)]


def losses(path: Path) -> Damage:
    video, damage = probe(path, LIMITS), Damage()
    with AudioBuffer(video) as audio_buffer:
        for _ in read(path, video, frame_size=32, frame_rate=1.0, sound=audio_buffer, damage=damage):
            pass
    return damage


def film(path: Path, codec: str = "libx264", **options: object) -> Path:
    sound_codec = "libopus" if path.suffix == ".webm" else "aac"
    sound = tone(8.0, rate=48_000)
    return write(path, FRAMES, [sound], codec=codec, sound_codec=sound_codec, sound_rate=48_000, **options)


def spoil(path: Path, first: float, last: float) -> Path:
    """Noise from one share of the file to another."""
    content = bytearray(path.read_bytes())
    start, end = int(first * len(content)), int(last * len(content))
    content[start:end] = np.random.default_rng(0).bytes(end - start)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_the_place_and_the_length_of_a_loss_are_those_of_the_damage(tmp_path, name):
    damage = losses(spoil(film(tmp_path / name), 0.45, 0.55))
    for spans in (damage.picture, damage.sound):
        assert spans
        assert all(2.4 < span.start_seconds < 5.2 for span in spans[:1])
        assert sum(span.seconds for span in spans) > 0.4


def test_an_end_that_was_cut_off_is_told_by_the_index(tmp_path):
    path = film(tmp_path / "a.mp4", options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    damage = losses(path)
    assert damage.picture[-1].end_seconds == pytest.approx(8.0, abs=0.4)
    assert 2.0 < damage.picture[-1].seconds < 5.0


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.webm", "a.avi", "a.flv"])
def test_a_whole_file_has_no_losses(tmp_path, name):
    codec = {"a.webm": "libvpx-vp9", "a.avi": "mpeg4"}.get(name, "libx264")
    damage = losses(film(tmp_path / name, codec))
    assert (damage.picture, damage.sound) == ([], [])


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_pictures_that_stand_for_seconds_are_no_loss(tmp_path, name):
    times = [0.0, 0.04, 0.08, 3.0, 3.04, 6.0]
    damage = losses(write(tmp_path / name, FRAMES[:6], [tone(8.0)], times=times))
    assert (damage.picture, damage.sound) == ([], [])


def test_real_whole_files_have_no_losses_and_cut_ones_have(media: Path):
    for name in ("gaps_600ms.mp4", "gap_in_picture.flv", "picture_7s_late.mp4", "alpha_vp9.webm", "one_fps_30s.mp4"):
        damage = losses(media / "odd2" / name)
        assert (damage.picture, damage.sound) == ([], []), name
    damage = losses(media / "odd" / "truncated_half_faststart.mp4")
    assert damage.picture[0].start_seconds == pytest.approx(3.8, abs=0.2)
    assert damage.picture[-1].end_seconds == pytest.approx(9.6, abs=0.3)


def test_losses_are_told_in_one_sentence():
    assert as_sentence([Span(12.4, 15.6)]) == "3.2 s from 0:12.4 could not be decoded"
    many = as_sentence([Span(10.0 * n, 10.0 * n + 1) for n in range(7)])
    assert many.endswith("1.0 s from 0:30.0 and 3 more places, 7.0 s in all, could not be decoded")


def test_the_timeline_says_what_is_lost_the_second_time_too(tmp_path, home):
    path = spoil(film(tmp_path / "a.mp4"), 0.45, 0.55)
    for _ in range(2):
        timeline = Assistant(load(home, "demo")).analyze(path)
        lost = {a.what: a.reason for a in timeline.absences if "could not be decoded" in a.reason}
        assert set(lost) == {"picture", "sound"}
        assert " s from 0:0" in lost["picture"]
