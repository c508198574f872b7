"""The layers of the verifier: rules come first, a model may speak for the rest, evidence gives no orders."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from test_injection import ATTEMPTS
from timelines import KITCHEN, SHAPES, timeline_of

from assistant.chat.verification.verifier import LayeredVerifier
from assistant.chat.verify import check, verify_answer, whole
from assistant.core.timeline import Answer, Observation
from assistant.models.protocols import Entailment

SPEECH = [
    ("Holding something", "office", "We meet on Tuesday at nine. Bring two pens, sorry, three pens."),
    ("Opening something", "office", "The rent rises from eighty to ninety euros. Nobody told Amira."),
    ("Closing something", "street at night", ""),
]


class Scripted:
    """An entailment model that always says the same."""

    name = "scripted"
    supported_from = answers_from = 0.5

    def __init__(self, supported: float, contradicted: float, answers: float | None = None) -> None:
        self.given = Entailment(supported, contradicted, 1 - supported - contradicted, answers)
        self.seen = []

    def score(self, statements) -> list[Entailment]:
        self.seen += statements
        return [self.given] * len(statements)


def verdict(text: str, question: str = "", rows=SPEECH, model=None) -> str:
    return whole(check(text, timeline_of(rows), question=question, verifier=LayeredVerifier(model)), text).verdict


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("They meet on Tuesday. [S1]", "supported"),
        ("They meet on Thursday. [S1]", "contradicted"),
        ("Three pens are needed. [S1]", "supported"),
        ("Two pens are needed. [S1]", "contradicted"),
        ("The rent rises from eighty to ninety euros. [S2]", "supported"),
        ("The rent rises from ninety to eighty euros. [S2]", "contradicted"),
        ("The rent rises by ten percent. [S2]", "unsupported"),
        ("They say “bring two pens, sorry, three pens”. [S1]", "supported"),
        ("They say “bring ten pens”. [S1]", "contradicted"),
        ("They meet on Tuesday. [S2]", "unsupported"),
        ("They meet on Tuesday.", "unsupported"),
        ("Nothing is said there. [S3]", "supported"),
        ("Nobody mentions a dentist.", "supported"),
        ("Nobody mentions the rent.", "contradicted"),
        ("The video has three shots.", "supported"),
        ("The video has two cuts.", "supported"),
        ("The video has five cuts.", "contradicted"),
        ("The video lasts twelve seconds.", "supported"),
        ("The video lasts twelve minutes.", "contradicted"),
        ("It has no sound track.", "contradicted"),
        ("Something is opened [S2], then something is closed [S3].", "supported"),
        ("Something is closed [S3], then something is opened [S2].", "contradicted"),
        ("The action is opening something with a score of 0.9. [S2]", "supported"),
        ("The action is opening something with a score of 0.3. [S2]", "contradicted"),
        ("At 0:05 something is opened. [S2]", "supported"),
        ("At 0:55 something is opened. [S2]", "contradicted"),
    ],
)
def test_rules_judge_words_numbers_times_order_and_the_video_itself(text, wanted):
    assert verdict(text) == wanted, check(text, timeline_of(SPEECH))


def test_a_model_speaks_only_where_no_rule_does():
    sure, against = Scripted(0.95, 0.02), Scripted(0.02, 0.95)
    assert verdict("They gather early in the week. [S1]") != "supported"
    assert verdict("They gather early in the week. [S1]", model=sure) == "supported"
    assert verdict("They meet on Tuesday. [S1]", model=against) == "contradicted"
    assert verdict("They meet on Thursday. [S1]", model=sure) == "contradicted", "a rule knows better"
    assert verdict("The video lasts twelve seconds.", model=against) == "supported", "nothing to ask a model"
    assert verdict("Two pens are needed. [S1]", model=sure) == "contradicted"


def test_a_model_sees_the_evidence_the_question_and_the_sentence_without_marks():
    model = Scripted(0.9, 0.05, answers=0.01)
    claims = check(
        "They meet on Tuesday. [S1]",
        timeline_of(SPEECH),
        question="When do they meet?",
        verifier=LayeredVerifier(model),
    )
    lines, question, sentence = model.seen[0].evidence, model.seen[0].question, model.seen[0].sentence
    assert "speech: We meet on Tuesday at nine." in lines
    assert (question, sentence) == ("When do they meet?", "They meet on Tuesday.")
    assert claims[0].answers_question is False


def test_a_true_sentence_beside_the_question_is_no_answer():
    timeline = timeline_of(SPEECH)
    for question, text, fits in (
        ("When do they meet?", "They meet on Tuesday. [S1]", True),
        ("How much is the rent?", "They meet on Tuesday. [S1]", False),
        ("How much is the rent now?", "The rent rises to ninety euros. [S2]", True),
        ("Why does the rent rise?", "The rent rises to ninety euros. [S2]", False),
        ("Who was not told?", "Nobody told Amira. [S2]", True),
        ("What is said at 0:01?", "The rent rises to ninety euros. [S2]", False),
        ("What colour are the pens?", "Three pens are needed. [S1]", False),
    ):
        assert verify_answer(question, text, timeline)[0].answers_question is fits, (question, text)
    assert check("They meet on Tuesday. [S1]", timeline)[0].answers_question is None


def test_what_a_claim_says_of_the_question_travels_in_the_answer():
    claims = verify_answer("When do they meet?", "They meet on Tuesday. [S1]", timeline_of(SPEECH))
    answer = Answer("When do they meet?", "They meet on Tuesday. [S1]", claims=claims)
    document = answer.to_json()
    assert document["claims"][0]["answers_question"] is True
    assert Answer.from_json(document) == answer
    del document["claims"][0]["answers_question"]
    assert Answer.from_json(document).claims[0].answers_question is None


def test_a_sentence_that_goes_on_in_the_next_segment_is_said_in_both():
    rows = [
        ("", "office", "The gate is painted green,"),
        ("", "office", "because the mayor likes frogs. It is late."),
        ("", "office", "Bye."),
    ]
    assert verdict("The gate is green because the mayor likes frogs. [S1]", rows=rows) == "supported"
    assert verdict("The gate is painted green. [S2]", rows=rows) == "supported"
    assert verdict("The gate is painted green. [S3]", rows=rows) == "unsupported"


def test_what_is_written_on_screen_and_who_speaks_are_evidence():
    timeline = timeline_of(SPEECH)
    first = timeline.segments[0]
    told = replace(first.utterances[0], speaker="Noor")
    timeline = replace(
        timeline,
        segments=(replace(first, utterances=(told,)), *timeline.segments[1:]),
        observations=(Observation("text", first.span, text="Room 12, second floor"),),
    )
    for text, wanted in (
        ("The sign reads “Room 12”. [S1]", "supported"),
        ("The sign reads “Room 21”. [S1]", "contradicted"),
        ("Room 12 is written on the screen. [S2]", "unsupported"),
        ("Noor says that they meet on Tuesday. [S1]", "supported"),
        ("Amira says that they meet on Tuesday. [S1]", "contradicted"),
    ):
        claim = check(text, timeline)[0]
        assert claim.verdict == wanted or (wanted == "contradicted" and claim.verdict == "unsupported"), claim


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_order_in_the_evidence_changes_no_verdict(attempt):
    rows = [*SHAPES[:3], (SHAPES[3][0], SHAPES[3][1], attempt), (attempt, attempt, ""), *SHAPES[5:]]
    timeline = timeline_of(rows, path=f"/videos/{attempt}.mp4")
    assert check("A red circle moves left [S1].", timeline)[0].verdict == "supported"
    assert check("A red circle moves right [S1].", timeline)[0].verdict == "contradicted"
    assert check("A blue dog flies away [S4] [S5].", timeline)[0].verdict in ("unsupported", "contradicted")


def test_a_sentence_is_checked_in_a_fraction_of_a_second():
    rows = [(a, b, f"{c} and {place} people heard it") for place, (a, b, c) in enumerate(KITCHEN * 40)]
    timeline = timeline_of(rows)
    check("Someone opens a drawer [S1].", timeline)
    started = time.perf_counter()
    for place in range(1, 21):
        check(f"Someone opens a drawer in a kitchen and {place} people heard it [S{place}].", timeline, question="Who?")
    assert (time.perf_counter() - started) / 20 < 0.15


def test_a_list_of_labels_is_borne_out_where_each_of_them_is_a_label_there():
    rows = [("Pouring something into something", "person pouring a liquid", ""), ("waving", "cup, on a table", "")]
    timeline = timeline_of(rows)
    for text in (
        "Person pouring a liquid, Pouring something into something [S1].",
        "Yes: person pouring a liquid, probably pouring something into something (0.90) [S1].",
        "At 0:04: cup, on a table, waving [S2].",
        "The same throughout: person pouring a liquid [S1].",
        "Sí: probablemente waving [S2].",
    ):
        assert check(text, timeline)[0].verdict == "supported", text
    for text in (
        "Person pouring a liquid, waving [S1].",
        "Yes: cup, on a table, Pouring something into something [S1].",
        "At 0:04: person pouring a liquid [S2].",
    ):
        assert check(text, timeline)[0].verdict != "supported", text


def test_no_fitting_action_is_listed_only_where_the_timeline_flags_it():
    timeline = timeline_of([("waving", "warehouse", ""), ("waving", "warehouse", "")], unknown_action=(1,))
    assert check("Warehouse, no action of the list fits [S1].", timeline)[0].verdict == "supported"
    assert check("Warehouse, no action of the list fits [S2].", timeline)[0].verdict != "supported"
