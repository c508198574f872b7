"""Words as the verifier compares them: tokens, stems, what they do, which are alike or exclude each other.

The lists are data in ``prompts/words/``: ``light.txt``, ``alike.txt`` and ``opposite.txt``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.chat.words import stem, tokens
from assistant.core.prompts import changed, read_lines

__all__ = ["Lexicon", "Stems", "akin", "expresses", "holds", "language_of", "lexicon", "stem", "stems", "tokens"]

Stems = tuple[str, ...]

# Ends by which words of one family differ ("insure", "insurance"); never those that turn the meaning round.
_FAMILY = frozenset(
    [
        "",
        *(  # noqa: SIM905
            "e c cal s es ed ing er ers or ors ion ions ation ations ition ment ments ness al ial ally ive able "
            "ible ity ance ence ant ent ous ful ist ic ical anc enc iv abl ibl at y ly ily i ies ied ier iest age "
            "th en eth ung ungen t er en em es et st te ten end e n a o as os ado ada idos ando ción ment tion"
        ).split(),
    ]
)


def stems(text: str) -> Stems:
    return tuple(stem(word) for word in tokens(text))


@lru_cache(maxsize=65536)
def akin(one: str, other: str) -> bool:
    """Whether two stems are of one family: ``insur`` and ``insuranc``; a shared beginning alone is not enough."""
    if one == other:
        return True
    one, other = _unprefixed(one, other), _unprefixed(other, one)
    if one == other:
        return True
    if (len(one) > 2 and other in (one + "er", one + "r")) or (len(other) > 2 and one in (other + "er", other + "r")):
        return True  # "bake", "baker"
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    if shared < 4 or shared < 0.6 * max(len(one), len(other)) or one[:1].isdigit():
        return False
    return one[shared:] in _FAMILY and other[shared:] in _FAMILY


def _unprefixed(word: str, other: str) -> str:
    """A German participle without its "ge", where the other word has none."""
    participle = word.startswith("ge") and len(word) > 6 and word.endswith(("t", "en")) and not other.startswith("ge")
    return word[2:] if participle else word


@dataclass(frozen=True)
class Lexicon:
    """What words do in a sentence, and which of them mean the same or exclude each other; all by stem."""

    kinds: dict[str, frozenset[str]]
    alike: dict[str, frozenset[Stems]]  # a stem -> phrases that may stand in the evidence for it
    phrases: dict[str, tuple[Stems, ...]]  # first stem -> phrases of several words that mean something together
    of_phrase: dict[Stems, frozenset[Stems]]
    opposite: dict[str, frozenset[str]]
    rivals: dict[str, frozenset[str]]

    def is_kind(self, word: str, *kinds: str) -> bool:
        return any(word in self.kinds[kind] for kind in kinds)

    def knows(self, word: str) -> bool:
        """Whether a word stands in one of the lists: then it is hardly a name."""
        listed = word in self.alike or word in self.opposite or word in self.rivals
        return listed or any(word in words for words in self.kinds.values())

    def light(self, word: str) -> bool:
        return self.is_kind(word, "function", "generic", "negation", "hedge", "sure", "universal", "cause")


def lexicon() -> Lexicon:
    names = ("light", "alike", "opposite", "rivals", "en/synonyms")
    return _lexicon(tuple(changed(f"words/{name}.txt") for name in names))


@lru_cache(maxsize=2)
def _lexicon(changed_ns: tuple[int, ...]) -> Lexicon:
    kinds: dict[str, set[str]] = defaultdict(set)
    for line in read_lines("words/light.txt"):
        kind, words = line.split(":", 1)
        kinds[kind] |= set(words.split())
        if kind not in ("negation", "hedge", "sure"):  # the stem of "hardly" is another word
            kinds[kind] |= {stem(word) for word in words.split()}
    opposite: dict[str, set[str]] = defaultdict(set)
    for line in read_lines("words/opposite.txt"):
        left, right = (stem(word) for word in line.split())
        opposite[left].add(right)
        opposite[right].add(left)
    alike: dict[Stems, set[Stems]] = defaultdict(set)
    for line in [*read_lines("words/alike.txt"), *read_lines("words/en/synonyms.txt")]:
        wide, _, narrow = line.rpartition("<")
        members = [stems(part) for part in narrow.split(",")]
        if len(members[0]) > 1 and opposite.keys() & set(members[0]):
            continue  # "move left" stays two words, so that "move right" speaks against it
        wider = [stems(part) for part in wide.split(",")] if wide else members
        for one in wider:
            alike[one] |= {other for other in members if other != one}
    rivals: dict[str, set[str]] = defaultdict(set)
    for line in read_lines("words/rivals.txt"):
        members_of_line = {stem(word) for word in line.split()}
        for one_word in members_of_line:
            rivals[one_word] |= members_of_line - {one_word}
    phrases: dict[str, set[Stems]] = defaultdict(set)
    for one in alike:
        if len(one) > 1:
            phrases[one[0]].add(one)
    return Lexicon(
        {kind: frozenset(words) for kind, words in kinds.items()},
        {one[0]: frozenset(others) for one, others in alike.items() if len(one) == 1},
        {first: tuple(sorted(found, key=len, reverse=True)) for first, found in phrases.items()},
        {one: frozenset(others) for one, others in alike.items() if len(one) > 1},
        {one: frozenset(others) for one, others in opposite.items()},
        {one: frozenset(others) for one, others in rivals.items()},
    )


def holds(sequence: Sequence[str], phrase: Stems) -> bool:
    """Whether a sequence of stems holds a phrase, up to two small words apart inside."""
    for start, word in enumerate(sequence):
        if word != phrase[0]:
            continue
        place = start
        for wanted in phrase[1:]:
            following = sequence[place + 1 : place + 4]
            if wanted not in following:
                break
            place += 1 + following.index(wanted)
        else:
            return True
    return False


def expresses(sequence: Sequence[str], word: str, *, loosely: bool = True) -> bool:
    """Whether a sequence of stems says a word: itself, its family or, loosely, a word of like meaning."""
    if word in sequence or any(akin(word, other) for other in sequence):
        return True
    return loosely and any(holds(sequence, phrase) for phrase in lexicon().alike.get(word, ()))


def language_of(words: Iterable[str]) -> str:
    """``en`` or ``other``, by the small words of a text; empty where there are too few of them to tell."""
    kinds = lexicon().kinds
    listed = list(words)
    english = sum(word in kinds["function"] for word in listed)
    other = sum(word in kinds["other"] and word not in kinds["function"] for word in listed)
    if (max(english, other) < 2 and len(listed) > 3) or english == other:
        return ""
    return "en" if english > other else "other"
