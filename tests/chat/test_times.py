"""Times as people write them, in three languages; and numbers."""

from __future__ import annotations

import pytest

from assistant.chat.times import clock_times, durations, find_times, seconds_of
from assistant.chat.words import language_of, nearest, numbers_in, stem, terms

DURATION = 200.0


def spans(text: str, language: str = "en", segments: int = 0) -> list[tuple[float, float]]:
    found = find_times(text, DURATION, segments=segments, language=language).found
    return [(round(w.span.start_seconds, 2), round(w.span.end_seconds, 2)) for w in found]


@pytest.mark.parametrize(
    "written",
    ["at 1:05", "at 0:65", "at 1'05\"", "at 1m05s", "sixty-five seconds in", "at second 65", "at the 65th second",
     "1 min 5 s in", "at about 65 seconds", "@ 1:05", "around the 1:05 mark", "at 1:05.0"],
)  # fmt: skip
def test_one_moment_is_read_in_every_notation(written):
    assert spans(f"What is said {written}?") == [(65.0, 65.0)]


@pytest.mark.parametrize(
    ("written", "span"),
    [
        ("a minute and a half in", (90, 90)),
        ("at 50 %", (100, 100)),
        ("halfway through the video", (100, 100)),
        ("two thirds through", (133.33, 133.33)),
        ("10s from the end", (190, 190)),
        ("between 10 and 20", (10, 20)),
        ("between 0:10 and 0:20", (10, 20)),
        ("from 1:00 to 2:00", (60, 120)),
        ("after the third minute", (180, 200)),
        ("in the first half", (0, 100)),
        ("in the last third", (133.33, 200)),
        ("in the second minute", (60, 120)),
        ("in the first 25 seconds", (0, 25)),
        ("in the last quarter of a minute", (185, 200)),
        ("in the opening half minute", (0, 30)),
        ("before 0:30", (0, 30)),
        ("at the beginning", (0, 4)),
        ("at the end of the video", (196, 200)),
    ],
)
def test_a_place_in_time_is_read(written, span):
    assert spans(f"What happens {written}?") == [span]


@pytest.mark.parametrize(
    ("language", "written", "span"),
    [
        ("de", "Was wird bei 1:05 gesagt?", (65, 65)),
        ("de", "Was passiert in der ersten Hälfte?", (0, 100)),
        ("de", "Was passiert zwischen 10 und 20 Sekunden?", (10, 20)),
        ("de", "Was ist in den letzten zehn Sekunden zu sehen?", (190, 200)),
        ("es", "¿Qué se dice en el minuto 2?", (120, 120)),
        ("es", "¿Qué pasa en los últimos 10 segundos?", (190, 200)),
        ("es", "¿Qué se ve al final?", (196, 200)),
    ],
)
def test_other_languages_have_times_too(language, written, span):
    assert spans(written, language) == [span]


def test_segments_are_places_too():
    assert [w.segment_id for w in find_times("What is in S19?", DURATION, segments=30).found] == [19]
    assert [w.segment_id for w in find_times("segments 4 to 6", DURATION, segments=30).found] == [4, 5, 6]
    assert find_times("What is in segment 99?", DURATION, segments=30).found[0].outside


@pytest.mark.parametrize("written", ["at 5:00", "after the fourth minute", "at 99:99", "after 20 minutes"])
def test_a_time_behind_the_end_is_outside(written):
    assert [w.outside for w in find_times(f"What happens {written}?", DURATION).found] == [True]


@pytest.mark.parametrize(
    "text", ["How long does it rest, twenty minutes or thirty?", "It took half an hour", "7 people"]
)
def test_a_length_or_a_number_is_no_place_in_time(text):
    assert spans(text) == []


def test_the_rest_of_the_question_is_left():
    assert find_times("What is said at 1:05?", DURATION).rest == "what is said ?"


def test_what_an_answer_states_is_read():
    assert clock_times("It begins at 0:32 and again at second 50") == [32.0, 50.0]
    assert durations("It lasts 4 seconds, then two minutes") == [4.0, 120.0]
    assert seconds_of("1:01:05") == 3665.0


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("three hundred and twenty grams", [320]),
        ("the twenty-first of June", [21]),
        ("eighteen hundred in total", [1800]),
        ("ninety-five percent, nineteen", [95, 19]),
        ("1,800 euros", [1800]),
        ("forty, and twelve of them", [40, 12]),
        ("the 14th", [14]),
    ],
)
def test_numbers_are_read_in_words_and_digits(text, numbers):
    assert numbers_in(text) == numbers


def test_forms_of_a_word_and_synonyms_meet():
    assert stem("dropped") == stem("dropping") == stem("drops")
    assert stem("thrown") == stem("throwing")
    assert terms("the lorry")[0].shared == terms("a truck")[0].shared
    assert terms("picked it up")[0].shared == terms("lifting")[0].shared


def test_a_slip_of_the_keyboard_is_understood_and_a_short_word_is_not_guessed():
    assert nearest("recieve", {"receive", "relative"}) == "receive"
    assert nearest("cat", {"car"}) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [("What is said?", "en"), ("Was wird gesagt?", "de"), ("¿Qué se dice?", "es"), ("quien habla en el video", "es")],
)
def test_the_language_of_a_question_is_known(text, language):
    assert language_of(text) == language
