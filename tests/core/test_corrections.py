"""A correction is evidence of its own, above the model's, marked as the person's, on every surface."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.chat.answer import answer
from assistant.chat.summarize import summarize
from assistant.config import Settings
from assistant.core.corrections import CORRECTED, PERSON, Correction, labels_of_person, with_corrections
from assistant.core.timeline import Span
from assistant.exports.render import FORMATS, Material, render
from assistant.store import Library

BEAR = "polar bear"


def correction(start: float, end: float, kind: str = "description", label: str = BEAR, made_at: float = 1.0):
    return Correction(1, kind, Span(start, end), label, made_at)


def test_the_label_of_the_person_stands_alone_and_says_whose_it_is(timeline):
    right = with_corrections(timeline, [correction(4.0, 8.0)]).segments[1]
    assert [(one.label, one.score, one.model) for one in right.descriptions] == [(BEAR, 1.0, PERSON)]
    assert right.actions == timeline.segments[1].actions
    assert CORRECTED in right.flags
    assert right.notes[CORRECTED] == "you say “polar bear”, the model said “green bar” (80 %)"
    assert labels_of_person(right) == {"description": BEAR}


def test_it_holds_for_what_lies_in_its_span_however_the_video_is_divided_now(timeline):
    right = with_corrections(timeline, [correction(1.0, 7.9)])
    assert [bool(labels_of_person(segment)) for segment in right.segments] == [True, True, False]
    assert with_corrections(timeline, [correction(3.9, 4.1)]) is timeline
    assert with_corrections(timeline, []) is timeline


def test_the_last_word_counts_and_doubts_about_the_models_labels_go(timeline):
    first = replace(timeline.segments[0], flags=("none_of_my_labels",), notes={"none_of_my_labels": "best 0.2"})
    unsure = replace(timeline, segments=(first, *timeline.segments[1:]))
    said = [correction(0, 4, "action", "waving", 2.0), correction(0, 4, "action", "nodding", 1.0)]
    right = with_corrections(unsure, said).segments[0]
    assert right.action.label == "waving"
    assert right.flags == (CORRECTED,)
    assert set(right.notes) == {CORRECTED}


@pytest.fixture
def library(tmp_path, timeline):
    with Library(tmp_path / "home") as made:
        path = tmp_path / "a.mp4"
        path.write_bytes(b"film")
        made.add_video(path, "a.mp4", timeline.video)
        made.save_timeline(timeline.video.sha256, timeline)
        yield made


def asked(library, sha256: str, question: str) -> str:
    *_, last = answer(question, library.timeline(sha256), settings=Settings(Path("home")))
    return last.text.lower()


def test_every_surface_says_what_the_person_said(library, timeline):
    sha256 = timeline.video.sha256
    library.save_document(sha256, "summary", "latest", {"text": "a green bar"})
    library.save_document(sha256, "why", "2 rotating", {"text": "measured"})
    library.correct(sha256, timeline.segments[1], "description", BEAR)
    right = library.timeline(sha256)
    for kind in set(FORMATS) - {"srt", "vtt"}:
        text = render(Material("a.mp4", right), kind).decode()
        assert BEAR in text.replace("\\", ""), kind
    assert json.loads(render(Material("a", right), "json"))["segments"][1]["descriptions"] == [
        {"label": BEAR, "score": 1.0, "model": PERSON}
    ]
    row = list(csv.DictReader(io.StringIO(render(Material("a", right), "csv").decode("utf-8-sig"))))[1]
    assert (row["description"], row["flags"]) == (BEAR, CORRECTED)
    assert "polar bear (corrected)" in render(Material("a", right), "md").decode().replace("\\", "")
    assert [hit.segment_id for hit in library.search_all(BEAR)] == [2]
    assert library.search_all("green bar") == []
    assert library.document(sha256, "summary", "latest") is None
    assert library.document(sha256, "why", "2 rotating") is not None
    assert BEAR in summarize(right, settings=Settings(Path("home"))).segments[1].text.lower()
    assert "[s2]" in asked(library, sha256, "When does the polar bear appear?")
    assert BEAR in asked(library, sha256, "What is shown at 0:05?")
    assert "green bar" not in asked(library, sha256, "What is shown at 0:05?")


def test_a_correction_taken_back_leaves_what_the_models_said(library, timeline):
    sha256 = timeline.video.sha256
    library.correct(sha256, timeline.segments[1], "description", BEAR)
    assert library.analysed(sha256).segments == timeline.segments
    library.withdraw_correction(sha256, 2, "description")
    assert library.timeline(sha256).segments == timeline.segments
    assert [hit.segment_id for hit in library.search_all("green bar")] == [2]
    assert library.search_all(BEAR) == []


def test_a_new_analysis_keeps_what_was_corrected(library, timeline):
    sha256 = timeline.video.sha256
    library.correct(sha256, timeline.segments[1], "description", BEAR)
    first, second, third = timeline.segments
    halves = [replace(second, id=2 + i, span=Span(4.0 + 2 * i, 6.0 + 2 * i), utterances=()) for i in range(2)]
    library.save_timeline(sha256, replace(timeline, segments=(first, *halves, replace(third, id=4))))
    assert [hit.segment_id for hit in library.search_all(BEAR)] == [2, 3]
    library.withdraw_correction(sha256, 3, "description")
    assert library.corrections(sha256) == []
