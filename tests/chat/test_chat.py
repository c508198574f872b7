"""One question from its words to a checked answer, with and without a language model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from timelines import SHAPES, timeline_of

from assistant.chat import answer as chat
from assistant.chat.answer import Turn
from assistant.chat.conversation import Turned, build_prompt
from assistant.config import ChatSettings, Settings
from assistant.core.timeline import Answer, Timeline
from assistant.errors import ModelFailed, QuestionUnusable
from assistant.models.protocols import Message, TextModels

SETTINGS = Settings(home=Path("unused"))


class Scripted:
    """Says what it is told, word by word; an exception in the script is raised."""

    name = "scripted"
    context_tokens = 8000

    def __init__(self, *script: str | Exception) -> None:
        self.script = script
        self.prompts: list[list[Message]] = []

    def count_tokens(self, text: str) -> int:
        return len(text) // 4 + 1

    def stream(self, messages, options, cancelled=lambda: False) -> Iterator[str]:
        self.prompts.append(list(messages))
        for item in self.script:
            if isinstance(item, Exception):
                raise item
            for word in item.split(" "):
                if cancelled():
                    return
                yield word + " "


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    return timeline_of(SHAPES, same_shot=(5,))


def ask(question: str, timeline: Timeline, model=None, history=(), settings=SETTINGS, **more) -> Answer:
    *_, last = chat.answer(question, timeline, history=history, model=model, settings=settings, **more)
    assert isinstance(last, Answer)
    return last


def test_without_a_model_the_last_item_is_the_answer_and_the_pieces_are_its_text(timeline):
    *pieces, last = chat.answer("What rotates?", timeline, settings=SETTINGS)
    assert "".join(pieces) == last.text
    assert last.found
    assert last.model == "extractive"
    assert [c.segment_id for c in last.citations] == [2]
    assert last.citations[0].span == timeline.segments[1].span


def test_what_a_model_says_with_support_stands(timeline):
    got = ask("What rotates?", timeline, Scripted("The blue square rotates [S2]."))
    assert (got.text, got.model, got.found) == ("The blue square rotates [S2].", "scripted", True)
    assert [claim.verdict for claim in got.claims] == ["supported"]


def test_what_is_not_supported_is_withheld_and_kept_as_the_draft(timeline):
    model = Scripted("The blue square rotates [S2]. It is made of glass [S2]. A star sings.")
    got = ask("What rotates?", timeline, model)
    assert got.text == "The blue square rotates [S2]."
    assert "glass" in got.draft
    assert [claim.verdict for claim in got.claims] == ["supported", "unsupported", "unsupported"]


def test_unsupported_sentences_can_be_shown_by_setting(timeline):
    settings = replace(SETTINGS, chat=ChatSettings(withhold_unsupported=False))
    got = ask("What rotates?", timeline, Scripted("The blue square rotates [S2]. A star sings."), settings=settings)
    assert "sings" in got.text
    assert got.claims[1].verdict == "unsupported"


def test_a_mark_of_nothing_is_reported(timeline):
    got = ask("What rotates?", timeline, Scripted("The blue square rotates [S2] [S77]. The blue square rotates [S2]."))
    assert got.unresolved == (77,)
    assert [c.segment_id for c in got.citations] == [2]


def test_where_nothing_is_left_the_answer_is_put_together_without_the_model(timeline):
    got = ask("What rotates?", timeline, Scripted("A dog rotates [S2]."))
    assert got.model == "extractive"
    assert "blue square" in got.text.lower()
    assert "could be supported" in got.notices[0]
    assert "dog" in got.draft


def test_where_neither_knows_it_is_not_in_this_video(timeline):
    got = ask("What does the dog do?", timeline, Scripted("The dog sleeps [S2]."))
    assert not got.found
    assert got.outcome == "not_in_video"
    assert got.citations == ()


def test_a_model_may_say_that_it_is_not_in_this_video(timeline):
    got = ask("What does the dog do?", timeline, Scripted("Not in this video."))
    assert (got.found, got.citations, got.model) == (False, (), "scripted")
    assert got.claims


def test_a_refusal_of_the_model_is_believed(timeline):
    got = ask("What rotates?", timeline, Scripted("Not in this video."))
    assert (got.model, got.found) == ("scripted", False)


@pytest.mark.parametrize("script", [(ModelFailed("gone", "start it"),), ("The blue ", ModelFailed("gone", "start it"))])
def test_a_model_that_fails_is_replaced_with_a_notice(timeline, script):
    got = ask("What rotates?", timeline, Scripted(*script))
    assert got.model == "extractive"
    assert got.found
    assert "gone; start it" in got.notices[0]


def test_a_stopped_answer_keeps_what_was_supported(timeline):
    heard: list[str] = []

    def stop() -> bool:
        return len(heard) > 6

    stream = chat.answer(
        "What?", timeline, model=Scripted("The blue square rotates [S2]. A red circle moves left [S1]."),
        settings=SETTINGS, cancelled=stop,
    )  # fmt: skip
    last = None
    for item in stream:
        last = item
        heard.append("x")
    assert isinstance(last, Answer)
    assert last.text == "The blue square rotates [S2]."
    assert last.notices == ("Stopped before the end.",)


def test_an_empty_answer_is_replaced(timeline):
    assert ask("What rotates?", timeline, Scripted("")).model == "extractive"


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "?!", "\x00\x01"])
def test_an_empty_question_is_told_so(timeline, question):
    with pytest.raises(QuestionUnusable, match="empty"):
        ask(question, timeline)


def test_twenty_thousand_characters_are_too_many(timeline):
    with pytest.raises(QuestionUnusable, match="20000 characters"):
        ask("why " * 5000, timeline)


def test_a_context_too_small_for_one_segment_is_told(timeline):
    model = Scripted("The blue square rotates [S2].")
    model.context_tokens = 100
    got = ask("What rotates?", timeline, model)
    assert got.model == "extractive"
    assert "has no room for one segment" in got.notices[0]


FOLLOW_UPS = [
    (["When does the blue square rotate?", "And after that?"], [3]),
    (["When does the blue square rotate?", "What happens next?"], [3]),
    (["When does the blue square rotate?", "And before that?"], [1]),
    (["What does the red square do?", "What about the black star?"], [9]),
    (["How many times does the red circle move left?", "And the red square?"], [3]),
    (["What happens at 0:05?", "And at 0:09?"], [3]),
    (["What is said at 0:05?", "and in the last 8 seconds?"], [9]),
    (["When does the yellow triangle vanish?", "What colour is it?"], [7]),
    (["What is the black star doing?", "Why?"], [8, 9]),
    (["What rotates?", "When?"], [2]),
    (["What rotates?", "What does it do?"], [2]),
    (["What rotates?", "How sure are you?"], [2]),
    (["What does the red circle do?", "And the blue one?"], [2]),
    (["When does the blue square rotate?", "and after that?", "and after that?"], [4, 5]),
    (["What is shown in segment 6?", "And what is said there?"], [6]),
]


@pytest.mark.parametrize(
    ("questions", "ids"), FOLLOW_UPS, ids=lambda v: v[-1] if isinstance(v, list) and v and isinstance(v[0], str) else ""
)
def test_a_follow_up_is_understood_with_the_conversation(timeline, questions, ids):
    history: list[Turn] = []
    for question in questions:
        got = ask(question, timeline, history=history)
        history.append(Turn(question, got))
    if ids is None:
        assert not got.found, got.text
    else:
        assert got.found, got.text
        assert {c.segment_id for c in got.citations} <= set(ids), got.text


def prompt_for(question: str, timeline: Timeline, history=(), tokens: int = 3000):
    return build_prompt(question, timeline, history, Scripted(), evidence_tokens=tokens, answer_tokens=200)


def test_a_further_turn_only_adds_to_the_end_of_the_prompt(timeline):
    long = timeline_of(SHAPES * 40)
    for video, tokens in ((timeline, 3000), (long, 1500)):
        first = prompt_for("What rotates?", video, tokens=tokens)
        history = [Turned("What rotates?", "The blue square rotates [S2].", (2,))]
        second = prompt_for("When does the triangle vanish?", video, history, tokens=tokens)
        assert second.messages[: len(first.messages)] == first.messages
        assert first.shown_ids <= second.shown_ids


def test_the_evidence_holds_no_time(timeline):
    text = prompt_for("What happens at 0:05?", timeline).messages[0].content
    assert not any(mark in text for mark in ("0:0", "4.0", "seconds |"))


def test_a_time_in_the_question_is_told_as_a_segment(timeline):
    assert "means [S2]." in prompt_for("What happens at 0:05?", timeline).messages[-1].content
    assert "outside the video" in prompt_for("What happens at 50:05?", timeline).messages[-1].content


def test_a_long_video_is_shown_in_chapters_and_found_segments():
    long = timeline_of(SHAPES * 40)
    prompt = prompt_for("What does the black star do?", long, tokens=1500)
    assert "in chapters" in prompt.messages[0].content
    assert 9 in prompt.shown_ids
    assert len(prompt.shown_ids) < 400


def test_questions_are_suggested_that_the_video_answers(timeline):
    for question in chat.suggestions(timeline):
        assert ask(question, timeline).found, question
    assert chat.suggestions(timeline_of([])) == []


@pytest.fixture
def server():
    from test_openai_api import Server

    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def test_a_model_behind_a_server_answers_through_the_whole_way(timeline, server):
    from test_openai_api import chunk

    from assistant.models.chat.openai_api import OpenAIChatModel

    server.script = [chunk("The blue square "), chunk("rotates [S2]."), chunk(None, "stop"), "data: [DONE]"]
    got = ask("What rotates?", timeline, OpenAIChatModel(server.address, "tiny"))
    assert got.text == "The blue square rotates [S2]."
    assert got.model.startswith("tiny at 127.0.0.1")
    server.script = [chunk("The blue square "), "drop"]
    got = ask("What rotates?", timeline, OpenAIChatModel(server.address, "tiny"))
    assert got.model == "extractive"
    assert "The language model did not answer" in got.notices[0]


def test_evidence_is_trimmed_to_what_a_server_turns_out_to_hold(server):
    from test_openai_api import chunk

    from assistant.models.chat.openai_api import OpenAIChatModel

    long = timeline_of(SHAPES * 40)
    server.script = [chunk("The blue square rotates [S2]."), chunk(None, "stop"), "data: [DONE]"]
    settings = replace(SETTINGS, chat=replace(SETTINGS.chat, answer_tokens=50))
    model = OpenAIChatModel(server.address)
    ask("What rotates?", long, model, settings=settings)
    server.holds = sum(len(message["content"]) // 4 for message in server.requests[0]["messages"]) - 1
    got = ask("What rotates?", long, model, settings=settings)
    assert got.model.startswith("tiny at")
    assert not got.notices
    assert len(server.requests) > 2
    sizes = [len(request["messages"][0]["content"]) for request in server.requests]
    assert sizes[-1] < sizes[0]
    before = len(server.requests)
    ask("What rotates?", long, model, settings=settings)
    assert len(server.requests) == before + 1, "what was learned is kept"
    server.holds = 100  # less than the rules alone
    got = ask("What rotates?", long, model, settings=settings)
    assert got.model == "extractive"
    assert "context" in got.notices[0]


def test_a_further_turn_sends_a_server_what_it_has_read_and_more(timeline, server):
    from test_openai_api import chunk

    from assistant.models.chat.openai_api import OpenAIChatModel

    server.script = [chunk("The blue square rotates [S2]."), chunk(None, "stop"), "data: [DONE]"]
    model = OpenAIChatModel(server.address)
    first = ask("What rotates?", timeline, model)
    ask("When does the triangle vanish?", timeline, model, history=[Turn("What rotates?", first)])
    one, two = (request["messages"] for request in server.requests)
    assert two[: len(one)] == one
    assert two[len(one)] == {"role": "assistant", "content": first.text}


def test_where_the_model_is_missing_the_rules_answer_and_say_so(timeline):
    from assistant.errors import ModelUnavailable

    got = ask("What rotates?", timeline, missing=ModelUnavailable("no language model answers at X", "start the server"))
    assert got.model == "extractive"
    assert got.found
    assert got.notices == (
        "The language model did not answer (no language model answers at X; start the server)."
        " This answer was put together without it.",
    )


def test_a_model_that_was_stopped_before_its_first_word_is_not_credited(timeline):
    got = ask("What rotates?", timeline, Scripted("The blue square."), cancelled=lambda: True)
    assert (got.model, got.text) == ("extractive", "")


def test_an_answer_in_another_language_stands_with_its_places_and_says_what_was_not_checked(timeline):
    got = ask(
        "Was passiert mit dem blauen Quadrat?", timeline, Scripted("Das blaue Quadrat dreht sich um sich selbst [S2].")
    )
    assert got.model == "scripted"
    assert [claim.verdict for claim in got.claims] == ["not_checkable"]
    assert "English only" in got.notices[0]
    english = ask(
        "What does the blue square do?", timeline, Scripted("Das blaue Quadrat dreht sich um sich selbst [S2].")
    )
    assert english.model == "extractive"


def test_a_recording_without_a_picture_is_answered_from_its_words():
    sound = timeline_of([("", "", "the code is seven two"), ("", "", ""), ("", "", "see you on monday")])
    got = ask("What happens in it?", sound)
    assert got.found
    assert "see you on monday" in got.text
    assert {claim.verdict for claim in got.claims} == {"supported"}


def test_the_answer_survives_its_json(timeline):
    got = ask("What rotates?", timeline, Scripted("The blue square rotates [S2]. A star sings."))
    assert Answer.from_json(got.to_json()) == got


class Reads:
    """A reranker that finds the answer where a line holds one word, and else is as sure as it is told."""

    def __init__(self, word: str, otherwise: float = 0.01) -> None:
        self.word, self.otherwise = word, otherwise

    def relevance(self, question, passages):
        return [0.97 if self.word in passage.text else self.otherwise for passage in passages]


def spoken_answer(question, reranker):
    rows = [("", "kitchen", "Now we wait for the dough."), ("", "kitchen", "The oven is at two hundred degrees.")]
    *_, last = chat.answer(question, timeline_of(rows), reads=TextModels(reranker=reranker), settings=SETTINGS)
    return last


def test_what_a_reranker_confirms_is_told_as_the_answer_and_what_it_denies_is_not():
    question = "How hot does the oven have to be before it goes in?"
    assert "in so many words" in spoken_answer(question, Reads("nothing", 0.2)).text
    told = spoken_answer(question, Reads("degrees"))
    assert "in so many words" not in told.text
    (claim,) = (claim for claim in told.claims if "degrees" in claim.text)
    assert (claim.verdict, claim.answers_question) == ("supported", True)
    assert not spoken_answer(question, Reads("nothing")).found


def test_true_words_beside_the_point_carry_no_tick():
    last = spoken_answer("What is said about the oven?", Reads("nothing", 0.2))
    assert last.found
    assert not any(claim.verdict == "supported" and claim.answers_question is False for claim in last.claims)


def test_what_the_timeline_records_is_borne_out_without_a_place():
    *_, last = chat.answer("How long is the video?", timeline_of([("a", "b", "c")] * 3), settings=SETTINGS)
    assert [(claim.verdict, claim.evidence) for claim in last.claims] == [("supported", "timeline")]
