"""Written timelines: what is said and seen, questions about it, true sentences and planted errors.

A file holds transcripts; the format is made to be written by hand::

    == name | subject, form | language | scene; scene; ...
    1 Speaker: what is said              a line, numbered; [action], [scene] or [text] before what was not said
    Q question | other wording @2,5      a fact, and the lines that carry it
    + a true sentence
    - num: a false sentence              the kind of error planted in it
    ~ a true sentence that does not answer the question
    X question that nothing answers @7   and the line that seems nearest to an answer

``near_questions.lst`` has a row a transcript: for each of its facts a question about the same things that the fact does
not answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from assistant.training.verifier.numbers import split

FOLDER = Path(__file__).parent / "material"

# Whole subjects that training never sees: the choice of checkpoint and the figures rest on them.
HELD_OUT = frozenset(
    split(
        "wall_shelf parking_meeting flood_news yoga_back escape_room chorprobe panaderia_barrio playground_drone "
        "volcano_lecture headphones_review "
        "a_sourdough_starter_qa lifeboat_radio_log kreuzfahrer_letsplay a_bike_brake_workshop salt_tax_documentary"
    )
)

# Kinds of planted errors. What is invented is not in the evidence; the others speak against it, or (cause, scope)
# something between the two.
ERRORS = frozenset(split("num name neg opp order who attr invent cause scope time place"))

_HEAD = re.compile(r"== (\w+) \| ([^|]+) \| (\w\w) \| (.+)")
_LINE = re.compile(r"(\d+) (?:\[(action|scene|text)\] )?(.+)")
_SPEAKER = re.compile(r"([A-Z][\w.]*(?: [A-Z][\w.]*)?): (.+)")
_QUESTION = re.compile(r"([QX]) (.+) @([\d,]+)")


@dataclass(frozen=True, slots=True)
class Line:
    """``speaker`` is empty where nobody is named; ``score`` is None but for labels."""

    kind: str  # speech, action, scene, text
    text: str
    speaker: str = ""
    score: float | None = None


@dataclass(slots=True)
class Fact:
    """``lines`` are indices into the transcript's lines."""

    questions: tuple[str, ...]
    lines: tuple[int, ...]
    true: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    near: str = ""


@dataclass(slots=True)
class Transcript:
    name: str
    subject: str
    language: str
    scenes: tuple[str, ...]
    lines: list[Line] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    unanswered: list[tuple[str, int]] = field(default_factory=list)  # a question, and the index of the nearest line

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line.speaker for line in self.lines if line.speaker))


def load(folder: Path = FOLDER) -> list[Transcript]:
    """All transcripts of a folder, in the order of its files' names."""
    found = [
        transcript
        for path in sorted(folder.glob("*.txt"))
        for transcript in parse(path.read_text(encoding="utf-8").splitlines(), path.name)
    ]
    by_name = {transcript.name: transcript for transcript in found}
    for row in (folder / "near_questions.lst").read_text(encoding="utf-8").splitlines():
        name, *questions = row.split(" | ")
        for fact, question in zip(by_name[name].facts, questions, strict=True):
            fact.near = question
    return found


def parse(rows: Iterable[str], source: str) -> list[Transcript]:
    """The transcripts of one file.

    Raises:
        ValueError: a row that is none of the format's, or points at a line that is not there.
    """
    found: list[Transcript] = []
    for number, row in enumerate(rows, 1):
        if not row.strip():
            continue
        if head := _HEAD.fullmatch(row):
            name, subject, language, scenes = head.groups()
            found.append(Transcript(name, subject, language, tuple(s.strip() for s in scenes.split(";"))))
        elif not found or not _add(found[-1], row):
            raise ValueError(f"{source}:{number}: {row[:60]!r} is no row of this format")
    return found


def _add(transcript: Transcript, row: str) -> bool:
    """Add a row to the transcript; whether it is one that may stand there."""
    mark, _, rest = row.partition(" ")
    if question := _QUESTION.fullmatch(row):
        lines = tuple(int(line) - 1 for line in question[3].split(","))
        if max(lines) >= len(transcript.lines):
            return False
        wordings = tuple(q.strip() for q in question[2].split("|"))
        if question[1] == "X":
            transcript.unanswered += [(wording, lines[0]) for wording in wordings]
        else:
            transcript.facts.append(Fact(wordings, lines))
    elif (line := _LINE.fullmatch(row)) and not transcript.facts:
        transcript.lines.append(_line(line[2] or "speech", line[3]))
        return int(line[1]) == len(transcript.lines)
    elif not transcript.facts:
        return False
    elif mark == "+":
        transcript.facts[-1].true.append(rest)
    elif mark == "~":
        transcript.facts[-1].beside.append(rest)
    elif mark == "-" and (error := rest.partition(": "))[0] in ERRORS:
        transcript.facts[-1].errors.append((error[0], error[2]))
    else:
        return False
    return True


def _line(kind: str, text: str) -> Line:
    if kind == "speech":
        named = _SPEAKER.fullmatch(text)
        return Line(kind, named[2], named[1]) if named else Line(kind, text)
    label, _, score = text.partition(" | ")
    return Line(kind, label, score=float(score) if score else None)
