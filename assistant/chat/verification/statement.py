"""One sentence taken apart for the verifier: quotations, numbers, negations, words to be borne out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from assistant.chat.verification.language import Stems, language_of, lexicon, stem, tokens
from assistant.chat.verification.numbers import Number, find_numbers

MARK = re.compile(r"\[\s*S(?:egment)?\s*(\d{1,9})\s*\]", re.IGNORECASE)
QUOTED = re.compile(
    r"[“„«»「『\"]([^“”„«»\"」』]{1,600})[”“»«」』\"]|(?<!\w)['‘]([^'‘’]{2,300}(?:['’]\w[^'‘’]*)*)['’](?!\w)"
)
CLOCK = re.compile(r"(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?(?!\d|:\d)")
_IDIOMS = frozenset((("tak", "plac"), ("tak", "part"), ("mak", "sens"), ("hav", "part")))
_HOMOGRAPHS = frozenset(("well", "can", "will", "may", "might", "must"))  # nouns behind an article
_NOT_REALLY = frozenset(("only", "just", "merely"))


@dataclass(frozen=True)
class Unit:
    """One word (or fixed phrase) that the evidence has to bear out."""

    stems: Stems
    word: str
    place: int
    name: bool = False
    negated: bool = False


def seconds_of(match: re.Match[str]) -> float:
    first, second, third = match.groups()
    if third is None:
        return int(first) * 60.0 + int(second)
    return int(first) * 3600.0 + int(second) * 60.0 + int(third)


@dataclass(frozen=True)
class Statement:
    """A sentence, or a part of one, with the segments that it marks."""

    text: str
    ids: tuple[int, ...]
    names: frozenset[str] = frozenset()  # stems that are names in this video
    foreign: bool = False  # its evidence is in another language than English

    @cached_property
    def quotes(self) -> list[str]:
        return [a or b for a, b in QUOTED.findall(MARK.sub(" ", self.text))]

    @cached_property
    def bare(self) -> str:
        """The text without marks and quotations."""
        return " ".join(QUOTED.sub(" ", MARK.sub(" ", self.text)).split())

    @cached_property
    def tokens(self) -> list[str]:
        return tokens(CLOCK.sub(" ", self.bare))

    @cached_property
    def stems(self) -> Stems:
        return tuple(stem(word) for word in self.tokens)

    @cached_property
    def numbers(self) -> list[Number]:
        return find_numbers(self.tokens)

    @cached_property
    def negated(self) -> set[int]:
        return negated_in(CLOCK.sub(" ", self.bare))

    def has(self, *kinds: str) -> bool:
        kept = lexicon()
        return any(kept.is_kind(word, *kinds) for word in (*self.tokens, *self.stems))

    @cached_property
    def units(self) -> list[Unit]:
        """The words to be borne out: neither small words, nor numbers, nor those that only report."""
        return units_of(self.tokens, self.numbers, self.negated, self.names, self.bare, self.foreign)

    @cached_property
    def weak_units(self) -> list[Unit]:
        """Where nothing weightier is said: general verbs and nouns that are at least no grammar."""
        kept = lexicon()
        return [
            Unit((one,), word, place, False, place in self.negated)
            for place, (word, one) in enumerate(zip(self.tokens, self.stems, strict=True))
            if word.isalpha()
            and not any(
                kept.is_kind(w, "function", "negation", "other", "person", "video", "picture", "cause")
                for w in (word, one)
            )
        ]


def clauses_of(text: str, names: frozenset[str] = frozenset()) -> list[Statement]:
    """The clauses of a sentence of speech, numbers of several words kept whole."""
    parts = re.split(r"[,;:](?!\d)|(?<!hundred )(?<!thousand )\b(?:and|but|while|whereas)\b", text)
    clauses = [Statement(part, (), names) for part in parts]
    return [clause for clause in clauses if clause.tokens]


def negated_in(text: str) -> set[int]:
    """The places among ``tokens(text)`` that stand behind a negation, up to the end of its clause."""
    negations = lexicon().kinds["negation"]
    found: set[int] = set()
    place = 0
    for piece in re.split(
        r"([,;:.!?…()\u2013\u2014]+(?!\d)|\b(?:but|and|or|while|whereas|although|though)\b|(?<!not )(?<!not "
        r"just )\bbecause\b)",
        text,
        flags=re.IGNORECASE,
    ):
        words = tokens(piece)
        for index, word in enumerate(words):
            following = words[index + 1] if index + 1 < len(words) else ""
            if word in negations and following not in _NOT_REALLY:
                found.update(range(place + index + 1, place + len(words)))
                break
        place += len(words)
    return found


def units_of(
    words: Sequence[str],
    numbers: Sequence[Number] = (),
    negated: frozenset[int] | set[int] = frozenset(),
    names: frozenset[str] = frozenset(),
    text: str = "",
    foreign: bool = False,
) -> list[Unit]:
    kept = lexicon()
    counted = {place for number in numbers for place in range(number.start, number.end)}
    inside = {stem(w.lower()) for w in re.findall(r"(?<=[^\W\d_,;] )([^\W\d_a-z][^\W\d_]+)", text) if w[0].isupper()}
    found: list[Unit] = []
    place = 0
    foreign = (language_of(words) or ("other" if foreign else "en")) == "other"
    every = [stem(word) for word in words]
    while place < len(words):
        one = every[place]
        if place and (every[place - 1], one) in _IDIOMS:
            place += 1
            continue
        if words[place] in _HOMOGRAPHS and place and words[place - 1] in ("a", "an", "the", "his", "her"):
            found.append(Unit((one,), words[place], place, False, place in negated))
            place += 1
            continue
        phrase = next((p for p in kept.phrases.get(one, ()) if tuple(every[place : place + len(p)]) == p), None)
        if phrase and all(small(word, word) for word in phrase) and _plainly(phrase):
            place += len(phrase)
            continue
        if phrase and not counted & set(range(place, place + len(phrase))):
            found.append(Unit(phrase, " ".join(words[place : place + len(phrase)]), place, False, place in negated))
            place += len(phrase)
            continue
        named = one in names or one in inside
        if one == "appear" and list(words[place + 1 : place + 2]) == ["to"]:
            place += 1
            continue
        role = kept.is_kind(one, "role") and any(kept.is_kind(w, "telling") for w in every[place + 1 : place + 3])
        if role and not named:
            place += 1
            continue
        if place not in counted and (named or not small(words[place], one, foreign=foreign)):
            found.append(Unit((one,), words[place], place, named, place in negated))
        place += 1
    return found


def _plainly(phrase: Stems) -> bool:
    """Whether a fixed phrase says no more than a small word: "have to" is "need"."""
    return any(len(other) == 1 and small(other[0], other[0]) for other in lexicon().of_phrase.get(phrase, ()))


def small(word: str, found: str, *, foreign: bool = False) -> bool:
    """Whether a word bears no evidence of its own in any sentence; ``foreign``: in one that is not English."""
    kept = lexicon()
    return (
        (foreign and kept.is_kind(word, "other"))
        or kept.light(word)
        or kept.light(found)
        or kept.is_kind(found, "telling", "person", "video", "picture", "speech")
        or kept.is_kind(word, "telling", "person", "video", "picture", "speech")
        or (len(word) == 1 and word.isascii() and not word.isdigit())
        or word == "%"
    )
