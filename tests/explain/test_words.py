"""An explanation in words says its own numbers and no others; and what an answer or a scene label rests on."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.core.timeline import ActionScore, Answer, Citation, Segment, Span
from assistant.errors import UnknownSegment
from assistant.explain.document import Control, Explanation, Faithfulness, Moment
from assistant.explain.evidence import explain_answer, explain_scene, without
from assistant.explain.words import NOT_BETTER, in_words, verdict

SEGMENT = Segment(2, Span(4, 8), (ActionScore("rotating", 0.8),))
EVEN = Explanation(
    2,
    "rotating",
    0.8,
    (ActionScore("shaking", 0.15),),
    (Moment(Span(4, 5), 0.1), Moment(Span(5, 6), 0.1), Moment(Span(6, 7), 0.1), Moment(Span(7, 8), 0.11)),
    ((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.3, 0.0), (0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)),
    {},
    Faithfulness(0.2, 0.8, 0.5, 0.5, True),
    {"speech": None},
    "",
    {},
    3,
    (),
)


def text(**changes) -> str:
    return in_words(replace(EVEN, **changes), SEGMENT).text


def test_the_label_stands_first_with_its_rival_where_there_is_one():
    assert text().startswith("“rotating” scored 80 % in segment 2; the nearest rival is “shaking” with 15 %.")
    assert text(rivals=()).startswith("“rotating” scored 80 % in segment 2. ")


def test_a_moment_decides_where_it_carries_much_of_what_the_moments_add():
    assert "No single moment decides; the one from 0:07.0 to 0:08.0 adds most, 27 %." in text()
    sharp = (Moment(Span(4, 6), 0.6), Moment(Span(6, 8), 0.2))
    assert "What changes from 0:04.0 to 0:06.0 decides: it carries 75 % of what the moments add." in text(
        temporal=sharp
    )
    for nothing in ((), (Moment(Span(4, 8), -0.2),), (Moment(Span(4, 8), 0.0),)):
        assert "at no moment made the label less likely" in text(temporal=nothing)


def test_a_place_is_called_by_its_side_where_the_grid_is_the_usual_one():
    assert "Holding the upper middle, middle right of the picture still hurts it most." in text()
    assert "Holding row 2, column 1 of the picture still hurts it most." in text(grid=((0.1, 0.0), (0.4, 0.2)))
    assert "Holding no place still made the label less likely." in text(grid=((0.0, -0.1), (-0.2, 0.0)))
    assert "Holding no place still made the label less likely." in text(grid=())


def test_motion_is_what_a_label_rests_on_where_another_comes_without_it():
    held = {"reversed": Control("rotating", 0.7, 0.1), "frozen": Control("still", 0.9, 0.7)}
    assert (
        "The clip played backwards it stays “rotating” (70 %), frozen it becomes “still” (90 %):"
        " the label rests on motion." in text(controls=held)
    )
    same = {"shuffled": Control("rotating", 0.6, 0.2), "shifted": Control("shaking", 0.6, 0.2)}
    assert "with its frames shuffled it stays “rotating” (60 %): the label does not rest on motion." in text(
        controls=same
    )
    assert "motion" not in text(controls={})


def test_what_others_found_and_what_was_flagged_is_said():
    found = text(
        agreement={"speech": "hello", "descriptions": {"label": "green bar", "score": 0.9}, "conflict": "they differ"},
        notes=("Measured on 8 frames.",),
    )
    assert found.endswith(
        "Measured on 8 frames. The scene is “green bar” (90 %) and somebody speaks in it. They differ."
    )
    assert text().endswith("Nothing is said in it.")
    flagged = replace(SEGMENT, flags=("out_of_protocol", "unknown"), notes={"out_of_protocol": "lasts 1.0 s."})
    assert " Lasts 1.0 s. " in in_words(EVEN, flagged).text


def test_a_map_that_is_no_better_than_random_says_so_first():
    good = verdict(EVEN.faithfulness)
    assert good.startswith("The map of places is better than random: ")
    bad = verdict(replace(EVEN.faithfulness, better_than_random=False))
    assert bad.startswith(f"{NOT_BETTER} The map of places fails its test: ")
    for number in ("0.20", "0.50", "0.80"):
        assert number in good
        assert number in bad


SHARES = st.floats(0, 1).map(lambda share: round(share, 3))


@given(
    score=SHARES,
    rival=SHARES,
    moments=st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), max_size=5),
    grid=st.lists(st.lists(SHARES, min_size=4, max_size=4), min_size=4, max_size=4),
    control=SHARES,
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_every_share_in_the_text_is_one_that_was_measured(score, rival, moments, grid, control):
    temporal = tuple(Moment(Span(4 + i, 5 + i), value) for i, value in enumerate(moments))
    found = text(
        score=score,
        rivals=(ActionScore("shaking", rival),),
        temporal=temporal,
        grid=tuple(map(tuple, grid)),
        controls={"frozen": Control("still", control, 0.0)},
    )
    gain = sum(max(0.0, value) for value in moments)
    shares = [score, rival, control, *([max(moments) / gain] if gain > 0 else [])]
    said = {int(number) for number in re.findall(r"(\d+) %", found)}
    assert said <= {int(f"{100 * share:.0f}") for share in shares}


# What a scene label rests on


class Axes:
    """An image-text encoder whose texts are sums of one axis a word: similarities can be read off."""

    words = ("red", "circle", "green", "bar")

    def embed_texts(self, texts):
        vectors = np.array([[float(word in text.split()) for word in self.words] for text in texts], np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def test_the_word_that_carries_a_scene_label_is_the_one_whose_loss_hurts_it(timeline):
    frames = np.array([[0, 1, 0, 0], [0, 0.8, 0, 0.6]], np.float32)  # circles that are not red
    found = explain_scene(timeline.segments[0], frames, Axes())
    assert found.label == "red circle"
    assert found.frames == pytest.approx((0.7071, 0.5657), abs=1e-3)
    falls = dict(found.words)
    assert falls["circle"] > 0 > falls["red"]
    document = found.to_json()
    assert [entry["word"] for entry in document["words"]] == ["red", "circle"]


def test_a_label_of_one_word_has_no_words_to_leave_out(timeline):
    one = replace(timeline.segments[0], descriptions=(replace(timeline.segments[0].description, label="circle"),))
    assert explain_scene(one, np.eye(4, dtype=np.float32)[:2], Axes()).words == ()


def test_a_segment_without_a_scene_has_none_to_explain(timeline):
    bare = replace(timeline.segments[0], descriptions=())
    with pytest.raises(
        UnknownSegment, match="segment 1 has no description to explain; choose a segment with a picture"
    ):
        explain_scene(bare, np.eye(4, dtype=np.float32), Axes())


# What an answer rests on


def test_without_a_kind_of_evidence_the_rest_stays_as_it_was(timeline):
    for kind, name in (("speech", "utterances"), ("actions", "actions"), ("descriptions", "descriptions")):
        bare = without(timeline, kind)
        assert not any(getattr(segment, name) for segment in bare.segments)
        others = {"utterances", "actions", "descriptions"} - {name}
        for before, after in zip(timeline.segments, bare.segments, strict=True):
            assert all(getattr(before, other) == getattr(after, other) for other in others)
    assert without(without(timeline, "speech"), "speech") == without(timeline, "speech")


def test_an_answer_rests_on_the_kinds_without_which_it_is_another(timeline):
    def ask(question, given):
        heard = [segment for segment in given.segments if "count" in segment.words]
        if heard:
            return Answer(question, "They  count.", (Citation(heard[0].id, heard[0].span),))
        return Answer(question, "Nobody counts.", found=False)

    found = explain_answer(ask("Who counts?", timeline), timeline, ask)
    assert found.changed == ("speech",)
    assert found.without == {"speech": "Nobody counts.", "actions": "They  count.", "descriptions": "They  count."}
    assert found.to_json()["changed"] == ["speech"]


def test_another_wording_of_spaces_and_capitals_is_no_other_answer(timeline):
    def ask(question, given):
        return Answer(question, "they count." if given == timeline else "They   Count.")

    assert explain_answer(ask("Who?", timeline), timeline, ask).changed == ()
