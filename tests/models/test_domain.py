"""The judge of what a pack's models were made for: its scores are its own arithmetic, kept whole in its file."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from assistant.config import DEMO_FOLDER
from assistant.errors import ModelUnavailable
from assistant.models.domain import FILE, Domain, load_domain

ACTIONS, SCENE, HIDDEN = 5, 4, 3


@pytest.fixture
def judge() -> Domain:
    rng = np.random.default_rng(3)

    def some(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return Domain(
        mean=some(ACTIONS + SCENE),
        scale=np.abs(some(ACTIONS + SCENE)) + 0.5,
        linear=some(SCENE + 1),
        hidden=some(ACTIONS + SCENE, HIDDEN).astype(np.float16).astype(np.float32),
        hidden_bias=some(HIDDEN),
        out=some(HIDDEN + 1),
        thresholds=some(2),
    )


def windows(count: int = 6) -> tuple[np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(4)
    embeddings = rng.normal(size=(count, ACTIONS)).astype(np.float32)
    return embeddings, [rng.normal(size=(1 + n % 4, SCENE)).astype(np.float32) for n in range(count)]


def test_a_window_is_judged_by_itself_whatever_stands_beside_it(judge):
    embeddings, frames = windows()
    together, alone = judge.scores(embeddings, frames), judge.scene_scores(frames)
    assert together.shape == alone.shape == (6,)
    assert together.dtype == alone.dtype == np.float32
    for n in range(6):
        assert judge.scores(embeddings[n : n + 1], frames[n : n + 1])[0] == pytest.approx(together[n], abs=1e-5)
        assert judge.scene_scores(frames[n : n + 1])[0] == pytest.approx(alone[n], abs=1e-5)


def test_a_score_is_the_networks_own_arithmetic(judge):
    embeddings, frames = windows(1)
    features = (np.concatenate([embeddings[0], frames[0].mean(0)]) - judge.mean) / judge.scale
    hidden = [max(0.0, float(features @ judge.hidden[:, n] + judge.hidden_bias[n])) for n in range(HIDDEN)]
    wanted = sum(h * o for h, o in zip(hidden, judge.out, strict=False)) + judge.out[-1] - judge.thresholds[0]
    assert judge.scores(embeddings, frames)[0] == pytest.approx(wanted, abs=1e-5)
    scene = (frames[0].mean(0) - judge.mean[-SCENE:]) / judge.scale[-SCENE:]
    wanted = scene @ judge.linear[:-1] + judge.linear[-1] - judge.thresholds[1]
    assert judge.scene_scores(frames)[0] == pytest.approx(wanted, abs=1e-5)


def test_a_higher_threshold_makes_every_window_less_foreign_by_as_much(judge):
    embeddings, frames = windows()
    strict = replace(judge, thresholds=judge.thresholds + np.float32(1.5))
    np.testing.assert_allclose(strict.scores(embeddings, frames), judge.scores(embeddings, frames) - 1.5, atol=1e-5)
    np.testing.assert_allclose(strict.scene_scores(frames), judge.scene_scores(frames) - 1.5, atol=1e-5)


def test_it_comes_back_from_its_file_as_it_was(judge, tmp_path):
    judge.save(tmp_path / FILE)
    found = load_domain(tmp_path)
    for item in fields(Domain):
        np.testing.assert_array_equal(getattr(found, item.name), getattr(judge, item.name), item.name)


def test_a_matrix_that_lies_otherwise_in_memory_is_kept_as_the_same_numbers(judge, tmp_path):
    replace(judge, hidden=np.asfortranarray(judge.hidden)).save(tmp_path / FILE)
    np.testing.assert_array_equal(load_domain(tmp_path).hidden, judge.hidden)


def test_a_pack_without_a_judge_may_speak_about_anything(tmp_path):
    assert load_domain(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"not weights", bytes(64)])
def test_a_damaged_judge_is_told(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ModelUnavailable, match="damaged"):
        load_domain(tmp_path)


def test_a_judge_with_other_weights_is_told(judge, tmp_path):
    from safetensors.numpy import save_file

    save_file({"mean": judge.mean}, tmp_path / FILE)
    with pytest.raises(ModelUnavailable, match="holds other weights than a judge's"):
        load_domain(tmp_path)


def test_the_judge_of_the_demo_pack_fits_its_models():
    found = load_domain(DEMO_FOLDER)
    features, hidden = found.hidden.shape
    assert found.mean.shape == found.scale.shape == (features,)
    assert (found.hidden_bias.shape, found.out.shape) == ((hidden,), (hidden + 1,))
    assert found.thresholds.shape == (2,)
    assert (found.scale > 0).all()
    assert all(np.isfinite(getattr(found, item.name)).all() for item in fields(Domain))
