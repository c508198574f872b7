"""Explanations by the demo pack where moment and place are known; ``pytest -m slow tests/test_explain_world.py``."""

from pathlib import Path

import pytest
from conftest import ROOT

from assistant.evaluation.explanations import check, sanity
from assistant.models.actions.vjepa2 import VJepa2Recognizer

TUNING, EVALUATION = 180_000, 200_000


@pytest.fixture(scope="module")
def trained() -> VJepa2Recognizer:
    return VJepa2Recognizer(ROOT / "assistant/packs/demo/actions", "cpu", "float32")


@pytest.fixture(scope="module")
def randomised(tmp_path_factory) -> VJepa2Recognizer:
    """The same network before it learnt anything."""
    import torch

    from assistant.synthetic.recipes import actions

    folder: Path = tmp_path_factory.mktemp("random")
    torch.manual_seed(0)
    actions.save(actions.new_model(), folder, 0.2)
    return VJepa2Recognizer(folder, "cpu", "float32")


def test_ten_explanations_find_the_moment_and_the_place(trained):
    figures = check(trained, TUNING, 10)
    assert figures["moment_in_top_quarter"] >= 0.8
    assert figures["place_in_top_quarter"] >= 0.8
    assert figures["deletion_better_than_random"] >= 0.8
    assert figures["directions_flip"] >= 0.8
    assert figures["still_clips_unchanged"] == 1.0


def test_random_weights_give_explanations_that_call_themselves_no_better_than_random(trained, randomised):
    figures = sanity(trained, randomised, TUNING, 5)
    assert figures["not_better_than_random"] >= 0.8


@pytest.mark.slow
def test_a_hundred_explanations_on_seeds_that_nothing_was_tuned_on(trained, randomised, capsys):
    figures = check(trained, EVALUATION, 100)
    figures |= sanity(trained, randomised, EVALUATION, 100)
    with capsys.disabled():
        print("\n" + "\n".join(f"{name:32} {value:.3f}" for name, value in figures.items()))
    for name in (
        "moment_in_top_quarter",
        "place_in_top_quarter",
        "deletion_better_than_random",
        "insertion_better_than_random",
        "directions_flip",
    ):
        assert figures[name] >= 0.9, name
    assert figures["still_clips_unchanged"] == 1.0
    assert figures["passes_time"] <= 40
    assert figures["first_picture_passes_time"] <= 10
    assert abs(figures["rank_correlation"]) < 0.2
    assert figures["not_better_than_random"] >= 0.8
