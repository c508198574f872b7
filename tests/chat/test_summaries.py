"""Summaries are cited and checked like answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_chat import Scripted
from timelines import SHAPES, timeline_of

from assistant.chat.summarize import Summary, summarize
from assistant.config import Settings
from assistant.errors import Cancelled, ModelFailed, ModelUnavailable

SETTINGS = Settings(home=Path("unused"))


def test_every_segment_a_chapter_and_the_whole_are_told_with_support():
    timeline = timeline_of(SHAPES, same_shot=(5,))
    summary = summarize(timeline, settings=SETTINGS)
    assert len(summary.segments) == len(timeline.segments)
    for part in (summary.whole, *summary.chapters, *summary.segments):
        assert part.claims
        assert {claim.verdict for claim in part.claims} == {"supported"}, part
    assert summary.model == "extractive"
    assert Summary.from_json(summary.to_json()) == summary


def test_a_long_video_has_chapters_that_cover_it_in_order():
    timeline = timeline_of(SHAPES * 60)
    summary = summarize(timeline, settings=SETTINGS)
    assert 2 <= len(summary.chapters) <= 24
    assert summary.chapters[0].first_id == 1
    assert summary.chapters[-1].last_id == 600
    for before, after in zip(summary.chapters, summary.chapters[1:], strict=False):
        assert after.first_id == before.last_id + 1


def test_a_model_sums_up_chapters_and_whole_and_loses_what_has_no_support():
    timeline = timeline_of(SHAPES * 8)
    model = Scripted("The blue square rotates [S2]. Everybody is happy [S2].")
    seen: list[tuple[int, int]] = []
    summary = summarize(
        timeline, model=model, settings=SETTINGS, progress=lambda done, total: seen.append((done, total))
    )
    assert summary.whole.text == "The blue square rotates [S2]."
    assert summary.chapters[0].text == "The blue square rotates [S2]."
    assert summary.chapters[0].model == "scripted"
    assert summary.chapters[-1].model == "extractive", "segment 2 is not in the last chapter"
    assert seen[-1][0] == seen[-1][1] == len(summary.chapters) + 1


def test_a_model_that_fails_leaves_the_composed_text_and_a_notice():
    summary = summarize(timeline_of(SHAPES), model=Scripted(ModelFailed("gone", "start it")), settings=SETTINGS)
    assert summary.whole.model == summary.model == "extractive", "it said nothing"
    assert "gone" in summary.notices[0]
    missing = ModelUnavailable("no language model answers", "start the server")
    assert "no language model answers" in summarize(timeline_of(SHAPES), settings=SETTINGS, missing=missing).notices[0]


def test_a_summary_can_be_stopped():
    with pytest.raises(Cancelled):
        summarize(timeline_of(SHAPES), model=Scripted("x"), settings=SETTINGS, cancelled=lambda: True)


def test_an_empty_timeline_is_summed_up_plainly():
    assert summarize(timeline_of([]), settings=SETTINGS).segments == ()


def test_a_document_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="summary/1"):
        Summary.from_json({"schema": "answer/1"})
