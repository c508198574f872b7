"""Times, spans and the order of things in a sentence, held against the times of the segments that it cites."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.chat.verification.coverage import says
from assistant.chat.verification.entailment import Finding
from assistant.chat.verification.evidence import Evidence, Line
from assistant.chat.verification.statement import CLOCK, MARK, Statement, seconds_of

_SLACK_SECONDS = 1.5
_BEFORE = re.compile(
    r"\b(?:(?:comes?|came|is|are|was|happens?|takes place|goes)?\s*(?:(?:long|shortly|right|just|well|directly|"
    r"immediately)\s)?before|is followed by|followed by|precedes?|preceded(?! by)|and then|"
    r"earlier than|prior to|until after)\b|[,;] (?:and )?then\b",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"\b(?:(?:comes?|came|happens?)?\s*(?:only )?after|preceded by|follows|later than|comes? last, after)\b",
    re.IGNORECASE,
)
_LEADING = re.compile(r"^\s*(before|after|once)\b(.+?),(.+)$", re.IGNORECASE)
_FIRST_THEN = re.compile(
    r"^\s*first(?:ly)?,?\s+(.+?)[,;.]?\s+(?:and\s+)?(?:then|later|afterwards|after that|next)\b(.+)$", re.IGNORECASE
)
_PAIRS = (
    re.compile(r"\bfrom\s+(?P<a>[^,;]{1,40}?)\s+(?:on\s)?to\s+(?P<b>[^,;.!?]{1,40})", re.IGNORECASE),
    re.compile(
        r"(?P<a>[^,;.]{1,40}?)\s*,?\s*(?:instead of|rather than|in place of)\s+(?P<b>[^,;.!?]{1,40})", re.IGNORECASE
    ),
    re.compile(
        r"(?P<a>[^,;.]{1,60}?)\s+(?:\w+er|more|less|fewer|better|worse) than\s+(?P<b>[^,;.!?]{1,40})", re.IGNORECASE
    ),
)


def times_right(statement: Statement, evidence: Evidence) -> Finding | None:
    """None where the sentence names no time of the player, or the words there name it too."""
    text = MARK.sub(" ", statement.bare)
    times = [seconds_of(match) for match in CLOCK.finditer(text)]
    if not times or not statement.ids:
        return None
    spoken = " ".join(line.text for line in evidence.cited(statement.ids) if line.kind in ("speech", "text"))
    if all(match.group(0) in spoken for match in CLOCK.finditer(text)):
        return None
    spans = [evidence.timeline.segments[number - 1].span for number in statement.ids]
    low = min(span.start_seconds for span in spans) - _SLACK_SECONDS
    high = max(span.end_seconds for span in spans) + _SLACK_SECONDS
    if any(not low <= time <= high for time in times):
        return Finding("contradicted", "the segments cited are at another time", "timeline")
    return Finding("supported", "the segments cited are at that time", "timeline")


def split_order(text: str) -> tuple[str, str] | None:
    """What is told to be earlier and what later; None where a sentence orders nothing."""
    bare = text.strip()
    if found := _LEADING.match(bare):
        word, one, other = found.groups()
        return (one, other) if word.lower() != "before" else (other, one)
    if found := _FIRST_THEN.match(bare):
        return found.group(1), found.group(2)
    for pattern, earlier_first in ((_AFTER, False), (_BEFORE, True)):
        if found := pattern.search(bare):
            one, other = bare[: found.start()], bare[found.end() :]
            if MARK.sub("", one).strip(" .,;") and MARK.sub("", other).strip(" .,;"):
                return (one, other) if earlier_first else (other, one)
    return None


def order_right(statement: Statement, evidence: Evidence) -> Finding | None:
    """None where nothing is ordered, or the speech itself uses the word ("not before Wednesday")."""
    sides = split_order(statement.text)
    if sides is None or not statement.ids:
        return None
    marked = [set(MARK.findall(side)) for side in sides]
    if len(statement.ids) < 2:
        same = bool(marked[0]) and marked[0] == marked[1]
        return Finding("contradicted", "they are in the same place", "timeline") if same else None
    lines = evidence.cited(statement.ids)
    places = [_where(side, statement, lines, evidence) for side in sides]
    for one, other in ((0, 1), (1, 0)):
        rest = set(statement.ids) - places[one]
        if places[one] and not places[other] and len(places[one]) == 1 and len(rest) == 1:
            places[other] = rest  # each side has one of the two
    if not places[0] or not places[1]:
        return None
    earlier, later = places
    if min(earlier) < max(later) and max(earlier) <= max(later) and min(earlier) <= min(later) and earlier != later:
        return Finding("supported", "they come in that order", "timeline")
    if min(later) < min(earlier) or max(later) < max(earlier):
        return Finding("contradicted", "they come the other way round", "timeline")
    if earlier == later and len(earlier) == 1 and all(line.kind != "speech" for line in lines):
        return Finding("contradicted", "they are in the same place", "timeline")
    return None


def _where(side: str, statement: Statement, lines: Sequence[Line], evidence: Evidence) -> set[int]:
    """The cited segments that a side of the sentence is about: those that it marks, else those whose words it uses."""
    marked = {int(found) for found in MARK.findall(side)} & set(statement.ids)
    if marked and set(statement.ids) - marked:
        return marked
    units = Statement(MARK.sub(" ", side), (), statement.names).units
    if not units:
        return set()
    scores = {
        number: sum(any(number in line.segment_ids and says(line, unit) for line in lines) for unit in units)
        for number in statement.ids
    }
    best = max(scores.values())
    return {number for number, score in scores.items() if score == best} if best else set()


def swapped(statement: Statement, lines: Sequence[Line]) -> Finding | None:
    """ "From Thursday to Tuesday" of what goes from Tuesday to Thursday; "A instead of B" of B instead of A."""
    for pattern in _PAIRS:
        claim = pattern.search(statement.bare)
        if claim is None:
            continue
        one, other = (Statement(claim.group(side), (), statement.names) for side in "ab")
        for line in lines:
            said = pattern.search(line.text) if line.kind == "speech" else None
            if said is None:
                continue
            turned = _within(one, said.group("b")) and _within(other, said.group("a"))
            straight = _within(one, said.group("a")) or _within(other, said.group("b"))
            if turned and not straight:
                return Finding("contradicted", "it is said the other way round there", "speech")
    return None


def _within(part: Statement, text: str) -> bool:
    other = Statement(text, ())
    if not part.units:
        numbers = [n for n in part.numbers if any(n.same_value(m) for m in other.numbers)]
        return bool(numbers)
    line = Line("speech", text, (), 0, tokens=tuple(other.tokens), stems=other.stems)
    return any(says(line, unit) for unit in part.units)
