"""Whole numbers in sentences, in digits or in words of English, German and Spanish: read, replaced, made wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Callable


def split(row: str) -> tuple[str, ...]:
    """The words of a row."""
    return tuple(row.split())


_UNITS = split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = split("twenty thirty forty fifty sixty seventy eighty ninety")
# Written numbers of German and Spanish as far as transcripts write them as one word; 1 is an article there.
_OTHERS = {
    "de": "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn zwanzig",
    "es": "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte",
}
_TENS_DE = split("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
_TENS_ES = split("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa")


def number_words(value: int) -> str:
    """An English number in words, 0 to 9999."""
    if value < 20:
        return _UNITS[value]
    if value < 100:
        tens, units = divmod(value, 10)
        return _TENS[tens - 2] + (f"-{_UNITS[units]}" if units else "")
    size, name = (1000, "thousand") if value >= 1000 else (100, "hundred")
    head, rest = divmod(value, size)
    tail = "" if not rest else f" and {number_words(rest)}" if rest < 100 else f" {number_words(rest)}"
    return f"{number_words(head)} {name}{tail}"


_ENGLISH = {number_words(value): value for value in range(2, 1000)} | {
    number_words(value): value for value in range(1000, 10000, 100)
}
_ENGLISH |= {words.replace(" and ", " "): value for words, value in _ENGLISH.items()}
_ENGLISH |= {words.replace("-", " "): value for words, value in _ENGLISH.items()}
_ENGLISH |= {re.sub(r"^one ", "a ", words): value for words, value in _ENGLISH.items() if words.startswith("one ")}


def _other_language(language: str) -> dict[str, int]:
    words = {word: value for value, word in enumerate(split(_OTHERS[language]), 2)}
    for number, tens in enumerate(_TENS_DE if language == "de" else _TENS_ES, 2):
        words[tens] = 10 * number
        for unit in range(2, 10) if language == "de" or number > 2 else ():
            name = split(_OTHERS[language])[unit - 2]
            words[f"{name}und{tens}" if language == "de" else f"{tens} y {name}"] = 10 * number + unit
    return words


_WORDS = {"en": _ENGLISH, "de": _other_language("de"), "es": _other_language("es")}
_SPOKEN = {
    language: {value: word for word, value in reversed(list(words.items()))} for language, words in _WORDS.items()
}
_SPOKEN["en"] |= {value: number_words(value) for value in range(2, 10000)}
# Longest first, in the shape of the language: twenty thousand alternatives side by side are slow to search.
_ONES, _TEENS = "|".join(_UNITS[1:10]), "|".join(sorted(_UNITS[1:], key=len, reverse=True))
_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{_ONES}))?|{_TEENS})"
_SHAPES = {
    "en": rf"(?:(?:{_BELOW_100}|a) thousand(?: (?:{_BELOW_100}|a) hundred)?"
    rf"|(?:{_BELOW_100}|a) hundred(?:(?: and)? {_BELOW_100})?|{_BELOW_100})",
} | {language: "|".join(sorted(map(re.escape, _WORDS[language]), key=len, reverse=True)) for language in ("de", "es")}
_NUMBER = {
    language: re.compile(
        rf"(?<![\w.,:])(?:(?P<digits>\d{{1,6}})(?![\w:]|[.,]\d)|(?P<words>{shape})(?![\w]|-\w))", re.IGNORECASE
    )
    for language, shape in _SHAPES.items()
}


def numbers(text: str, language: str) -> list[tuple[int, int, int]]:
    """Start, end and value of each whole number of at least 2 in a text, in digits or words."""
    return [
        (found.start(), found.end(), value)
        for found in _NUMBER[language].finditer(text)
        for value in [int(found["digits"]) if found["digits"] else _WORDS[language].get(found["words"].lower(), 0)]
        if value >= 2
    ]


def put_numbers(text: str, language: str, change: Callable[[int], int], rng: random.Random) -> str:
    """The text with each number replaced by what ``change`` makes of it, in digits or in words as chance has it."""
    for start, end, value in reversed(numbers(text, language)):
        new, was_digits = change(value), text[start].isdigit()
        words = _SPOKEN[language].get(new)
        digits = was_digits if rng.random() < 0.7 else not was_digits
        if new == value and digits == was_digits:
            continue
        spoken = str(new) if digits or words is None else words
        if start == 0:
            spoken = spoken[0].upper() + spoken[1:]
        text = text[:start] + spoken + text[end:]
    return text


def spoken(value: int, language: str) -> str:
    """The number in words where there are words for it, else in digits."""
    return _SPOKEN[language].get(value, str(value))


def other_number(value: int, rng: random.Random) -> int:
    """A number of about the same size that is another one: near, a digit off, turned round, or a zero more or less."""
    if 1000 < value < 2100:
        return value + rng.choice((-100, -50, -20, -10, -9, -1, 1, 9, 10, 20, 50, 100))
    text = str(value)
    choices = [value + rng.choice((1, 2, 3)), value * 2, value + 10, value * 10, max(2, value - 1), rng.randint(2, 20)]
    if len(text) > 1:
        choices += [int(text[::-1]), value // 10, value - 10, value + rng.choice((-5, 5, 20))]
    if value < 10:
        choices += [value + 10, value + 60]
    choices = [choice for choice in choices if choice >= 2 and choice != value]
    return rng.choice(choices)


def fresh_number(value: int, rng: random.Random) -> int:
    """A random number of the same size, for a world in which it is true."""
    if 1000 < value < 2100:
        return rng.randint(1100, 2030)
    low, high = (2, 12) if value <= 12 else (13, 99) if value < 100 else (100, 999) if value < 1000 else (value, value)
    new = rng.randint(low, high)
    return round(new, -1) if value >= 20 and value % 10 == 0 else new
