"""What a question asks for: its kind, its forms, its times, and the words that name what it is about."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from assistant.chat.evidence import Evidence
from assistant.chat.times import Times, When, find_times
from assistant.chat.words import Term, language_of, listed_words, synonym_groups, terms, tokens
from assistant.core.prompts import changed, read_lines
from assistant.core.timeline import Span

CONTENT = "content"
SMALL_TALK = "small_talk"


@dataclass(frozen=True)
class Asked:
    """A question understood.

    ``kind`` is one of ``prompts/words/LANGUAGE/kinds.txt``, ``small_talk`` or ``content``; ``forms`` are those of
    ``forms.txt`` beside it.
    """

    question: str
    text: str  # lower case, without times
    language: str
    kind: str
    forms: frozenset[str]
    terms: tuple[Term, ...]  # what it is about
    times: tuple[When, ...] = ()
    unread_times: tuple[str, ...] = ()
    people: tuple[Term, ...] = ()  # "person", "woman": labels name them
    anchor: Anchor | None = None
    choice: tuple[str, str] | None = None
    near: tuple[int, ...] = ()  # segments that the conversation was about
    follows: bool = False
    before: str = ""  # the question before, where this one leans on it

    @property
    def seen_terms(self) -> tuple[Term, ...]:
        """The terms that a label could name: without "visible", "screen" and their like."""
        empty = listed_words("seen", self.language)
        shows = synonym_groups(self.language).get(("appear",))  # "turn up", "come into view"
        return tuple(
            term
            for term in (*self.people, *self.terms)
            if not set(term.text.split()) <= empty and (shows is None or term.shared != shows)
        )

    @property
    def seen_rest(self) -> tuple[Term, ...]:
        """What is asked beside the anchor, without "picture" and its like."""
        empty = listed_words("seen", self.language)
        return tuple(t for t in self.anchor.rest if t.text not in empty) if self.anchor is not None else ()

    @property
    def quoted(self) -> str:
        """The words that the question quotes, "" where it quotes none."""
        match = re.search(r"[“\"„«]([^“”\"„«»]{2,300})[”\"“»]", self.question)
        return match.group(1) if match else ""

    @property
    def said_terms(self) -> tuple[Term, ...]:
        """The terms that a sentence could hold: without "describes", "recommends" and their like."""
        said = next(p for n, p in _patterns("forms", self.language) if n == "said")
        return tuple(term for term in self.terms if not said.fullmatch(term.text)) or self.terms

    def within(self) -> Span | None:
        """The stretch that the times name together, None without one."""
        spans = [when.span for when in self.times]
        if not spans:
            return None
        return Span(min(span.start_seconds for span in spans), max(span.end_seconds for span in spans))


@dataclass(frozen=True, slots=True)
class Anchor:
    """ "After the water boils": an event that the answer lies after, before or beside."""

    relation: str  # "after", "before", "while"
    text: str
    terms: tuple[Term, ...]
    rest: tuple[Term, ...] = field(default=())  # what is asked beside it


def understand(question: str, evidence: Evidence) -> Asked:
    """The question as the rest of the room needs it."""
    language = language_of(question)
    plain = _plain(question)
    times = find_times(question, evidence.duration_seconds, segments=len(evidence.timeline.segments), language=language)
    times = _without_content(times, plain, evidence, language)
    text = _plain(times.rest)
    forms = frozenset(name for name, pattern in _patterns("forms", language) if pattern.search(plain))
    kind = _kind(plain, text, language, forms)
    named = [found for term in terms(text, language) for found in evidence.translated(term, language)]
    asked_for = listed_words("asked", language)
    named = [term for term in named if term.text not in asked_for] or named
    if not named:
        weak = listed_words("weak", language)
        named = [one for word in tokens(text) if word in weak for one in terms(word, language, stop=False)]
    people = listed_words("people", language)
    whole = tuple(
        Term(word, one.raw, one.shared)
        for word in dict.fromkeys(tokens(text))
        if word in people
        for one in terms(word, language, stop=False)
    )
    asked = Asked(
        question,
        text,
        language,
        kind,
        forms,
        tuple(dict.fromkeys(term for term in named if term.text not in people)),
        tuple(_placed(when, evidence) for when in times.found),
        times.unread,
        whole,
        choice=_choice(text, language) if "order" in forms else None,
    )
    asked = replace(asked, anchor=_anchor(asked, evidence))
    if asked.anchor is not None:
        # "What is shown while they say so?" does not ask what is said.
        outside = text.replace(asked.anchor.text, " ")
        said = next(pattern for name, pattern in _patterns("forms", language) if name == "said")
        asked = asked if said.search(outside) else replace(asked, forms=forms - {"said"})
    return asked


def _kind(plain: str, text: str, language: str, forms: frozenset[str]) -> str:
    if _is_small_talk(plain, language):
        return SMALL_TALK
    for name, pattern in _patterns("kinds", language):
        if pattern.search(text) or (name in ("injection", "out_of_scope") and pattern.search(plain)):
            return name
    if language != "en":
        # English words of the trade are used in every language, orders to the assistant too.
        for name, pattern in _patterns("kinds", "en"):
            if name in ("injection", "models", "size", "rate") and pattern.search(plain):
                return name
    return CONTENT


def _is_small_talk(plain: str, language: str) -> bool:
    words = tokens(plain)
    if not words:
        return False
    telling = [w for w in words if w in listed_words("small_talk", language)]
    greets = any(w in listed_words("greetings") for w in words[:4])
    asks = any(
        p.search(plain) for n, p in _patterns("forms", language) if n in ("when", "where", "reason", "number", "name")
    )
    if len(telling) == len(words) and len(words) <= 12:
        return greets or (len(words) <= 3 and words[0] not in ("it", "that", "is", "for"))
    question = plain.rstrip().endswith("?") and len(words) > 3
    return greets and not asks and not question and len(words) <= 9 and not _ASKS.search(plain)


_ASKS = re.compile(
    r"\b(?:what|when|where|who|why|how|which|show|tell|give|find|list|summari\w+|quote|was|wann|wo|wer|warum|wie|welche\w*|zeig\w*|"
    r"qué|cuándo|dónde|quién|cómo|cuál|resume|does|did|is there|are there)\b"
)


def _without_content(times: Times, plain: str, evidence: Evidence, language: str) -> Times:
    """The times, but for those that the question talks about: "at 90 % load" where a talk speaks of 90 %."""
    kept = []
    for when in times.found:
        number = re.search(r"\d+(?:\.\d+)?", when.text)
        spoken = number is not None and number.group(0) in evidence.said_words
        others = [t for t in terms(times.rest, language) if evidence.knows(t)]
        if spoken and others and ("%" in when.text or when.outside) and ":" not in when.text:
            return Times((), plain, times.unread)
        kept.append(when)
    return Times(tuple(kept), times.rest, times.unread)


def _placed(when: When, evidence: Evidence) -> When:
    """The time with the span of the segment that it names."""
    if when.segment_id is None or when.outside:
        return when
    return replace(when, span=evidence.segment(when.segment_id).span)


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    text = _POLITE.sub("", text)
    text = re.sub(r"\b(what|where|who|how|when|that)s\b", r"\1's", text)
    text = re.sub(r"\b(don|doesn|didn|isn|aren|wasn|can|won|couldn|wouldn)t\b", r"\1't", text)
    return " ".join(text.split())


_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|so|ok|okay|well|please)[,!. ]+)*"
    r"(?:(?:can|could|would|will) (?:you|u) (?:please )?(?:tell|show) (?:me|us)|"
    r"(?:please )?tell me|do you know|i(?:'d| would) (?:like|love) to know|i want to know|any idea)\b[,:]?\s+(?=\w)"
)


def _choice(text: str, language: str) -> tuple[str, str] | None:
    """The two things of "which came first, A or B?"."""
    word = {"de": "oder", "es": "o"}.get(language, "or")
    match = re.search(
        rf"(?:^|[,:]|\b(?:first|is|are|was|were|does|do|did|ist|sind|war)\b)\s*([^,:?]+?),?\s+{word}\s+([^,?]+)", text
    )
    if match is None:
        return None
    one, other = match.group(1).strip(), match.group(2).strip()
    if "," in text:  # "What comes first, the one or the other?"
        tail = re.split(r"[,:]", text)[-1]
        if parts := re.match(rf"\s*(.+?)\s+{word}\s+([^?]+)", tail):
            one, other = parts.group(1), parts.group(2)
    return (one, other) if one and other else None


_ANCHORS = {
    "en": r"\b(?P<r>(?:(?:right|just|shortly) )?(?:after|before)|while|when|as soon as|once|during)\s+(?P<a>.+)",
    "de": r"\b(?P<r>nachdem|bevor|während|als|wenn|nach|vor)\s+(?P<a>.+)",
    "es": r"\b(?P<r>después de|antes de|mientras|cuando|durante)\s+(?P<a>.+)",
}
_RELATIONS = {
    **dict.fromkeys(("after", "nachdem", "nach", "después de", "once", "as soon as"), "after"),
    **dict.fromkeys(("before", "bevor", "vor", "antes de"), "before"),
}


def _anchor(asked: Asked, evidence: Evidence) -> Anchor | None:
    """The event that a question places its answer by, where it names one."""
    text = asked.text
    comes = re.search(
        r"^(?P<a>.+?)[:,]\s*(?:and )?what (?:comes|happens|is|follows)(?: next| then| after(?:wards)?)?\s*\??$", text
    )
    if comes and asked.language == "en":
        named = _terms_of(comes.group("a"), asked, evidence)
        return Anchor("after", comes.group("a"), named) if named else None
    follows = re.search(
        r"^(?:what|which \w+|who) (?P<r>follows|comes after|precedes|comes before) (?P<a>.+?)\s*\??$", text
    )
    if follows and (named := _terms_of(follows.group("a"), asked, evidence)):
        return Anchor("before" if "prec" in follows["r"] or "before" in follows["r"] else "after", follows["a"], named)
    match = re.search(_ANCHORS[asked.language], text)
    asks_when = bool({"when", "where"} & asked.forms)
    if match is not None and re.match(r"(?:how|what|which|who|that|this|it)\b", match.group("a")):
        return None
    if match is None or (match.group("r") == "when" and (asks_when or match.start() == 0)):
        return None
    relation = next((v for k, v in _RELATIONS.items() if match.group("r").endswith(k)), "while")
    place, rest = match.group("a").rstrip(" ?.!"), text[: match.start()]
    if match.start() == 0 and "," in place:
        place, _, rest = place.partition(",")
    named = _terms_of(place, asked, evidence)
    if not named:
        return None
    return Anchor(relation, place, named, _terms_of(rest, asked, evidence))


def _terms_of(text: str, asked: Asked, evidence: Evidence) -> tuple[Term, ...]:
    return tuple(found for term in terms(text, asked.language) for found in evidence.translated(term, asked.language))


def _patterns(name: str, language: str) -> Sequence[tuple[str, re.Pattern[str]]]:
    path = f"words/{language}/{name}.txt"
    return _read_patterns(path, changed(path))


@lru_cache(maxsize=16)
def _read_patterns(path: str, changed_ns: int) -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    for line in read_lines(path):
        name, _, pattern = line.partition(" = ")
        found.append((name.strip(), re.compile(pattern.strip())))
    return tuple(found)
