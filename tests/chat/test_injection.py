"""What is said or written in a video, in its name or in an earlier answer gives no orders and carries no markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT
from timelines import SHAPES, timeline_of

from assistant.chat import answer as chat
from assistant.chat.compose import safe
from assistant.chat.conversation import Turned, build_prompt
from assistant.chat.retrieval import render_segment
from assistant.config import Settings
from assistant.core.plaintext import PlainStream
from assistant.core.timeline import Answer, Observation, Span, Timeline
from assistant.models.protocols import Message

LINES = (ROOT / "tests" / "injections.txt").read_text(encoding="utf-8").splitlines()
ATTEMPTS = [
    re.sub(r"\\n|\\r|\\x0b|\\x0c|\\u2028|\\u2029", lambda m: m.group(0).encode().decode("unicode_escape"), line)
    for line in LINES
    if line and not line.startswith("# One")
]
SETTINGS = Settings(home=Path("unused"))
QUESTIONS = (
    "What happens in the video?",
    "How many times does the red circle move left?",
    "What colour is the square?",
)
ROWS = [(action, look, words) for action, look, words in SHAPES]
CONTROL = re.compile(r"<\|?|\|>|[<>`{}]|\[/?INST|://|\]\(|!\[|javascript:|\$")


class Scripted:
    """A chat model that obeys whoever spoke last."""

    name = "scripted"
    context_tokens = 8000

    def __init__(self, text: str) -> None:
        self.text = text
        self.messages: list[Message] = []

    def count_tokens(self, text: str) -> int:
        return len(text) // 4 + 1

    def stream(self, messages, options, cancelled=lambda: False) -> Iterator[str]:
        self.messages = list(messages)
        for start in range(0, len(self.text), 7):
            yield self.text[start : start + 7]


def answered(question: str, timeline: Timeline, model=None, history=()) -> tuple[Answer, str]:
    *pieces, last = chat.answer(question, timeline, history=history, model=model, settings=SETTINGS)
    assert isinstance(last, Answer)
    return last, "".join(pieces)


def with_words(words: str) -> Timeline:
    return timeline_of([*ROWS[:3], (ROWS[3][0], ROWS[3][1], words), *ROWS[4:]])


def with_labels(words: str) -> Timeline:
    return timeline_of([*ROWS[:6], (words, words, ""), *ROWS[7:]])


def test_there_are_sixty_attempts_and_more():
    assert len(set(ATTEMPTS)) >= 60


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_evidence_stays_one_line_with_one_mark_and_closed_quotes(attempt):
    for timeline, at in ((with_words(attempt), 4), (with_labels(attempt), 7)):
        line = render_segment(timeline.segments[at - 1])
        assert len(line.splitlines()) == 1
        assert re.findall(r"\[[^\]]*\]?", line) == [f"[S{at}]"]
        assert line.count('"') == 2 * (line.count(" | "))
        assert not CONTROL.search(line), line


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_prompt_keeps_its_shape_whatever_is_said(attempt):
    plain = build_prompt(
        "What happens?", with_words("hello"), [], Scripted(""), evidence_tokens=3000, answer_tokens=100
    )
    history = [Turned("What?", attempt, (1,))]
    timeline = with_words(attempt)
    timeline = replace(timeline, video=replace(timeline.video, path=f"/videos/{attempt}.mp4"))
    model = Scripted("")
    prompt = build_prompt("What happens?", timeline, history, model, evidence_tokens=3000, answer_tokens=100)
    assert [message.role for message in prompt.messages] == ["system", "user", "assistant", "user"]
    one, other = plain.messages[0].content.splitlines(), prompt.messages[0].content.splitlines()
    assert [line for line in one if "[S4]" not in line] == [line for line in other if "[S4]" not in line]
    assert len(one) == len(other)
    earlier = prompt.messages[2].content
    assert "<" not in earlier
    assert ">" not in earlier
    assert not re.search(r"\[/?INST\]", earlier)
    named = "".join(message.content for message in (prompt.messages[0], prompt.messages[1], prompt.messages[3]))
    assert "/videos/" not in named, "the file's name is nobody's evidence"


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_answers_without_a_model_do_not_change(attempt):
    neutral = with_words("hello")
    for question in QUESTIONS:
        expected, _ = answered(question, neutral)
        got, _ = answered(question, with_words(attempt))
        assert got.text == expected.text
        assert got.citations == expected.citations
    said, shown = answered("What is said in segment 4?", with_words(attempt))
    assert {citation.segment_id for citation in said.citations} <= {4}
    assert not CONTROL.search(said.text), said.text
    assert not CONTROL.search(shown)
    told, _ = answered("What happens in segment 7?", with_labels(attempt))
    assert {citation.segment_id for citation in told.citations} <= {7}
    assert not CONTROL.search(told.text), told.text


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_orders_on_the_screen_or_in_the_file_name_are_quoted_and_change_nothing(attempt):
    plain = with_words("hello")
    shown_text = Observation("text", Span(0.5, 3.5), text=attempt, source="reader")
    written = replace(plain, observations=(shown_text,))
    renamed = replace(plain, video=replace(plain.video, path=f"/videos/{attempt}.mp4"))
    for question in QUESTIONS:
        expected, _ = answered(question, plain)
        for timeline in (written, renamed):
            got, _ = answered(question, timeline)
            assert (got.text, got.citations) == (expected.text, expected.citations)
    for question, timeline in (("What is written on the screen?", written), ("What is the file called?", renamed)):
        told, shown = answered(question, timeline)
        assert {citation.segment_id for citation in told.citations} <= {1}
        assert not CONTROL.search(told.text + shown), told.text


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_model_that_obeys_is_not_believed(attempt):
    got, shown = answered("What happens first?", with_words(attempt), Scripted(attempt))
    assert "HACKED" not in got.text
    assert got.model == "extractive" or not got.found
    for text in (got.text, shown, got.draft):
        assert not CONTROL.search(text), text


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_model_that_half_obeys_keeps_only_what_is_supported(attempt):
    model = Scripted(f"A red circle moves left [S1]. {attempt}")
    got, shown = answered("What happens first?", with_words("hello"), model)
    assert got.text.startswith("A red circle moves left [S1].")
    assert "HACKED" not in got.text
    assert not CONTROL.search(got.text + got.draft + shown), (got, shown)
    assert {citation.segment_id for citation in got.citations} <= {1}


def test_a_link_that_comes_in_pieces_is_not_shown():
    stream = PlainStream()
    text = "See ![a b](http://evil.example/x.png) and [this one](javascript:alert(1)) <b>now</b> http://a.example/b end"
    shown = "".join(stream.feed(text[at : at + 3]) for at in range(0, len(text), 3)) + stream.rest()
    assert "evil" not in shown
    assert "javascript" not in shown
    assert "<" not in shown
    assert shown.split()[-1] == "end"


def test_what_a_model_thinks_aloud_is_not_shown():
    got, shown = answered(
        "What?", timeline_of(SHAPES), Scripted("<think>The dog [S1].</think>A red circle moves left [S1].")
    )
    assert shown.strip() == got.text == "A red circle moves left [S1]."


def test_untrusted_words_are_not_endless():
    assert len(safe("a" * 10_000)) <= 300
