import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.core.timeline import (
    Answer,
    Citation,
    Claim,
    Observation,
    Provenance,
    Segment,
    Span,
    Timeline,
    Video,
    clock,
)


def test_a_span_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="cannot end"):
        Span(2.0, 1.0)
    with pytest.raises(ValueError, match="finite"):
        Span(0.0, math.inf)


def test_a_timeline_survives_json(timeline):
    assert Timeline.from_json(timeline.to_json()) == timeline


def test_a_damaged_document_is_a_value_error(timeline):
    document = timeline.to_json()
    del document["segments"][0]["start_seconds"]
    with pytest.raises(ValueError, match="damaged"):
        Timeline.from_json(document)
    with pytest.raises(ValueError, match="timeline/1"):
        Timeline.from_json({"schema": "timeline/9"})


def test_an_answer_survives_json():
    answer = Answer(
        "what?", "this [S1]", (Citation(1, Span(0, 1)),), (Claim("this", "supported", (1,)),), (9,), True, "extractive"
    )
    assert Answer.from_json(answer.to_json()) == answer


def test_the_segment_at_the_very_end_is_the_last(timeline):
    assert timeline.segment_at(12.0).id == 3
    assert timeline.segment_at(4.0).id == 2
    assert timeline.segment_at(13.0) is None


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [(0, 0, "0:00"), (67.25, 1, "1:07.2"), (59.99, 0, "0:59"), (3700, 0, "1:01:40"), (11.2, 1, "0:11.2")],
)
def test_the_clock_reads_as_people_read_it(seconds, decimals, text):
    assert clock(seconds, decimals) == text


# Spans

TIMES = st.integers(0, 40).map(lambda tenths: tenths / 10)
SPANS = st.tuples(TIMES, TIMES).map(lambda ends: Span(min(ends), max(ends)))
QUICK = settings(max_examples=200, deadline=None, derandomize=True)


@given(one=SPANS, other=SPANS)
@QUICK
def test_overlap_and_touch_are_mutual_and_an_overlap_is_a_touch(one, other):
    assert one.overlap_seconds(other) == other.overlap_seconds(one) <= min(one.seconds, other.seconds) + 1e-9
    assert one.touches(other) == other.touches(one)
    assert one.touches(other) or one.overlap_seconds(other) == 0


def test_spans_that_share_an_edge_do_not_touch_and_an_instant_touches_where_it_lies():
    assert not Span(0, 1).touches(Span(1, 2))
    assert Span(0, 1.1).touches(Span(1, 2))
    instant = Span(1, 1)
    assert instant.touches(Span(1, 2))
    assert not instant.touches(Span(0, 1))
    assert (instant.seconds, Span(1, 3).middle_seconds) == (0, 2)


@pytest.mark.parametrize("ends", [(math.nan, 1.0), (0.0, math.nan), (-math.inf, 0.0)])
def test_a_span_without_finite_ends_is_refused(ends):
    with pytest.raises(ValueError, match="finite ends"):
        Span(*ends)


@given(seconds=st.floats(0, 400_000), decimals=st.integers(0, 3))
@QUICK
def test_the_clock_never_runs_ahead_and_is_never_more_than_its_last_digit_behind(seconds, decimals):
    said = 0.0
    for part in clock(seconds, decimals).split(":"):
        said = 60 * said + float(part)
    assert -1e-5 <= seconds - said < 10**-decimals + 1e-5
    assert re.fullmatch(r"(\d+:)?\d{1,2}:\d{2}(\.\d+)?", clock(seconds, decimals))


def test_a_time_before_the_beginning_is_the_beginning():
    assert clock(-3.0) == "0:00"


# A timeline


@given(seconds=st.floats(0, 12))
@QUICK
def test_every_moment_of_a_video_lies_in_one_segment(seconds):
    segments = tuple(Segment(n + 1, Span(4.0 * n, 4.0 * n + 4.0)) for n in range(3))
    video = Video("/a.mp4", "ab" * 32, 12.0, 320, 180, 25.0, True)
    found = Timeline(video, segments, (), (), (), Provenance("demo")).segment_at(seconds)
    assert found is segments[min(2, int(seconds // 4))]


@pytest.mark.parametrize("number", [0, -1, 4, 10**9])
def test_a_segment_that_is_not_there_is_none(timeline, number):
    assert timeline.segment(number) is None


def test_observations_of_a_stretch_are_those_that_touch_it(timeline):
    seen = tuple(Observation("text", Span(start, start + 1), text=f"at {start}") for start in (0, 3, 4, 9))
    timeline = replace(timeline, observations=seen)
    assert [item.text for item in timeline.observed(Span(3.5, 4.5))] == ["at 3", "at 4"]
    assert timeline.observed(Span(6, 7)) == ()


@pytest.mark.parametrize(
    ("container", "rate", "seconds", "still"),
    [("png", 1.0, 1.0, True), ("heic", 1.0, 1.0, True), ("gif", 10.0, 3.0, False), ("mp4", 1.0, 1.0, False)],
)
def test_a_picture_that_does_not_move_is_a_still(container, rate, seconds, still):
    video = Video("/a", "ab" * 32, seconds, 32, 32, rate, False, container=container)
    assert video.is_still is still
    assert video.has_picture


def test_an_observation_is_named_by_what_it_has():
    assert Observation("sound", Span(0, 1), label="bark", text="woof").name == "bark"
    assert Observation("text", Span(0, 1), text="EXIT").name == "EXIT"
    assert Observation("level", Span(0, 1)).name == "level"


def test_an_answer_that_found_nothing_is_not_in_the_video_unless_it_says_otherwise():
    assert Answer("?", "no", found=False).outcome == "not_in_video"
    assert Answer("?", "no", found=False, outcome="cannot_tell").outcome == "cannot_tell"
    assert Answer("?", "yes").outcome == "answer"
