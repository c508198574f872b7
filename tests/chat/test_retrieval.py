"""Which segments are shown for a question, and how they are written down."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from timelines import SHAPES, Row, timeline_of

from assistant.chat.retrieval import rank, render_segment, retrieve
from assistant.core.timeline import Timeline

COLOURS = ["red", "green", "blue", "yellow", "orange", "purple", "white", "black"]
THINGS = ["circle", "square", "triangle", "star", "bar"]
DEEDS = ["moving left", "moving right", "rotating", "shaking", "circling", "vanishing", "coming closer", "going away"]
WORDS = (
    *("harbour", "lantern", "marmalade", "orchard", "pebble", "quarry", "ribbon", "saddle", "thimble"),
    *("umbrella", "velvet", "walnut", "yarrow", "zither"),
)


def count(text: str) -> int:
    return len(text) // 4 + 1


@pytest.fixture(scope="module")
def two_hours() -> Timeline:
    """2,400 segments of 3 s; every 40th speaks of something that nobody else speaks of."""
    rng = random.Random(100_000)
    rows: list[Row] = []
    for index in range(2400):
        look = f"{rng.choice(COLOURS)} {rng.choice(THINGS)}"
        words = f"now look at the {look}" if rng.random() < 0.5 else ""
        if index % 40 == 7:
            words = f"this is about {WORDS[index // 40 % len(WORDS)]} number {index}"
        rows.append((rng.choice(DEEDS), look, words))
    return timeline_of(rows, seconds=3.0)


def questions_of(timeline: Timeline) -> list[tuple[str, set[int]]]:
    """Questions with the segments that an answer needs at least one of."""
    rng = random.Random(100_001)
    asked: list[tuple[str, set[int]]] = []
    for segment in rng.sample(list(timeline.segments[5:-5]), 40):
        minutes, seconds = divmod(int(segment.span.middle_seconds), 60)
        hours, minutes = divmod(minutes, 60)
        clock = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
        asked.append((f"What happens at {clock}?", {segment.id}))
        asked.append((f"What is said in segment {segment.id}?", {segment.id}))
    for segment in timeline.segments[7::40]:
        number = segment.words.split()[-1]
        asked.append((f"What is said about number {number}?", {segment.id}))
        asked.append((f"What happens after they say “{segment.words}”?", {segment.id + 1}))
    asked.append(("What happens first?", {1}))
    asked.append(("How does the video end?", {2400}))
    asked.append(("What happens in the last minute?", set(range(2381, 2401))))
    return asked


def test_in_two_hours_the_needed_segment_is_shown_within_the_budget_and_in_time(two_hours):
    rank("What happens first?", two_hours)  # the index is made once for a video
    hits, slowest = 0, []
    asked = questions_of(two_hours)
    for question, needed in asked:
        took = []
        for _ in range(2):  # the quicker of two: the first may have shared its core with another test
            started = time.thread_time()
            evidence = retrieve(question, two_hours, 4000, count)
            took.append(time.thread_time() - started)
        slowest.append(min(took))
        hits += bool(needed & set(evidence.ids))
        assert evidence.tokens <= 4000
    assert hits >= 0.95 * len(asked), [q for q, n in asked if not n & set(retrieve(q, two_hours, 4000, count).ids)][:5]
    assert sorted(slowest)[len(slowest) // 2] < 0.05
    assert sorted(slowest)[int(0.95 * len(slowest))] < 0.1


def test_a_video_that_fits_is_shown_whole_and_alike_for_every_question():
    timeline = timeline_of(SHAPES)
    texts = {retrieve(question, timeline, 3000, count).text for question in ("What rotates?", "What is said?", "Why?")}
    assert len(texts) == 1
    assert len(next(iter(texts)).splitlines()) == len(SHAPES)


def test_what_was_shown_before_is_not_shown_again():
    timeline = timeline_of(SHAPES)
    first = retrieve("What rotates?", timeline, 60, count)
    again = retrieve("What rotates?", timeline, 60, count, already=first.ids)
    assert first.ids
    assert not set(first.ids) & set(again.ids)


def test_every_occurrence_that_a_count_needs_comes_first(two_hours):
    needed = {
        s.id for s in two_hours.segments if s.actions[0].label == "shaking" and s.descriptions[0].label == "red star"
    }
    assert set(rank("How many times does the red star shake?", two_hours)[: len(needed)]) == needed


def test_a_likeness_finds_what_no_word_names():
    timeline = timeline_of(SHAPES)
    likeness = np.zeros(len(SHAPES), dtype=np.float32)
    likeness[6] = 1.0
    assert rank("Is there a pyramid?", timeline, similarity=lambda text: likeness)[0] == 7


def test_a_segment_is_one_line_without_a_time():
    segment = timeline_of(SHAPES).segments[0]
    line = render_segment(segment)
    assert line == '[S1] | action: "moving left" | scene: "red circle" | speech: "the red circle moves left"'


def test_an_action_that_fits_no_label_is_not_written_down():
    timeline = timeline_of([("playing chess", "a park", "")], unknown_action=(1,))
    assert "chess" not in render_segment(timeline.segments[0])


def test_no_budget_shows_nothing():
    assert retrieve("What?", timeline_of(SHAPES), 0, count).ids == ()
