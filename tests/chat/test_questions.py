"""The questions of the generated world are fair: their answers are in the truth, or nowhere."""

import json
import shutil
from collections import Counter

import pytest

from assistant.core.timeline import Span
from assistant.evaluation.measures import has_word
from assistant.synthetic.film import truth_for
from assistant.synthetic.questions import MAKERS, ask_about
from assistant.synthetic.traps import TRAPS
from assistant.synthetic.truth import Event, Truth
from assistant.synthetic.vocabulary import ACTIONS
from assistant.synthetic.wording import FALSE_OF, STEMS, VERBS, content_words

pytestmark = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng, which speaks the narration, is not installed"
)


@pytest.fixture(scope="module")
def truths() -> list[Truth]:
    return [truth_for(seed) for seed in range(150_400, 150_424)]


def told(event: Event) -> str:
    """An answer that tells everything about an event, in the words of the labels and of the narrator."""
    return f"{event.description} {event.action} {event.speech or ''}"


def event(start: float, action: str, description: str, speech: str | None = None) -> Event:
    span = Span(start, start + 4.0)
    return Event(span, action, description, speech, Span(start + 1, start + 3) if speech else None)


def test_each_video_has_at_least_ten_questions_a_fifth_of_them_unanswerable(truths):
    for truth in truths:
        unanswerable = sum(not question.answerable for question in truth.questions)
        assert len(truth.questions) >= 12
        assert unanswerable >= len(truth.questions) / 5


def test_even_a_video_of_one_scene_has_ten_questions():
    truth = truth_for(150_001, 2.0)
    assert len(truth.events) == 1
    assert len(truth.questions) >= 10


def test_no_question_comes_twice_in_a_video(truths):
    for truth in truths:
        assert len({question.question for question in truth.questions}) == len(truth.questions)


def test_the_same_truth_gives_the_same_questions(truths):
    assert ask_about(truths[0]) == truths[0].questions


def test_many_kinds_and_traps_come_up(truths):
    kinds = Counter(question.kind for truth in truths for question in truth.questions)
    traps = Counter(question.trap for truth in truths for question in truth.questions if question.trap)
    assert len(kinds) >= 15
    assert len(traps) >= 8
    assert len(MAKERS) + len(TRAPS) >= 20


def test_wordings_vary(truths):
    first = {question.question for truth in truths for question in truth.questions if question.kind == "first"}
    assert len(first) >= 4


def test_words_that_an_answer_must_hold_are_true_of_the_events_it_may_cite(truths):
    of_the_truth = ("yes_no", "order", "silence", "count", "said_or_seen")
    for truth in truths:
        for question in truth.questions:
            if question.answerable and question.kind not in of_the_truth:
                text = " ".join(told(truth.events[index]) for index in question.event_indices)
                assert all(has_word(text, word) for word in question.answer_contains), question


def test_the_right_answer_holds_no_word_that_it_must_not(truths):
    for truth in truths:
        for question in truth.questions:
            if question.answerable:
                text = " ".join(told(truth.events[index]) for index in question.event_indices)
                assert not any(has_word(text, word) for word in question.answer_excludes), question
            assert not set(question.answer_contains) & set(question.answer_excludes)


def test_answerable_questions_name_their_events_and_unanswerable_ones_none(truths):
    for truth in truths:
        for question in truth.questions:
            assert bool(question.event_indices) == question.answerable
            assert all(0 <= index < len(truth.events) for index in question.event_indices)
            assert bool(question.trap) != question.answerable


def test_no_trap_names_what_the_video_shows(truths):
    for truth in truths:
        for question in truth.questions:
            if question.trap in ("absent_object", "swapped_attributes"):
                assert not any(seen.description in question.question for seen in truth.events)
            if question.trap == "never_said":
                said = {word for seen in truth.events if seen.speech for word in seen.speech.split()}
                assert not said & set(question.question.lower().strip("?").split()) & set(["monday", "friday"])


def test_a_time_beyond_the_end_is_beyond_the_end(truths):
    beyond = [
        (truth, question) for truth in truths for question in truth.questions if question.trap == "beyond_the_end"
    ]
    assert beyond
    for truth, question in beyond:
        minutes, seconds = question.question.rstrip("?").split()[-1].split(":")
        assert 60 * int(minutes) + int(seconds) > truth.duration_seconds


def test_a_thing_that_does_two_things_is_not_asked_what_it_does():
    events = (event(0, "rotating", "red bar"), event(4, "moving left", "blue star"), event(8, "shaking", "red bar"))
    for seed in range(20):
        questions = ask_about(Truth(seed, 12.0, (4.0, 8.0), events, (), 320, 180, 25.0))
        asked = [question for question in questions if question.kind == "do"]
        assert all("red bar" not in question.question for question in asked)


def test_what_could_be_argued_about_is_not_counted():
    # A circling thing moves left half of the time, so nobody is asked how often something moves left.
    events = (event(0, "circling", "red bar"), event(4, "moving left", "blue star"))
    for seed in range(20):
        questions = ask_about(Truth(seed, 8.0, (4.0,), events, (), 320, 180, 25.0))
        assert not [q for q in questions if q.kind == "count" and "left" in q.question]


def test_every_action_has_its_words():
    assert set(VERBS) == set(STEMS) == set(FALSE_OF) == set(ACTIONS)
    for action, stem in STEMS.items():
        assert has_word(action, stem)
        assert action not in FALSE_OF[action]
        assert has_word(VERBS[action][0].gerund, stem)


def test_content_words_leave_out_what_carries_nothing():
    assert content_words("this was filmed on monday at two") == ("filmed", "monday", "two")
    assert content_words("the red bar shakes", without=("red", "bar")) == ("shakes",)


def test_questions_survive_json(truths):
    document = json.loads(json.dumps(truths[0].to_json()))
    assert Truth.from_json(document).questions == truths[0].questions
