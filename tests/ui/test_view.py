"""What the page is told of a timeline: a sentence is heard in every segment that it is spoken in, and listed in one."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timelines import SHAPES, timeline_of

from assistant.core.plaintext import one_line
from assistant.core.timeline import Absence, ActionScore, Description, Observation, Span, Suppressed, Utterance
from assistant.ui.view import (
    FLAG_SENTENCES,
    absence_sentence,
    desk_view,
    flag_sentence,
    kind_name,
    lanes,
    partial_view,
    plain_reason,
)

SENTENCE = Utterance(Span(2.0, 11.0), "one two three four five six seven eight nine")


def crossing():
    """Segments of 4 s; the second lists a sentence that is spoken from the first to the third."""
    timeline = timeline_of([(action, look, "") for action, look, _ in SHAPES])
    segments = list(timeline.segments)
    segments[1] = replace(segments[1], utterances=(SENTENCE,))
    return replace(timeline, segments=tuple(segments))


def test_a_card_has_the_words_spoken_there_though_another_segment_lists_their_sentence():
    first, second, third, fourth = desk_view(crossing())["segments"][:4]
    assert [item["text"] for item in first["spoken"]] == ["one two three …"]
    assert [item["text"] for item in second["spoken"]] == [SENTENCE.text]
    assert [item["text"] for item in third["spoken"]] == ["… seven eight nine"]
    assert fourth["spoken"] == []
    assert third["spoken"][0]["start"] > 7.0


def test_a_sentence_is_one_bar_in_the_lane_of_speech():
    said = [item for segment in desk_view(crossing())["segments"] for item in segment["speech"]]
    assert [(item["start"], item["end"], item["text"]) for item in said] == [(2.0, 11.0, SENTENCE.text)]


def test_the_captions_below_the_picture_cover_the_sentence_in_short_pieces():
    captions = desk_view(crossing())["captions"]
    assert " ".join(caption["text"] for caption in captions) == SENTENCE.text
    assert all(caption["end"] - caption["start"] <= 7.0 for caption in captions)


# Sentences of flags, absences and doubts


def flagged(*flags: str, **notes: str):
    return replace(crossing().segments[0], flags=flags, notes=notes)


def test_a_flag_is_told_by_its_own_note_as_a_sentence():
    segment = flagged("none_of_my_labels", none_of_my_labels="none of the 3 actions fits well: best 0.40")
    assert flag_sentence(segment, "none_of_my_labels") == "None of the 3 actions fits well: best 0.40."
    assert flag_sentence(flagged("x", x="Is it so?"), "x") == "Is it so?"


@pytest.mark.parametrize("flag", FLAG_SENTENCES)
def test_a_flag_without_a_note_has_a_sentence_of_its_kind(flag):
    sentence = flag_sentence(flagged(flag), flag)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "_" not in sentence


def test_a_flag_that_nobody_knows_is_still_read_as_words():
    assert flag_sentence(flagged("too_dark_to_see"), "too_dark_to_see") == "Too dark to see."


@pytest.mark.parametrize(
    ("what", "reason", "said"),
    [
        ("speech", "no voice was found", "No words: no voice was found."),
        ("picture", "the file holds sound alone.", "No picture: the file holds sound alone."),
        ("descriptions", "they were not asked for", "No scene: they were not asked for."),
        ("sound_level", "the track\nis damaged", "Sound_level: the track is damaged."),
    ],
)
def test_an_absence_is_a_sentence(what, reason, said):
    assert absence_sentence(Absence(what, reason)) == said


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("words too uncertain (average log-probability -1.40)", "words too uncertain (each word about 25 % sure)"),
        (
            "no voice was found there (average log-probability -0.33)",
            "no voice was found there (each word about 72 % sure)",
        ),
        ("average log-probability 3.0", "each word about 100 % sure"),
        ("text repeats itself", "text repeats itself"),
    ],
)
def test_a_mean_of_logarithms_is_told_as_a_share(reason, said):
    assert plain_reason(reason) == said


@pytest.mark.parametrize(
    ("kind", "name"),
    [("actions", "Actions"), ("object", "Objects"), ("sound_level", "Sound level"), ("brightness", "Brightness")],
)
def test_a_kind_of_witness_has_a_name_that_people_read(kind, name):
    assert kind_name(kind) == name


def test_each_kind_of_observation_is_a_lane_in_the_order_in_which_it_comes():
    seen = [
        Observation("sound", Span(0, 1), label="bark", score=0.91234),
        Observation("text", Span(1, 2), text="EXIT\n\u202enow"),
        Observation("sound", Span(2, 3), label="bark"),
        Observation("level", Span(0, 9), score=0.5),
    ]
    found = lanes(seen)
    assert [(lane["name"], len(lane["items"])) for lane in found] == [("Sounds", 2), ("Text", 1), ("Level", 1)]
    assert found[0]["items"][0]["score"] == 0.9123
    assert found[0]["items"][0]["colour"] == found[0]["items"][1]["colour"], "a label has one colour"
    assert found[1]["items"][0]["label"] == "EXIT now"
    assert found[2]["items"][0]["label"] == "level"


OUTSIDE = st.text(max_size=12) | st.sampled_from(
    ["<img src=x onerror=alert(1)>", "a\nb", "\u202eevil", "\x00", "\ud800"]
)


@given(label=OUTSIDE, said=OUTSIDE, note=OUTSIDE, kind=st.sampled_from(["text", "sound_level"]), fixed=OUTSIDE)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_whatever_a_timeline_says_the_desk_gets_json_of_single_lines(label, said, note, kind, fixed):
    timeline = crossing()
    first = replace(
        timeline.segments[0],
        actions=(ActionScore(label, 0.5),),
        descriptions=(Description(label, 0.5),),
        utterances=(Utterance(Span(0, 1), said, language=label),),
        flags=(kind,),
        notes={kind: note},
    )
    timeline = replace(
        timeline,
        segments=(first, *timeline.segments[1:]),
        absences=(Absence(kind, note),),
        suppressed=(Suppressed(Span(0, 1), said, note),),
        observations=(Observation(kind, Span(0, 1), label=label, text=said),),
    )
    shown = json.loads(json.dumps(desk_view(timeline, {1: {"action": fixed}}), ensure_ascii=False).encode().decode())

    def texts(value):
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for name, inner in value.items():
                if name != "kind":  # a key for the page, never shown
                    yield from texts(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from texts(inner)

    assert not [text for text in texts(shown) if text != one_line(text)]


def test_what_is_shown_while_an_analysis_goes_on_has_the_shape_of_the_finished_view():
    timeline = crossing()
    part, whole = partial_view(timeline.segments[:2], 16.0), desk_view(timeline)
    assert part.keys() == whole.keys()
    assert [segment["id"] for segment in part["segments"]] == [1, 2]
    assert part["duration"] == 16.0
