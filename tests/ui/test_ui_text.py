"""Text from outside in a page, times as links, colours of labels, and what the desk shows of a segment."""

from __future__ import annotations

import json
import re

import pytest

from assistant.core.plaintext import one_line
from assistant.core.timeline import Absence, Segment, Span
from assistant.ui.colours import contrast, label_colour, mix
from assistant.ui.text import markdown, shown_name, with_citations
from assistant.ui.view import absence_sentence, flag_sentence

THEMES = (("#ffffff", "#1c2330"), ("#14171d", "#e6e9ef"))
LABELS = ["turning", "moving left", "a red circle", "yellow star", "a white wall", "kitchen", *map(str, range(200))]


@pytest.mark.parametrize(
    "text", ["**b**", "[x](javascript:alert(1))", "<img src=x>", "# head", "- list", "`code`", "$x$"]
)
def test_markdown_shows_the_very_characters(text):
    shown = markdown(text)
    assert re.sub(r"\\(.)", r"\1", shown).replace("\u2060", "") == text
    assert not re.search(r"(?<!\\)[*\[\]<>#`$_!|~]", shown)


@pytest.mark.parametrize(
    "text", ["https://evil.example", "www.evil.example", "me@evil.example", ":smile:", ":red[x]", ":material/home:"]
)
def test_nothing_becomes_a_link_or_a_picture_by_itself(text):
    bare = re.sub(r"\\(.)", r"\1", markdown(text))
    assert not re.search(r"https?://|www\.|@\w|:[a-z]+[:\[/]", bare)


def test_a_name_that_turns_the_line_around_is_shown_straight():
    assert one_line("clip_\u202e4pm.exe.mp4") == "clip_4pm.exe.mp4"
    assert one_line("line\nbreak\tand\x00nul.mp4") == "line break and nul.mp4"


def test_every_hostile_name_can_be_shown(media):
    for name in json.loads((media / "hostile_names.json").read_text()):
        shown = shown_name(name)
        assert shown
        assert len(shown) <= 80
        assert "\n" not in markdown(shown)


def test_a_citation_becomes_a_link_to_its_moment(timeline):
    assert with_citations("It turns [S2].", timeline) == r"It turns [0:04](#t=4.000&s=2)\."


def test_a_citation_of_nothing_is_marked(timeline):
    assert "no segment 99" in with_citations("A comet [S99].", timeline)
    assert "#t=" not in with_citations("A comet [S99].", timeline)


def test_half_a_citation_is_not_shown_while_it_streams(timeline):
    assert with_citations("It turns [S", timeline, streaming=True) == "It turns"
    assert with_citations("It turns [S1", timeline, streaming=True) == "It turns"


def test_a_model_cannot_write_links_of_its_own(timeline):
    shown = with_citations("[0:04](https://evil.example) ![x](https://evil.example/x.png) [S1]", timeline)
    assert re.findall(r"(?<!\\)\]\((.*?)\)", shown) == ["#t=0.000&s=1"]


@pytest.mark.parametrize(("background", "text"), THEMES)
def test_text_on_every_bar_has_enough_contrast(background, text):
    for label in LABELS:
        for share in (0.30, 0.46):
            assert contrast(text, mix(label_colour(label), background, share)) >= 4.5, label


def test_a_label_has_one_colour_for_ever():
    assert label_colour("turning") == label_colour(" Turning ")
    assert len({label_colour(label) for label in LABELS}) > 40
    assert label_colour("a red circle") != label_colour("a blue circle")


def test_a_flag_is_a_sentence_with_its_reason():
    noted = Segment(1, Span(0, 1), flags=("none_of_my_labels",), notes={"none_of_my_labels": "none fits: best 0.11"})
    assert flag_sentence(noted, "none_of_my_labels") == "None fits: best 0.11."
    assert flag_sentence(Segment(1, Span(0, 1)), "never_heard_of") == "Never heard of."
    assert absence_sentence(Absence("speech", "no audio track")) == "No words: no audio track."
