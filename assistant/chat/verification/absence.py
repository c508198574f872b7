"""Sentences that deny: supported where a search finds nothing that a witness could have found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.chat.verification.coverage import says
from assistant.chat.verification.entailment import Finding
from assistant.chat.verification.evidence import Evidence, Line
from assistant.chat.verification.language import stems
from assistant.chat.verification.statement import MARK, QUOTED, Statement, Unit
from assistant.core.prompts import read_lines
from assistant.errors import PromptInvalid

_REFUSAL = re.compile(
    r"\bnot (?:in|shown in|seen in|part of|mentioned in|said in) (?:this|the) video\b|"
    r"\b(?:video|evidence|recording|clip) (?:does not|doesn't|never) (?:show|say|hold|contain|mention|tell)s?\b|"
    r"\b(?:is|are) (?:not|never) (?:shown|said|mentioned|visible|seen|heard) in (?:this|the) video\b",
    re.IGNORECASE,
)
_UNSAID = re.compile(
    r"\b(?:nobody|no one|no-one|no speaker|none of them|they never|he never|she never|it is never|is never|are "
    r"never|never)\b.{0,24}"
    r"\b(?:says?|said|mentions?|mentioned|talks?|tells?|told|explains?|names?|named|asks?|speaks?)\b|"
    r"\b(?:is|are|was) (?:not|never) (?:said|mentioned|told|named|explained|talked about)\b|\bnothing is said "
    r"(?:about|of|on)\b|"
    r"\b(?:does not|doesn't|do not|don't|did not) (?:say|mention|tell|explain|name|talk|speak)\b",
    re.IGNORECASE,
)
_UNSEEN = re.compile(
    r"\b(?:there is|there are|there's|one sees|shows?|is|are) no(?:t an?y?)? \b|^no \w+.{0,40}\b(?:seen|visible|"
    r"shown|appears?|there|in view)\b|"
    r"\b(?:is|are) (?:not|never) (?:seen|visible|shown|in view|there|to be seen)\b",
    re.IGNORECASE,
)


def says_missing(text: str) -> bool:
    """Whether a text says that the video does not hold something."""
    return bool(_REFUSAL.search(text))


def denies(statement: Statement) -> bool:
    """Whether a sentence says that something is not in the video, or not in what it cites."""
    return any(pattern.search(statement.bare) for pattern in (_REFUSAL, _UNSAID, _UNSEEN))


def absent(statement: Statement, evidence: Evidence) -> Finding | None:
    """None where the sentence denies nothing, or where those very words deny it in the video too."""
    if not denies(statement):
        return None
    text = statement.bare
    ids = set(statement.ids)
    lines = [
        line for line in [*evidence.speech, *evidence.labels, *evidence.shown] if not ids or ids & set(line.segment_ids)
    ]
    lines = [line for line in lines if line.kind in ("speech", "text") or evidence.stands(line)]
    unsaid, unseen = bool(_UNSAID.search(text)), bool(_UNSEEN.search(text))
    units = _topic(statement)
    if not units:
        return None
    if ids and not unsaid and any(line.kind == "speech" and says(line, unit) for line in lines for unit in units):
        return None  # what the speech denies is for the words to tell
    if unsaid:
        lines = [line for line in lines if line.kind == "speech"]
    found = _found(units, lines)
    if found is not None:
        where = "said" if found.kind == "speech" else "seen"
        return Finding(
            "contradicted", f"it is {where} in S{found.segment_ids[0]}", "speech" if where == "said" else "descriptions"
        )
    return _searched(units, evidence, unsaid, unseen)


def _topic(statement: Statement) -> list[Unit]:
    plain = Statement(
        QUOTED.sub(lambda m: f" {m.group(1) or m.group(2)} ", MARK.sub(" ", statement.text)), (), statement.names
    )
    return plain.units


def _found(units: Sequence[Unit], lines: Sequence[Line]) -> Line | None:
    """A line that holds all that is denied, or the segment's labels together."""
    for line in lines:
        if all(says(line, unit) for unit in units):
            return line
    by_segment: dict[int, list[Line]] = {}
    for line in lines:
        if line.kind in ("action", "description"):
            by_segment.setdefault(line.segment_ids[0], []).append(line)
    for labels in by_segment.values():
        if all(any(says(line, unit) for line in labels) for unit in units):
            return labels[0]
    return None


def _searched(units: Sequence[Unit], evidence: Evidence, unsaid: bool, unseen: bool) -> Finding:
    """Whether a witness that could have found it ran over the whole video."""
    listened = bool(evidence.timeline.provenance.speech or evidence.speech) or any(
        absence.what == "speech" for absence in evidence.timeline.absences
    )
    if not unseen and listened:
        return Finding("supported", "a search of all that is said finds nothing of it", "speech")
    if unsaid:
        return Finding("not_checkable", "nobody listened to this video", "speech")
    if evidence.labels and _could_see(units, evidence):
        return Finding("supported", "a search of all that is seen finds nothing of it", "descriptions")
    return Finding("not_checkable", "no model here could have seen it", "descriptions")


def _could_see(units: Sequence[Unit], evidence: Evidence) -> bool:
    """Whether what is denied is among the labels that a model chose from."""
    lists = evidence.timeline.provenance.descriptions.get("label_lists", ())
    known: set[str] = {word for line in evidence.labels for word in line.stems}
    for name in lists if isinstance(lists, list | tuple) else ():
        if isinstance(name, str) and re.fullmatch(r"[\w-]{1,60}", name):
            try:
                known |= {word for label in read_lines(f"labels/{name}.txt") for word in stems(label)}
            except PromptInvalid:
                continue
    return all(unit.stems[-1] in known for unit in units)
