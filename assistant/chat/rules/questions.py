"""What a question asks: its kind, what it is about, and which stretch of the video it means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from assistant.chat.rules.clauses import Clauses, split_clauses
from assistant.chat.rules.facts import Facts
from assistant.chat.rules.kinds import Kind, is_about_speech, kind_of
from assistant.chat.rules.times import Window, find_windows
from assistant.chat.rules.words import (
    ORDINALS,
    Phrase,
    colour_stems,
    frame_stems,
    loose_stems,
    number,
    shape_stems,
    stem,
    synonyms,
    tokens,
)

Relation = Literal["after", "before", "during", "between"]
Unit = Literal["segment", "scene", "time", "thing"]

_POLITE = re.compile(
    r"^(?:"
    r"(?:please|hi|hello|hey|ok|okay|well|so|now|and then|but)[,\s]+|"
    r"(?:can|could|would|will) you (?:please )?"
    r"(?:tell|show|say|explain|give|let|help|find|list|describe|summari[sz]e)\b(?: to)?(?: me| us)?|"
    r"tell (?:me|us)\b|"
    r"do you (?:know|see|think)(?: if| whether| that)?\b|"
    r"i (?:want|would like|need|wonder)(?: to know)?(?: if| whether)?\b|i'd like to know\b|let me know\b|"
    r"in (?:this|the) (?:video|clip|film|movie)[,\s]+|name\b(?! of)"
    r")\s*"
)
_PLACE = re.compile(
    r"\b(segment|scene|shot|clip|part|chapter)s?\s*(?:number\s*|no\.?\s*|#\s*)?(\d{1,6})\b|\[s(\d{1,6})\]"
)
_CONNECT = re.compile(
    r"\s*(?:,|;|\bor\b|\band then\b|\bthen\b|\band\b|\bversus\b|\bvs\b|\bthan\b|\bcompared (?:with|to)\b|"
    r"\bfrom\b(?=.*\bdiffer))\s*"
)
_UNITS = re.compile(r"\b(segments?|scenes?|shots?|cuts?|clips?|parts?|times|sentences?|utterances?)\b")
_QUOTE = re.compile(r"[\"“”«»„]([^\"“”«»„]{1,300})[\"“”«»„]|(?<!\w)['‘]([^'‘’]{2,300})['’](?!\w)")


@dataclass(frozen=True)
class Topic:
    """What a clause is about: phrases that one segment must show (or one utterance say), or given segments."""

    phrases: tuple[Phrase, ...] = ()
    quotes: tuple[str, ...] = ()
    said: bool = False
    ids: tuple[int, ...] = ()
    ordinal: int | None = None  # 1 = first, -1 = last
    text: str = ""

    @property
    def empty(self) -> bool:
        return not (self.phrases or self.quotes or self.ids)

    @property
    def name(self) -> str:
        """The asked-for thing in the question's own words, safe to repeat."""
        return " ".join([*(phrase.text for phrase in self.phrases), *self.quotes])


@dataclass(frozen=True)
class Asked:
    """One question, understood as far as its words allow."""

    text: str
    kind: Kind
    said: bool = False
    topics: tuple[Topic, ...] = ()
    windows: tuple[Window, ...] = ()
    place_ids: tuple[int, ...] = ()  # segments that the question names by number
    place_missing: bool = False  # it names a segment or scene that does not exist
    relation: Relation | None = None
    near: bool = False
    anchors: tuple[Topic, ...] = ()
    unit: str = ""
    ordinal: int | None = None
    options: bool = False  # the topics are alternatives ("or")
    either_way: bool = False  # "before or after"
    foreign: bool = False
    refers: bool = False  # a pronoun or an ellipsis points at what was said before

    @property
    def topic(self) -> Topic:
        return self.topics[0] if self.topics else Topic()


def understand(question: str, facts: Facts) -> Asked:
    """The question by itself; see `followups.in_context` for one that leans on the conversation."""
    text = _tidy(question)
    if is_foreign(text):
        return Asked(question, "what", foreign=True)
    text, quotes = _take_quotes(text)
    windows, text = find_windows(text, facts.duration_seconds)
    text, place_ids, missing = _take_places(text, facts)
    clauses = split_clauses(text)
    kind = kind_of(clauses.main)
    said = is_about_speech(clauses.main, _has_quote(clauses.main))
    if said and quotes and not is_about_speech(clauses.main, False) and _all_labels(quotes, facts):
        # A quotation of labels, without a word for saying: it is to be seen.
        text = re.sub(r"\bquote(\d+)\b", lambda match: quotes[int(match.group(1))], text)
        clauses, said, quotes = split_clauses(text), False, ()
    named = (loose_stems() | {"cut"}) & facts.vocabulary
    topics, options = _topics(clauses.main, kind, said, quotes, named)
    anchors = tuple(topic for part in clauses.anchors if (topic := _anchor(part, quotes, named)) is not None)
    topics, anchors = _same_thing(clauses, topics, anchors)
    unit = match.group(1) if (match := _UNITS.search(clauses.main)) else ""
    asked = Asked(
        text=question,
        kind=kind,
        said=said,
        topics=topics,
        windows=windows,
        place_ids=place_ids,
        place_missing=missing,
        relation=clauses.relation if anchors or clauses.relation_refers else None,
        near=clauses.near,
        anchors=anchors,
        unit=unit,
        ordinal=_ordinal(clauses.main),
        options=options,
        either_way=bool(re.search(r"\b(?:before or after|after or before|earlier or later)\b", text)),
        refers=clauses.relation_refers or bool(_REFERS.search(text) or THERE.search(text)),
    )
    return _settle(asked, clauses)


_REFERS = re.compile(
    r"\b(?:it|its|they|them|their|he|she|him|her|this one|that one|those|these|the same|afterwards?|beforehand|then|"
    r"next|else)\b|"
    r"^(?:and|but|what about|how about)\b|\b(?:after|before|during|at|in) (?:that|this)\b|"
    r"^(?:when|where|why|how often|how long|how many|who)\W*$|\bsure\b|\breally\b"
)
# A place that was spoken of before; "is there a dog" names none.
THERE = re.compile(
    r"(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )\bthere\b(?! (?:is|are|was|were)\b)(?=\W*$)|"
    r"\b(?:at|in|during) (?:that|this|the same) (?:time|moment|point|scene|segment|part|shot)\b|\bmeanwhile\b"
)
_SHORT = ("what", "who", "when", "where", "how", "that", "there")


def _tidy(question: str) -> str:
    text = " ".join(question.lower().replace("’", "'").split())
    for word in _SHORT:
        text = text.replace(f"{word}'s", f"{word} is")
    # "Name the colours" asks; "the name of the speaker" is asked for, and no model here knows names.
    text = re.sub(
        r"\bnames? of\b|(?<=his |her |its )name\b|(?<=their )names?\b|(?<='s )name\b|\bis named\b", "title of", text
    )
    while (shorter := _POLITE.sub("", text, count=1)) != text and shorter.strip(" ?.!"):
        text = shorter
    return text


def is_foreign(text: str) -> bool:
    """Whether the words are hardly English: another script, or no English sentence word among several."""
    letters = [letter for letter in text if letter.isalpha()]
    if not letters:
        return True
    if sum(not letter.isascii() for letter in letters) > 0.4 * len(letters):
        return True
    words = tokens(text)
    known = frame_stems()
    return len(words) >= 3 and sum(stem(word) in known for word in words) <= len(words) // 6


def _take_quotes(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with each quotation replaced by ``quoteN``, and the quotations."""
    quotes: list[str] = []

    def take(match: re.Match[str]) -> str:
        quotes.append(" ".join(tokens(match.group(1) or match.group(2))))
        return f" quote{len(quotes) - 1} "

    return _QUOTE.sub(take, text), tuple(quotes)


def _take_places(text: str, facts: Facts) -> tuple[str, tuple[int, ...], bool]:
    """The text without "segment 3" or "the second scene", the segments that they name, and whether one is missing."""
    ids: list[int] = []
    missing = False

    def named(unit: str, count: int) -> str:
        nonlocal missing
        if unit in ("segment", "part", "clip", "chapter", ""):
            found = [one.id for one in facts.seen if one.id == count or (count < 0 and one is facts.seen[-1])]
        else:
            shots = len(facts.timeline.shots)
            index = count - 1 if count > 0 else shots - 1
            found = [one.id for one in facts.seen if one.shot == index]
        missing = missing or not found
        ids.extend(found)
        return " "

    text = _PLACE.sub(lambda m: named(m.group(1) or "", int(m.group(2) or m.group(3))), text)
    words = "|".join(ORDINALS)
    text = re.sub(
        rf"\b(?:(?:in|during|of|at|from)\s+)?(?:the\s+)?(?:very\s+)?({words})\s+(segment|scene|shot)\b",
        lambda m: named(m.group(2), ORDINALS[m.group(1)]),
        text,
    )
    return text, tuple(dict.fromkeys(ids)), missing


_HOW_MANY = re.compile(r"\bhow (?:many|often|frequently)\b|\b(?:the )?(?:total )?(?:number|count) of\b|^count\b")
_HOW_IT_MOVES = re.compile(r"^how (?:does|do|did|is|are|was|were)\b")
_MOVES = re.compile(r"\b(?:moves?|moving|moved|behaves?|behaving|animated)\b(?=\W*$)")


def _all_labels(quotes: Sequence[str], facts: Facts) -> bool:
    return all(stem(word) in facts.vocabulary for quote in quotes for word in tokens(quote))


def _has_quote(clause: str) -> bool:
    return bool(re.search(r"\bquote\d", clause))


def _ordinal(main: str) -> int | None:
    if re.search(r"\bearliest\b|\binitially\b|\b(?:begins?|starts?|opens?)(?: (?:with|off))?\W*$", main):
        return 1
    if re.search(r"\blatest\b|\bfinally\b|\b(?:ends?|finish(?:es)?|stops?|concludes?|closes?)(?: with)?\W*$", main):
        return -1
    return next((ORDINALS[word] for word in tokens(main) if word in ORDINALS), None)


def _topics(
    main: str, kind: Kind, said: bool, quotes: Sequence[str], named: frozenset[str]
) -> tuple[tuple[Topic, ...], bool]:
    """The things that the main clause is about, and whether they are alternatives."""
    if kind == "count":
        main = re.sub(r"\bcuts?\b", " ", _HOW_MANY.sub(" ", main)) if "cut" not in named else _HOW_MANY.sub(" ", main)
    if kind == "compare":
        main = re.sub(r"\b(?:with|to|against)\b", " , ", main)
    if _HOW_IT_MOVES.search(main):
        main = _MOVES.sub(" ", main)
    parts = _CONNECT.split(re.sub(r"\bbefore or after\b|\bafter or before\b|\bbetween\b", " , ", main))
    topics = [topic for part in parts if not (topic := topic_of(part, quotes, said, named)).empty]
    options = len(topics) > 1 and bool(re.search(r"\bor\b", main))
    if options:
        topics = _complete_options(topics)
    elif len(topics) > 1 and kind not in ("compare", "order", "choice") and said:
        joined = tuple(phrase for topic in topics for phrase in topic.phrases)
        topics = [Topic(joined, tuple(q for t in topics for q in t.quotes), said, text=main)]
    return tuple(topics), options


def topic_of(part: str, quotes: Sequence[str] = (), said: bool = False, named: frozenset[str] = frozenset()) -> Topic:
    """What a stretch of a question names once the words that only hold it together are gone.

    Args:
        quotes: the quotations that ``quoteN`` stands for.
        named: stems that name something in this video although they mostly hold sentences together.
    """
    words = [word for word in tokens(part)]
    quoted = tuple(quotes[int(word[5:])] for word in words if _is_quote(word, quotes))
    frame = frame_stems() - named
    phrases: list[Phrase] = []
    for phrase in synonyms().phrases([word for word in words if not _is_quote(word, quotes)]):
        left = [found for found in phrase.stems if found not in frame and number(found) is None]
        if (
            phrase.same
            or left
            or (
                said
                and len(phrase.stems) == 1
                and number(phrase.stems[0]) is not None
                and phrase.stems[0] not in ORDINALS
            )
        ):
            phrases.append(phrase)
    return Topic(tuple(_without_echo(phrases)), quoted, said, ordinal=_ordinal(part), text=part.strip())


def _is_quote(word: str, quotes: Sequence[str]) -> bool:
    return word.startswith("quote") and word[5:].isdigit() and int(word[5:]) < len(quotes)


def _without_echo(phrases: Sequence[Phrase]) -> list[Phrase]:
    """Each phrase once; the second "circle" of "the circle circles" is the deed."""
    kept: list[Phrase] = []
    for phrase in phrases:
        if any(phrase.stems == other.stems for other in kept):
            if phrase.stems == ("circl",):
                kept.append(replace(synonyms().phrases(["circling"])[0], text=phrase.text))
            continue
        kept.append(phrase)
    return kept


def _complete_options(topics: Sequence[Topic]) -> list[Topic]:
    """Alternatives written out: "the circle red or blue" -> the red circle, the blue circle."""
    first = topics[0]
    done = [first]
    for topic in topics[1:]:
        kept = list(first.phrases)
        for kinds in (colour_stems(), shape_stems()):
            if any(p.stems[0] in kinds for p in topic.phrases):
                kept = [p for p in kept if p.stems[0] not in kinds]
        deeds = [p for p in topic.phrases if p.stems[0] not in colour_stems() | shape_stems()]
        if deeds:
            kept = [p for p in kept if p.stems[0] in colour_stems() | shape_stems()]
        whole = len(topic.phrases) >= len(first.phrases)
        done.append(topic if whole else replace(topic, phrases=(*kept, *topic.phrases)))
    if len(first.phrases) < len(topics[-1].phrases):
        # "red or blue circle": the first lacks what only the last one names.
        last = topics[-1].phrases
        colours = colour_stems()
        if all(p.stems[0] in colours for p in first.phrases):
            done[0] = replace(first, phrases=(*first.phrases, *(p for p in last if p.stems[0] not in colours)))
    return done


def _same_thing(
    clauses: Clauses, topics: tuple[Topic, ...], anchors: tuple[Topic, ...]
) -> tuple[tuple[Topic, ...], tuple[Topic, ...]]:
    """Both clauses with "it" replaced by the thing that the other one names: "what does the bar do after it turns"."""
    if len(topics) == 1 and len(anchors) == 1:
        topic, anchor = topics[0], anchors[0]
        if _IT.search(clauses.anchors[0]) and not _looks_of(anchor):
            return topics, (replace(anchor, phrases=(*_looks_of(topic), *anchor.phrases)),)
        if _IT.search(clauses.main) and not _looks_of(topic):
            return (replace(topic, phrases=(*_looks_of(anchor), *topic.phrases)),), anchors
    if not topics and len(anchors) == 1 and _IT.search(clauses.main):
        return (Topic(_looks_of(anchors[0])),) if _looks_of(anchors[0]) else (), anchors
    return topics, anchors


_IT = re.compile(r"\b(?:it|they|he|she|them|him|her)\b")


def _looks_of(topic: Topic) -> tuple[Phrase, ...]:
    """The phrases of a topic that name a thing rather than a deed."""
    looks = colour_stems() | shape_stems()
    return tuple(p for p in topic.phrases if set(p.stems) & looks or not p.same)


def _anchor(part: str, quotes: Sequence[str], named: frozenset[str]) -> Topic | None:
    said = is_about_speech(part, False) or _has_quote(part)
    topic = topic_of(part, quotes, said, named)
    if topic.empty and topic.ordinal is None and not said:
        return None
    return topic


def _settle(asked: Asked, clauses: Clauses) -> Asked:
    """Kinds that only the whole of a question decides."""
    kind = asked.kind
    if kind == "choice" and asked.either_way:
        kind = "order"
    if kind == "choice" and len(asked.topics) < 2:
        kind = "yesno"
    if kind in ("what", "choice") and len(asked.topics) > 1 and asked.options and asked.ordinal in (1, -1):
        kind = "order"
    if kind == "order" and asked.either_way and asked.anchors and asked.topics:
        return replace(asked, kind=kind, topics=(asked.topics[0], *asked.anchors), anchors=(), relation=None)
    if kind == "when" and asked.relation == "during" and not asked.topics and asked.anchors and not asked.said:
        # "which scene is it when the circle turns?"
        return replace(asked, kind=kind, topics=asked.anchors, anchors=(), relation=None)
    return replace(asked, kind=kind)
