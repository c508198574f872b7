"""What the answerer without a language model understands, and what it refuses."""

from __future__ import annotations

import pytest
from timelines import KITCHEN, SHAPES, timeline_of

from assistant.chat.compose import Reply
from assistant.chat.evidence import evidence_of
from assistant.chat.plan import reply as reply_to
from assistant.chat.verify import check, marks
from assistant.core.timeline import Timeline


def answered(question: str, timeline: Timeline) -> Reply:
    return reply_to(question, evidence_of(timeline))


@pytest.fixture(scope="module")
def shapes() -> Timeline:
    # Segments 4 and 5 are one shot: the green star comes closer once.
    return timeline_of(SHAPES, same_shot=(5,))


@pytest.fixture(scope="module")
def kitchen() -> Timeline:
    return timeline_of(KITCHEN)


# question -> ids that are cited, words that are in the answer
ASKED_OF_SHAPES = [
    ("What happens in the video?", range(1, 11), ["red circle", "purple bar"]),
    ("What's going on in this clip?", range(1, 11), ["rotating"]),
    ("Summarise the video.", range(1, 11), ["vanishing"]),
    ("What happens at 0:05?", [2], ["blue square", "rotating"]),
    ("what is happening at second 5", [2], ["rotating"]),
    ("What do we see 5 seconds in?", [2], ["blue square"]),
    ("What can be seen between 0:09 and 0:11?", [3], ["red square"]),
    ("What happens from 0:00 to 0:04?", [1], ["moving left"]),
    ("What happens in the last 4 seconds?", [10], ["purple bar"]),
    ("What is shown in segment 6?", [6], ["white bar"]),
    ("What happens first?", [1], ["red circle"]),
    ("How does it start?", [1], ["red circle"]),
    ("What is the last thing that can be seen?", [10], ["purple bar"]),
    ("When does the blue square rotate?", [2], ["rotating"]),
    ("When does the blue square spin?", [2], ["rotating"]),
    ("At what point does the yellow triangle disappear?", [7], ["vanishing"]),
    ("Where in the video does the star get bigger?", [4, 5], ["coming closer"]),
    ("Show me the moment when the red square goes to the right.", [3], ["moving right"]),
    ("Find the black star going around in circles", [9], ["circling"]),
    ("Can you tell me when the yellow triangle vanishes?", [7], ["yellow triangle"]),
    ("When is the purple bar motionless?", [10], ["staying still"]),
    ("In which scene does something move leftwards?", [1, 8], ["moving left"]),
    ("What does the red square do?", [3], ["moving right"]),
    ("How does the blue square move?", [2], ["rotating"]),
    ("What is the black star doing?", [9], ["circling"]),
    ("What happens to the yellow triangle?", [7], ["vanishing"]),
    ("Which object rotates?", [2], ["blue square"]),
    ("What moves right?", [3], ["red square"]),
    ("What colour is the square that moves right?", [3], ["red"]),
    ("What color does the thing that is circling have?", [9], ["black"]),
    ("What shape is the yellow thing that disappears?", [7], ["triangle"]),
    ("How many times does the red circle move left?", [1, 8], ["2"]),
    ("How often does something come closer?", [4, 5], ["1"]),
    ("In how many scenes is there a star?", [4, 5, 9], ["2"]),
    ("Does a red circle appear?", [1, 8], ["yes"]),
    ("Is there a purple bar?", [10], ["yes"]),
    ("Does the blue square rotate before the black star circles around?", [2, 9], ["yes"]),
    ("Does the purple bar come before the blue square?", [10, 2], ["no"]),
    ("Which comes first, the yellow triangle or the blue square?", [2, 7], ["blue square"]),
    ("Is the square that rotates red or blue?", [2], ["blue"]),
    ("What happens after the blue square rotates?", [3], ["red square"]),
    ("What happens right before the white bar is shown?", [5, 4], ["green star"]),
    ("What follows the yellow triangle?", [8], ["red circle"]),
    ("After the yellow triangle vanishes, what happens?", [8], ["moving left"]),
    ("What does the camera do?", [6], ["panning"]),
    ("When does the camera pan?", [6], ["camera panning"]),
    ("Does the camera move?", [6], ["yes"]),
    ("What is said?", [1, 2, 4, 6, 8, 9], ["seven two", "monday"]),
    ("What does the narrator say at 0:05?", [2], ["the code is seven two"]),
    ("What is said about the white bar?", [6], ["now look at the white bar"]),
    ("Which day is mentioned?", [4], ["monday"]),
    ("When does somebody say Monday?", [4], ["monday"]),
    ("Who says “see you on monday”?", [4], ["see you on monday"]),
    ("Is the word monday said?", [4], ["yes"]),
    ("How many times is “two” said?", [2, 8], ["2"]),
    ("What is the first thing that is said?", [1], ["the red circle moves left"]),
    ("What are the last words?", [9], ["circles around"]),
    ("What is said while the black star circles around?", [9], ["the black star circles around"]),
    ("What is shown while they say “see you on monday”?", [4], ["green star"]),
    ("What is the code?", [2], ["seven two"]),
    ("Repeat the second sentence.", [2], ["the code is seven two"]),
    ("What is said in the first scene?", [1], ["the red circle moves left"]),
    ("How long does the star come closer?", [4, 5], ["8 seconds"]),
    ("Why was “rotating” predicted?", [2], ["0.90", "why"]),
    ("How sure are you that the blue square rotates?", [2], ["0.90"]),
    ("When is the red circle shown for the second time?", [8], ["red circle"]),
]  # fmt: skip

NOT_IN_SHAPES = [
    "Does a dog appear?",
    "What does the dog do?",
    "When does the red star rotate?",
    "Is there a blue circle?",
    "Does the red circle rotate?",
    "When does the blue square move up?",
    "What happens after the green circle vanishes?",
    "What colour is the hexagon?",
    "What colour is the triangle that rotates?",
    "How many times does the blue square vanish?",
    "What happens at 5:00?",
    "What is said in segment 99?",
    "What is said about the weather?",
    "When is Tuesday mentioned?",
    "Who says “see you on sunday”?",
    "Does anybody say that the blue bar moves left?",
    "Is the red circle seen at 0:22?",
    "What is the name of the speaker?",
    "Why was this video made?",
    "Which comes first, the red circle or the pink square?",
    "Does the red triangle come before the blue square?",
]

ASKED_OF_KITCHEN = [
    ("When is the drawer opened?", [1], ["opening a drawer"]),
    ("When does he open a drawer?", [1], ["drawer"]),
    ("What is poured into the glass?", [4], ["water"]),
    ("When is water poured?", [4], ["pouring"]),
    ("What does the man at the table do?", [3, 4, 5], ["cutting", "drinking"]),
    ("What happens after the knife is picked up?", [3], ["tomato"]),
    ("Is a tomato cut?", [3], ["yes"]),
    ("What happens before somebody drinks?", [4], ["pouring"]),
    ("What is said about water?", [4], ["never use cold water"]),
    ("How many times do we see the kitchen?", [1, 2, 6], ["2"]),
]


@pytest.mark.parametrize(
    ("question", "ids", "words"), ASKED_OF_SHAPES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_question_is_answered_by_the_segments_that_hold_the_answer(shapes, question, ids, words):
    _holds(shapes, question, ids, words)


@pytest.mark.parametrize(
    ("question", "ids", "words"), ASKED_OF_KITCHEN, ids=lambda value: value if isinstance(value, str) else ""
)
def test_labels_of_any_recogniser_are_understood(kitchen, question, ids, words):
    _holds(kitchen, question, ids, words)


def _holds(timeline: Timeline, question: str, ids, words) -> None:
    reply = answered(question, timeline)
    assert reply.found, reply.text
    assert set(marks(reply.text)) <= set(ids), reply.text
    assert set(marks(reply.text)), reply.text
    for word in words:
        assert word in reply.text.lower(), reply.text
    verdicts = [claim.verdict for claim in check(reply.text, timeline)]
    assert "contradicted" not in verdicts, (reply.text, check(reply.text, timeline))


@pytest.mark.parametrize("question", NOT_IN_SHAPES)
def test_what_the_video_does_not_hold_is_refused_without_a_mark(shapes, question):
    reply = answered(question, shapes)
    assert not reply.found, reply.text
    assert marks(reply.text) == ()
    assert reply.outcome in ("not_in_video", "cannot_tell")


def test_what_is_only_spoken_of_is_not_told_as_seen(kitchen):
    assert answered("Is there a dog?", kitchen).text == "It is said, not seen: “be careful the dog is asleep” [S2]."


def test_what_is_not_said_in_those_words_is_told_as_the_nearest_alone(shapes):
    assert answered("What does the red circle do with the ball?", shapes).text.startswith("That is not said in so many")


def test_cuts_are_counted(shapes):
    assert "8 cuts" in answered("How many cuts are there?", shapes).text


def test_silence_is_told_as_silence(shapes):
    reply = answered("What is said while the purple bar stays still?", shapes)
    assert "no words" in reply.text.lower()
    assert reply.outcome == "not_in_video"


def test_an_action_that_fits_no_label_is_not_quoted():
    timeline = timeline_of([("playing chess", "a park", "")], unknown_action=(1,))
    reply = answered("What happens in it?", timeline)
    assert "chess" not in reply.text
    assert not answered("When does somebody play chess?", timeline).found


def test_an_unsure_label_is_hedged():
    reply = answered("What happens?", timeline_of([("rotating", "red circle", "")], score=0.3))
    assert "probably" in reply.text


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("¿Qué pasa en el vídeo?", "red circle"),
        ("Was passiert mit dem roten Kreis?", "dazu"),
        ("何が起こりますか", "found"),
    ],
)
def test_a_question_in_another_language_is_answered_in_it_as_far_as_it_can_be_searched(shapes, question, word):
    assert word in answered(question, shapes).text.lower()


def test_a_video_without_words_says_so():
    timeline = timeline_of([("rotating", "red circle", "")])
    assert answered("What is said?", timeline).outcome == "not_looked_at"


def test_an_empty_timeline_is_answered_plainly():
    assert not answered("What happens?", timeline_of([])).found


@pytest.mark.parametrize(
    "question",
    ["?" * 50 + "a", "when " * 300, "before after before after", "[S1] [S2]", "a", "the", "between and", "0:0", "-",
     "what " * 5 + "“" * 20,
     "What is said “", "after", "and then", "how many", "why", "segment", "in the last", "(((((", "\\d+ .* [a-z]{3,}"],
)  # fmt: skip
def test_no_question_breaks_the_answerer(shapes, question):
    reply = answered(question, shapes)
    assert reply.text
    assert set(marks(reply.text)) <= set(range(1, 11))
