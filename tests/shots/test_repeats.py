import numpy as np
import pytest

from assistant.shots.repeats import KEPT, Repeats, alike, changed_share, shrunk


def scene(seed=0, frames=4, noise=0.0):
    """Frames uint8 [T, 240, 320, 3] of a still, textured picture, with noise of its own in each."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 215, (24, 32, 3)).repeat(10, 0).repeat(10, 1)
    picture = coarse[None] + rng.normal(0.0, noise, (frames, 240, 320, 3))
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def with_thing(frames, places, size=10):
    """A white square at a place (row, column) in each frame, none where the place is None."""
    out = frames.copy()
    for frame, place in zip(out, places, strict=True):
        if place is not None:
            frame[place[0] : place[0] + size, place[1] : place[1] + size] = 255
    return out


def test_small_pictures_are_the_means_of_blocks():
    frames = scene(noise=20.0)
    expected = frames.reshape(4, 60, 4, 80, 4, 3).mean(axis=(2, 4))
    assert np.abs(shrunk(frames) - expected).max() <= 0.5 + 1e-6


def test_a_picture_whose_edges_are_no_multiple_of_a_block_is_taken_too():
    assert shrunk(np.zeros((2, 243, 426, 3), np.uint8)).shape == (2, 60, 106, 3)


def test_the_same_picture_with_the_noise_of_a_codec_is_alike():
    one, other = shrunk(scene(noise=2.0)), shrunk(scene(noise=2.0)[::-1])
    assert alike(one, other)
    assert changed_share(one) == 0.0


@pytest.mark.parametrize("size", [4, 6, 10])
def test_a_small_thing_that_moves_is_never_missed(size):
    still = with_thing(scene(), [(100, 100)] * 4, size)
    moving = with_thing(scene(), [(100, 100), (100, 102), (100, 104), (100, 106)], size)
    assert not alike(shrunk(still), shrunk(moving))
    assert 0.0 < changed_share(shrunk(moving)) < 0.01


def test_the_same_pictures_in_another_order_are_not_alike():
    places = [(100, 60), (100, 100), (100, 140), (100, 180)]
    left = with_thing(scene(), places)
    right = with_thing(scene(), places[::-1])
    assert not alike(shrunk(left), shrunk(right))


def test_a_thing_that_vanishes_at_the_end_is_not_like_one_that_stays():
    stays = with_thing(scene(), [(50, 50)] * 4)
    goes = with_thing(scene(), [(50, 50), (50, 50), (50, 50), None])
    assert not alike(shrunk(stays), shrunk(goes))


def test_a_picture_that_slowly_grows_brighter_is_not_still():
    frames = np.stack([scene(frames=1)[0] + level for level in range(4)]).astype(np.uint8)
    assert changed_share(shrunk(frames)) > 0.0


def test_windows_of_other_numbers_of_frames_are_not_alike():
    assert not alike(shrunk(scene(frames=4)), shrunk(scene(frames=5)))


def test_a_slide_that_stays_repeats_its_first_window():
    repeats = Repeats()
    found = [repeats.first_like(index, shrunk(scene(noise=1.0))) for index in range(5)]
    assert found == [None, 0, 0, 0, 0]


def test_a_slide_that_comes_back_is_found_among_the_last_different_ones():
    repeats = Repeats()
    assert [repeats.first_like(index, shrunk(scene(seed))) for index, seed in enumerate([1, 2, 3, 1])][-1] == 0
    for index in range(KEPT):
        repeats.first_like(10 + index, shrunk(scene(100 + index)))
    assert repeats.first_like(50, shrunk(scene(2))) is None


def test_small_changes_do_not_add_up_unseen():
    repeats = Repeats()
    base = scene()
    found = [repeats.first_like(index, shrunk(base + np.uint8(index))) for index in range(6)]
    assert found[:2] == [None, 0]
    assert found[2:].count(None) >= 2
