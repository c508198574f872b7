"""Numbers in a sentence: digits and words, with what they count; and whether the evidence holds them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.chat.verification.language import stem

_SMALL = (  # noqa: SIM905
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = (  # noqa: SIM905
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
_WORDS: dict[str, float] = {word: float(value) for value, word in enumerate(_SMALL)}
_WORDS |= {word: 10.0 * (place + 2) for place, word in enumerate(_TENS)}
_WORDS |= {
    "couple": 2.0,
    "pair": 2.0,
    "dozen": 12.0,
    "hundred": 100.0,
    "thousand": 1000.0,
    "million": 1e6,
    "billion": 1e9,
}
_WORDS |= {"midnight": 24.0, "noon": 12.0, "midday": 12.0}
_WORDS |= {"half": 0.5, "quarter": 0.25}
_OTHER = {
    "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9, "zehn": 10,
    "elf": 11, "zwölf": 12,
    "zwanzig": 20, "dreißig": 30, "vierzig": 40, "fünfzig": 50, "sechzig": 60, "siebzig": 70, "achtzig": 80,
    "neunzig": 90,
    "hundert": 100, "tausend": 1000, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7,
    "ocho": 8, "nueve": 9,
    "diez": 10, "once": 1, "doce": 12, "veinte": 20, "treinta": 30, "cuarenta": 40, "cincuenta": 50,
    "cien": 100, "ciento": 100,
    "mil": 1000, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "huit": 8, "neuf": 9, "dix": 10, "vingt": 20,
    "trente": 30, "quarante": 40, "cinquante": 50, "twice": 2, "thrice": 3,
}  # fmt: skip
_GERMAN_ONES = {"drei": 3.0, "vier": 4.0, "fünf": 5.0, "sech": 6.0, "sieb": 7.0, "acht": 8.0, "neun": 9.0}
_ORDINAL = {word: float(value) for value, word in enumerate(_ORDINALS)}
_ORDINAL |= {f"{word[:-1]}ieth": 10.0 * (place + 2) for place, word in enumerate(_TENS)}
_MULTIPLIERS = frozenset(("hundred", "thousand", "million", "billion", "dozen"))
_ARTICLES = frozenset(("a", "an", "half"))
_UNITS = frozenset(
    stem(word)
    for word in (  # noqa: SIM905
        "second minute hour day week month year decade century gram kilogram kilo gramme pound ounce ton "
        "litre liter millilitre pint gallon teaspoon tablespoon spoonful cup clove pinch handful metre meter "
        "centimetre centimeter millimetre millimeter kilometre kilometer mile inch foot yard percent % degree "
        "euro dollar cent franc crown yen watt volt amp bar celsius fahrenheit people person time piece"
    ).split()
)
_SAME_UNIT = {
    stem(a): stem(b) for a, b in (("%", "percent"), ("kilo", "kilogram"), ("gramme", "gram"), ("meter", "metre"))
}
_SLIP = frozenset(["sorry", "rather", "correction", "no", "wait", "actually"])


@dataclass(frozen=True)
class Number:
    """One number of a text: every value that its words may mean, its unit ("" where none is known), its place."""

    values: frozenset[float]
    start: int
    end: int
    unit: str = ""
    ordinal: bool = False
    written: str = ""

    def same_value(self, other: Number) -> bool:
        return bool(self.values & other.values) and self.ordinal == other.ordinal

    @property
    def vague(self) -> bool:
        """ "One" names a thing as often as it counts; so do the first, the second and the like."""
        return self.values == {1.0} or (self.ordinal and max(self.values) <= 2)


def find_numbers(words: Sequence[str]) -> list[Number]:
    """The numbers in the tokens of a text, in order."""
    found: list[Number] = []
    place = 0
    while place < len(words):
        end, values, ordinal = _at(words, place)
        if end == place:
            place += 1
            continue
        unit, after = _unit(words, end)
        found.append(Number(frozenset(values), place, after, unit, ordinal, " ".join(words[place:end])))
        place = max(end, place + 1)
    return found


def _unit(words: Sequence[str], end: int) -> tuple[str, int]:
    if end + 1 < len(words) and words[end : end + 2] == ["per", "cent"]:
        return "percent", end + 2
    for place in range(end, min(end + 2, len(words))):
        unit = stem(words[place])
        if unit in _UNITS:
            return _SAME_UNIT.get(unit, unit), place + 1
        if words[place] not in ("of", "a", "an", "full", "more", "other", "whole"):
            break
    return "", end


def _at(words: Sequence[str], place: int) -> tuple[int, set[float], bool]:
    """The end of the number that begins here (the place itself: none), its values, and whether it is an ordinal."""
    word = words[place]
    if digits := re.fullmatch(r"(\d+)(st|nd|rd|th)", word):
        return place + 1, {float(digits.group(1))}, True
    if re.fullmatch(r"\d+(?:[.,]\d+)*", word):
        values = _digits(word)
        if place + 1 < len(words) and words[place + 1] in _MULTIPLIERS:
            return place + 2, {value * _WORDS[words[place + 1]] for value in values}, False
        return place + 1, values, False
    if word in _OTHER:
        return place + 1, {float(_OTHER[word])}, False
    if (german := _german(word)) is not None:
        return place + 1, {german}, False
    return _in_words(words, place)


def _german(word: str) -> float | None:
    """The value of a German number written in one word ("siebzehnhundertachtzig"), else None."""
    if word in ("ein", "eins", "eine"):
        return 1.0
    if word in _OTHER:
        return float(_OTHER[word])
    for part, factor in (("tausend", 1000.0), ("hundert", 100.0)):
        head, found, tail = word.partition(part)
        if found:
            many, rest = (_german(head) if head else 1.0), (_german(tail.removeprefix("und")) if tail else 0.0)
            return None if many is None or rest is None else many * factor + rest
    if word.endswith("zehn") and (ones := _GERMAN_ONES.get(word[:-4])):
        return 10.0 + ones
    ones_word, found, tens = word.partition("und")
    ones_value = _german(ones_word) if found and len(ones_word) > 2 else None
    return float(_OTHER[tens]) + ones_value if ones_value is not None and tens in _OTHER else None


def _digits(word: str) -> set[float]:
    values: set[float] = set()
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", word):
        values.add(float(re.sub(r"[.,]", "", word)))
    if word.count(".") + word.count(",") <= 1:
        values.add(float(word.replace(",", ".")))
    return values or {float(re.sub(r"\D", "", word))}


def _in_words(words: Sequence[str], place: int) -> tuple[int, set[float], bool]:
    if words[place] in _ARTICLES:
        if place + 1 < len(words) and words[place + 1] in (_MULTIPLIERS | {"quarter", "half", "couple", "pair"}):
            end, values, ordinal = _in_words(words, place + 1)
            return end, values, ordinal
        if words[place] != "half":
            return place, set(), False
    total, group, parts, end, ordinal = 0.0, 0.0, [], place, False
    while end < len(words):
        word = words[end]
        if word in _ORDINAL and (end == place or words[end - 1] in _TENS or words[end - 1] in ("hundred", "and")):
            group += _ORDINAL[word]
            parts.append(_ORDINAL[word])
            end, ordinal = end + 1, True
            break
        if word in ("hundred", "dozen"):
            group = max(group, 1.0) * _WORDS[word]
        elif word in ("thousand", "million", "billion"):
            total, group = total + max(group, 1.0) * _WORDS[word], 0.0
        elif word in ("half", "quarter", "couple", "pair"):
            if end > place:
                break
            return end + 1, {_WORDS[word]}, False
        elif word in _WORDS:
            if end > place and not _joins(words[end - 1], word):
                break
            group += _WORDS[word]
            parts.append(_WORDS[word])
        elif word == "and" and end > place and words[end - 1] in ("hundred", "thousand") and _in(words, end + 1):
            pass
        else:
            break
        end += 1
    if end == place:
        return place, set(), False
    return end, _spoken_short(parts, words[place:end]) or {total + group}, ordinal


def _spoken_short(parts: Sequence[float], words: Sequence[str]) -> set[float]:
    """ "Two fifty", "nineteen eighty-four": the first of two numbers counts hundreds."""
    if len(parts) < 2 or _MULTIPLIERS & set(words) or parts[1] < 10:
        return set()
    hundreds = parts[0] < 10 or parts[0] < 20
    return {parts[0] * 100 + sum(parts[1:])} if hundreds else set()


def _joins(before: str, word: str) -> bool:
    if before in _MULTIPLIERS or before == "and":
        return True
    if word in ("midnight", "noon", "midday") or before in ("midnight", "noon", "midday"):
        return False
    if before in _TENS:
        return _WORDS[word] < 10
    return before in _WORDS and word in (*_TENS, *_SMALL[10:])  # "two fifty", "one ten"


def _in(words: Sequence[str], place: int) -> bool:
    return place < len(words) and (words[place] in _WORDS or words[place] in _ORDINAL)


def retracted(words: Sequence[str], numbers: Sequence[Number]) -> set[int]:
    """The indices of numbers that the speaker takes back at once: "two hundred, sorry, three hundred"."""
    found = set()
    for index, (one, following) in enumerate(itertools.pairwise(numbers)):
        between = words[one.end : following.start]
        if len(between) <= 3 and (_SLIP & set(between) or list(between[:2]) == ["i", "mean"]):
            found.add(index)
    return found


def derived(values: Sequence[float], wanted: Number) -> bool:
    """Whether a number follows from two or more of these by adding all, adding, subtracting or multiplying two."""
    made = {a - b for a in values for b in values if a > b} | {a + b for a, b in itertools.combinations(values, 2)}
    made |= {a * b for a, b in itertools.combinations(values, 2)} | ({sum(values)} if len(values) > 2 else set())
    return bool(made & wanted.values)
