"""Words as questions and evidence share them: tokens, stems, numbers, synonyms, languages, spelling.

The lists are data in ``prompts/words/LANGUAGE/``; a person may add to them, and a language is a folder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.core.prompts import changed, read_lines

LANGUAGES = ("en", "de", "es")

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+(?:['’][^\W_]+)*|%")
_GROUPED = re.compile(r"\d{1,3}(?:[,.]\d{3})+")
# Endings that only inflect, longest first; the stem must keep three letters (after Porter 1980, and far lighter).
_ENDINGS = {
    "de": ("ern", "est", "end", "em", "en", "er", "es", "et", "st", "e", "n", "s", "t"),
    "es": ("aciones", "ación", "iendo", "ando", "ados", "idas", "idos", "adas", "ado", "ada", "ido", "ida", "aron",
           "ieron", "mente", "amos", "emos", "imos", "aba", "ían", "ía", "es", "as", "os", "an", "en", "ar", "er",
           "ir", "a", "e", "o", "s"),
}  # fmt: skip


def tokens(text: str) -> list[str]:
    """The words and numbers of a text in lower case, contractions taken apart (``doesn't`` -> ``does not``)."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower().replace("’", "'")):
        if word[0].isdigit():
            found.append(re.sub(r"[,.]", "", word) if _GROUPED.fullmatch(word) else word.replace(",", "."))
        elif word == "%":
            found.append("percent")
        elif word in ("can't", "cannot"):
            found += ["can", "not"]
        elif word == "won't":
            found += ["will", "not"]
        elif word.endswith("n't"):
            found += [word[:-3], "not"]
        elif "'" in word:
            head, tail = word.split("'", 1)
            found.append(head)
            if tail in _TAILS:
                found.append(_TAILS[tail])
            elif tail == "s" and head in ("what", "who", "it", "that", "there", "where", "when", "how", "he", "she"):
                found.append("is")
            elif len(tail) > 2:
                found.append(tail)
        else:
            found.append(word)
    return found


_TAILS = {"re": "are", "ll": "will", "ve": "have", "m": "am", "d": "would"}


@lru_cache(maxsize=32768)
def stem(word: str, language: str = "en") -> str:
    """What the forms of one word have in common: ``moving``, ``moves`` and ``moved`` give ``mov``."""
    if word[0].isdigit():
        return word
    if language != "en":
        return _light_stem(word, language)
    base = _irregular().get(word, word)
    base = _strip_suffix(base)
    if len(base) > 3 and base.endswith("e"):
        base = base[:-1]
    if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "aeioul":
        base = base[:-1]
    return base[:-1] + "i" if len(base) > 3 and base.endswith("y") else base


def stems(text: str, language: str = "en") -> tuple[str, ...]:
    """The stems of all words of a text in order, numbers as digits (``three hundred`` -> ``300``)."""
    return tuple(stem(word, language) for word in digits(tokens(text), language))


def digits(words: Sequence[str], language: str = "en") -> list[str]:
    """The words with every number written out replaced by its digits; ``one`` and articles stay words."""
    found: list[str] = []
    place = 0
    while place < len(words):
        value, taken = _number_at(words, place, language)
        # "one", alone, is mostly a pronoun.
        if value is None or (taken == 1 and words[place] in _ARTICLES):
            found.append(words[place])
            place += 1
        else:
            found.append(f"{value:g}" if value < 1e6 else str(int(value)))
            place += taken
    return found


_ARTICLES = (
    "one",
    "a",
    "an",
    "ein",
    "eine",
    "einen",
    "uno",
    "una",
    "un",
    "second",
    "segundo",
    "eins",
    "quarter",
    "first",
    "once",
    "couple",
)


def numbers_in(text: str, language: str = "en") -> list[float]:
    """The numbers that a text states, in words or digits, ordinals too (``the twenty-first`` -> 21)."""
    words = tokens(text)
    found: list[float] = []
    place = 0
    while place < len(words):
        value, taken = _number_at(words, place, language)
        if value is not None and words[place] not in ("a", "an", "un", "una", "ein", "eine"):
            found.append(value)
        elif match := re.fullmatch(r"(\d+)(?:st|nd|rd|th|[a-z]{1,4})", words[place]):
            found.append(float(match.group(1)))
        place += max(1, taken)
    return found


def _number_at(words: Sequence[str], place: int, language: str) -> tuple[float | None, int]:
    """The number that begins at a place, and how many words it takes."""
    table = number_words(language)
    value: float
    if (written := words[place])[0].isdigit():
        try:
            value = float(written)
        except ValueError:
            return None, 0
        if place + 1 < len(words) and table.get(words[place + 1], 0) in (100, 1000, 1_000_000):
            return value * table[words[place + 1]], 2
        return value, 1
    if written not in table:
        return None, 0
    total, current, end = 0.0, 0.0, place
    last = float("inf")
    while end < len(words):
        word = words[end]
        joined = word in ("and", "und", "y") and end > place and end + 1 < len(words) and words[end + 1] in table
        if joined and current >= 100 and table[words[end + 1]] < 100:
            end += 1
            last = 100
            continue
        if word not in table:
            break
        value = table[word]
        if value >= 100 and current:
            current *= value
            if value >= 1000:
                total, current = total + current, 0.0
            last = value
        elif value < last and (value < 10 or last >= 100):
            current += value
            last = 10 if 20 <= value < 100 else 1 if value < 20 else value
        else:
            break
        end += 1
    return total + current, end - place


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that a text names: the stems as written, and the stems that all its synonyms share."""

    text: str
    raw: tuple[str, ...]
    shared: tuple[str, ...]


def terms(text: str, language: str = "en", stop: bool = True, weak: bool = False) -> tuple[Term, ...]:
    """The words of a text as terms, the longest known phrases taken whole.

    Args:
        stop: leave stop words out, but for those of ``weak.txt`` where ``weak``.
    """
    words = digits(tokens(text), language)
    found: list[Term] = []
    place = 0
    groups, longest = _synonyms(changed(f"words/{language}/synonyms.txt"), language)
    common = stop_words(language) if stop else frozenset()
    common = common - listed_words("weak", language) if weak else common
    while place < len(words):
        taken, term = 1, None
        key: list[str] = []
        for end in range(place, min(len(words), place + longest + 2)):
            if words[end] in _FILLERS:
                if not key:
                    break
                continue
            key.append(stem(words[end], language))
            if len(key) > longest:
                break
            if (shared := groups.get(tuple(key))) is not None and (len(key) > 1 or words[place] not in common):
                taken, term = end + 1 - place, Term(" ".join(words[place : end + 1]), tuple(key), shared)
        if term is None and words[place] not in common:
            root = stem(words[place], language)
            term = Term(words[place], (root,), (root,))
        if term is not None:
            found.append(term)
        place += taken
    return tuple(found)


_FILLERS = frozenset(("a", "an", "the", "its", "his", "her", "their", "to", "of", "towards", "toward", "it"))


def content(text: str, language: str = "en") -> tuple[str, ...]:
    """The stems of a text without the words that only hold a sentence together."""
    return tuple(root for term in terms(text, language) for root in term.raw)


def language_of(text: str) -> str:
    """The language whose small words the text uses most; English where none stands out."""
    words = tokens(text)
    scores = {language: sum(word in _telling(language) for word in words) for language in LANGUAGES}
    if re.search(r"[¿¡ñ]", text):
        scores["es"] += 2
    if re.search(r"[äöüß]", text.lower()):
        scores["de"] += 1
    best = max(LANGUAGES, key=lambda language: scores[language])
    return best if scores[best] > scores["en"] else "en"


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that a misspelt one stands for: one slip in five letters, two in eight; None where none is."""
    if len(word) < 5 or word in known or word[0].isdigit():
        return None
    most = 1 if len(word) < 8 else 2
    best: tuple[int, str] | None = None
    for other in known:
        if abs(len(other) - len(word)) > most or other[:1] != word[:1] or len(other) < 4:
            continue
        slips = _slips(word, other, most)
        if slips <= most and (best is None or (slips, other) < best):
            best = (slips, other)
    return best[1] if best else None


def _slips(one: str, other: str, most: int) -> int:
    """Damerau-Levenshtein distance (adjacent letters swapped count once), given up beyond ``most``."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        two_before, before, row = before, row, [i]
        for j, letter_of_other in enumerate(other, 1):
            cost = min(row[-1] + 1, before[j] + 1, before[j - 1] + (letter != letter_of_other))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == letter_of_other:
                cost = min(cost, two_before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def stop_words(language: str = "en") -> frozenset[str]:
    """The words that may stand in a question without naming anything in a video."""
    return _word_set(changed(f"words/{language}/stop.txt"), f"words/{language}/stop.txt")


def number_words(language: str = "en") -> dict[str, float]:
    """Number word -> value, ordinals too."""
    return _numbers(changed(f"words/{language}/numbers.txt"), language)


def listed_words(name: str, language: str = "en") -> frozenset[str]:
    """The words of ``prompts/words/LANGUAGE/NAME.txt``, in lower case."""
    path = f"words/{language}/{name}.txt"
    return _word_set(changed(path), path)


def translations(word: str, language: str, into: str) -> tuple[str, ...]:
    """Everyday words of another language that mean this one, by ``english.txt``; empty where it has none."""
    if "en" not in (language, into) or language == into:
        return ()
    other = into if language == "en" else language
    there, back = _dictionary(changed(f"words/{other}/english.txt"), other)
    return (back if language == "en" else there).get(stem(word, language), ())


@lru_cache(maxsize=4)
def _dictionary(changed_ns: int, language: str) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    there: dict[str, tuple[str, ...]] = {}
    back: dict[str, tuple[str, ...]] = {}
    for pair in ";".join(read_lines(f"words/{language}/english.txt")).split(";"):
        word, *english = pair.split()
        there[stem(word, language)] = (*there.get(stem(word, language), ()), *english)
        for one in english:
            back[stem(one)] = (*back.get(stem(one), ()), word)
    return there, back


def synonym_groups(language: str = "en") -> dict[tuple[str, ...], tuple[str, ...]]:
    """Stems of each phrase of ``synonyms.txt`` -> the stems of the first phrase of its line."""
    return _synonyms(changed(f"words/{language}/synonyms.txt"), language)[0]


@lru_cache(maxsize=16)
def _word_set(changed_ns: int, path: str) -> frozenset[str]:
    return frozenset(word.lower() for line in read_lines(path) for word in line.split())


@lru_cache(maxsize=8)
def _numbers(changed_ns: int, language: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in read_lines(f"words/{language}/numbers.txt"):
        value, *words = line.split()
        found.update(dict.fromkeys(words, float(value)))
    return found


@lru_cache(maxsize=8)
def _synonyms(changed_ns: int, language: str) -> tuple[dict[tuple[str, ...], tuple[str, ...]], int]:
    groups: dict[tuple[str, ...], tuple[str, ...]] = {}
    for line in read_lines(f"words/{language}/synonyms.txt"):
        members = [
            tuple(stem(w, language) for w in tokens(part) if w not in _FILLERS) for part in line.split(",") if part
        ]
        for member in members:
            groups.setdefault(member, groups.get(members[0], members[0]))
    return groups, max((len(member) for member in groups), default=1)


@lru_cache(maxsize=1)
def _irregular() -> dict[str, str]:
    lines = (line.split() for line in read_lines("words/en/irregular.txt"))
    return {form: base for base, *forms in lines for form in forms}


@lru_cache(maxsize=8)
def _telling(language: str) -> frozenset[str]:
    """The small words of a language that no other language here shares."""
    others: frozenset[str] = frozenset().union(*(stop_words(one) for one in LANGUAGES if one != language))
    return stop_words(language) - others


def _light_stem(word: str, language: str) -> str:
    plain = unicodedata.normalize("NFD", word)
    plain = "".join(c for c in plain if not unicodedata.combining(c)) if language == "es" else word
    if language == "de":
        plain = word.replace("ä", "a").replace("ö", "o").replace("ü", "u").replace("ß", "ss")
        if plain.startswith("ge") and plain.endswith("t") and len(plain) > 6:
            plain = plain[2:]
    for ending in _ENDINGS.get(language, ()):
        if plain.endswith(ending) and len(plain) - len(ending) >= 3:
            return plain[: -len(ending)]
    return plain


def _strip_suffix(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("shes", "ches", "xes", "zes", "sses")):
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    if word.endswith("ing") and re.search("[aeiouy]", word[:-3]) and len(word) > 4:
        return word[:-3]
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ed") and not word.endswith("eed") and re.search("[aeiouy]", word[:-2]) and len(word) > 4:
        return word[:-2]
    if word.endswith("ly") and len(word) > 5:
        return word[:-2]
    return word
