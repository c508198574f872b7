"""Text from outside in a page, times as links, colours of labels, and what the desk shows of a segment."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace

import pytest
from conftest import ROOT

from assistant.config import Settings
from assistant.core.plaintext import one_line
from assistant.core.timeline import Absence, Citation, Segment, Span, Word
from assistant.engine import Assistant
from assistant.models.packs import download
from assistant.models.packs.checkpoints import PULL_COMMAND, VERIFY_COMMAND
from assistant.synthetic.film import make
from assistant.ui.colours import contrast, label_colour, mix
from assistant.ui.text import in_words, markdown, moment_seconds, shown_name, with_citations
from assistant.ui.view import absence_sentence, flag_sentence, plain_reason

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
    assert with_citations("It turns [S2].", timeline) == r"It turns [0:06](#t=6.000&s=2)\."


def test_a_citation_leads_to_the_moment_where_the_segment_is_still_the_answers_own(timeline):
    second = replace(timeline.segments[1], keyframe_seconds=7.0)
    timeline = replace(timeline, segments=(timeline.segments[0], second, *timeline.segments[2:]))
    for cited in ((), [Citation(2, second.span)]):
        assert with_citations("It turns [S2].", timeline, cited) == r"It turns [0:07](#t=7.000&s=2)\."


def test_a_citation_of_nothing_is_marked(timeline):
    assert "no segment 99" in with_citations("A comet [S99].", timeline)
    assert "#t=" not in with_citations("A comet [S99].", timeline)


def test_half_a_citation_is_not_shown_while_it_streams(timeline):
    assert with_citations("It turns [S", timeline, streaming=True) == "It turns"
    assert with_citations("It turns [S1", timeline, streaming=True) == "It turns"


def test_a_model_cannot_write_links_of_its_own(timeline):
    shown = with_citations("[0:04](https://evil.example) ![x](https://evil.example/x.png) [S1]", timeline)
    assert re.findall(r"(?<!\\)\]\((.*?)\)", shown) == ["#t=2.000&s=1"]


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


COMMANDS = re.compile(r"(?<![a-z])--[a-z]|python -m|docs/|ASSISTANT_|same command|run it again|Errno|urlopen|make run")


def remedies():
    """Every second argument of an error that a page can meet, as far as it stands in the code."""
    from assistant import errors

    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)} | {"damaged", "tell"}
    skipped = {"cli", "training", "synthetic", "evaluation"}
    for path in sorted((ROOT / "assistant").rglob("*.py")):
        if path.relative_to(ROOT / "assistant").parts[0] in skipped or path.name in ("gate.py", "server.py"):
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", getattr(call.func, "attr", "")) in kinds:
                for argument in call.args[:2]:
                    if isinstance(argument, ast.Constant | ast.JoinedStr):
                        yield path.name, _said(argument)


def _said(node) -> str:
    """The text with the commands that it names in their places, and a word for anything else."""
    known = {"PULL_COMMAND": PULL_COMMAND, "checkpoints.PULL_COMMAND": PULL_COMMAND, "VERIFY_COMMAND": VERIFY_COMMAND}
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = (p.value if isinstance(p, ast.Constant) else known.get(ast.unparse(p.value), "it") for p in node.values)
    return "".join(map(str, parts))


def test_no_page_speaks_command_line():
    found = list(remedies())
    assert len(found) > 100
    assert [(name, in_words(text)) for name, text in found if COMMANDS.search(in_words(text))] == []


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("run the same command again to go on", "try again"),
        (download._NO_NETWORK, "connect to the network and try again"),
        ("the hub: <urlopen error [Errno -2] Name or service not known>", "the hub: the network cannot be reached"),
        (f"run {PULL_COMMAND} --pack standard", "get it on the page Models"),
        (f"make room and run {PULL_COMMAND} again to go on", "make room, get it on the page Models"),
        ("make room, or choose another --home", "make room, start with another folder"),
        ("check the path and its spelling", "check the path and its spelling"),
    ],
)
def test_what_is_said_for_the_terminal_is_said_for_the_page(said, wanted):
    assert in_words(said) == wanted


def test_why_words_were_not_believed_is_told_in_shares_that_people_know():
    reason = "words too uncertain (average log-probability -0.33)"
    assert plain_reason(reason) == "words too uncertain (each word about 72 % sure)"


def test_a_citation_leads_to_the_words_that_it_quotes_else_to_the_frame_that_shows_most(timeline):
    second = timeline.segments[1]
    words = tuple(Word(Span(5.0 + i / 4, 5.2 + i / 4), text) for i, text in enumerate(["we", "count", "one", "two"]))
    spoken = replace(second, utterances=(replace(second.utterances[0], words=words),))
    assert moment_seconds(spoken, "A green bar rotates") == second.keyframe_seconds
    assert moment_seconds(spoken, "It says: “We count one …”") == pytest.approx(4.8)
    assert moment_seconds(spoken, "It says “one two three”") == pytest.approx(5.3)
    assert moment_seconds(second, "It says “one two three”") == pytest.approx(4.8)
    assert moment_seconds(replace(second, keyframe_seconds=None)) == pytest.approx(4.8)
    assert moment_seconds(replace(second, keyframe_seconds=None, utterances=())) == 4.0


def test_a_citation_lands_where_the_thing_can_be_seen_in_the_worlds_truth(tmp_path):
    """Two generated films, analysed: where a segment begins it is often black, or the thing is still outside."""
    assistant = Assistant(Settings(tmp_path / "home", pack="demo"))
    beginnings, moments = [], []
    for seed in (100_300, 100_301):
        path = tmp_path / f"{seed}.mp4"
        truth = make(path, seed, 15.0)
        for segment in assistant.analyze(path).segments:
            beginnings.append(_in_sight(truth, segment.span.start_seconds))
            moments.append(_in_sight(truth, moment_seconds(segment)))
    assert sum(moments) > sum(beginnings)
    assert sum(moments) >= 0.9 * len(moments)


def _in_sight(truth, seconds: float) -> bool:
    event = next((event for event in truth.events if event.span.contains(seconds)), None)
    box = event.box_at(seconds) if event is not None else None
    dark = (fade.span for fade in truth.fades if fade.kind == "fade")
    return bool(box and box.visible) and not any(
        abs(span.middle_seconds - seconds) < 0.35 * span.seconds for span in dark
    )


def test_an_answer_keeps_its_places_when_the_video_is_divided_anew():
    from timelines import SHAPES, timeline_of

    timeline = timeline_of(SHAPES, seconds=4.0)
    cited = [Citation(1, Span(8.5, 10.0))]
    assert with_citations("Here [S1].", timeline, cited) == r"Here [0:08](#t=8.500&s=3)\."
    assert with_citations("Here [S1].", timeline) == r"Here [0:02](#t=2.000&s=1)\."
