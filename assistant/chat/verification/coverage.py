"""Which words of a sentence the evidence says: in the cited segments, near by, elsewhere in the video or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.chat.verification.evidence import Evidence, Line
from assistant.chat.verification.language import expresses, holds, lexicon, stems
from assistant.chat.verification.statement import Unit

# Words that stand for something named near by; the labels' "something" is one of them.
_STANDING = frozenset(
    ("it its they them their this that these those one ones he him his she her something both another").split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Cover:
    """How the units of a statement stand in the evidence."""

    direct: tuple[Unit, ...]
    soft: tuple[Unit, ...]  # near by, or in the question: what a pronoun may stand for
    elsewhere: tuple[Unit, ...]  # in the video, but neither there nor near
    foreign: tuple[Unit, ...]  # nowhere
    lines: tuple[Line, ...]  # the lines that bear out most
    asked: tuple[Unit, ...] = ()  # of the soft ones, those that only the question holds

    @property
    def total(self) -> int:
        return len(self.direct) + len(self.soft) + len(self.elsewhere) + len(self.foreign)


def says(line: Line, unit: Unit) -> bool:
    if unit.negated and lexicon().opposite.get(unit.stems[-1], frozenset()) & set(line.stems):
        return True  # "not open" is "closed"
    if line.speaker and unit.stems[0] in stems(line.speaker):
        return True
    if len(unit.stems) == 1:
        return expresses(line.stems, unit.stems[0], loosely=not unit.name)
    return holds(line.stems, unit.stems) or any(
        holds(line.stems, other) for other in lexicon().of_phrase.get(unit.stems, ())
    )


def _names(line: Line, unit: Unit) -> bool:
    """Whether a line near by holds the very word: what a pronoun stands for, which a word of like meaning is not."""
    return holds(line.stems, unit.stems) or expresses(line.stems, unit.stems[-1], loosely=False)


def cover(
    units: Sequence[Unit], lines: Sequence[Line], near: Sequence[Line], asked: Sequence[str], evidence: Evidence
) -> Cover:
    """Sorts units by where the evidence says them."""
    sorted_units: dict[str, list[Unit]] = {"direct": [], "soft": [], "elsewhere": [], "foreign": []}
    from_question: list[Unit] = []
    hits = {id(line): sum(says(line, unit) for unit in units) for line in lines}
    most = max(hits.values(), default=0)
    stands = any(_STANDING & set(line.tokens) for line in lines if hits[id(line)] == most)
    for unit in units:
        found = [line for line in lines if says(line, unit)]
        if found:
            kind = "direct"
        elif stands and any(_names(line, unit) for line in near):
            kind = "soft"
        elif any(expresses(asked, one) for one in unit.stems):
            kind = "soft" if not unit.name else "elsewhere"
            from_question += [unit] if kind == "soft" else []
        else:
            known = any(one in evidence.vocabulary for one in unit.stems)
            kind = "elsewhere" if known else "foreign"
        sorted_units[kind].append(unit)
    best = tuple(line for line in lines if most and hits[id(line)] == most)
    if labelled := _labelled(sorted_units["direct"], lines):
        best = labelled
    return Cover(
        tuple(sorted_units["direct"]), tuple(sorted_units["soft"]), tuple(sorted_units["elsewhere"]),
        tuple(sorted_units["foreign"]), best, tuple(from_question),
    )  # fmt: skip


def _labelled(direct: Sequence[Unit], lines: Sequence[Line]) -> tuple[Line, ...]:
    """The labels, where those of the cited segments bear out together all that is borne out at all."""
    labels = [
        line for line in lines if line.kind in ("action", "description") and any(says(line, unit) for unit in direct)
    ]
    whole = bool(direct) and all(any(says(line, unit) for line in labels) for unit in direct)
    return tuple(sorted(labels, key=lambda line: line.kind)) if whole else ()


def places_of(line: Line, unit: Unit) -> list[int]:
    return [place for place, word in enumerate(line.stems) if expresses([word], unit.stems[0], loosely=not unit.name)]
