"""What words alone can tell where there is no entailment model: borne out, at odds, not there, or not to tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.chat.verification.contradiction import (
    does_otherwise,
    opposed,
    other_one,
    other_thing,
    others_deed,
    otherwise_placed,
    overstated,
    patched,
    polarity,
    replaced,
    rivalled,
    somebody_elses,
    wrongly_named,
)
from assistant.chat.verification.coverage import Cover, cover, says
from assistant.chat.verification.entailment import KIND, Finding, Thresholds
from assistant.chat.verification.evidence import Evidence, Line
from assistant.chat.verification.figures import RECKONING, judge_numbers, worked_out
from assistant.chat.verification.language import expresses, language_of, lexicon
from assistant.chat.verification.statement import Statement, Unit
from assistant.core.timeline import EvidenceKind

_ORDERED = re.compile(r"\b(?:before|after|then|first|followed|preceded)\b", re.IGNORECASE)


def words_agree(
    statement: Statement, lines: Sequence[Line], evidence: Evidence, asked: Sequence[str], limits: Thresholds
) -> Finding:
    """What the words of a sentence and of its evidence tell: borne out, at odds, not there, or not to tell."""
    near = evidence.around(statement.ids, limits.reach_segments)
    units = statement.units
    if any(worked_out(statement, number, lines) for number in statement.numbers):
        units = [unit for unit in units if unit.stems[-1] not in RECKONING]
    found = cover(units, lines, near, asked, evidence)
    kind = KIND[found.lines[0].kind] if found.lines else "timeline"
    numbers = judge_numbers(statement, lines, found)
    for wrong in (
        numbers,
        rivalled(statement, lines, found),
        opposed(statement, lines, found),
        polarity(statement, lines, found, near),
    ):
        if wrong is not None and wrong.verdict != "supported":
            return wrong
    if (other := does_otherwise(statement, found)) is not None:
        return other
    if not found.total:
        if numbers is not None:
            return numbers
        weak = [
            unit
            for unit in statement.weak_units
            if not any(lexicon().is_kind(w, "telling", "speech") for w in (unit.word, *unit.stems))
        ]
        if weak and all(any(says(line, unit) for line in lines) for unit in weak):
            return Finding("supported", "its words are borne out there", KIND[lines[0].kind], True)
        return Finding("not_checkable", "nothing in it can be looked up", kind)
    if (
        wrong := overstated(statement, lines)
        or patched(found, lines)
        or other_thing(statement, found, lines)
        or other_one(statement, found)
        or otherwise_placed(statement, found)
        or others_deed(statement, found, evidence)
    ) is not None:
        return wrong
    return _measured(statement, found, numbers, kind, limits, evidence, near, lines, asked)


def _measured(
    statement: Statement,
    found: Cover,
    numbers: Finding | None,
    kind: EvidenceKind,
    limits: Thresholds,
    evidence: Evidence,
    near: Sequence[Line],
    lines: Sequence[Line],
    asked: Sequence[str],
) -> Finding:
    missing = [*found.elsewhere, *found.foreign]
    told = ", ".join(f"“{unit.word}”" for unit in missing[:3])
    spoken = [line.language for line in found.lines or ()]
    if not found.direct and numbers is None:
        if _unlike_languages(statement, spoken):
            return Finding("not_checkable", "it is in another language than the words that are said there", kind, True)
        if not missing:
            return Finding("unsupported", "it is not said or seen in the segments that it cites", kind, True)
        where = "is said elsewhere in the video" if found.elsewhere and not found.foreign else "is not there"
        return Finding("unsupported", f"{told} {where}", kind, True)
    if (named := wrongly_named(found, near, evidence)) is not None:
        return named
    names = [unit for unit in missing if unit.name]
    unlike = _unlike_languages(statement, [line.language for line in lines if line.kind == "speech"])
    if missing and unlike and not names:
        return Finding("not_checkable", "it is in another language than the words that are said there", kind, True)
    if names:
        return Finding("unsupported", f"{names[0].word} is not named there", kind)
    if (
        found.asked
        and numbers is None
        and not _ORDERED.search(statement.bare)
        and all(_in_question(unit, asked) for unit in found.direct)
    ):
        return Finding("unsupported", "nothing there bears out more of it than the question says", kind)
    if (other := somebody_elses(statement, found, lines, evidence) or replaced(statement, found)) is not None:
        return other
    return _weighed(statement, found, numbers, kind, limits)


def _weighed(
    statement: Statement, found: Cover, numbers: Finding | None, kind: EvidenceKind, limits: Thresholds
) -> Finding:
    """By how much of a sentence is borne out, where nothing speaks against the rest."""
    missing = [*found.elsewhere, *found.foreign]
    told = ", ".join(f"“{unit.word}”" for unit in missing[:3])
    count = len(found.direct) + (numbers is not None)
    direct = count / (found.total + (numbers is not None))
    if not missing and numbers is None and 0 < count <= len(found.soft):
        return Finding("not_checkable", "no more than half of it is borne out there itself", kind, True)
    if not missing:
        if direct >= 1 / 3:
            return Finding("supported", "its words are borne out there", kind, True)
        return Finding("unsupported", "too little of it is said or seen in the segments that it cites", kind, True)
    # Speech may say a thing in other words; a label says all that its model knows.
    if len(missing) == 1 and kind == "speech" and count >= limits.many_direct:
        return Finding("supported", "nearly all of its words are borne out there", kind, True)
    if len(missing) == 1 and kind == "speech" and count >= limits.most_direct:
        return Finding("not_checkable", f"nothing there tells of {told}", kind, True)
    if not found.elsewhere and len(missing) == 1 and _is_verb(statement, missing[0]) and direct >= limits.verb_share:
        return Finding("not_checkable", f"the words do not tell whether it is {told}", kind, True)
    return Finding("unsupported", f"nothing there tells of {told}", kind, True)


def _is_verb(statement: Statement, unit: Unit) -> bool:
    """Whether a word stands and ends like a verb: other words for a deed are many, those for a thing are few."""
    before = statement.tokens[unit.place - 1] if unit.place else ""
    ends = unit.word.endswith(("ed", "es", "s", "ing")) or before in (
        "to",
        "not",
        "can",
        "will",
        "would",
        "should",
        "must",
        "does",
        "did",
    )
    return (
        ends
        and before not in ("a", "an", "the", "of", "in", "on", "at", "with", "his", "her", "their", "its", "no", "some")
        and bool(before)
    )


def _in_question(unit: Unit, asked: Sequence[str]) -> bool:
    return any(expresses(asked, one) for one in unit.stems)


def _unlike_languages(statement: Statement, spoken: Sequence[str]) -> bool:
    own = language_of(statement.tokens)
    return bool(own and spoken) and all((own == "en") != (one == "en") for one in spoken)
