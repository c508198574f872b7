import csv
import io
import json
from dataclasses import replace

import pytest

from assistant.core.timeline import Span, Utterance
from assistant.exports.render import FORMATS, Material, render

EVIL = '<img src=x onerror=alert(1)> [x](javascript:alert(1)) "quoted" --> end'


@pytest.fixture
def evil(timeline):
    first, *rest = timeline.segments
    said = Utterance(Span(0.5, 2.0), EVIL)
    action = replace(first.actions[0], label="=HYPERLINK(evil)")
    return replace(timeline, segments=(replace(first, utterances=(said,), actions=(action,)), *rest))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_renders_every_segment_or_utterance(timeline, kind):
    text = render(Material("sample.mp4", timeline), kind).decode()
    for wanted in ("the red circle moves left",) if kind in ("srt", "vtt") else ("rotating", "vanishing"):
        assert wanted in text


def test_json_is_the_timeline(timeline):
    assert json.loads(render(Material("a", timeline), "json"))["schema"] == "timeline/1"


def test_markup_in_names_and_words_stays_text_in_html(evil):
    page = render(Material("<script>alert(1)</script>.mp4", evil), "html").decode()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "default-src 'none'" in page


def test_markdown_shows_markup_as_text(evil):
    text = render(Material("[x](javascript:alert(1)).mp4", evil), "md").decode()
    assert "](javascript" not in text
    assert "<img" not in text.replace("\\<img", "")


def test_a_spreadsheet_gets_no_formula(evil):
    rows = list(csv.DictReader(io.StringIO(render(Material("a", evil), "csv").decode())))
    assert rows[0]["action"] == "'=HYPERLINK(evil)"


def test_an_arrow_in_the_words_does_not_break_subtitles(evil):
    for kind in ("srt", "vtt"):
        text = render(Material("a", evil), kind).decode()
        assert text.count("-->") == sum(len(s.utterances) for s in evil.segments)
    assert "<img" not in render(Material("a", evil), "vtt").decode()


def test_subtitle_times_have_hours_and_milliseconds(timeline):
    assert "00:00:00,500 --> 00:00:02,000" in render(Material("a", timeline), "srt").decode()


def test_an_unknown_format_is_refused(timeline):
    with pytest.raises(ValueError, match="no export called"):
        render(Material("a", timeline), "docx")
