"""What the words of a sentence and of its evidence cannot both be: opposites, denials, other things."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from assistant.chat.verification.coverage import Cover, places_of, says
from assistant.chat.verification.entailment import KIND, Finding
from assistant.chat.verification.evidence import SURE_SCORE, Evidence, Line
from assistant.chat.verification.figures import other_clause_fits, worked_out
from assistant.chat.verification.language import expresses, lexicon, stem
from assistant.chat.verification.numbers import find_numbers
from assistant.chat.verification.statement import Statement, clauses_of, small

_PLACING = frozenset(("with", "in", "at", "from", "under", "behind"))
_FAMILIES = (
    frozenset(("only", "just", "alone")),
    frozenset(("all", "every", "everybody", "everyone", "everything", "always", "whole", "entire", "each", "both")),
)  # fmt: skip


def opposed(statement: Statement, lines: Sequence[Line], found: Cover) -> Finding | None:
    """A word of the sentence whose opposite stands in the line that bears out the rest."""
    opposite = lexicon().opposite
    if not found.lines or statement.has("negation"):
        return None
    said = {word for line in lines for word in line.stems}
    for place, word in enumerate(statement.stems):
        others = opposite.get(word, frozenset())
        own = [line for line in found.lines if expresses(line.stems, word)]
        if not others or any(sum(says(line, unit) for unit in found.direct) > 1 for line in own):
            continue
        if lexicon().light(word) and word in said:
            continue
        for line in (line for line in found.lines if line not in own):
            clash = next((one for one in others if one in line.stems), None)
            if clash and clash not in statement.stems and place not in statement.negated and not _negates(line):
                if (
                    word in ("in", "on", "up", "off", "out", "with", "put", "tak", "com", "go")
                    and line.kind == "speech"
                ):
                    continue
                if word in ("on", "in") or clash in ("on", "in"):
                    continue
                return Finding(
                    "contradicted", f"it says the opposite of “{statement.tokens[place]}” there", KIND[line.kind]
                )
    return None


def rivalled(statement: Statement, lines: Sequence[Line], found: Cover) -> Finding | None:
    """Tuesday for Thursday, a week for a month, a sister for a brother: another of the same kind stands there."""
    rivals = lexicon().rivals
    said = {word for line in lines for word in line.stems}
    counted = {place for number in statement.numbers for place in range(number.start, number.end)}
    best = found.lines or lines
    for place, word in enumerate(statement.stems):
        others = rivals.get(word)
        if not others or place in counted or place in statement.negated:
            continue
        if expresses(tuple(said), word, loosely=False):
            if any(line.kind == "speech" and _rival_of_another_clause(statement, word, others, line) for line in lines):
                return Finding("contradicted", f"“{statement.tokens[place]}” is said of something else there", "speech")
            continue
        for line in best:
            numbered = {at for number in line.numbers for at in range(number.start, number.end)}
            clash = next((i for i, one in enumerate(line.stems) if one in others and i not in numbered), None)
            if clash is not None and not any(one in statement.stems for one in (line.stems[clash],)):
                return Finding(
                    "contradicted",
                    f"it is “{line.tokens[clash]}” there, not “{statement.tokens[place]}”",
                    KIND[line.kind],
                )
    return None


def _rival_of_another_clause(statement: Statement, word: str, others: frozenset[str], line: Line) -> bool:
    """ "Ordered on Monday and promised for Tuesday": it was not ordered on Tuesday."""
    clauses = clauses_of(line.text, statement.names)
    own = [clause for clause in clauses if word in clause.stems]
    rivals = [clause for clause in clauses if others & set(clause.stems) - set(statement.stems)]
    return len(own) == 1 and any(
        clause is not own[0] and other_clause_fits(statement, own[0], clause) for clause in rivals
    )


def polarity(statement: Statement, lines: Sequence[Line], found: Cover, near: Sequence[Line]) -> Finding | None:
    """What is denied on one side and said on the other; a remainder ("28 of 40 are not ...") turns it round rightly."""
    if any(worked_out(statement, number, lines) for number in statement.numbers) or statement.has("denying"):
        return None
    if statement.has("negation") and not statement.negated:
        return None
    agreed = any(
        unit.negated and place in line.negated
        for unit in found.direct
        for line in lines
        for place in places_of(line, unit)
    )
    for line in found.lines if not statement.negated else ():
        for unit in found.direct:
            if line.kind == "speech" and any(
                line.tokens[max(0, at - 1)] == "not" for at in places_of(line, unit) if at
            ):
                return Finding("contradicted", f"“not {unit.word}”, it is said there", "speech")
    turned = 0
    for unit in found.direct if not agreed else ():
        sides = [place in line.negated for line in lines if line.kind != "action" for place in places_of(line, unit)]
        if sides and all(side != unit.negated for side in sides):
            if unit.negated and _opposite_said(statement, found):
                continue
            turned += 1
            told = "it is denied there" if not unit.negated else "it is said, not denied, there"
            if unit.negated or 2 * turned >= len(found.direct) + len([n for n in statement.numbers if not n.vague]):
                return Finding("contradicted", f"“{unit.word}”: {told}", "speech")
    actions = [line for line in found.lines if line.kind in ("action", "description")]
    denied = [unit for unit in statement.units if unit.negated]
    if (
        actions
        and denied
        and all(unit in found.direct for unit in denied)
        and not any(_negates(line) for line in actions)
    ) and any(says(line, unit) for line in actions for unit in denied):
        return Finding("contradicted", f"“{denied[0].word}” is what is seen there", KIND[actions[0].kind])
    return None


def _negates(line: Line) -> bool:
    return any(lexicon().is_kind(word, "negation") for word in line.tokens)


def _opposite_said(statement: Statement, found: Cover) -> bool:
    opposite = lexicon().opposite
    return any(opposite.get(word, frozenset()) & set(line.stems) for word in statement.stems for line in found.lines)


def overstated(statement: Statement, lines: Sequence[Line]) -> Finding | None:
    """ "All", "always", "both" of what the evidence says of some."""
    words = statement.tokens
    for place, word in enumerate(words):
        if word not in _FAMILIES[1] or words[place - 1 : place] == ["at"]:
            continue
        following = words[place + 1] if place + 1 < len(words) else ""
        if any(place < number.start <= place + 2 for number in statement.numbers) or following in ("right", "in"):
            continue
        if word in ("every", "each") and _each_of_others(following, lines):
            return Finding("contradicted", f"it is not “{word} {following}” there", "speech")
        if not any(_FAMILIES[1] & set(line.tokens) for line in lines):
            return Finding("unsupported", f"nothing there says “{word}”", "timeline")
    return None


def _each_of_others(following: str, lines: Sequence[Line]) -> bool:
    """Whether "every" stands there of other things alone: "every month" is not "every Friday"."""
    pairs = [pair for line in lines for pair in itertools.pairwise(line.tokens) if pair[0] in ("every", "each")]
    return bool(pairs) and not any(expresses([stem(thing)], stem(following)) for _, thing in pairs)


def otherwise_placed(statement: Statement, found: Cover) -> Finding | None:
    """ "Cut with scissors" where the line that tells of the cutting says "with a knife"."""
    for unit in statement.units:
        before = [word for word in statement.tokens[max(0, unit.place - 2) : unit.place] if word in _PLACING]
        if not before:
            continue
        others = [one for one in found.direct if one is not unit]
        for line in found.lines:
            if line.kind != "speech" or says(line, unit) or not any(says(line, one) for one in others):
                continue
            for at, word in enumerate(line.tokens):
                complement = [w for w in line.stems[at + 1 : at + 4] if not small(w, w)]
                if word == before[-1] and complement and not any(expresses(statement.stems, w) for w in complement):
                    return Finding("contradicted", f"it is “{' '.join(line.tokens[at : at + 4])}” there", "speech")
    return None


def others_deed(statement: Statement, found: Cover, evidence: Evidence) -> Finding | None:
    """What one is said to do in a clause that names somebody else alone."""
    named = [unit for unit in statement.units if unit.name and unit.place <= 1]
    rest = [unit for unit in found.direct if not unit.name]
    if not named or not rest:
        return None
    for line in found.lines:
        for clause in clauses_of(re.sub(r"\b(?:because|when|since)\b", ",", line.text), evidence.names):
            if not all(any(expresses(clause.stems, one) for one in unit.stems) for unit in rest):
                continue
            names = evidence.names & set(clause.stems)
            if names and not names & set(statement.stems):
                return Finding("contradicted", f"that is said of {min(names).capitalize()} there", "speech")
    return None


def patched(found: Cover, lines: Sequence[Line]) -> Finding | None:
    """What is seen, but with a deed that only the speech tells, of something else."""
    actions = [line for line in lines if line.kind == "action" and line.rank == 1 and not line.weak]
    if not actions or any(
        "something" in line.tokens or any(says(line, unit) for unit in found.direct) for line in actions
    ):
        return None
    for look in (line for line in lines if line.kind == "description"):
        seen = [unit for unit in found.direct if says(look, unit)]
        rest = [unit for unit in found.direct if unit not in seen]
        if (
            not seen
            or not rest
            or any(not lexicon().light(word) and not any(word in u.stems for u in seen) for word in look.stems)
        ):
            continue
        telling = [line for line in lines if line.kind == "speech" and all(says(line, unit) for unit in rest)]
        if telling and not any(says(line, unit) for line in telling for unit in seen[:1]):
            return Finding("unsupported", f"the action there is “{actions[0].text}”", "actions")
    return None


def other_thing(statement: Statement, found: Cover, lines: Sequence[Line]) -> Finding | None:
    """ "A white van" where the label is "white horse" and only somebody's words hold a van, of something else."""
    looks = [line for line in lines if line.kind == "description"]
    if any(line.kind == "speech" and all(says(line, unit) for unit in found.direct) for line in lines):
        return None
    for one, other in itertools.pairwise(statement.units):
        if other.place - one.place != 1:
            continue
        for kept, changed, step in ((one, other, 1), (other, one, -1)):
            if any(says(line, changed) for line in looks) or changed.name:
                continue
            for line in looks:
                words = [word for word in line.stems if not small(word, word)]
                at = next((i for i, word in enumerate(words) if expresses([word], kept.stems[-1], loosely=False)), -1)
                if at >= 0 and 0 <= at + step < len(words) and not expresses(statement.stems, words[at + step]):
                    return Finding("contradicted", f"what is seen there is “{line.text}”", "descriptions")
    return None


def replaced(statement: Statement, found: Cover) -> Finding | None:
    """ "A silk merchant" where the line that bears out the rest has "a wool merchant": another word in its place."""
    for unit in (*found.elsewhere, *found.foreign):
        for step in (1, -1):
            beside = statement.stems[unit.place + step : unit.place + step + 1] if unit.place + step >= 0 else ()
            if not beside or small(statement.tokens[unit.place + step], beside[0]):
                continue
            for line in found.lines:
                at = next((i for i, word in enumerate(line.stems) if word == beside[0]), None)
                other = at - step if at is not None else -1
                if not 0 <= other < len(line.stems) or small(line.tokens[other], line.stems[other]):
                    continue
                if not expresses(statement.stems, line.stems[other]):
                    return Finding("contradicted", f"it is “{line.tokens[other]}” there", KIND[line.kind])
    return None


def other_one(statement: Statement, found: Cover) -> Finding | None:
    """ "The calm dog bites" where it is the wild one that does."""
    for line in found.lines:
        for before, word in itertools.pairwise(line.tokens):
            if (
                word in ("one", "ones")
                and not small(before, stem(before))
                and before not in ("only", "first", "last", "no")
            ):
                described = any(
                    b.place - a.place == 1 and not says(line, a) for a, b in itertools.pairwise(statement.units)
                )
                if described and not expresses(statement.stems, stem(before)) and not find_numbers([before]):
                    return Finding("contradicted", f"it is the {before} one there", KIND[line.kind])
    return None


def does_otherwise(statement: Statement, found: Cover) -> Finding | None:
    """ "It does not turn" where the label that is believed is of something else."""
    denied = [unit for unit in statement.units if unit.negated]
    rest = [unit for unit in statement.units if not unit.negated]
    if (
        not denied
        or not rest
        or any(unit not in found.direct for unit in rest)
        or any(u in found.direct for u in denied)
    ):
        return None
    actions = [line for line in found.lines if line.kind == "description" or (line.kind == "action" and not line.weak)]
    sure = [line for line in actions if line.score >= SURE_SCORE and line.rank == 1]
    if sure and len(actions) == len(found.lines):
        return Finding("supported", f"“{sure[0].text}” is what is seen there", KIND[sure[0].kind])
    return None


def wrongly_named(found: Cover, near: Sequence[Line], evidence: Evidence) -> Finding | None:
    """A name that is said only near by, where the very lines name somebody else."""
    for unit in found.soft:
        if not unit.name:
            continue
        there = {word for line in found.lines for word in line.stems if word in evidence.names}
        rivals = there - {one for other in found.direct for one in other.stems}
        if rivals:
            return Finding(
                "contradicted", f"it is said of {min(rivals).capitalize()} there, not of {unit.word}", "speech"
            )
        before = [line for line in near if line.place < min(one.place for one in found.lines or (near[-1],))][-3:]
        named = {word for line in before for word in line.stems if word in evidence.names}
        if named == {unit.stems[0]} and any({"she", "he", "they"} & set(line.tokens) for line in found.lines):
            continue
        return Finding("not_checkable", f"nothing there tells whether it is {unit.word}", "speech")
    return None


def somebody_elses(statement: Statement, found: Cover, lines: Sequence[Line], evidence: Evidence) -> Finding | None:
    """What "he" is said to do, where the only line that tells it begins with somebody's name."""
    if statement.tokens[:1] not in (["he"], ["she"], ["they"]):
        return None
    for unit in found.direct:
        telling = [line for line in lines if line.kind == "speech" and says(line, unit)]
        named = [line for line in telling if line.stems[0] in evidence.names and len(line.stems) > 3]
        if telling and len(named) == len(telling) and not any(line.stems[0] in statement.stems for line in named):
            others = [u for u in found.direct if u is not unit and not any(says(line, u) for line in named)]
            if others:
                return Finding("contradicted", f"that is said of {named[0].tokens[0].capitalize()} there", "speech")
    return None
