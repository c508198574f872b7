"""Words belong to their time: in every segment that they touch, whichever segment lists their utterance."""

from itertools import pairwise

import pytest

from assistant.core.timeline import Segment, Span, Utterance, Word
from assistant.core.transcript import cues, parts_by_segment, text_in, texts_by_segment, timed_words, words_in

SENTENCE = "We met at nine, and then the long train left for the coast."


def timed(text, times):
    """An utterance whose words stand at these times."""
    words = tuple(Word(Span(*time), word) for time, word in zip(times, text.split(), strict=True))
    return Utterance(Span(words[0].span.start_seconds, words[-1].span.end_seconds), text, words=words)


def segments(*edges, listed):
    """Segments between these edges; utterance -> the index of the segment that lists it."""
    return [
        Segment(index + 1, Span(*span), utterances=tuple(u for u, place in listed.items() if place == index))
        for index, span in enumerate(pairwise(edges))
    ]


EVEN = timed(SENTENCE, [(10 + 0.5 * n, 10.4 + 0.5 * n) for n in range(13)])


def test_the_words_of_a_sentence_across_a_border_are_on_both_sides_each_at_its_time():
    texts = texts_by_segment(segments(0, 12.0, 30, listed={EVEN: 1}))
    assert texts == ("We met at nine,", "and then the long train left for the coast.")


def test_a_word_on_the_border_counts_for_both_segments():
    assert texts_by_segment(segments(0, 12.2, 30, listed={EVEN: 1})) == (
        "We met at nine, and",
        "and then the long train left for the coast.",
    )


def test_what_is_said_in_the_middle_of_a_sentence_is_found_though_another_segment_lists_it():
    assert text_in(segments(0, 12.0, 30, listed={EVEN: 1}), Span(11.5, 11.6)) == "nine,"
    assert [word.text for word in words_in(segments(0, 12.0, 30, listed={EVEN: 1}), Span(10.8, 11.7))] == [
        "met", "at", "nine,",
    ]  # fmt: skip


def test_a_sentence_over_three_segments_is_heard_in_the_middle_one():
    assert texts_by_segment(segments(0, 11.0, 13.0, 30, listed={EVEN: 2}))[1] == "at nine, and then"


def test_without_times_of_words_they_are_spread_by_their_letters():
    plain = Utterance(Span(0.0, 10.0), "one two three four")
    words = timed_words(plain)
    assert [word.text for word in words] == ["one", "two", "three", "four"]
    assert words[0].span.start_seconds == 0.0
    assert words[-1].span.end_seconds == 10.0
    assert text_in(segments(0, 5.0, 10, listed={plain: 0}), Span(6.0, 6.1)) == "three"


def test_signs_of_a_script_without_spaces_have_their_times_and_no_spaces_come_in():
    said = Utterance(Span(0.0, 8.0), "今天天气很好。")
    assert texts_by_segment(segments(0, 4.0, 8.0, listed={said: 0})) == ("今天天气", "气很好。")


def test_the_whole_text_with_its_marks_stands_where_all_words_are():
    said = timed("- \u201cWell, well!\u201d", [(0, 0.1), (0.2, 0.5), (0.6, 1)])
    assert texts_by_segment(segments(0, 5, listed={said: 0})) == (said.text,)


def test_times_of_words_that_the_text_does_not_hold_still_count():
    said = Utterance(Span(0, 2), "colour", words=(Word(Span(0, 1), "color"),))
    assert texts_by_segment(segments(0, 5, listed={said: 0})) == ("color",)


def test_words_behind_the_last_picture_count_for_the_last_segment():
    late = timed("too late", [(31, 31.5), (31.6, 32)])
    assert texts_by_segment(segments(0, 10, 30, listed={late: 1})) == ("", "too late")


def test_a_part_tells_whether_its_sentence_began_before_and_goes_on():
    first, second = parts_by_segment(segments(0, 12.0, 30, listed={EVEN: 1}))
    assert (first[0].begins_before, first[0].goes_on) == (False, True)
    assert (second[0].begins_before, second[0].goes_on) == (True, False)


def test_nothing_said_is_nothing():
    silent = segments(0, 5, 10, listed={Utterance(Span(1, 2), "  "): 0})
    assert texts_by_segment(silent) == ("", "")
    assert cues(silent) == ()
    assert texts_by_segment([]) == ()


# Subtitles

LONG = " ".join(f"word{n:02d}{',' if n % 9 == 8 else ''}" for n in range(60))


def long_utterance(with_times):
    if with_times:
        return timed(LONG, [(n * 0.4, n * 0.4 + 0.35) for n in range(60)])
    return Utterance(Span(0, 24), LONG)


@pytest.mark.parametrize("with_times", [True, False])
def test_a_long_utterance_becomes_subtitles_of_two_lines_and_seven_seconds_at_most(with_times):
    found = cues(segments(0, 30, listed={long_utterance(with_times): 0}))
    assert len(found) > 3
    assert all(len(cue.lines) <= 2 and max(map(len, cue.lines)) <= 42 for cue in found)
    assert all(cue.span.seconds <= 7.0 for cue in found)
    assert " ".join(cue.text for cue in found) == LONG
    assert all(before.span.end_seconds <= after.span.start_seconds for before, after in pairwise(found))


def test_subtitles_end_behind_a_mark_where_one_is_near():
    found = cues(segments(0, 30, listed={long_utterance(True): 0}))
    assert all(cue.text.endswith(",") for cue in found[:-1])


def test_a_short_utterance_is_one_subtitle_with_its_own_times():
    said = Utterance(Span(1, 3), "Good morning.")
    (cue,) = cues(segments(0, 5, listed={said: 0}))
    assert (cue.span, cue.lines) == (said.span, ("Good morning.",))


def test_one_word_without_end_still_becomes_subtitles():
    said = Utterance(Span(0, 60), "a" * 5000)
    found = cues(segments(0, 60, listed={said: 0}))
    assert "".join(cue.text for cue in found) == said.text
    assert all(len(line) <= 42 for cue in found for line in cue.lines)
