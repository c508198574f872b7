"""What is counted: matches of times, errors of words, words in an answer, spans that agree."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from assistant.core.timeline import Segment, Span, Timeline

# A cited span that reaches over a cut by less than a cut may be off does not count as pointing there.
LEAST_OVERLAP_SECONDS = 0.15
_TOKEN = re.compile(r"\d+(?::\d+)+(?:\.\d+)?|\d+(?:\.\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)*")
_SMALL_NUMBERS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_DIGITS = {word: str(number) for number, word in enumerate(_SMALL_NUMBERS)} | {"once": "1", "twice": "2"}
_NEGATIVES = frozenset(("no", "not", "nothing", "nobody", "none", "never", "nowhere", "cannot"))


@dataclass(frozen=True, slots=True)
class Errors:
    """Word errors (substitutions, deletions and insertions together) against so many words of reference."""

    errors: int
    words: int

    @property
    def rate(self) -> float:
        return self.errors / max(1, self.words)


@dataclass(frozen=True, slots=True)
class Matches:
    """One-to-one matches between what was found and what is true."""

    matched: int
    found: int
    true: int

    @property
    def f1(self) -> float:
        return 2 * self.matched / (self.found + self.true) if self.found + self.true else 1.0


def points_at(cited: Span, event: Span) -> bool:
    """Whether a cited span overlaps the event by more than a cut may be off, or by half of itself where it is short."""
    return cited.overlap_seconds(event) > min(LEAST_OVERLAP_SECONDS, cited.seconds / 2)


def has_word(text: str, word: str) -> bool:
    """Whether a word, the beginning of a word, or a phrase is in the text.

    Numbers match as words and as digits ("two", "2", "twice"), but not inside a time ("0:02"); "no" is matched by every
    word that denies ("not", "nothing", "isn't").
    """
    tokens, wanted = _tokens(text), _tokens(word)
    if not wanted:
        return True
    *head, last = wanted
    return any(
        tokens[start : start + len(head)] == head and _begins(tokens[start + len(head)], last)
        for start in range(len(tokens) - len(head))
    )


def best_segment(timeline: Timeline, span: Span) -> Segment | None:
    """The segment that overlaps the span most, or None where none does."""
    best = max(timeline.segments, key=lambda segment: segment.span.overlap_seconds(span), default=None)
    return best if best is not None and best.span.overlap_seconds(span) > 0 else None


def label_of(segment: Segment | None, kind: str) -> str:
    """The best label of a segment (``kind`` is ``action`` or ``description``), "" where there is none."""
    score = getattr(segment, kind) if segment is not None else None
    return score.label if score is not None else ""


def match_times(found: Iterable[float], true: Iterable[float], tolerance_seconds: float) -> Matches:
    """How many found times lie within the tolerance of a true one, each used once."""
    found, true = sorted(found), sorted(true)
    matched = first = second = 0
    while first < len(found) and second < len(true):
        # A hair of slack, since a boundary that is off by just the tolerance is a matter of rounding.
        if abs(found[first] - true[second]) <= tolerance_seconds + 1e-6:
            matched, first, second = matched + 1, first + 1, second + 1
        elif found[first] < true[second]:
            first += 1
        else:
            second += 1
    return Matches(matched, len(found), len(true))


def word_errors(reference: str, heard: str) -> Errors:
    """The fewest words to change, leave out or put in to get from what was said to what was heard (Levenshtein)."""
    said, written = words_of(reference), words_of(heard)
    row = list(range(len(written) + 1))
    for number, word in enumerate(said, start=1):
        diagonal, row[0] = row[0], number
        for column, other in enumerate(written, start=1):
            diagonal, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, diagonal + (word != other)),
            )
    return Errors(row[-1], len(said))


def words_of(text: str) -> list[str]:
    """The words of a text in lower case without punctuation; figures are spelt out, digit by digit above twelve."""
    words: list[str] = []
    for token in re.findall(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*", text.lower()):
        if not token.isdigit():
            words.append(token.replace("’", "'"))
        elif int(token) < len(_SMALL_NUMBERS):
            words.append(_SMALL_NUMBERS[int(token)])
        else:
            words += [_SMALL_NUMBERS[int(digit)] for digit in token]
    return words


def _tokens(text: str) -> list[str]:
    return [_DIGITS.get(token, token) for token in _TOKEN.findall(text.lower().replace("’", "'"))]


def _begins(token: str, word: str) -> bool:
    if word == "no":
        return token in _NEGATIVES or token.endswith("n't")
    if word.isdigit():
        return token == word
    if len(word) <= 2:  # "up" is in "upwards", but not in "upon"
        return token == word or token.startswith(f"{word}ward")
    return token.startswith(word)
