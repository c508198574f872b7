"""English words as the answerer and the checker see them: tokens, stems, numbers and phrases that mean the same.

The lists are data in ``prompts/words/``; a person may add to them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from assistant.core.prompts import changed, read_lines

Stems = tuple[str, ...]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_NEGATED = re.compile(r"n['’]t$")
_SMALL = tuple(
    [
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
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ]
)
_TENS = {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60}
NUMBERS: dict[str, int] = {word: value for value, word in enumerate(_SMALL)} | _TENS
REPEATS: dict[str, int] = {"once": 1, "twice": 2, "thrice": 3}
ORDINALS: dict[str, int] = {
    word: value
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(),  # noqa: SIM905
        start=1,
    )
} | {"last": -1, "final": -1, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "initial": 1}
# Words between the words of a phrase that carry no meaning of their own there.
_FILLERS = frozenset(("a", "an", "the", "its", "his", "her", "their", "to", "of", "towards", "toward", "it"))
_OPPOSITES = (("left", "right"), ("up", "down"), ("in", "out"))
_IRREGULAR = {
    form: base
    for base, forms in {
        "say": "said", "go": "went gone goes", "come": "came", "see": "saw seen", "show": "shown",
        "speak": "spoke spoken", "tell": "told", "do": "did done does", "be": "is are was were been being am",
        "have": "has had having", "begin": "began begun", "stand": "stood", "spin": "spun", "rise": "rose risen",
        "fall": "fell fallen", "grow": "grew grown", "shake": "shook shaken", "fly": "flew flown flies",
        "run": "ran", "sit": "sat", "hold": "held", "make": "made", "take": "took taken", "give": "gave given",
        "get": "got gotten", "hear": "heard", "eat": "ate eaten", "drink": "drank drunk", "throw": "threw thrown",
        "break": "broke broken", "keep": "kept", "shrink": "shrank shrunk", "sink": "sank sunk", "swing": "swung",
        "slide": "slid", "become": "became", "leave": "leaves", "child": "children", "man": "men",
        "woman": "women", "person": "people", "foot": "feet", "draw": "drew drawn", "write": "wrote written",
        # "to circle" is an action, "a circle" is a shape: their forms are kept apart.
        "circling": "circling circled",
        "colour": "color colors coloured colored colours", "centre": "center", "grey": "gray",
    }.items()
    for form in forms.split()
}  # fmt: skip


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, contractions taken apart (``doesn't`` -> ``does not``)."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        word = word.replace("’", "'")
        if word in ("can't", "cannot"):
            found += ["can", "not"]
        elif word == "won't":
            found += ["will", "not"]
        elif _NEGATED.search(word):
            found += [_NEGATED.sub("", word), "not"]
        elif "'" in word:
            head, tail = word.split("'", 1)
            found.append(head)
            if tail == "s" and head in ("what", "who", "it", "that", "there", "where", "when", "how"):
                found.append("is")
            elif tail in ("re", "ll", "ve", "m", "d"):
                found.append({"re": "are", "ll": "will", "ve": "have", "m": "am", "d": "would"}[tail])
        else:
            found.append(word)
    return found


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """What the forms of one English word have in common: ``moving``, ``moves`` and ``moved`` give ``mov``."""
    base = _IRREGULAR.get(word, word)
    if base == "circling":
        return base
    return _strip_end(_strip_suffix(base))


def stems(text: str) -> Stems:
    """The stems of all words of a text, in order."""
    return tuple(stem(word) for word in tokens(text))


def content(text: str) -> Stems:
    """The stems of a text without words that only hold a sentence together."""
    frame = frame_stems()
    return tuple(found for found in stems(text) if found not in frame)


def number(word: str) -> int | None:
    """The number that a word or its digits stand for (``three``, ``3``, ``twice``), else None."""
    if word.isascii() and word.isdigit() and len(word) < 10:
        return int(word)
    return NUMBERS.get(word, REPEATS.get(word))


@dataclass(frozen=True)
class Label:
    """One label of a model and the stems of its words."""

    text: str
    stems: Stems
    words: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Label:
        found = stems(text)
        return cls(text, found, frozenset(found))


@dataclass(frozen=True)
class Phrase:
    """One thing that a text names: the words as written, their stems, and phrases that mean the same."""

    text: str
    stems: Stems
    same: frozenset[Stems] = frozenset()

    def within(self, label: Label) -> bool:
        """Whether a label says this, in these words or in words that mean the same."""
        return _says(label, self.stems) or any(_says(label, other) for other in self.same)


def _says(label: Label, phrase: Stems) -> bool:
    if not label.words.issuperset(phrase):
        return False
    for pair in _OPPOSITES:
        if label.words.issuperset(pair):
            # "from left to right" is neither "left" nor "from right to left".
            here, there = ([word for word in part if word in pair] for part in (phrase, label.stems))
            if here and here != there:
                return False
    return True


@dataclass(frozen=True)
class Synonyms:
    """Groups of phrases that mean the same; keys and members are stems without filler words."""

    groups: dict[Stems, frozenset[Stems]]
    longest: int

    def phrases(self, words: list[str]) -> list[Phrase]:
        """The words cut into the longest known phrases; a word of no phrase is a phrase of its own."""
        found: list[Phrase] = []
        place = 0
        while place < len(words):
            taken, phrase = self._longest_at(words, place)
            if phrase is not None:
                found.append(phrase)
            place += taken
        return found

    def _longest_at(self, words: list[str], place: int) -> tuple[int, Phrase | None]:
        best: tuple[int, Phrase | None] = (1, None)
        key: list[str] = []
        for end in range(place, min(len(words), place + self.longest + 3)):
            if words[end] in _FILLERS:
                if not key:
                    return 1, Phrase(words[place], (stem(words[place]),))
                continue
            key.append(stem(words[end]))
            if len(key) > self.longest:
                break
            if (same := self.groups.get(tuple(key))) is not None:
                best = (end + 1 - place, Phrase(" ".join(words[place : end + 1]), tuple(key), same))
        return best if best[1] is not None else (1, Phrase(words[place], (stem(words[place]),)))


def synonyms() -> Synonyms:
    """The groups of ``prompts/words/synonyms.txt``."""
    return _synonyms(changed("words/synonyms.txt"))


def frame_stems() -> frozenset[str]:
    """The stems that may stand in a question or an answer without naming anything in a video."""
    return _stem_set("frame", changed("words/frame.txt"))


def loose_stems() -> frozenset[str]:
    """Those of `frame_stems` that do name something where a label of the video has them (lines with ``~``)."""
    return _stem_set("frame", changed("words/frame.txt"), "~")


def colour_stems() -> frozenset[str]:
    return _stem_set("colours", changed("words/colours.txt"))


def shape_stems() -> frozenset[str]:
    return _stem_set("shapes", changed("words/shapes.txt"))


@lru_cache(maxsize=4)
def _synonyms(changed_ns: int) -> Synonyms:
    groups: dict[Stems, frozenset[Stems]] = {}
    for line in read_lines("words/synonyms.txt"):
        members = [tuple(stem(w) for w in tokens(p) if w not in _FILLERS) for p in line.split(",")]
        for member in members:
            groups[member] = groups.get(member, frozenset()) | (frozenset(members) - {member})
    return Synonyms(groups, max((len(member) for member in groups), default=1))


@lru_cache(maxsize=16)
def _stem_set(name: str, changed_ns: int, prefix: str = "") -> frozenset[str]:
    lines = [line for line in read_lines(f"words/{name}.txt") if line.startswith(prefix)]
    return frozenset(stem(word) for line in lines for word in line.lstrip("~").split())


def _strip_suffix(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("shes", "ches", "xes", "zes", "sses")):
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    if word.endswith("ing") and _has_vowel(word[:-3]) and len(word) > 4:
        return word[:-3]
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ed") and not word.endswith("eed") and _has_vowel(word[:-2]) and len(word) > 4:
        return word[:-2]
    return word


def _strip_end(word: str) -> str:
    """Without a last ``e`` and without a doubled last consonant, so that the forms of one verb meet."""
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word


def _has_vowel(part: str) -> bool:
    return any(letter in "aeiouy" for letter in part)
