import math

import pytest

from assistant.core.timeline import Answer, Citation, Claim, Span, Timeline, clock


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
