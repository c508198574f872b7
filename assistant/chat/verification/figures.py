"""Whether the cited segments hold the numbers of a sentence, and of the same things."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from assistant.chat.verification.coverage import Cover, says
from assistant.chat.verification.entailment import Finding
from assistant.chat.verification.evidence import Line
from assistant.chat.verification.language import expresses, stem
from assistant.chat.verification.numbers import Number, derived
from assistant.chat.verification.statement import Statement, Unit, clauses_of

RECKONING = frozenset(
    map(
        stem,
        (  # noqa: SIM905
            "left remain remaining remainder rest total together altogether sum difference more fewer less survive"
        ).split(),
    )
)


def judge_numbers(statement: Statement, lines: Sequence[Line], found: Cover) -> Finding | None:
    """Whether the cited segments hold the numbers of a sentence, of the same things; None where it has none."""
    wanted = [number for number in statement.numbers if not number.vague]
    if not wanted:
        return None
    if (wrong := _out_of_sequence(statement, lines)) is not None:
        return wrong
    for number in wanted:
        held = [line for line in lines if any(number.same_value(other) for other in line.numbers)]
        if not held:
            if worked_out(statement, number, lines):
                continue
            rival = next(
                (n for line in found.lines for n in line.numbers if not n.vague and n.unit == number.unit), None
            )
            if rival is not None:
                return Finding("contradicted", f"it is {rival.written} there, not {number.written}", "speech")
            return Finding("unsupported", f"there is no {number.written} there", "speech")
        if (wrong := _of_other_things(statement, number, held, found, lines)) is not None:
            return wrong
    return Finding("supported", "its numbers are said there", "speech")


def _out_of_sequence(statement: Statement, lines: Sequence[Line]) -> Finding | None:
    """Numbers told one after the other, as codes and calls are, stand so in the evidence too."""
    for one, other in itertools.pairwise(statement.numbers):
        if one.end != other.start or one.unit:
            continue
        pairs = [pair for line in lines for pair in itertools.pairwise(line.numbers) if pair[0].end == pair[1].start]
        if not any(a.same_value(one) and b.same_value(other) for a, b in pairs):
            return Finding("contradicted", f"“{one.written} {other.written}” is not said there", "speech")
    return None


def _of_other_things(
    statement: Statement, number: Number, held: Sequence[Line], found: Cover, lines: Sequence[Line]
) -> Finding | None:
    """A number that is said, but taken back, of another unit or of another thing."""
    places = [(line, at, other) for line in held for at, other in enumerate(line.numbers) if number.same_value(other)]
    if all(at in line.retracted for line, at, _ in places):
        return Finding("contradicted", f"{number.written} is taken back at once", "speech")
    units = {other.unit for _, _, other in places}
    if number.unit and number.unit not in ("time", "piec", "people", "person") and units - {"", number.unit} == units:
        return Finding("contradicted", f"{number.written} is not in {statement.tokens[number.end - 1]} there", "speech")
    if (wrong := _of_another_clause(statement, number, held)) is not None:
        return wrong
    if held and found.lines and not set(map(id, held)) & set(map(id, found.lines)):
        own = max(sum(says(line, unit) for unit in found.direct) for line in held)
        others = [one for line in found.lines for one in line.numbers if not one.vague]
        counted = others and not any(one.same_value(n) for one in others for n in statement.numbers)
        near = any(abs(line.place - one.place) <= 1 for line in held for one in found.lines)
        if own == 0 and (counted or not near):
            return Finding("contradicted", f"{number.written} is said of something else there", "speech")
    return _bound_elsewhere(statement, number, held)


def _of_another_clause(statement: Statement, number: Number, held: Sequence[Line]) -> Finding | None:
    """ "The shop closes at ten, the bar at midnight": midnight is not the shop's."""
    if len(held) != 1:
        return None
    clauses = clauses_of(held[0].text, statement.names)
    own = [clause for clause in clauses if any(number.same_value(n) for n in clause.numbers)]
    if len(own) != 1:
        return None
    for other in clauses:
        rival = any(not n.vague and not any(n.same_value(m) for m in statement.numbers) for n in other.numbers)
        if other is not own[0] and rival and other_clause_fits(statement, own[0], other):
            return Finding("contradicted", f"{number.written} is said of something else there", "speech")
    return None


def other_clause_fits(statement: Statement, own: Statement, other: Statement) -> bool:
    """Whether a clause speaks of the same as the sentence, and the one that holds its figure of something else."""

    def said(unit: Unit, clause: Statement) -> bool:
        return any(expresses(clause.stems, one) for one in unit.stems)

    moved = [unit for unit in statement.units if said(unit, other) and not said(unit, own)]
    strange = [unit for unit in own.units if not expresses(statement.stems, unit.stems[-1])]
    return bool(moved and strange)


def _bound_elsewhere(statement: Statement, number: Number, held: Sequence[Line]) -> Finding | None:
    """ "Two spoons of salt" where two belong to the flour and one to the salt."""
    following = next((u for u in statement.units if number.end <= u.place <= number.end + 2), None)
    if following is None or any(number.end <= other.start <= following.place for other in statement.numbers):
        return None
    judged = []
    for line in held:
        for place, word in enumerate(line.stems):
            if not expresses([word], following.stems[-1], loosely=False):
                continue
            before = [n for n in line.numbers if n.end <= place and place - n.end <= 4]
            if before:
                shared = [n for n in line.numbers if n.end <= place and line.tokens[n.end : n.end + 1] == ("of",)]
                judged.append(any(n.same_value(number) for n in (before[-1], *shared)))
    if judged and not any(judged):
        return Finding("contradicted", f"it is not {number.written} {following.word} there", "speech")
    return None


def worked_out(statement: Statement, number: Number, lines: Sequence[Line]) -> bool:
    """Whether a number is a sum or a remainder of numbers there, in a sentence that speaks of one."""
    if number.vague or number.ordinal or any(number.same_value(other) for line in lines for other in line.numbers):
        return False
    there = [n for line in lines if line.kind == "speech" for n in line.numbers if not n.ordinal]
    reckons = any(word in RECKONING for word in statement.stems) or any(
        one is not number and one.same_value(other) for one in statement.numbers for other in there
    )
    return reckons and derived([max(n.values) for n in there], number)
