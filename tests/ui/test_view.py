"""What the page is told of a timeline: a sentence is heard in every segment that it is spoken in, and listed in one."""

from dataclasses import replace

from timelines import SHAPES, timeline_of

from assistant.core.timeline import Span, Utterance
from assistant.ui.view import desk_view

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
