"""Rules that hold one sentence of an answer against the segments that it marks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.chat.rules.facts import Facts, Seen
from assistant.chat.rules.matching import anchor_runs, heard_in, is_appearing
from assistant.chat.rules.numbers import judge_numbers
from assistant.chat.rules.questions import Topic
from assistant.chat.rules.times import clock_times
from assistant.chat.rules.words import ORDINALS, REPEATS, Phrase, frame_stems, number, stem, synonyms, tokens
from assistant.core.timeline import EvidenceKind, Verdict

Judgement = tuple[Verdict, EvidenceKind, str]

_MARK_RUN = re.compile(r"\[S\d{1,9}\](?:(?:\s|,|;|and|to|-|–)*\[S\d{1,9}\])*")
_MARK = re.compile(r"\[S(\d{1,9})\]")
_QUOTED = re.compile(r"[“\"„«]([^“”\"„«»]{1,400})[”\"“»]")
_SAYS = re.compile(
    r"\b(?:sa(?:y|ys|id|ying)|mention(?:s|ed|ing)?|sp(?:eaks?|oke|oken|eaking)|talk(?:s|ed|ing)?|"
    r"tells?|told|hears?|heard|narrat\w+|announc\w+|states?|stated|explain(?:s|ed)?|asks?|asked|adds?|added|"
    r"exclaim\w*|counts? aloud|words?|voices?|sentences?|utter\w*|speech)\b",
    re.IGNORECASE,
)
_NEGATIVE = frozenset(("not", "no", "never", "nobody", "nothing", "none", "neither", "nor", "without"))
_HARD = re.compile(
    r"\s*(?:;|:|\band then\b|\bthen\b|\band\b|\bwhile\b|\bwhereas\b|\bbut\b|\bfollowed by\b|\bbefore\b|\bafter\b)\s*",
    re.IGNORECASE,
)
_CLAUSES = re.compile(
    r"\s*(?:;|:|\b(?:and|while|whereas|but|then)\b|"
    r",\s*(?=(?:(?:the|a) )?(?:narrator|speaker|voice|someone|somebody|they|he|she|it)\b))\s*",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"^\W*(?:and\s+)?(?:then|next|later|afterwards?|after that|finally|followed by|before)\b", re.IGNORECASE
)
_LATER_INSIDE = re.compile(r"\b(?:then|followed by|before)\b", re.IGNORECASE)
_EARLIER = re.compile(r"\b(?:after|preceded by)\b", re.IGNORECASE)
_ANSWER_WORD = re.compile(r"^\W*(?:yes|no)\b\s*[,:.;]\s*", re.IGNORECASE)
_COUNTED = re.compile(r"\b\d+ (?:cuts?|segments?|scenes?|shots?|events?)\b")
_SLACK_SECONDS = 1.0


@dataclass(frozen=True)
class Part:
    """A stretch of a sentence up to its marks."""

    text: str
    ids: tuple[int, ...]


def judge(sentence: str, ids: Sequence[int], facts: Facts) -> Judgement:
    """Verdict, kind of evidence and reason for one sentence whose marks are ``ids`` (those that exist)."""
    bare = _ANSWER_WORD.sub("", sentence)
    if not ids:
        return _judge_unmarked(bare, facts)
    parts = split_parts(bare, frozenset(ids), facts)
    judgements = [
        *(_judge_part(part, facts) for part in parts),
        _judge_times(bare, ids, facts),
        _judge_order(parts),
        *(_judge_order_within(part, facts) for part in parts if len(part.ids) > 1),
        judge_numbers(bare, [part.ids for part in parts], facts),
    ]
    known = [found for found in judgements if found is not None]
    for verdict in ("contradicted", "unsupported"):
        for found in known:
            if found[0] == verdict:
                return found
    return next(
        (found for found in known if found[0] == "supported"),
        ("not_checkable", "timeline", "nothing in it can be looked up"),
    )


def split_parts(sentence: str, usable: frozenset[int], facts: Facts) -> list[Part]:
    """The sentence cut behind each run of marks; words behind the last marks go with them."""
    parts: list[Part] = []
    start = 0
    for match in _MARK_RUN.finditer(sentence):
        ids = [int(found) for found in _MARK.findall(match.group(0))]
        if (
            re.search(r"\]\s*(?:to|-|–)\s*\[", match.group(0))
            and len(ids) == 2
            and 0 < ids[1] - ids[0] <= len(facts.seen)
        ):
            ids = list(range(ids[0], ids[1] + 1))
        parts.append(Part(sentence[start : match.start()].strip(), tuple(found for found in ids if found in usable)))
        start = match.end()
    rest = sentence[start:].strip(" .!?;,")
    if len(parts) > 0 and rest and not _content(parts[0].text) and not _QUOTED.search(parts[0].text):
        # "In [S1], a circle turns, and in [S2] a star shakes": each mark leads its words.
        texts = [*(part.text for part in parts[1:]), rest]
        return [Part(text, part.ids) for text, part in zip(texts, parts, strict=True) if part.ids]
    if rest and parts:
        parts[-1] = Part(f"{parts[-1].text}; {rest}" if parts[-1].text else rest, parts[-1].ids)
    return [part for part in parts if part.ids]


def _judge_part(part: Part, facts: Facts) -> Judgement | None:
    segments = [facts.seen[found - 1] for found in part.ids]
    quotes = _QUOTED.findall(part.text)
    text = _COUNTED.sub(" ", _QUOTED.sub(" ", part.text))
    for quote in quotes:
        if (wrong := _judge_quote(quote, segments, facts)) is not None:
            return wrong
    if quotes and _SAYS.search(text) is None and not _content(text):
        return "supported", "speech", ""
    if _SAYS.search(text):
        return _judge_seen_and_said(text, segments, facts, bool(quotes))
    found = _judge_seen(text, segments, facts)
    if found is None and quotes:
        return "supported", "speech", ""
    return found


def _judge_seen_and_said(text: str, segments: Sequence[Seen], facts: Facts, quoted: bool) -> Judgement | None:
    """From a word for saying on, clauses are held against the words, those before against the rest."""
    saying = False
    found: Judgement | None = None
    for clause in _CLAUSES.split(text):
        if saying or _SAYS.search(clause):
            saying = True
            found = _judge_said(clause, segments, quoted)
        elif _content(clause):
            found = _judge_seen(clause, segments, facts)
        if found is not None and found[0] != "supported":
            return found
    return found


def _judge_quote(quote: str, segments: Sequence[Seen], facts: Facts) -> Judgement | None:
    """None where the quoted words are said there or are a label there."""
    wanted = " ".join(tokens(quote))
    if not wanted or wanted in ("why",):
        return None
    for one in segments:
        if f" {wanted} " in f" {' '.join(tokens(one.segment.words))} ":
            return None
        labels = [*(s.label for s in one.segment.actions), *(s.label for s in one.segment.descriptions)]
        if any(wanted == " ".join(tokens(label)) for label in labels):
            return None
    elsewhere = any(f" {wanted} " in f" {' '.join(tokens(said.text))} " for said in facts.said)
    return "contradicted", "speech", "these words are said elsewhere" if elsewhere else "these words are not said there"


def _judge_said(text: str, segments: Sequence[Seen], quoted: bool) -> Judgement | None:
    phrases = _content(text)
    words = " ".join(one.segment.words for one in segments).strip()
    negative = _negative(text)
    missing = [phrase for phrase in phrases if not heard_in(phrase, words)]
    if not phrases:
        if negative and not quoted:
            return ("contradicted", "speech", "something is said there") if words else ("supported", "speech", "")
        return ("supported", "speech", "") if words else ("contradicted", "speech", "nothing is said there")
    if negative and not quoted:
        return ("supported", "speech", "") if missing else ("contradicted", "speech", "it is said there")
    if missing:
        return "contradicted", "speech", f"\u201c{missing[0].text}\u201d is not said there"
    return "supported", "speech", ""


def _judge_seen(text: str, segments: Sequence[Seen], facts: Facts) -> Judgement | None:
    """Every group of words must be shown by one of the segments, and every segment must show one of the groups."""
    negative = _negative(text)
    used: set[int] = set()
    kinds: list[EvidenceKind] = []
    checked = False
    for group in _groups(text, facts):
        phrases = _content(group)
        if not phrases:
            continue
        checked = True
        showing = [one for one in segments if one.says(phrases)] or _present(phrases, segments)
        if showing and not negative and all(is_appearing(p) for p in phrases):
            continue  # "... appear one after the other": they do, since they are seen
        if negative:
            if showing:
                return "contradicted", "descriptions", "it is seen there"
            kinds.append("timeline")
            continue
        if not showing and (spoken := _judge_spoken(phrases, segments, facts)) is not None:
            return spoken
        if not showing:
            return _missing(phrases, segments, facts)
        used.update(one.id for one in showing)
        kinds.append("actions" if any(one.action_says(p) for one in showing for p in phrases) else "descriptions")
    if not checked:
        return None
    idle = [one.id for one in segments if one.id not in used]
    if idle and not negative and not _spans_run(segments):
        return "contradicted", kinds[0], f"S{idle[0]} does not show it"
    return "supported", "actions" if "actions" in kinds else kinds[0], ""


def _present(phrases: Sequence[Phrase], segments: Sequence[Seen]) -> list[Seen]:
    """The segments that show the rest of the phrases where one of them only says that a thing appears."""
    rest = [p for p in phrases if not is_appearing(p)]
    return [one for one in segments if one.says(rest)] if len(rest) < len(phrases) else []


def _spans_run(segments: Sequence[Seen]) -> bool:
    """Marks that name a long stretch are its place, not each a witness."""
    return len(segments) > 4


def _judge_spoken(phrases: Sequence[Phrase], segments: Sequence[Seen], facts: Facts) -> Judgement | None:
    """Supported where the words name nothing that could be seen, and are said there ("the code is nine six")."""
    visible = facts.vocabulary | facts.attribute_words
    if any(found in visible for p in phrases for found in p.stems) or any(p.same for p in phrases):
        return None
    words = " ".join(one.segment.words for one in segments)
    return ("supported", "speech", "") if all(heard_in(p, words) for p in phrases) else None


def _missing(phrases: Sequence[Phrase], segments: Sequence[Seen], facts: Facts) -> Judgement:
    visible = facts.vocabulary | facts.attribute_words
    for phrase in phrases:
        if any(one.says([phrase]) for one in segments):
            continue
        known = bool(phrase.same) or all(found in visible for found in phrase.stems)
        if known:
            return "contradicted", "descriptions", f"\u201c{phrase.text}\u201d is not seen there"
        return "unsupported", "timeline", f"nothing there says \u201c{phrase.text}\u201d"
    together = " ".join(phrase.text for phrase in phrases)
    return "contradicted", "descriptions", f"\u201c{together}\u201d is not seen there together"


def _judge_unmarked(sentence: str, facts: Facts) -> Judgement:
    """A sentence without a mark can only be a refusal that the timeline bears out."""
    if not _negative(sentence):
        return "unsupported", "timeline", "it has no mark"
    quotes = _QUOTED.findall(sentence)
    said = bool(_SAYS.search(_QUOTED.sub(" ", sentence)))
    phrases = _content(" ".join(quotes) if quotes else sentence)
    if not phrases:
        return "not_checkable", "timeline", "it names nothing that can be looked up"
    if quotes and re.search(r"\bthere\b", sentence):
        return "not_checkable", "timeline", "it speaks of one place without a mark"
    topic = Topic(tuple(phrases), said=said)
    if anchor_runs(topic, facts):
        return "contradicted", "speech" if said else "descriptions", "the timeline holds it"
    return "supported", "timeline", ""


def _judge_times(sentence: str, ids: Sequence[int], facts: Facts) -> Judgement | None:
    spans = [facts.seen[found - 1].segment.span for found in ids]
    times = clock_times(_QUOTED.sub(" ", _MARK.sub(" ", sentence)))
    for seconds in times:
        if not any(s.start_seconds - _SLACK_SECONDS <= seconds <= s.end_seconds + _SLACK_SECONDS for s in spans):
            return "contradicted", "timeline", "the time it states lies outside what it marks"
    return ("supported", "timeline", "") if times else None


def _judge_order(parts: Sequence[Part]) -> Judgement | None:
    """ "then", "before" and "after" between marked parts must agree with the order in the video."""
    for earlier, later in itertools.pairwise(parts):
        text = later.text
        lead = re.split(r"[,;]", text.lstrip(" ,;"))[0] if not _LATER.search(text) else text
        if _LATER.search(text) or _LATER_INSIDE.search(lead):
            if later.ids[0] <= earlier.ids[0]:
                return "contradicted", "timeline", f"S{later.ids[0]} does not come after S{earlier.ids[0]}"
        elif _EARLIER.search(lead) and later.ids[0] >= earlier.ids[0]:
            return "contradicted", "timeline", f"S{later.ids[0]} does not come before S{earlier.ids[0]}"
    return None


def _judge_order_within(part: Part, facts: Facts) -> Judgement | None:
    """ "A before B [S1] [S4]": one of the segments of A must come before one of B."""
    match = _ORDERED.search(part.text)
    if match is None:
        return None
    sides = [_content(part.text[: match.start()]), _content(part.text[match.end() :])]
    ids = [[found for found in part.ids if side and facts.seen[found - 1].says(side)] for side in sides]
    if not all(ids):
        return None
    backwards = match.group(1).lower() in ("after", "preceded by")
    first, second = reversed(ids) if backwards else ids
    if min(first) < max(second):
        return None
    return "contradicted", "timeline", "it is the other way round"


_ORDERED = re.compile(r"\b(before|after|and then|then|followed by|preceded by)\b", re.IGNORECASE)


def _groups(text: str, facts: Facts) -> list[str]:
    """The words that one segment must show together; a list of several things is a group each."""
    groups: list[str] = []
    for hard in _HARD.split(text):
        pieces = hard.split(",")
        looks = [any(found in facts.attribute_words for p in _content(piece) for found in p.stems) for piece in pieces]
        if sum(looks) > 1:
            current = ""
            for piece, has_look in zip(pieces, looks, strict=True):
                if has_look and current:
                    groups.append(current)
                    current = piece
                else:
                    current = f"{current}, {piece}" if current else piece
            groups.append(current)
        else:
            groups.append(hard)
    return groups


def _content(text: str) -> list[Phrase]:
    """The phrases of a text that name something; adverbs of manner are let pass, since no model speaks of manner."""
    frame = frame_stems()
    kept = []
    for phrase in synonyms().phrases(tokens(text)):
        bare = [w for w in phrase.stems if w not in frame and number(w) is None and w not in _LOOSE]
        if phrase.same or (bare and not (phrase.text.endswith("ly") and len(phrase.text) > 4)):
            kept.append(phrase)
    return kept


def _negative(text: str) -> bool:
    inside = {word for phrase in synonyms().phrases(tokens(text)) if len(phrase.stems) > 1 for word in phrase.stems}
    return any(word in _NEGATIVE and word not in inside for word in tokens(text))


# Words of the answerer itself that claim nothing about the video.
_OWN_WORDS = (
    "across along toward around against apart away among best beside measure which moments places carried low too high "
    "fits none known actions unknown whereas more long "
    "side direction way toward continue remain depict observe present shown follow narrator speaker other "
    "next recognised states explain asks adds exclaims announces talks tells"
)
_LOOSE = frozenset(stem(word) for word in (*_OWN_WORDS.split(), *ORDINALS, *REPEATS))
