"""A story told again: other numbers, lines joined and cut as segments are, a sentence within another."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from assistant.training.verifier.material import Line, Transcript
from assistant.training.verifier.numbers import fresh_number, numbers, put_numbers, split


def renumbered(texts: list[str], language: str, kind: str, rng: random.Random) -> list[str]:
    """The same story with other numbers: each number gets another value, the same in all the texts.

    Numbers of a planted error are left in their relation: two that differ stay different.
    """
    values = {value for text in texts for _, _, value in numbers(text, language)}
    table: dict[int, int] = {}
    for value in sorted(values):
        if rng.random() < 0.7:
            new = fresh_number(value, rng)
            if new not in values and new not in table.values():
                table[value] = new
    return [put_numbers(text, language, lambda value: table.get(value, value), rng) for text in texts]


def in_segments(lines: list[Line], numbers: Sequence[int], needed: set[int], rng: random.Random) -> list[Line]:
    """Neighbouring lines of speech joined as one segment holds them, cut at its edges in mid-sentence."""
    joined: list[Line] = []
    last = -2
    for line, number in zip(lines, numbers, strict=True):
        text = line.text
        words = text.split()
        if line.kind == "speech" and number not in needed and len(words) > 5 and rng.random() < 0.4:
            cut = rng.randint(2, len(words) - 2)
            text = " ".join(words[cut:] if rng.random() < 0.5 else words[:cut])
        before = joined[-1] if joined else None
        same = before is not None and before.kind == line.kind == "speech" and before.speaker == line.speaker
        if before is not None and same and number == last + 1:
            joined[-1] = replace(before, text=f"{before.text} {text}")
        else:
            joined.append(replace(line, text=text))
        last = number
    return joined


_GERMAN_STARTS = frozenset(split("Der Die Das Es Er Sie Ein Eine Man Im"))


def inner(sentence: str, transcript: Transcript) -> str:
    """The sentence as it stands within another one: its first word small, unless it is a name or a German noun."""
    first = sentence.split()[0].strip(",")
    if transcript.language == "de" and first not in _GERMAN_STARTS:
        return sentence
    if first in names_in(transcript) or first in {"I", "I'm"}:
        return sentence
    return sentence[0].lower() + sentence[1:]


_NO_NAMES = frozenset(
    split(
        "I I'm I'd I've I'll Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May "
        "June July August September October November December CPU DC T OK"
    )
)


def names_in(transcript: Transcript) -> tuple[str, ...]:
    """Names in a transcript: who speaks, and what is written large within a sentence (not in German)."""
    found = dict.fromkeys(transcript.speakers)
    if transcript.language != "de":
        for line in transcript.lines:
            for name in re.findall(r"(?<=[a-z,] )([A-Z][a-z]{2,})\b", line.text):
                if name not in _NO_NAMES and line.kind == "speech":
                    found[name] = None
    return tuple(found)
