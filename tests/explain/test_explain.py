"""The experiments themselves, on classifiers whose reasons are known by construction."""

import numpy as np
import pytest

from assistant.core.progress import never
from assistant.core.timeline import Answer, Citation
from assistant.errors import Cancelled
from assistant.explain import Explanation, explain_answer, explain_scene, perturb
from assistant.explain.measure import PASSES, Passes, measure
from assistant.explain.words import NOT_BETTER, in_words, verdict

SIZE = 32


class LeftBrightens:
    """Says "appearing" when the left half is brighter at the end than at the start, else "still"."""

    tubelet = 2
    labels = ("appearing", "still")

    def square_logits(self, crops):
        left = crops[:, :, :, : SIZE // 2].astype(float).mean(axis=(2, 3, 4))
        change = (left[:, -4:].mean(axis=1) - left[:, :4].mean(axis=1)) / 8
        return np.stack([change, np.full_like(change, 1.5)], axis=1).astype(np.float32)


class Nothing(LeftBrightens):
    """The same answer whatever it is shown."""

    def square_logits(self, crops):
        return np.tile(np.float32([0.2, 0.0]), (len(crops), 1))


def appearing_at(frame, total=16):
    """A bright square at the left, middle height, from this frame on."""
    frames = np.full((total, SIZE, SIZE, 3), 40, np.uint8)
    frames[frame:, 10:22, 2:14] = 250
    return frames


def measured(model, frames):
    passes = Passes(model, never, lambda done: None)
    return measure(passes, frames, frames, 0), passes


def test_the_moment_that_decides_is_found_and_carries_nearly_everything():
    for frame in (5, 8, 11):
        result, _ = measured(LeftBrightens(), appearing_at(frame))
        best = int(result.temporal.argmax())
        assert result.moments[best].start <= frame <= result.moments[best].stop
        assert result.temporal[max(0, best - 1) : best + 2].sum() > 0.9 * np.maximum(result.temporal, 0).sum()


def test_the_place_that_decides_is_found_and_the_map_stands_its_test():
    result, _ = measured(LeftBrightens(), appearing_at(8))
    assert result.grid[:, :2].min() > result.grid[:, 3].max()
    assert result.faithfulness.better_than_random
    assert result.faithfulness.deletion_auc < result.faithfulness.random_deletion_auc


def test_a_classifier_that_looks_at_nothing_gets_the_sentence_that_says_so():
    result, _ = measured(Nothing(), appearing_at(8))
    assert not result.faithfulness.better_than_random
    assert verdict(result.faithfulness).startswith(NOT_BETTER)


def test_controls_change_a_label_that_rests_on_time_and_leave_a_still_clip_alone():
    _, passes = measured(LeftBrightens(), appearing_at(8))
    assert passes.top("clip", 0).label == "appearing"
    assert passes.top("reversed", 0).label == "still"
    assert passes.top("frozen", 0).label == "still"
    still = np.full((16, SIZE, SIZE, 3), 90, np.uint8)
    _, passes = measured(LeftBrightens(), still)
    for name in ("reversed", "frozen", "shuffled"):
        assert np.array_equal(passes.logits[name], passes.logits["clip"])


def test_an_explanation_costs_the_passes_that_it_promises():
    _, passes = measured(LeftBrightens(), appearing_at(8))
    assert len(passes.logits) == PASSES


def test_a_stopped_explanation_goes_on_from_what_was_measured():
    calls = []

    class Counting(LeftBrightens):
        def square_logits(self, crops):
            calls.append(len(crops))
            return super().square_logits(crops)

    first = Passes(Counting(), lambda: len(calls) >= 2, lambda done: None)
    with pytest.raises(Cancelled):
        measure(first, appearing_at(8), appearing_at(8), 0)
    kept = len(first.logits)
    before = sum(calls)
    second = Passes(Counting(), never, lambda done: None, dict(first.logits))
    measure(second, appearing_at(8), appearing_at(8), 0)
    assert kept > 0
    assert sum(calls) - before == PASSES - len(first.logits)


def test_a_covered_place_stands_still_at_its_mean_and_the_rest_stays():
    frames = appearing_at(8)
    assert perturb.cover(frames, np.zeros((4, 4), bool)) is frames
    everything = perturb.cover(frames, np.ones((4, 4), bool))
    assert (everything == everything[:1]).all()
    mask = np.zeros((4, 4), bool)
    mask[:, 0] = True
    left = perturb.cover(frames, mask)
    assert (left[:, :, :8] == left[:1, :, :8]).all()
    assert (left[:, :, 8:] == frames[:, :, 8:]).all()


def test_moments_are_whole_tubelets_and_cover_the_clip():
    parts = perturb.moments(64, 2, 8)
    assert len(parts) == 8
    assert parts[0].start == 0
    assert parts[-1].stop == 64
    assert all(part.start % 2 == 0 for part in parts)
    assert [p.stop - p.start for p in perturb.moments(16, 2, 8)] == [2] * 8


class Words:
    """Embeds "red" and "circle" as axes."""

    def embed_texts(self, texts):
        rows = np.array([["red" in t, "circle" in t] for t in texts], np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def test_the_word_that_carries_a_description_is_found(timeline):
    looks = np.array([[1.0, 0.1], [0.9, 0.2]], np.float32)
    result = explain_scene(timeline.segments[0], looks, Words())
    assert dict(result.words)["red"] > dict(result.words)["circle"]


def test_an_answer_names_the_evidence_without_which_it_changes(timeline):
    def ask(question, shown):
        said = [s for s in shown.segments if "one two three" in s.words]
        if not said:
            return Answer(question, "Not in this video.", found=False)
        return Answer(question, "They count [S2].", (Citation(2, said[0].span),))

    result = explain_answer(ask("what is said?", timeline), timeline, ask)
    assert result.changed == ("speech",)


def test_the_text_holds_only_measured_numbers_and_survives_json(timeline):
    result, passes = measured(LeftBrightens(), appearing_at(8))
    from assistant.core.timeline import ActionScore, Span
    from assistant.explain.document import Moment

    explanation = Explanation(
        1,
        "appearing",
        passes.probability("clip", 0),
        (ActionScore("still", 0.1),),
        tuple(Moment(Span(i, i + 1), float(v)) for i, v in enumerate(result.temporal)),
        tuple(map(tuple, result.grid.tolist())),
        {name: passes.top(name, 0) for name in ("reversed", "frozen", "shuffled")},
        result.faithfulness,
        {"descriptions": {"label": "red circle", "score": 0.8}, "speech": None, "conflict": None},
        "",
        notes=(verdict(result.faithfulness),),
    )
    told = in_words(explanation, timeline.segments[0])
    assert "decides" in told.text
    assert "played backwards it becomes “still”" in told.text
    again = Explanation.from_json(told.to_json())
    assert again.to_json() == told.to_json()
    with pytest.raises(ValueError, match="explanation/1"):
        Explanation.from_json({"schema": "x"})
