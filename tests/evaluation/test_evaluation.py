"""The measures measure what they say, and an evaluation adds them up."""

import json
import random
import shutil
from dataclasses import replace

import pytest

from assistant.core.timeline import Answer, Citation, Span, Timeline
from assistant.errors import Cancelled, InputUnusable
from assistant.evaluation.measures import has_word, match_times, points_at, word_errors, words_of
from assistant.evaluation.metrics import evaluate, judge
from assistant.synthetic.film import to_text, truth_for
from assistant.synthetic.timelines import perfect_timeline
from assistant.synthetic.truth import Event, Question, Truth


class Oracle:
    """An engine that knows the truth: it recognises and answers without an error."""

    def __init__(self, truths: dict[str, Truth]) -> None:
        self.timelines = {name: perfect_timeline(truth) for name, truth in truths.items()}
        self.by_sha = {self.timelines[name].video.sha256: truth for name, truth in truths.items()}

    def analyze(self, path) -> Timeline:
        return self.timelines[path.stem]

    def ask(self, sha256, question, *, answerer="auto"):
        asked = next(item for item in self.by_sha[sha256].questions if item.question == question)
        yield "thinking "
        yield self.answer(self.by_sha[sha256], asked)

    def answer(self, truth: Truth, asked: Question) -> Answer:
        spans = [truth.events[index].span for index in asked.event_indices]
        citations = tuple(Citation(index + 1, span) for index, span in zip(asked.event_indices, spans, strict=True))
        text = " ".join(asked.answer_contains)
        return Answer(asked.question, text, citations, found=asked.answerable)


class Flatterer(Oracle):
    """An engine that finds everything, cites the first event for it, and says yes."""

    def answer(self, truth: Truth, asked: Question) -> Answer:
        return Answer(asked.question, "yes", (Citation(1, truth.events[0].span),), found=True)


@pytest.fixture(scope="module")
def truths() -> dict[str, Truth]:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng, which speaks the narration, is not installed")
    return {f"v{seed}": truth_for(seed) for seed in (150_500, 150_501)}


@pytest.fixture
def folder(tmp_path, truths):
    for name, truth in truths.items():
        (tmp_path / f"{name}.mp4").write_bytes(b"not looked at by an oracle")
        (tmp_path / f"{name}.truth.json").write_text(to_text(truth.to_json()))
    (tmp_path / "alone.mp4").write_bytes(b"a video without a truth is left out")
    return tmp_path


def test_an_oracle_is_perfect(folder, truths):
    lines = []
    document = evaluate(folder, Oracle(truths), "extractive", lines.append)
    assert document["schema"] == "evaluation/1"
    assert document["videos"] == len(lines) == 2
    for name in ("actions_top1", "descriptions_top1", "cut_f1", "qa_accuracy", "citation_precision"):
        assert document[name] == 1.0
    assert document["qa_strict_accuracy"] == document["cited_share"] == 1.0
    assert document["wer"] == document["false_accept_rate"] == document["false_reject_rate"] == 0.0
    assert document["questions"] == sum(len(truth.questions) for truth in truths.values())
    assert not document["wrong"]
    json.dumps(document)


def test_one_who_agrees_to_everything_is_found_out(folder, truths):
    document = evaluate(folder, Flatterer(truths), "extractive")
    assert document["false_accept_rate"] == 1.0
    assert document["qa_accuracy"] < 0.4
    assert document["citation_precision"] < 0.5
    assert all(trap["found"] == 1.0 for trap in document["traps"].values())


class Corrected(Oracle):
    """An engine whose language model says nonsense, which the check replaces by the truth each time."""

    def answer(self, truth: Truth, asked: Question) -> Answer:
        return replace(super().answer(truth, asked), draft="yes [S1].")


def test_what_the_model_said_before_the_check_is_judged_too(folder, truths):
    document = evaluate(folder, Corrected(truths), "llm")
    assert document["qa_accuracy"] == document["citation_precision"] == document["extractive_share"] == 1.0
    assert document["qa_accuracy_unchecked"] < 0.4
    assert document["citation_precision_unchecked"] < 0.5
    assert document["false_accept_rate_unchecked"] == 1.0


def test_without_a_draft_the_figures_before_and_after_the_check_agree(folder, truths):
    document = evaluate(folder, Flatterer(truths), "extractive")
    for name in ("qa_accuracy", "citation_precision", "false_accept_rate"):
        assert document[f"{name}_unchecked"] == document[name]


def test_the_figures_by_kind_add_up_to_all_questions(folder, truths):
    document = evaluate(folder, Flatterer(truths), "extractive")
    assert sum(kind["questions"] for kind in document["kinds"].values()) == document["questions"]
    assert sum(trap["questions"] for trap in document["traps"].values()) == document["unanswerable"]


def test_wrong_labels_are_counted_and_named(folder, truths):
    oracle = Oracle(truths)
    name = next(iter(truths))
    oracle.timelines[name] = perfect_timeline(_renamed(truths[name]))
    oracle.by_sha[oracle.timelines[name].video.sha256] = truths[name]
    document = evaluate(folder, oracle)
    assert document["actions_top1"] == pytest.approx(1 - 1 / document["events"])
    assert [item["count"] for item in document["confusions"]] == [1]


def test_a_folder_without_a_pair_is_named(tmp_path):
    with pytest.raises(InputUnusable, match=r"truth\.json"):
        evaluate(tmp_path, Oracle({}))


def test_an_evaluation_can_be_stopped(folder, truths):
    with pytest.raises(Cancelled):
        evaluate(folder, Oracle(truths), cancelled=lambda: True)


@pytest.mark.parametrize(
    ("text", "word", "held"),
    [
        ("The red circle is moving left.", "left", True),
        ("It rotates.", "rotat", True),
        ("It goes up.", "up", True),
        ("It moves upwards.", "up", True),
        ("It is updated upon request.", "up", False),
        ("A couple of bars.", "up", False),
        ("Twice [0:02]", "2", True),
        ("two times", "2", True),
        ("It happens at 0:02.", "2", False),
        ("It happens 12 times", "2", False),
        ("five, six", "five", True),
        ("5 6", "five", True),
        ("Not in this video.", "no", True),
        ("Nothing is said.", "no", True),
        ("It isn't there.", "no", True),
        ("It isn’t there.", "no", True),
        ("Now look at the red circle.", "no", False),
        ("It is moving down, then left", "moving left", False),
        ("It is Moving  Left", "moving left", True),
        ("The video does not show it.", "does not", True),
        ("", "left", False),
        ("anything", "", True),
    ],
)
def test_a_word_is_found_as_people_would_find_it(text, word, held):
    assert has_word(text, word) is held


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("the red circle", "The red circle.", 0),
        ("the red circle", "the rat circle", 1),
        ("the red circle", "red circle", 1),
        ("the red circle", "the red red circle", 1),
        ("we count five ten", "We count 5, 10!", 0),
        ("we count five six", "we count 56", 0),
        ("", "thank you", 2),
        ("see you", "", 2),
        ("", "", 0),
    ],
)
def test_word_errors_are_counted(said, heard, errors):
    assert word_errors(said, heard).errors == errors


def test_word_errors_agree_with_a_known_implementation():
    jiwer = pytest.importorskip("jiwer")
    draws = random.Random(4)
    vocabulary = ["red", "circle", "moves", "left", "one"]
    for _ in range(40):
        said = " ".join(draws.choices(vocabulary, k=draws.randint(1, 9)))
        heard = " ".join(draws.choices(vocabulary, k=draws.randint(0, 9)))
        assert word_errors(said, heard).rate == pytest.approx(jiwer.wer(said, heard))


def test_words_lose_case_and_punctuation_only():
    assert words_of("Don’t go: it's 7 o'clock") == ["don't", "go", "it's", "seven", "o'clock"]


def test_each_time_is_matched_once():
    assert match_times([1.0, 1.1], [1.05], 0.15).matched == 1
    assert match_times([0.9, 2.15, 5.0], [1.0, 2.0, 9.0], 0.15).matched == 2
    assert match_times([1.0, 2.16], [1.0, 2.0], 0.15).f1 == 0.5
    assert match_times([], [], 0.15).f1 == 1.0
    assert match_times([], [1.0], 0.15).f1 == 0.0


def test_a_citation_that_only_grazes_an_event_does_not_point_at_it():
    event = Span(3.0, 6.0)
    assert points_at(Span(2.5, 3.5), event)
    assert points_at(Span(4.0, 4.1), event)
    assert not points_at(Span(0.0, 3.04), event)
    assert not points_at(Span(6.0, 9.0), event)


def test_an_answer_is_right_when_it_has_every_word_it_must_and_none_it_must_not():
    truth = Truth(1, 8.0, (4.0,), (_event(0, "rotating"), _event(4, "moving left")), (), 320, 180, 25.0)
    question = Question("What happens first?", "first", ("rotat",), ("moving left",), (0,))

    def judged(text: str, span: Span):
        return judge(question, Answer("?", text, (Citation(1, span),)), truth)

    assert judged("It rotates.", Span(0, 4)).strictly_right
    assert not judged("It rotates, or it is moving left.", Span(0, 4)).right
    assert judged("It rotates.", Span(4, 8)).right
    assert not judged("It rotates.", Span(4, 8)).strictly_right


def _event(start: float, action: str) -> Event:
    return Event(Span(start, start + 4.0), action, "red bar")


def _renamed(truth: Truth) -> Truth:
    """The truth with one action changed, for recognisers that err once."""
    document = truth.to_json()
    first = document["events"][0]
    first["action"] = "shaking" if first["action"] != "shaking" else "rotating"
    return Truth.from_json(document)
