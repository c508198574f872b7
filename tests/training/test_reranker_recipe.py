"""The reranker's recipe, on a tiny random base, and what its examples are."""

import itertools
import json

import pytest
from tiny_entailment import write_base

from assistant.errors import Cancelled
from assistant.models.protocols import Passage
from assistant.models.rerank.minilm_cross_encoder import MiniLMReranker
from assistant.training import run
from assistant.training.reranker import passages, recipe
from assistant.training.run import Plan
from assistant.training.verifier import material


@pytest.fixture
def few(monkeypatch):
    chosen = [t for t in material.load() if t.name in {"tap_washer", "a_gutter_ladder", "a_bike_brake_workshop"}]
    monkeypatch.setattr(material, "load", lambda: chosen)
    monkeypatch.setattr(run, "CHECKS", 1)


def test_a_stopped_training_goes_on_to_the_same_model(tmp_path, few):
    tiny = write_base(tmp_path / "base")
    whole = recipe.train(Plan(tiny, tmp_path / "whole", seed=4, examples=6 * 32), lambda _: None)
    left = iter([False, False, True])
    plan = Plan(tiny, tmp_path / "halves", seed=4, examples=6 * 32)
    with pytest.raises(Cancelled):
        recipe.train(plan, lambda _: None, lambda: next(left))
    assert recipe.train(plan, lambda _: None)["held_out"] == whole["held_out"]
    asked = ("How many eggs?", [Passage("Six eggs.", ("Now.",)), Passage("It rains.")])
    scores = [MiniLMReranker(tmp_path / name, device="cpu").relevance(*asked) for name in ("whole", "halves")]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert json.loads((tmp_path / "whole" / "figures.json").read_text())["held_out"] == whole["held_out"]


def test_examples_are_right_lines_wrong_lines_and_questions_that_nothing_answers():
    transcripts = material.load()
    by_question = {q: (t, f) for t in transcripts for f in t.facts for q in f.questions}
    unanswered = {question for t in transcripts for question, _ in t.unanswered} - set(by_question)
    stream = list(itertools.islice(iter(passages.Passages(transcripts, 5)), 3000))
    assert stream == list(itertools.islice(iter(passages.Passages(transcripts, 5)), 3000))
    assert 0.25 < sum(answers for _, _, answers in stream) / len(stream) < 0.4
    assert any(question in unanswered for question, _, _ in stream)
    seen = 0
    for question, passage, answers in stream:
        if question in unanswered:
            assert answers == 0.0
        if question in by_question and answers:
            transcript, fact = by_question[question]
            texts = [line.text for line in transcript.lines]
            places = [place for place, text in enumerate(texts) if text and passage.text.endswith(text)]
            seen += bool(places)
            assert not places or set(places) & set(fact.lines)
    assert seen > 100


def test_the_held_out_figures_count_the_likeliest_line():
    transcript = next(t for t in material.load() if t.name == "a_bike_brake_workshop")
    lines = passages.spoken(transcript)
    right = {question: {lines[n] for n in fact.lines} for fact in transcript.facts for question in fact.questions}

    def knows(asked):
        return [0.9 if one.text in right.get(question, ()) else 0.1 for question, one in asked]

    found = passages.held_out(knows, [transcript])
    assert found["right_line_first"] == found["right_line_among_three"] == found["answered_told_apart"] == 1.0
    assert found["questions"] == len(right)
    assert found["unanswered"] == len(transcript.unanswered) > 0
    assert passages.held_out(lambda asked: [0.5] * len(asked), [transcript])["answered_told_apart"] == 0.5
