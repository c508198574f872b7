import numpy as np
import pytest

from assistant.analysis.fusion import Evidence, Vocabulary, assign, fuse, pool_frames
from assistant.core.timeline import Span, Utterance

VOCABULARY = Vocabulary(("left", "right", "still"), ("red circle", "green bar"), none_below=0.5)


def scores(*values):
    return np.array(values, np.float32)


def test_segments_carry_the_best_labels_first():
    (segment,) = fuse([Evidence(Span(0, 4), scores(0.1, 0.8, 0.1), scores(0.3, 0.7))], (), VOCABULARY)
    assert (segment.id, segment.action.label, segment.description.label) == (1, "right", "green bar")
    assert segment.flags == ()


def test_a_best_score_below_the_gate_says_that_no_label_fits_with_its_numbers():
    (segment,) = fuse([Evidence(Span(0, 4), scores(0.4, 0.3, 0.3), None)], (), VOCABULARY)
    assert segment.flags == ("none_of_my_labels",)
    assert segment.notes["none_of_my_labels"] == "none of the 3 actions fits well: best 0.40, needed 0.50"


def test_an_utterance_belongs_to_the_segment_that_holds_most_of_it():
    said = [Utterance(Span(3.0, 7.0), "mostly second"), Utterance(Span(0.0, 1.0), "first")]
    found = assign(said, [Span(0, 4), Span(4, 8)])
    assert [u.text for u in found[0]] == ["first"]
    assert [u.text for u in found[1]] == ["mostly second"]


def test_sound_after_the_last_picture_goes_to_the_last_segment():
    assert list(assign([Utterance(Span(9, 10), "late")], [Span(0, 4), Span(4, 8)])) == [1]


def test_words_that_name_another_label_than_the_picture_are_a_disagreement():
    seen = [Evidence(Span(0, 4), None, scores(0.95, 0.05))]
    wide = Vocabulary((), ("red circle", "blue star", "green bar"))
    (segment,) = fuse(
        [Evidence(Span(0, 4), None, scores(0.9, 0.02, 0.08))], [Utterance(Span(0, 1), "a blue star moves")], wide
    )
    assert segment.flags == ("models_disagree",)
    (agreeing,) = fuse(seen, [Utterance(Span(0, 1), "the red circle moves")], VOCABULARY)
    assert agreeing.flags == ()


def test_frames_without_the_thing_do_not_dilute_the_score():
    sure, unsure = [0.98, 0.01, 0.01], [0.33, 0.34, 0.33]
    assert pool_frames(np.array([unsure, sure, sure, unsure], np.float32))[0] == pytest.approx(0.98)
