"""Marks that point nowhere are found, and sentences that the evidence does not bear out are caught."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from timelines import KITCHEN, SHAPES, Row, timeline_of

from assistant.chat.verify import check, marks, resolve, says_not_found, statements, supported_share, tidy_marks
from assistant.core.timeline import Provenance, Timeline
from assistant.synthetic.vocabulary import ACTIONS, COLORS, any_sentence
from assistant.synthetic.vocabulary import SHAPES as FORMS


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    return timeline_of(SHAPES, same_shot=(5,))


def verdicts(text: str, timeline: Timeline) -> list[str]:
    return [claim.verdict for claim in check(text, timeline)]


def test_an_answer_reports_a_citation_that_does_not_exist(timeline):
    citations, unresolved = resolve("A red circle moves left [S1] and laughs [S99].", timeline)
    assert [citation.segment_id for citation in citations] == [1]
    assert unresolved == (99,)


def test_a_segment_that_was_not_shown_cannot_be_cited(timeline):
    citations, unresolved = resolve("[S1] [S2]", timeline, shown_ids={2})
    assert [citation.segment_id for citation in citations] == [2]
    assert unresolved == (1,)


def test_a_stretch_whose_ends_were_shown_can_be_cited(timeline):
    citations, unresolved = resolve("[S2] to [S5], [S7] to [S9]", timeline, shown_ids={2, 5, 7})
    assert [citation.segment_id for citation in citations] == [2, 3, 4, 5, 7]
    assert unresolved == (8, 9)


def test_what_precedes_comes_before(timeline):
    assert verdicts("The blue square is rotating [S2], preceded by a red circle moving left [S1].", timeline) == [
        "supported"
    ]
    for text in (
        "The blue square is rotating [S2], preceded by the blue square rotating [S2].",
        "The blue square is rotating [S2], preceded by a red square moving right [S3].",
        "A red circle moves left [S1], after a blue square rotates [S2].",
    ):
        assert verdicts(text, timeline) == ["contradicted"], text


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("[S1]", (1,)),
        ("[s1], [S 2] and [segment 3]", (1, 2, 3)),
        ("[S1, S2; 3]", (1, 2, 3)),
        ("[S2-S5]", (2, 3, 4, 5)),
        ("[S2] to [S5]", (2, 3, 4, 5)),
        ("[S5] to [S2]", (5, 2)),
        ("[S1] [S1]", (1,)),
        ("[1] (S2) S3 [S] [Sx]", ()),
    ],
)
def test_marks_are_read_as_they_are_written(written, found):
    assert marks(tidy_marks(written)) == found


def test_a_mark_behind_the_full_stop_belongs_to_the_sentence_before():
    found = statements("A red circle moves left. [S1] Then a square turns. [S2]")
    assert [one.ids for one in found] == [(1,), (2,)]


def test_words_inside_a_quotation_do_not_end_a_sentence():
    assert len(statements("They say “look. now look.” [S1]. It ends [S2].")) == 2


SUPPORTED = [
    "A red circle moves left [S1].",
    "The blue square spins [S2].",
    "A red circle is moving to the left [S1] and a blue square is rotating [S2].",
    "First a red circle moves left [S1], then a blue square rotates [S2].",
    "The red circle moves left before the blue square rotates [S1] [S2].",
    "In [S1], a red circle moves left, and in [S2] a blue square rotates.",
    "The narrator says “see you on monday” [S4].",
    "It is said that the code is seven two [S2].",
    "The code is seven two [S2].",
    "The red circle moves left twice [S1] [S8].",
    "A green star comes closer, for about 8 seconds [S4] [S5].",
    "At 0:05 the blue square rotates [S2].",
    "The red circle does not rotate [S1].",
    "The yellow triangle disappears [S7].",
    "No words are said there [S10].",
    "The camera pans over a white bar [S6].",
    "A blue square is rotating, and the narrator says “the code is seven two” [S2].",
    "While a red circle moves left, the narrator says “the red circle moves left” [S1].",
    "The video shows a red circle moving left [S1], followed by a blue square rotating [S2].",
    "The red circle moves to the left side of the screen [S1].",
    "The narrator states that the code is seven two [S2].",
    "A red circle [S1], a blue square [S2] and a red square [S3] appear one after the other.",
]
NOT_SUPPORTED = [
    "A red square is rotating, and the narrator says “the code is seven two” [S2].",
    "The video shows a blue square rotating [S2], followed by a red circle moving left [S1].",
    "The narrator says “the code is seven two”, and a red circle moves left [S2].",
    "A red circle moves left.",
    "A red circle moves right [S1].",
    "A blue circle moves left [S1].",
    "A red square moves left [S1].",
    "A red circle moves left [S2].",
    "A red circle moves left [S1] [S2].",
    "A red circle rotates [S1] and a blue square moves left [S2].",
    "First a blue square rotates [S2], then a red circle moves left [S1].",
    "The blue square rotates before the red circle moves left [S2] [S1].",
    "The narrator says “see you on sunday” [S4].",
    "The narrator says “see you on monday” [S5].",
    "The code is seven three [S2].",
    "The red circle moves left three times [S1] [S8].",
    "A green star comes closer, for about 20 seconds [S4] [S5].",
    "At 0:15 the blue square rotates [S2].",
    "The red circle does not move left [S1].",
    "There is no red circle [S1].",
    "Not in this video: there is no red circle.",
    "A dog runs over the meadow [S1].",
    "The mood is cheerful [S3].",
    "The red circle wants to leave [S1].",
    "Somebody says that it is raining [S2].",
    "The dog sleeps on the sofa [S9].",
    "There are 12 shots [S1] [S10].",
]


@pytest.mark.parametrize("text", SUPPORTED)
def test_what_the_evidence_holds_is_supported(timeline, text):
    assert set(verdicts(text, timeline)) == {"supported"}, check(text, timeline)


@pytest.mark.parametrize("text", NOT_SUPPORTED)
def test_what_the_evidence_does_not_hold_is_caught(timeline, text):
    assert set(verdicts(text, timeline)) & {"unsupported", "contradicted"}, check(text, timeline)


def test_what_is_denied_is_supported_only_where_a_model_could_have_seen_it(timeline):
    listed = replace(timeline, provenance=Provenance("test", descriptions={"label_lists": ["everyday"]}))
    for text in ("There is no dog [S1].", "Not in this video: there is no dog."):
        assert verdicts(text, timeline) == ["not_checkable"], "no label list is known to hold a dog"
        assert verdicts(text, listed) == ["supported"]
        assert verdicts(text.replace("dog", "signature"), listed) == ["not_checkable"]


def test_labels_of_any_recogniser_are_checked():
    kitchen = timeline_of(KITCHEN)
    assert verdicts("Someone opens a drawer in a kitchen [S1].", kitchen) == ["supported"]
    assert verdicts("The man at the table pours water into a glass [S4].", kitchen) == ["supported"]
    assert verdicts("The man at the table pours milk into a glass [S4].", kitchen) == ["contradicted"]
    assert verdicts("A dog is asleep [S2].", kitchen) != ["contradicted"]


def test_every_claim_names_its_evidence(timeline):
    claims = check("A red circle moves left [S1]. They say “see you on monday” [S4]. A star [S9].", timeline)
    assert [claim.evidence for claim in claims] == ["actions", "speech", "descriptions"]
    assert supported_share(claims) == 1.0


def test_a_refusal_is_known_as_one():
    assert says_not_found("Not in this video.")
    assert says_not_found("The video does not show a dog.")
    assert not says_not_found("The dog is not in this video, but a cat is [S1].")


@pytest.mark.parametrize(
    "text", ["", "   ", "[S1]", "“”", "[S1] [S2] to [S1]", "\n\n", "." * 50, "[S999999999]", "1 2 3 [S1]"]
)
def test_no_text_breaks_the_check(timeline, text):
    assert all(claim.verdict for claim in check(text, timeline))


# The measurement: right sentences in several wordings, each with one thing made wrong.

DEEDS = {action: spoken for action, spoken in ACTIONS.items() if not spoken.startswith("the camera")}


def generated(rng: random.Random) -> Timeline:
    rows: list[Row] = []
    for _ in range(12):
        look = f"{rng.choice(COLORS)} {rng.choice(FORMS)}"
        rows.append((rng.choice(list(DEEDS)), look, any_sentence(rng) if rng.random() < 0.7 else ""))
    return timeline_of(rows)


def right_sentences(timeline: Timeline, rng: random.Random) -> dict[str, str]:
    """Kind -> a sentence that the timeline bears out."""
    one, other = sorted(rng.sample(range(1, 13), 2))
    first, second = timeline.segments[one - 1], timeline.segments[other - 1]
    look, deed = first.descriptions[0].label, first.actions[0].label
    look2, deed2 = second.descriptions[0].label, second.actions[0].label
    made = {
        "plain": f"The {look} {DEEDS[deed]} [S{one}].",
        "gerund": f"A {look} is {deed} [S{one}].",
        "listed": f"A {look}, {deed} [S{one}]; a {look2}, {deed2} [S{other}].",
        "pair": f"A {look} {DEEDS[deed]} [S{one}] and a {look2} {DEEDS[deed2]} [S{other}].",
        "order": f"First the {look} {DEEDS[deed]} [S{one}], then the {look2} {DEEDS[deed2]} [S{other}].",
        "before": f"The {look} is {deed} [S{one}] before the {look2} is {deed2} [S{other}].",
        "leading": f"In [S{one}], a {look} {DEEDS[deed]}.",
    }
    color = look.split()[0]
    hits = [s.id for s in timeline.segments if color in s.descriptions[0].label]
    if len(hits) > 1:
        cited = " ".join(f"[S{found}]" for found in hits)
        made["count"] = f"Something {color} is shown {len(hits)} times {cited}."
    speaking = [s for s in timeline.segments if s.utterances]
    if speaking:
        speaker = rng.choice(speaking)
        made["quote"] = f"The narrator says “{speaker.words}” [S{speaker.id}]."
        made["indirect"] = f"It is said that {speaker.words} [S{speaker.id}]."
    return made


def corrupted(kind: str, text: str, timeline: Timeline, rng: random.Random) -> dict[str, str]:
    """Corruption -> the sentence with one thing made wrong."""
    wrong: dict[str, str] = {}
    ids = [int(found) for found in re.findall(r"\[S(\d+)\]", text)]
    if kind == "count":
        number = re.search(r"(\d+) times", text).group(1)
        wrong["number"] = text.replace(f"{number} times", f"{int(number) + rng.choice((-1, 1, 3))} times")
        return wrong
    if kind in ("quote", "indirect"):
        words = timeline.segments[ids[0] - 1].words
        at = rng.randrange(len(words.split()))
        changed = " ".join("walrus" if place == at else word for place, word in enumerate(words.split()))
        wrong["quote"] = text.replace(words, changed)
        silent = [s.id for s in timeline.segments if s.words != words]
        wrong["segment"] = text.replace(f"[S{ids[0]}]", f"[S{rng.choice(silent)}]")
        return wrong
    segment = timeline.segments[ids[0] - 1]
    look, deed = segment.descriptions[0].label, segment.actions[0].label
    color, form = look.split()
    wrong["colour"] = text.replace(look, f"{rng.choice([c for c in COLORS if c != color])} {form}", 1)
    wrong["shape"] = text.replace(look, f"{color} {rng.choice([f for f in FORMS if f != form])}", 1)
    another = rng.choice([d for d in DEEDS if d != deed])
    wrong["action"] = text.replace(DEEDS[deed], DEEDS[another], 1).replace(deed, another, 1)
    others = [s.id for s in timeline.segments if (s.descriptions[0].label, s.actions[0].label) != (look, deed)]
    wrong["segment"] = text.replace(f"[S{ids[0]}]", f"[S{rng.choice([i for i in others if i not in ids])}]", 1)
    if kind in ("plain", "leading"):
        base = re.sub(r"s\b", "", DEEDS[deed].split()[0], count=1) if deed != "vanishing" else "vanish"
        base = {"goe": "go", "doe": "do"}.get(base, base)
        wrong["negation"] = text.replace(DEEDS[deed], " ".join(["does not", base, *DEEDS[deed].split()[1:]]))
    if kind == "gerund":
        wrong["negation"] = text.replace(" is ", " is not ")
    if kind in ("order", "before") and (look, deed) != (
        timeline.segments[ids[1] - 1].descriptions[0].label,
        timeline.segments[ids[1] - 1].actions[0].label,
    ):
        wrong["order"] = _reversed(kind, text, timeline, ids)
    wrong["invented"] = rng.choice(
        (f"A dog runs over the grass [S{ids[0]}].", f"The {look} is followed by applause [S{ids[0]}].", "A fine day.",
         f"The {color} {form} carries a flag [S{ids[0]}].", f"Two people are talking about money [S{ids[0]}].")
    )  # fmt: skip
    return wrong


def _reversed(kind: str, text: str, timeline: Timeline, ids: list[int]) -> str:
    """The same two things told the wrong way round, each with its own mark."""
    told = []
    for found in ids:
        segment = timeline.segments[found - 1]
        look, deed = segment.descriptions[0].label, segment.actions[0].label
        told.append(f"the {look} {DEEDS[deed]} [S{found}]" if kind == "order" else f"the {look} is {deed} [S{found}]")
    if kind == "order":
        return f"First {told[1]}, then {told[0]}."
    return f"{told[1][0].upper()}{told[1][1:]} before {told[0]}."


def test_the_check_catches_what_was_made_wrong_and_keeps_what_is_right():
    rng = random.Random(123_456)
    kept: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: list[str] = []
    while wrong.total() < 600 or right.total() < 300:
        timeline = generated(rng)
        for kind, text in right_sentences(timeline, rng).items():
            right[kind] += 1
            fine = set(verdicts(text, timeline)) == {"supported"}
            kept[kind] += fine
            if not fine:
                missed.append(f"lost {kind}: {text} {check(text, timeline)[0].reason}")
            name, bad = rng.choice(sorted(corrupted(kind, text, timeline, rng).items()))
            wrong[name] += 1
            found = bool({"unsupported", "contradicted"} & set(verdicts(bad, timeline)))
            caught[name] += found
            if not found:
                missed.append(f"missed {name}: {bad}")
    assert set(wrong) == {"number", "colour", "shape", "action", "segment", "negation", "order", "invented", "quote"}
    report = f"kept {kept.total() / right.total():.3f} caught {caught.total() / wrong.total():.3f}"
    print(report, dict(wrong), [m for m in missed if m.startswith("lost")][:5])
    assert kept.total() >= 0.95 * right.total(), (report, missed[:12])
    assert caught.total() >= 0.95 * wrong.total(), (report, missed[:12])
    for name, count in wrong.items():
        assert caught[name] >= 0.9 * count, (name, missed[:12])


def test_pictures_may_confirm_what_no_rule_can_judge_and_never_overrule_a_rule():
    from assistant.chat.verify import rescored
    from assistant.core.timeline import Claim

    unjudged = Claim("It is calm [S2].", "not_checkable", (2,))
    refused = Claim("A comet falls [S2].", "unsupported", (2,))

    def likes_the_second(text: str) -> np.ndarray:
        assert "[S" not in text
        return np.array([0.1, 0.9, 0.1, 0.1, 0.1], np.float32)

    confirmed, kept = rescored([unjudged, refused], likes_the_second)
    assert (confirmed.verdict, confirmed.evidence) == ("supported", "descriptions")
    assert kept == refused
    elsewhere = Claim("It is calm [S1].", "not_checkable", (1,))
    assert rescored([elsewhere], likes_the_second) == (elsewhere,)
    assert rescored([unjudged], lambda text: np.ones(5, np.float32)) == (unjudged,)
