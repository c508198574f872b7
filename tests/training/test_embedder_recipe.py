"""The embedder's recipe, on a tiny random base, and the pairs that it learns from."""

import itertools

import numpy as np
import pytest
from tiny_entailment import write_base

from assistant.errors import Cancelled, ModelUnavailable
from assistant.models.embed.packed import PackedEmbedder
from assistant.training import run
from assistant.training.embedder import recipe
from assistant.training.run import Plan
from assistant.training.verifier import material


@pytest.fixture
def few(monkeypatch):
    names = {"tap_washer", "a_gutter_ladder", "a_bike_brake_workshop", "cat_call", "yoga_back"}
    chosen = [t for t in material.load() if t.name in names]
    monkeypatch.setattr(material, "load", lambda: chosen)
    monkeypatch.setattr(run, "CHECKS", 1)
    monkeypatch.setattr(recipe, "SUBJECTS", 2)


def test_a_stopped_training_goes_on_to_the_same_model(tmp_path, few):
    tiny = write_base(tmp_path / "base")
    whole = recipe.train(Plan(tiny, tmp_path / "whole", seed=4, examples=4 * 48), lambda _: None)
    left = iter([False, True])
    plan = Plan(tiny, tmp_path / "halves", seed=4, examples=4 * 48)
    with pytest.raises(Cancelled):
        recipe.train(plan, lambda _: None, lambda: next(left))
    assert recipe.train(plan, lambda _: None)["held_out"] == whole["held_out"]
    texts = ["Six eggs.", "", "a much longer line about the six eggs and what becomes of them " * 4]
    found = [PackedEmbedder(tmp_path / name).embed(texts) for name in ("whole", "halves")]
    assert found[0].shape == (3, 16)
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert np.linalg.norm(found[0], axis=1) == pytest.approx(1.0)
    assert PackedEmbedder(tmp_path / "whole").embed([]).shape == (0, 16)


def test_batches_hold_the_right_line_of_every_question_and_leave_other_right_lines_open():
    transcripts = material.load()
    by_question = {q: (t, f) for t in transcripts for f in t.facts for q in f.questions}
    stream = list(itertools.islice(iter(recipe.Pairs(transcripts, 3)), 12))
    assert stream == list(itertools.islice(iter(recipe.Pairs(transcripts, 3)), 12))
    checked = 0
    for batch in stream:
        for question, right, others in zip(batch.questions, batch.right, batch.open, strict=True):
            assert right not in others
            if question in by_question:
                transcript, fact = by_question[question]
                texts = [transcript.lines[place].text for place in fact.lines]
                checked += any(batch.lines[right].endswith(text) for text in texts)
    assert checked > 100


def test_a_folder_without_weights_is_told(tmp_path):
    with pytest.raises(ModelUnavailable, match="holds no sentence embeddings"):
        PackedEmbedder(tmp_path)
