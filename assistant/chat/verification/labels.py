"""Whole labels, quoted speech and scores: matched as they stand, before any word is read as grammar."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from assistant.chat.compose import tell
from assistant.chat.verification.entailment import KIND, Finding
from assistant.chat.verification.evidence import SURE_SCORE, Evidence, Line
from assistant.chat.verification.language import akin, lexicon, stem, tokens
from assistant.chat.verification.statement import MARK, Statement
from assistant.chat.words import LANGUAGES

# What may stand around a label in a sentence that quotes it.
_AROUND = frozenset(
    stem(word)
    for word in (  # noqa: SIM905
        "label action scene description describer recogniser recognizer model classifier best top first "
        "second third likely next as segment video clip part moment time second look like show see seen here "
        "there is a an the it at in of to with by for this that and score percent probability % shown visible "
        "picture image frame being called recognised recognized detected says calls call gives give given "
        "named name most highest becomes become be are was were also on then first someone somebody person "
        "people"
    ).split()
)
_GRAMMAR = frozenset(
    stem(w)
    for w in ["a", "an", "the", "is", "are", "was", "were", "be", "being", "been", "it", "its", "their", "his", "her"]
)
# Words that turn a label into another deed: they count on both sides.
_TURNING = frozenset(
    stem(w) for w in ["pretend", "fail", "try", "without", "not", "but", "almost", "nothing", "cannot", "no", "never"]
)
_THING = stem("something")
_SIDES = frozenset(["left", "right", "up", "down", "upwards", "downwards"])
_SCORE = re.compile(r"(?<![\d.:])(?:(0?[.,]\d{1,4})(?!\d)|(\d{1,3}(?:[.,]\d{1,2})?)\s*(?:%|percent\b|per cent\b))")
_LEAD = re.compile(
    r"^\W*(?:(?:it|one|this|the (?:segment|clip|video|picture|part|recogni[sz]er|model)|)\s*(?:shows?|sees?|"
    r"is)\s+(?:that )?)?",
    re.IGNORECASE,
)
_OF_A_LABEL = re.compile(
    r"\b(?:score[ds]?|confiden\w+|probabilit\w+|softmax|likel\w+|label|describer|description|recogni[sz]er|"
    r"action recogni\w+|sure|certain\w*)\b",
    re.IGNORECASE,
)
_RANKED = {"second": 2, "third": 3, "fourth": 4, "fifth": 5}
_QUOTE_LIKENESS = 0.9


def strict(text: str) -> Counter[str]:
    """The stems of a label with all of its small words but those that passive and gerund differ by."""
    return Counter(word for word in map(stem, tokens(text)) if word not in _GRAMMAR)


def _missing(wanted: Counter[str], there: Counter[str]) -> Counter[str]:
    left = wanted - there
    spare = there - wanted
    for word in list(left):
        twin = next((other for other in spare if akin(word, other)), None)
        if twin is not None:
            left[word] -= min(left[word], spare[twin])
    return +left


def label_quoted(statement: Statement, lines: Sequence[Line]) -> Finding | None:
    """Supported where the sentence is one of the labels, in any form of its verb, and says nothing else."""
    own = strict(without_figures(statement.bare))
    for line in lines:
        if line.kind not in ("action", "description") or _missing(strict(line.text), own):
            continue
        rest = _missing(own, strict(line.text))
        placeholders = {_THING}
        if any(word in placeholders or word in _TURNING or word in _SIDES for word in rest):
            continue
        if any(word not in _AROUND and not re.fullmatch(r"[\d.,:]+", word) for word in rest):
            continue
        if not _same_sides(statement.bare, line.text):
            continue
        if line.weak and not statement.has("hedge"):
            return Finding("unsupported", "no action label reached the limit there", KIND[line.kind])
        return Finding("supported", "it is a label there", KIND[line.kind])
    return None


def labels_listed(statement: Statement, evidence: Evidence) -> Finding | None:
    """Supported where the sentence is nothing but a list of labels of the cited segments, each hedged if it is weak.

    "Yes: kitchen, probably Opening something (0.34)": words before a colon lead the list and are not read.
    """
    unmarked = MARK.sub(" ", _FROM_TO.sub(" ", statement.text))
    listed = _BEFORE_LIST.sub("", _SCORED.sub(" ", unmarked)).strip(" .")
    cited = evidence.cited(statement.ids)
    labels = sorted((line for line in cited if line.kind in ("action", "description")), key=lambda line: not line.weak)
    there = {" ".join(line.text.lower().split()): line for line in labels}
    unfit = any("none_of_my_labels" in evidence.timeline.segments[one - 1].flags for one in statement.ids)
    pieces = [" ".join(piece.lower().split()) for piece in listed.split(",")]
    hedges, none_fits = _told("probably"), _told("no_action_fits")
    found: list[Line] = []
    while pieces:
        for count in range(len(pieces), 0, -1):  # a label may hold a comma itself
            text = ", ".join(pieces[:count])
            first, _, rest = text.partition(" ")
            hedged = first in hedges and bool(rest)
            line = there.get(rest if hedged else text)
            if line is not None and (hedged or not line.weak):
                found.append(line)
                break
            if text in none_fits and unfit:
                break
        else:
            return None
        pieces = pieces[count:]
    return Finding("supported", "these are labels there", KIND[found[0].kind]) if found else None


_BEFORE_LIST = re.compile(r"^\W*(?:[^:,\u201c\"]|(?<=\d):(?=\d)){1,60}?:\s+")
_FROM_TO = re.compile(r"\[S\d+\] to \[S\d+\]")
_SCORED = re.compile(r"\(\s*[01][.,]\d+\s*\)")


def _told(key: str) -> frozenset[str]:
    """What the answers say for this key of ``replies.txt``, in each of their languages."""
    return frozenset(tell(language, key).lower() for language in LANGUAGES)


def without_figures(text: str) -> str:
    text = re.sub(r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?", " ", text)
    return _SCORE.sub(" ", re.sub(r"\bS\d+\b", " ", text))


def _same_sides(one: str, other: str) -> bool:
    """ "From left to right" is not "from right to left"."""
    sides = [[word for word in tokens(text) if word in ("left", "right")] for text in (one, other)]
    return len(sides[1]) < 2 or sides[0] == sides[1]


def placeholder_claim(statement: Statement, lines: Sequence[Line]) -> Finding | None:
    """A sentence in the words of an action label ("Something is put into something") must be one of them."""
    text = _LEAD.sub(" ", without_figures(statement.bare))
    own = strict(text)
    if _THING not in own:
        return None
    actions = [line for line in lines if line.kind == "action"]
    if not any(_THING in line.stems for line in actions):
        return None
    core = Counter(
        {
            w: n
            for w, n in own.items()
            if w not in _AROUND or w in _TURNING or w in ("next", "show", "of", "to", "in", "with")
        }
    )
    for line in actions:
        label = strict(line.text)
        gone = _missing(core, label)
        extra = _missing(label, own)
        if gone or any(word in _TURNING for word in extra) or not _same_sides(text, line.text):
            continue
        if line.weak and not statement.has("hedge"):
            return Finding("unsupported", "no action label reached the limit there", "actions")
        return Finding("supported", "it is an action label there", "actions")
    known = {stem(word) for line in actions for word in line.tokens}
    verb = next((w for w in core if w != _THING and not lexicon().is_kind(w, "function")), "")
    if verb and verb not in known and any(word not in known for word in core if not lexicon().light(word)):
        return Finding("contradicted", f"the action there is “{actions[0].text}”", "actions")
    return Finding("unsupported", f"the action there is “{actions[0].text}”", "actions")


def quotes_held(statement: Statement, lines: Sequence[Line], evidence: Evidence) -> Finding | None:
    """None without a quotation; supported where every one is said, shown or a label there, word for word or nearly."""
    verdict: Finding | None = None
    for quote in statement.quotes:
        words = tokens(quote)
        if not words:
            continue
        every = [line for number in statement.ids for line in evidence.by_segment.get(number, ())]
        verdict = _quote_held(quote, words, every if _OF_A_LABEL.search(statement.bare) else lines)
        if verdict is None:
            elsewhere = _said_in(words, evidence.speech)
            why = "these words are said elsewhere" if elsewhere else "these words are not said there"
            return Finding("contradicted", why, "speech")
        if verdict.verdict != "supported":
            return verdict
    return verdict


def _quote_held(quote: str, words: list[str], lines: Sequence[Line]) -> Finding | None:
    for line in lines:
        if line.kind in ("action", "description", "text") and list(line.tokens) == words:
            return Finding("supported", "it is a label there", KIND[line.kind])
    spoken = [line for line in lines if line.kind in ("speech", "text")]
    if len(words) == 1 and any(words[0] in line.tokens for line in spoken):
        return Finding("supported", "the word is said there", "speech")
    parts = [tokens(part) for part in re.split(r"\.\.\.|…", quote)]
    if all(_said_in(part, spoken) for part in parts if part):
        return Finding("supported", "these words are said there", "speech")
    return None


def _said_in(words: Sequence[str], lines: Sequence[Line]) -> bool:
    """Whether these words are said in order, across sentences; small words may differ where many agree."""
    said = [word for line in lines for word in line.tokens]
    if not words or not said:
        return False
    if any(said[at : at + len(words)] == list(words) for at in range(len(said) - len(words) + 1)):
        return True
    if len(words) < 5:
        return False
    matcher = SequenceMatcher(None, said, list(words), autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    agreed = sum(block.size for block in blocks)
    first, last = blocks[0].a if blocks else 0, blocks[-1].a + blocks[-1].size if blocks else 0
    if agreed < _QUOTE_LIKENESS * len(words) or last - first > len(words) + 3:
        return False
    kept = {index for block in blocks for index in range(block.b, block.b + block.size)}
    held = {index for block in blocks for index in range(block.a, block.a + block.size)}
    changed = [words[i] for i in range(len(words)) if i not in kept]
    left_out = [said[i] for i in range(first, last) if i not in held]
    return not any(_weighs(word) for word in [*changed, *left_out])


def _weighs(word: str) -> bool:
    """Whether a word changes what a quotation says: all but interjections, articles and the like do."""
    return word not in (
        "a",
        "an",
        "the",
        "so",
        "well",
        "oh",
        "okay",
        "ok",
        "uh",
        "um",
        "er",
        "and",
        "just",
        "really",
        "that",
        "you",
        "know",
    )


def scores_right(statement: Statement, lines: Sequence[Line], evidence: Evidence) -> Finding | None:
    """None without a score; a number that is said there is none."""
    labels = [line for number in statement.ids for line in evidence.by_segment.get(number, ()) if line.score < 1.0]
    spoken = [value for line in lines if line.kind == "speech" for n in line.numbers for value in n.values]
    verdict: Finding | None = None
    for match in _SCORE.finditer(statement.bare):
        value = float((match.group(1) or match.group(2)).replace(",", "."))
        if value in spoken:
            continue
        if match.group(2) and not _OF_A_LABEL.search(statement.bare) and spoken:
            continue
        share = value if match.group(1) else value / 100
        digits = len((match.group(1) or match.group(2)).replace(",", ".").partition(".")[2]) + (
            0 if match.group(1) else 2
        )
        own = strict(statement.text)
        named = [line for line in labels if not _missing(strict(line.text), own)]
        fits = [line for line in (named or labels) if abs(line.score - share) <= 0.5 * 10.0**-digits + 1e-6]
        if not labels:
            return Finding("unsupported", "no label has a score there", "timeline")
        if not fits:
            best = max(named or labels, key=lambda line: line.score)
            return Finding("contradicted", f"the score of “{best.text}” there is {best.score:.2f}", KIND[best.kind])
        verdict = Finding("supported", f"it is the score of “{fits[0].text}” there", KIND[fits[0].kind])
    return verdict


def sureness_right(statement: Statement, evidence: Evidence) -> Finding | None:
    """ "Clearly", "very sure" want a score that carries them; they are no words of the evidence."""
    if not statement.has("sure") or statement.has("hedge", "negation"):
        return None
    for number in statement.ids:
        labels = [
            line
            for line in evidence.by_segment.get(number, ())
            if line.kind in ("action", "description") and line.rank == 1
        ]
        spoken = any(line.kind == "speech" for line in evidence.by_segment.get(number, ()))
        picture = statement.has("picture") or not spoken
        actions = [line for line in labels if line.kind == "action"]
        told = [line for line in labels if not _missing(Counter(_content(line)), strict(statement.bare))] or actions
        if picture and told and all(line.weak or line.score < SURE_SCORE for line in told):
            return Finding("unsupported", f"the score there is only {told[0].score:.2f}", KIND[told[0].kind])
    return None


def _content(line: Line) -> list[str]:
    return [word for word in line.stems if not lexicon().light(word)]


def rank_right(statement: Statement, evidence: Evidence) -> Finding | None:
    """ "A cup is the second description": the place of a label in its list."""
    found = re.search(
        r"\b(second|third|fourth|fifth)(?:[- ](?:best|likely|most likely))?\s+(?:label|action|description|scene)\b",
        statement.bare,
        re.IGNORECASE,
    )
    if not found or not statement.ids:
        return None
    rank = _RANKED[found.group(1).lower()]
    own = strict(statement.bare)
    labels = [
        line
        for number in statement.ids
        for line in evidence.by_segment.get(number, ())
        if line.kind in ("action", "description")
    ]
    for line in labels:
        if not _missing(Counter(_content(line)), own):
            if line.rank == rank:
                return Finding("supported", f"it is label {rank} there", KIND[line.kind])
            if not any(_content(line) == _content(o) and o.rank == rank for o in labels):
                return Finding("contradicted", f"“{line.text}” is label {line.rank} there", KIND[line.kind])
    return Finding("unsupported", "no such label is listed there", "timeline")
