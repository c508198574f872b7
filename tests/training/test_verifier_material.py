"""The written timelines and what is composed from them."""

import itertools
import random

import pytest

from assistant.training.verifier import alterations, figures, labels, material, numbers, retelling
from assistant.training.verifier.examples import Composer


@pytest.fixture(scope="module")
def transcripts():
    return material.load()


@pytest.fixture(scope="module")
def composed(transcripts):
    return list(itertools.islice(iter(Composer(transcripts, 3)), 1500))


def test_there_are_many_subjects_in_three_languages_and_whole_ones_are_held_out(transcripts):
    names = [transcript.name for transcript in transcripts]
    assert len(names) == len(set(names)) >= 100
    assert {transcript.language for transcript in transcripts} == {"en", "de", "es"}
    assert set(names) >= material.HELD_OUT
    assert len(material.HELD_OUT) == 15


def test_every_fact_has_a_question_lines_and_true_sentences_and_no_error_is_true(transcripts):
    for transcript in transcripts:
        assert len(transcript.lines) >= 8
        assert len(transcript.facts) >= 6
        for fact in transcript.facts:
            assert fact.questions
            assert fact.true, (transcript.name, fact.questions)
            assert not {text for _, text in fact.errors} & {*fact.true, *fact.beside}


@pytest.mark.parametrize("row", ["- wrong: He sleeps.", "Q Who? @9", "3 a line out of order", "+ too early", "what"])
def test_a_row_that_is_none_of_the_format_is_refused(row):
    with pytest.raises(ValueError, match="no row of this format"):
        material.parse(["== x | talk | en | office", "1 Anna: Hello.", row], "file")


def test_the_same_seed_composes_the_same_examples(transcripts, composed):
    assert list(itertools.islice(iter(Composer(transcripts, 3)), 200)) == composed[:200]


def test_examples_are_of_every_kind_and_their_targets_sum_to_one(composed):
    kinds = {example.kind for example in composed}
    assert {"true", "absent", "label", "wrong label", "joined", "quoted", "num", "who", "invent"} <= kinds
    assert {"rule num", "rule swap", "witness", "slip", "attributed"} <= kinds
    assert all(sum(example.support) == pytest.approx(1) for example in composed)
    outcomes = [sum(example.support[n] for example in composed) / len(composed) for n in range(3)]
    assert min(outcomes) > 0.1


def test_where_the_lines_are_missing_no_evidence_is_of_the_same_fact(transcripts):
    for example in figures.test_examples(transcripts):
        if example.kind == "absent":
            assert not example.support[0]


def test_a_number_is_read_in_digits_and_in_words_of_three_languages():
    assert [n[2] for n in numbers.numbers("a hundred and six violins and twenty-two bows, 300 in all", "en")] == [
        106,
        22,
        300,
    ]
    assert [n[2] for n in numbers.numbers("vierundsechzig Meter und zwölf", "de")] == [64, 12]
    assert [n[2] for n in numbers.numbers("treinta y cinco gramos", "es")] == [35]
    assert numbers.numbers("at 2:26 or 2.5", "en") == []


@pytest.mark.parametrize("seed", range(30))
def test_a_wrong_number_is_another_number(seed):
    text = "About 300 grams are used in twenty-two bowls."
    wrong = alterations.wrong_number(text, "en", random.Random(seed))
    assert wrong is not None
    assert {n[2] for n in numbers.numbers(wrong, "en")} != {300, 22}


@pytest.mark.parametrize("seed", range(20))
def test_new_numbers_keep_what_is_equal_equal_and_what_differs_different(seed):
    texts = ["speech: it takes twenty minutes", "It takes 20 minutes.", "It takes forty minutes."]
    found = [
        numbers.numbers(text, "en")[0][2] for text in retelling.renumbered(texts, "en", "num", random.Random(seed))
    ]
    assert found[0] == found[1] != found[2]


def test_a_denied_sentence_says_the_contrary():
    rng = random.Random(0)
    assert alterations.negated("The door is open.", "en", rng) == "The door is not open."
    assert alterations.negated("The door is not open.", "en", rng) == "The door is open."
    assert alterations.negated("Nobody is there.", "en", rng) is None


def test_every_action_label_makes_a_claim_and_has_a_wrong_one():
    rng = random.Random(0)
    assert len(labels.actions()) == 174
    for kind, pool in (("action", labels.actions()), ("scene", labels.scenes())):
        for label in pool:
            assert labels.claim(kind, label, rng)
            assert labels.wrong(kind, label, rng)[0] != label


def test_near_questions_are_about_most_facts_and_are_none_of_their_own(transcripts):
    facts = [fact for transcript in transcripts for fact in transcript.facts]
    near = [fact for fact in facts if fact.near]
    assert len(near) > 500
    assert all(fact.near not in fact.questions for fact in near)


def test_two_numbers_or_names_or_days_of_a_sentence_change_places():
    rng = random.Random(1)
    assert (
        alterations.exchanged("It moves from Tuesday to Thursday.", "en", (), rng)
        == "It moves from Thursday to Tuesday."
    )
    assert alterations.exchanged("Anna asks Ben.", "en", ("Anna", "Ben"), rng) == "Ben asks Anna."
    swapped = alterations.exchanged("Twelve of 40 are broken.", "en", (), rng)
    assert [n[2] for n in numbers.numbers(swapped, "en")] == [40, 12]
    assert alterations.exchanged("Nothing to change.", "en", (), rng) is None


def test_a_slip_is_put_right_in_the_same_line():
    found = alterations.slip("It takes twenty minutes.", "en", 20, 30, random.Random(0))
    assert [n[2] for n in numbers.numbers(found, "en")] == [30, 20]


def test_what_is_said_is_not_seen_and_what_is_seen_is_not_said(composed):
    for example in composed:
        if example.kind == "witness" and example.support[0] == 1:
            assert any(line.startswith(("scene", "speech")) for line in example.statement.evidence)
    assert {example.support[0] for example in composed if example.kind == "witness"} == {0.0, 1.0}


def test_telling_apart_is_measured_by_pairs():
    assert figures.told_apart([0.9, 0.8], [0.1, 0.2]) == 1
    assert figures.told_apart([0.1], [0.9]) == 0
    assert figures.told_apart([0.9, 0.4], [0.5, 0.1]) == 0.75
