"""Answers put into words: quotations and labels with their marks, and sentences in the language of the question."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.chat.evidence import Evidence, Run
from assistant.chat.lines import Label, Line
from assistant.chat.understand import Asked
from assistant.core.prompts import changed, read_lines
from assistant.core.timeline import Outcome, clock

_MARKS_SHOWN = 3
_LONGEST_QUOTE = 300


@dataclass(frozen=True)
class Reply:
    """What the rules answer, with marks ``[S3]`` and its outcome."""

    text: str
    outcome: Outcome = "answer"
    nearest: bool = False  # it quotes what comes nearest, and says that this is no answer in so many words
    computed: bool = False  # it reads out what the timeline records of the file, its shots and the models

    @property
    def found(self) -> bool:
        return self.outcome == "answer"


def tell(language: str, key: str, **values: object) -> str:
    """The sentence of ``prompts/words/LANGUAGE/replies.txt``, filled in."""
    path = f"words/{language}/replies.txt"
    return _replies(path, changed(path))[key].format(**values)


@lru_cache(maxsize=8)
def _replies(path: str, changed_ns: int) -> Mapping[str, str]:
    parts = (line.partition(" = ") for line in read_lines(path))
    return {key.strip(): text.strip() for key, _, text in parts}


def say(asked: Asked, key: str, **values: object) -> str:
    """The sentence of ``prompts/words/LANGUAGE/about.txt``, filled in, in the question's language."""
    path = f"words/{asked.language}/about.txt"
    return _replies(path, changed(path))[key].format(**values)


def mark(ids: Sequence[int]) -> str:
    """The marks of these segments: all of a few, else the first and the last."""
    unique = list(dict.fromkeys(ids))
    if len(unique) <= _MARKS_SHOWN or unique != list(range(unique[0], unique[-1] + 1)):
        return " ".join(f"[S{found}]" for found in unique[:12])
    return f"[S{unique[0]}] to [S{unique[-1]}]"


def safe(text: str, most: int = _LONGEST_QUOTE) -> str:
    """Untrusted words for a sentence of ours: no brackets, quotation marks, markup or line breaks, and not endless."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c if c.isprintable() else " " for c in text)  # line breaks, bidirectional and zero-width controls
    text = re.sub(r"[\[\]<>{}`\"“”„«»|\\*_#$~]", " ", text.replace("://", " ").replace("www.", "www "))
    text = re.sub(r"(?i)\b(javascript|data|vbscript|mailto):", r"\1 ", text)
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"


def quote(line: Line, at: int | None = None) -> str:
    """One line in quotation marks with the mark of its segment, and who said it where that is known."""
    return f"{_who(line)}\u201c{safe(line.text)}\u201d [S{at or line.segment_id}]."


def _who(line: Line) -> str:
    """Who said a line, or where it is written, as far as that is to be told."""
    who = line.speaker or ("Subtitles" if line.kind == "subtitles" else "")
    return f"{safe(who, 60)}: " if who else ""


def quotes(lines: Iterable[Line]) -> str:
    """Lines in order of time; what one mark covers is one quotation."""
    parts: list[list[Line]] = []
    for line in sorted(set(lines), key=lambda line: line.place):
        last = parts[-1][-1] if parts else None
        joined = last is not None and last.place + 1 == line.place and last.segment_id == line.segment_id
        if joined and last is not None and last.speaker == line.speaker and last.kind == line.kind:
            parts[-1].append(line)
        else:
            parts.append([line])
    texts = []
    for part in parts:
        words = safe(" ".join(line.text for line in part))
        texts.append(f"{_who(part[0])}\u201c{words}\u201d [S{part[0].segment_id}].")
    return " ".join(texts)


def named(label: Label | None, language: str) -> str:
    """A label as an answer names it, hedged where the model was unsure; "" for none."""
    if label is None:
        return ""
    return safe(label.text) if label.sure else f"{tell(language, 'probably')} {safe(label.text)}"


def picture(evidence: Evidence, segment_id: int, language: str) -> str:
    """What is seen and done in a segment: ``kitchen, probably Opening something``."""
    scene, action = evidence.best(segment_id, "descriptions"), evidence.best(segment_id, "actions")
    parts = [named(label, language) for label in (scene, action)]
    if action is None and evidence.segment(segment_id).actions:
        parts.append(tell(language, "no_action_fits"))
    return ", ".join(part for part in parts if part)


def pictures(evidence: Evidence, ids: Iterable[int], language: str, most: int = 6) -> str:
    """The occurrences of a stretch in order, each with its marks, evenly thinned where there are many."""

    def same(segment_id: int) -> object:
        return picture(evidence, segment_id, language)

    runs = [run for run in evidence.runs(ids, same) if same(run.ids[0])]
    merged: list[Run] = []
    for run in runs:  # a cut between two runs of the same is no news
        if merged and same(merged[-1].ids[0]) == same(run.ids[0]) and merged[-1].ids[-1] + 1 == run.ids[0]:
            merged[-1] = Run((*merged[-1].ids, *run.ids), merged[-1].span)
        else:
            merged.append(run)
    if len(merged) > most:
        merged = [merged[round(place * (len(merged) - 1) / (most - 1))] for place in range(most)]
    return " ".join(f"{capital(str(same(run.ids[0])))} {mark(run.ids)}." for run in merged)


def known(evidence: Evidence, ids: Sequence[int], language: str) -> str:
    """What is known where something else cannot be told: the surest labels there, without marks."""
    found: dict[str, float] = {}
    for segment_id in ids or range(1, len(evidence.timeline.segments) + 1):
        for label in evidence.shown(segment_id):
            found[label.text] = max(found.get(label.text, 0.0), label.score)
    best = sorted(found, key=lambda text: -found[text])[:3]
    if not best:
        return ""
    key = "known_there" if ids else "known"
    return " " + tell(language, key, what=", ".join(safe(text) for text in best))


def at_time(seconds: float) -> str:
    return clock(seconds)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
