"""Counts, lengths and scope told of what is cited: three times, for eight seconds, during the whole video."""

from __future__ import annotations

import re

from assistant.chat.verification.about import spoken_seconds
from assistant.chat.verification.absence import denies
from assistant.chat.verification.coverage import says
from assistant.chat.verification.entailment import Finding
from assistant.chat.verification.evidence import Evidence
from assistant.chat.verification.statement import Statement

LISTING = re.compile(
    r"^\W*(?:in |there are |it has )?\w+(?: (?:scenes?|segments?|moments?|places?|parts?|times?|things?|shots?|"
    r"events?))?:",
    re.IGNORECASE,
)
LISTED_BEFORE = re.compile(r"(?<=\]):\s*\w+ [^\W\d_]+\W*$")  # "red [S1], blue [S2]: 2 colours"
TIMES = re.compile(r"\b(?:(\w+) times|(twice|thrice))\b", re.IGNORECASE)
FOR = re.compile(r"\bfor (?:about |around |some |roughly )?[\w.]+ (?:seconds?|minutes?)\b", re.IGNORECASE)
EVERYWHERE = re.compile(
    r"\b(?:whole|entire) (?:video|clip|film|time|recording)\b|\bthroughout\b|\ball the time\b|\ball (?:of the "
    r")?segments\b|\bfrom start to (?:end|finish)\b|"
    r"\b(?:in )?every (?:segment|shot|scene)\b|\bin both (?:segments|parts|shots)\b|\balways (?:seen|visible|in "
    r"view)\b",
    re.IGNORECASE,
)
MARK_RUN = re.compile(r"\[S\d{1,9}\](?:(?:\s|,|;|and|to|-|–)*\[S\d{1,9}\])*")


def repeats(statement: Statement, evidence: Evidence) -> Finding | None:
    """ "Three times" is the number of separate stretches that are cited, unless somebody says the number there."""
    match = TIMES.search(statement.bare)
    if match is None or not statement.ids:
        return None
    counted = Statement(match.group(0), ()).numbers
    said = [n for line in evidence.cited(statement.ids) if line.kind == "speech" for n in line.numbers]
    if not counted:
        return None
    runs = sum(
        number - 1 not in statement.ids or _shot(number, evidence) != _shot(number - 1, evidence)
        for number in statement.ids
    )
    right = float(runs) in counted[0].values
    if not right and any(counted[0].same_value(other) for other in said):
        return None
    return Finding(
        "supported" if right else "contradicted", f"the segments cited are {runs} separate stretches", "timeline"
    )


def listed(statement: Statement, evidence: Evidence) -> Finding | None:
    """ "In 2 scenes: ...": as many as there are marked things behind it."""
    head = LISTING.match(statement.text) or LISTED_BEFORE.search(statement.text)
    counted = Statement(head.group(0), ()).numbers if head else []
    if not counted or not statement.ids:
        return None
    runs = sum(n - 1 not in statement.ids or _shot(n, evidence) != _shot(n - 1, evidence) for n in statement.ids)
    right = counted[0].values & {float(runs), float(len(statement.ids)), float(len(MARK_RUN.findall(statement.text)))}
    return Finding("supported" if right else "contradicted", f"{runs} are cited", "timeline")


def _shot(number: int, evidence: Evidence) -> int:
    start = evidence.starts(number) + 1e-3
    return sum(shot.span.start_seconds <= start for shot in evidence.timeline.shots)


def lasting(statement: Statement, evidence: Evidence) -> Finding | None:
    """ "For about 8 seconds" is the length of what is cited, unless somebody says it there."""
    match = FOR.search(statement.bare)
    if match is None or not statement.ids:
        return None
    lasting = Statement(match.group(0), ())
    lines = evidence.cited(statement.ids)
    if any(n.same_value(o) for line in lines if line.kind == "speech" for o in line.numbers for n in lasting.numbers):
        return None
    seconds = sum(evidence.timeline.segments[number - 1].span.seconds for number in statement.ids)
    right = abs(spoken_seconds(lasting) - seconds) <= max(1.5, 0.25 * seconds)
    return Finding("supported" if right else "contradicted", f"what is cited lasts {seconds:.0f} seconds", "timeline")


def everywhere(statement: Statement, evidence: Evidence) -> Finding | None:
    """ "During the whole video" wants every segment to show it, not only those cited."""
    if not EVERYWHERE.search(statement.bare) or denies(statement):
        return None
    if any(line.kind == "speech" and EVERYWHERE.search(line.text) for line in evidence.cited(statement.ids)):
        return None
    units = Statement(EVERYWHERE.sub(" ", statement.bare), (), statement.names).units
    if not units:
        return None
    scope = (
        statement.ids
        if re.search(r"\bboth\b", statement.bare, re.IGNORECASE)
        else range(1, len(evidence.timeline.segments) + 1)
    )
    for number in scope:
        lines = [line for line in evidence.by_segment.get(number, ()) if line.kind != "speech"]
        if not any(says(line, unit) for line in lines for unit in units):
            return Finding("contradicted", f"S{number} does not show it", "descriptions")
    return None
