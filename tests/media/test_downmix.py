"""Many channels become one in which speech is heard, whatever the channels are called and whatever lies in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.media.downmix import Downmix, weights

RATE = 16_000
QUICK = settings(max_examples=80, deadline=None, derandomize=True)
NAMES = st.lists(
    st.sampled_from(["FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR", "AMBI0", "AMBI1", "UNK", "LFE2"]),
    min_size=1,
    max_size=8,
    unique=True,
)


def tone(hertz: float, seconds: float = 0.5, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def loudness(sound: np.ndarray) -> float:
    return float(np.sqrt(np.square(sound).mean()))


@given(names=NAMES)
@QUICK
def test_the_weights_of_any_channels_are_one_in_sum_and_none_takes_away(names):
    found = weights(tuple(names))
    assert found.shape == (len(names),)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert (found >= 0).all()


def test_dialogue_in_the_centre_stands_above_what_is_around_it_and_bass_says_nothing():
    found = dict(zip(names := ("FL", "FR", "FC", "LFE", "BL", "BR"), weights(names), strict=True))
    assert found["FC"] > 3 * found["FL"] > 3 * found["BL"] > 0
    assert found["LFE"] == 0
    assert weights(("FL", "FR")).tolist() == [0.5, 0.5]
    assert weights(("AMBI0", "AMBI1", "AMBI2", "AMBI3")).tolist() == [1, 0, 0, 0]
    assert weights(("LFE",)).tolist() == [1]
    assert weights(("UNK", "UNK")).tolist() == [0.5, 0.5]


@given(names=NAMES, seed=st.integers(0, 99), blocks=st.integers(1, 4))
@QUICK
def test_any_sound_becomes_one_finite_channel_of_its_length(names, seed, blocks):
    rng = np.random.default_rng(seed)
    mixer = Downmix(tuple(names), RATE)
    for _ in range(blocks):
        channels = rng.normal(0, 0.3, (len(names), 800)).astype(np.float32)
        channels[:, rng.integers(0, 800, 3)] = [np.nan, np.inf, -1e38]
        mono = mixer.mix(channels)
        assert mono.shape == (800,)
        assert np.isfinite(mono).all()
        assert np.abs(mono).max() <= 8.0 + 1e-4  # the weights are one in sum but for their rounding


def test_one_channel_stays_as_it_is():
    sound = tone(300)
    np.testing.assert_array_equal(Downmix(("FC",), RATE).mix(sound[None]), sound)


def test_a_channel_that_is_the_others_opposite_does_not_put_it_out():
    sound = tone(300)
    mono = Downmix(("FL", "FR"), RATE).mix(np.stack([sound, -sound]))
    assert loudness(mono) == pytest.approx(loudness(sound), rel=0.01)


def test_of_two_opposite_channels_the_clearly_louder_one_is_kept():
    sound = tone(300)
    mono = Downmix(("FL", "FR"), RATE).mix(np.stack([-0.2 * sound, sound]))
    np.testing.assert_allclose(mono, sound, atol=1e-5)


def test_ordinary_stereo_is_the_mean_of_both_sides():
    left, right = tone(300), tone(470)
    np.testing.assert_allclose(Downmix(("FL", "FR"), RATE).mix(np.stack([left, right])), (left + right) / 2, atol=1e-6)


def test_one_microphone_among_many_silent_ones_is_heard_as_loud_as_it_is():
    sound = tone(300)
    channels = np.zeros((8, len(sound)), np.float32)
    channels[5] = sound
    mono = Downmix(("UNK",) * 8, RATE).mix(channels)
    assert loudness(mono) == pytest.approx(loudness(sound), rel=0.01)


def test_the_channel_that_was_taken_stays_until_another_is_clearly_louder():
    first, second = tone(300), tone(470)
    mixer = Downmix(("UNK",) * 8, RATE)

    def heard(a: float, b: float) -> np.ndarray:
        channels = np.zeros((8, len(first)), np.float32)
        # Each with its opposite beside it, so that the mean of all is nothing.
        channels[0], channels[1], channels[2], channels[3] = a * first, -a * first, b * second, -b * second
        return mixer.mix(channels)

    np.testing.assert_allclose(heard(1.0, 0.2), first, atol=1e-5)
    np.testing.assert_allclose(heard(1.0, 1.3), first, atol=1e-5)
    np.testing.assert_allclose(heard(1.0, 1.7), 1.7 * second, atol=1e-5)


def test_what_comes_in_blocks_is_mixed_as_what_comes_whole_where_nothing_turns():
    rng = np.random.default_rng(0)
    channels = np.clip(rng.normal(0, 0.2, (6, 8000)), -1, 1).astype(np.float32)
    names = ("FL", "FR", "FC", "LFE", "BL", "BR")
    whole, mixer = Downmix(names, RATE).mix(channels), Downmix(names, RATE)
    parts = [mixer.mix(channels[:, at : at + 1000]) for at in range(0, 8000, 1000)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)
