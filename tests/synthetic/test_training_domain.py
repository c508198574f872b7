"""The demo pack's judge: what it learns from is what it claims to be, and its recipe makes one that can be loaded."""

import numpy as np
import pytest

from assistant.models.domain import load_domain
from assistant.synthetic.recipes import domain
from assistant.synthetic.recipes.foreign import foreign_clip


def test_foreign_clips_are_pictures_of_many_kinds_and_the_same_for_the_same_number():
    clips = [foreign_clip(number) for number in range(30)]
    assert all(clip.shape == (16, 64, 64, 3) and clip.dtype == np.uint8 for clip in clips)
    assert np.array_equal(clips[3], foreign_clip(3))
    spreads = [clip.std() for clip in clips]
    assert min(spreads) < 15, "flat ones"
    assert max(spreads) > 50, "and full ones"


def test_a_judge_tells_two_sides_apart_and_keeps_what_its_threshold_was_set_by(tmp_path):
    rng = np.random.default_rng(0)

    def side(middle):
        return (
            rng.normal(middle, 1, (120, 6)).astype(np.float32),
            [rng.normal(-middle, 1, (3, 4)).astype(np.float32) for _ in range(120)],
        )

    own, foreign = side(0.0), side(3.0)
    judge = domain.with_thresholds(domain.fit(own, foreign, 0), own)
    assert (judge.scores(*own) <= 0).mean() > 0.99
    assert (judge.scores(*foreign) > 0).mean() > 0.95
    assert (judge.scene_scores(foreign[1]) > 0).mean() > 0.9
    judge.save(tmp_path / "domain.safetensors")
    assert np.allclose(load_domain(tmp_path).scores(*foreign), judge.scores(*foreign), atol=0.05)


@pytest.mark.slow
def test_the_recipe_makes_a_judge_from_nothing(tmp_path):
    said = []
    figures = domain.train_domain(tmp_path / "domain.safetensors", work=tmp_path, steps=60, report=said.append)
    assert figures["kept"] > 0.9
    assert load_domain(tmp_path) is not None
