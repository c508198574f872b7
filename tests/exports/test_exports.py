import csv
import html
import io
import json
import re
from dataclasses import replace

import pytest

from assistant.core.timeline import Absence, ActionScore, Answer, Description, Span, Timeline, Utterance, Word, length
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


def spoken_over_a_border(timeline):
    """The timeline with one long sentence that the second segment lists, and that begins in the first."""
    first, second, *rest = timeline.segments
    start, border = first.span.end_seconds - 1.0, first.span.end_seconds
    words = tuple(Word(Span(start + n / 2, start + n / 2 + 0.4), f"word{n}") for n in range(30))
    said = Utterance(Span(start, start + 15), " ".join(word.text for word in words), words=words)
    assert border < start + 15
    first, second = replace(first, utterances=()), replace(second, utterances=(said,))
    return replace(timeline, segments=(first, second, *(replace(one, utterances=()) for one in rest)))


def test_words_stand_in_the_row_of_the_segment_in_which_they_are_spoken(timeline):
    made = spoken_over_a_border(timeline)
    rows = list(csv.DictReader(io.StringIO(render(Material("a", made), "csv").decode("utf-8-sig"))))
    assert rows[0]["words"] == "word0 word1"
    assert rows[1]["words"].startswith("word2")


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_a_long_sentence_is_several_subtitles_of_two_lines_at_most(timeline, kind):
    text = render(Material("a", spoken_over_a_border(timeline)), kind).decode()
    blocks = [block.split("\n") for block in text.strip().split("\n\n") if "-->" in block]
    lines = [block[2:] if kind == "srt" else block[1:] for block in blocks]
    assert len(blocks) > 2
    assert all(1 <= len(each) <= 2 and max(map(len, each)) <= 42 for each in lines)
    assert " ".join(line for each in lines for line in each) == " ".join(f"word{n}" for n in range(30))


def test_excel_is_told_that_a_csv_is_utf8(timeline):
    assert render(Material("a", timeline), "csv").startswith(b"\xef\xbb\xbfid,")


def test_an_unknown_format_is_refused(timeline):
    with pytest.raises(ValueError, match="no export called"):
        render(Material("a", timeline), "docx")


# Markup in any text from outside

MARKUP = [
    "<b>bold</b>",
    "<font color=red>x</font>",
    "{\\an8}moved {\\b1}",
    "{y:i}slanted",
    "<script>alert(1)</script>",
    "--\x00> 00:00:01,000",
    "a\n\n2\n00:00:01,000 --> 00:00:09,000\nnot said",
    "a\r\rNOTE b\u2028STYLE\u2029::cue {}",
    "--\u202e> x",
    "<v Someone>not them</v>",
    "<00:00:01.000>",
    "&lt;b&gt;",
    "WEBVTT",
    "[x](https://evil.example)",
    "![x](https://evil.example/a.png)",
    "https://evil.example/a",
    "www.evil.example",
    "me@evil.example",
    "<https://evil.example>",
    "[x]: https://evil.example",
    "# heading",
    "> quoted",
    "a | b",
    "| a |\n|---|",
    "```\ncode",
    "$x$",
    "1. one",
    "- one",
    "+ one",
    "===",
    "---",
    "    code",
    "*a* _b_ ~~c~~ `d`",
    "\\",
    "\\[x](y)",
    "a  \nb",
]


def marked(timeline, text):
    """The timeline and everything said about it, with this text wherever a text can come from outside."""
    segments = tuple(
        replace(
            segment,
            actions=(ActionScore(text, 0.9, text),),
            descriptions=(Description(text, 0.8, text),),
            utterances=(Utterance(segment.span, text),),
            notes={"none_of_my_labels": text},
        )
        for segment in timeline.segments
    )
    film = replace(
        timeline,
        segments=segments,
        absences=(Absence(text, text),),
        provenance=replace(timeline.provenance, pack=text),
    )
    answer = Answer(text, text, notices=(text,))
    return Material(text, film, conversation=(answer,), summaries={0: text, 1: text}, why={1: text})


@pytest.mark.parametrize("text", MARKUP, ids=ascii)
def test_a_cue_of_subtitles_is_one_line_without_markup(timeline, text):
    cues = len(timeline.segments)
    for kind in ("srt", "vtt"):
        shown = render(marked(timeline, text), kind).decode()
        blocks = [block for block in shown.strip("\n").split("\n\n") if block != "WEBVTT"]
        assert len(blocks) == cues
        assert all(len(block.split("\n")) == (3 if kind == "srt" else 2) for block in blocks)
        assert shown.count("-->") == cues
        words = "".join(block.split("\n")[-1] for block in blocks)
        assert not set(words) & set("<>")
        assert not set(shown) & set("\x00\r\u2028\u2029\u202e")
        assert "{" not in words or kind == "vtt"
    # WebVTT has entities: what is shown is what was said.
    assert html.unescape(words[: len(words) // cues]) == " ".join(
        text.replace("\x00", " ").replace("\u202e", "").replace("-->", "→").split()
    )


@pytest.mark.parametrize("text", MARKUP, ids=ascii)
def test_markdown_holds_no_markup_but_its_own(timeline, text):
    reader = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True}).enable("table")

    def shape(markdown):
        tokens = reader.parse(markdown)
        return [
            (token.type, token.tag, [child.type for child in token.children or () if "text" not in child.type])
            for token in tokens
        ]

    shown = render(marked(timeline, text), "md").decode()
    assert shape(shown) == shape(render(marked(timeline, "word"), "md").decode())
    # What GitHub's readers make links of without any brackets.
    assert re.search(r"(?:https?|ftp|mailto|xmpp):[\w/]|www\.|[\w.+-]@\w", shown) is None


@pytest.mark.parametrize("text", MARKUP, ids=ascii)
def test_the_page_holds_no_tag_but_its_own(timeline, text):
    def tags(page):
        return re.findall(r"<[a-zA-Z/!][^>]*>", page)

    # The title is text too: only what it says may differ.
    assert tags(render(marked(timeline, text), "html").decode()) == tags(
        render(marked(timeline, "word"), "html").decode()
    )


@pytest.mark.parametrize("kind", ["md", "html"])
def test_an_export_says_of_an_answer_what_the_page_says_of_it(timeline, kind):
    stopped = Answer("What?", "A dog", notices=("Stopped by you. It was not checked.",))
    shown = render(Material("a", timeline, conversation=(stopped,)), kind).decode().replace("\\", "")
    assert "It was not checked" in shown


def test_json_names_no_place_on_this_machine_unless_it_is_asked_to(timeline):
    folder = "/home/me/packs/mine"
    where = replace(
        timeline,
        video=replace(timeline.video, path="/home/me/Videos/private/a.mp4"),
        provenance=replace(
            timeline.provenance,
            pack=folder,
            actions={"model": folder, "size": 64, "more": [folder, "C:\\Users\\me\\model"]},
            speech={"model": "openai/whisper-base"},
        ),
    )
    passed_on = render(Material("lesson 1.mp4", where), "json").decode()
    assert "/home" not in passed_on
    assert "Users" not in passed_on
    document = json.loads(passed_on)
    assert document["video"]["path"] == "lesson 1.mp4"
    assert document["provenance"]["actions"] == {"model": "mine", "size": 64, "more": ["mine", "model"]}
    assert document["provenance"]["speech"]["model"] == "openai/whisper-base"
    assert Timeline.from_json(document).segments == timeline.segments
    kept = json.loads(render(Material("lesson 1.mp4", where, paths=True), "json"))
    assert kept["video"]["path"] == "/home/me/Videos/private/a.mp4"
    assert kept["provenance"]["pack"] == folder
    for kind in ("md", "html"):
        assert "/home" not in render(Material("lesson 1.mp4", where), kind).decode().replace("\\", "")


def test_a_mark_of_an_answer_is_a_time_in_markdown_and_a_link_to_its_segment_in_html(timeline):
    answer = Answer("When?", "A green bar rotates [S2]. A comet <b> [S99].")
    material = Material("a.mp4", timeline, conversation=[answer], summaries={0: "It moves [S1].", 2: "It turns [S2]."})
    text = render(material, "md").decode().replace("\\", "")
    assert "It moves (0:00)." in text
    assert "A green bar rotates (0:04). A comet <b>." in text
    page = render(material, "html").decode()
    assert 'A green bar rotates <a href="#s2">0:04</a>. A comet &lt;b&gt;.' in page
    assert "<article id=s2>" in page
    assert "[S" not in text + page


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(9.6, "0:09.6"), (10.0, "0:10"), (59.97, "1:00"), (61.6, "1:02"), (3599.7, "1:00:00"), (0.0, "0:00")],
)
def test_a_length_is_never_told_too_short(seconds, wanted):
    assert length(seconds) == wanted
