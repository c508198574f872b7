import numpy as np

from assistant.analysis.analyzers.scene import chosen_frames, frames_wanted

NOTHING = np.zeros(0, np.float32)


def test_without_features_the_frames_lie_evenly():
    assert chosen_frames(NOTHING, 16, 4) == [2, 6, 10, 14]
    assert chosen_frames(np.zeros(7, np.float32), 16, 2) == [4, 12]


def test_a_single_look_at_what_does_not_change_is_the_middle():
    assert chosen_frames(NOTHING, 16, 1) == [8]


def test_more_looks_lie_where_the_features_change():
    late = np.array([0, 0, 0, 0, 0, 1, 1], np.float32)
    chosen = chosen_frames(late, 16, 4)
    assert chosen == sorted(chosen)
    assert sum(index >= 8 for index in chosen) == 3


def test_what_is_seen_for_an_eighth_of_the_clip_is_looked_at_wherever_the_features_change():
    rng = np.random.default_rng(0)
    for _ in range(50):
        chosen = chosen_frames((rng.random(7) ** 8).astype(np.float32), 16, 3, most=4)
        assert (chosen[0], chosen[-1]) == (2, 14)
        assert chosen == sorted(chosen)
    assert chosen_frames(NOTHING, 16, 3, most=4) == [2, 8, 14]


def test_a_sudden_change_has_looks_on_both_sides():
    sudden = np.array([0, 0, 0, 5, 0, 0, 0], np.float32)
    before, after = chosen_frames(sudden, 16, 2)
    assert before < 8 <= after


def test_indices_stay_inside_the_clip_for_any_change():
    rng = np.random.default_rng(0)
    for _ in range(200):
        frames, count = int(rng.integers(1, 65)), int(rng.integers(1, 9))
        changes = (rng.random(int(rng.integers(0, 32))) * 10).astype(np.float32)
        chosen = chosen_frames(changes, frames, count)
        assert len(chosen) == count
        assert all(0 <= index < frames for index in chosen)
        assert chosen == sorted(chosen)


def test_what_stays_still_is_looked_at_once_and_what_changes_everywhere_as_often_as_allowed():
    assert frames_wanted(0.0, 4) == 1
    assert frames_wanted(0.04, 4) == 3
    assert frames_wanted(1.0, 4) == 4
    assert frames_wanted(1.0, 1) == 1
