"""Few pictures a second, pictures shown again and again, holes in the picture: no crash, no cut but the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from making_media import scene as blocks
from making_media import write
from numpy.typing import NDArray
from test_segmentation import as_bytes, boundaries, boundaries_of, kinds, scene

from assistant.shots.windows import ShotDetector


def noisy(picture: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.uint8]:
    return as_bytes(picture + rng.normal(0, 0.8, picture.shape))


@pytest.mark.parametrize("rate", [0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 25.0, 60.0])
@pytest.mark.parametrize("pictures", [2, 3, 5])
def test_slides_change_where_they_change_at_every_rate(rate, pictures):
    rng = np.random.default_rng(1)
    each = pictures if rate < 3 else round(pictures * rate / 2)
    shown = [noisy(scene(1 + index // each), rng) for index in range(5 * each)]
    found = boundaries(shown, [index / rate for index in range(len(shown))])
    assert kinds(found) == [(round(number * each / rate, 2), "cut") for number in range(1, 5)]


def test_slides_that_are_one_picture_each_are_shots():
    times = [0.0, 4.0, 9.5, 11.7, 30.0, 33.0, 60.0]
    found = boundaries([as_bytes(scene(index)) for index in range(len(times))], times)
    assert kinds(found) == [(seconds, "cut") for seconds in times[1:]]


@pytest.mark.parametrize("rate", [1.0, 1.5, 2.0, 3.125, 5.0, 6.25, 8.0, 12.5])
@pytest.mark.parametrize("speed", [4.0, 10.0])
def test_a_slow_clip_inside_a_fast_file_is_cut_where_it_is_cut_and_at_no_other_step(rate, speed):
    rng = np.random.default_rng(2)
    own = [index / rate for index in range(round(12 * rate))]
    pictures = {seconds: noisy(scene(1 if seconds < 6 else 2, seconds * speed), rng) for seconds in own}
    times = [index / 25 for index in range(300)]
    shown = [max(t for t in own if t <= seconds + 1e-6) for seconds in times]
    cut = next(seconds for seconds, source in zip(times, shown, strict=True) if source >= 6)
    assert kinds(boundaries([pictures[source] for source in shown], times)) == [(round(cut, 2), "cut")]


@pytest.mark.parametrize("seconds", [0.2, 0.4, 0.6, 0.8, 1.0])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_hole_in_a_moving_picture_is_no_cut(seconds, frozen):
    rng = np.random.default_rng(3)
    times = [index / 25 for index in range(400)]
    holes = [(start, start + seconds) for start in (4.0, 9.0, 12.0)]

    def source(t: float) -> float:
        return next((start for start, end in holes if start <= t < end), t)

    memory = {t: noisy(scene(1, 4 * t), rng) for t in {source(t) for t in times}}
    kept = times if frozen else [t for t in times if source(t) == t]
    assert boundaries([memory[source(t)] for t in kept], kept) == []


@pytest.mark.parametrize("seed", range(6))
def test_any_times_and_any_pictures_give_boundaries_in_order_and_no_crash(seed):
    rng = np.random.default_rng(seed)
    gaps = rng.choice([0.02, 0.04, 0.2, 0.59, 0.61, 0.7, 1.0, 3.0, 20.0], 300)
    detector, told = ShotDetector(), []
    for seconds in np.cumsum(gaps).tolist():
        dark = rng.random() < 0.2
        picture = scene(int(rng.integers(4)), float(rng.integers(30))) * (0.02 if dark else rng.uniform(0.2, 1.0))
        told += detector.feed(seconds, noisy(picture, rng))
    told += detector.finish()
    assert [b.seconds for b in told] == sorted({b.seconds for b in told})


def test_black_that_is_a_single_long_picture_is_a_shot_of_its_own():
    pictures = [as_bytes(scene(1)), np.zeros((36, 64, 3), np.uint8), as_bytes(scene(2)), as_bytes(scene(2))]
    found = boundaries(pictures, [0.0, 5.0, 12.0, 17.0])
    assert [b.seconds for b in found] == [5.0, 12.0]


@pytest.mark.parametrize("each", [8, 12])
def test_a_slow_clip_that_was_encoded_has_no_cut_at_its_steps(tmp_path, each):
    pictures = [np.roll(blocks(1), 3 * (index // each), axis=1) for index in range(200)]
    assert boundaries_of(write(tmp_path / "slow.mp4", pictures, rate=25)) == []


def test_an_encoded_slide_show_of_one_picture_a_second_is_cut_at_its_slides(tmp_path):
    pictures = [blocks(index // 4) for index in range(16)]
    found = boundaries_of(write(tmp_path / "slides.mp4", pictures, rate=1))
    assert kinds(found) == [(4.0, "cut"), (8.0, "cut"), (12.0, "cut")]


def test_real_sparse_files_have_their_cuts_and_no_others(media: Path):
    assert boundaries_of(media / "odd2" / "one_fps_30s.mp4") == []
    truth = json.loads((media / "odd2" / "seed7_40s.truth.json").read_text())["cuts_seconds"]
    found = [b.seconds for b in boundaries_of(media / "odd2" / "gaps_600ms.mp4")]
    # A cut inside a hole is told at the first picture after it.
    assert all(any(-0.02 <= f - t <= 0.65 for f in found) for t in truth)
    events = json.loads((media / "odd2" / "seed7_40s.truth.json").read_text())["events"]
    assert all(any(abs(f - e["start_seconds"]) <= 0.65 for e in events) for f in found)


def test_a_cut_just_before_a_hole_is_not_explained_by_the_hole(media: Path):
    assert 8.8 in [round(b.seconds, 2) for b in boundaries_of(media / "odd2" / "gap_in_picture.flv")]
