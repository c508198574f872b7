"""What a timeline holds, as lines of words at their own times and as labels, each with its terms."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from assistant.chat.sentences import split_sentences
from assistant.chat.words import Term, language_of, terms
from assistant.core.timeline import Segment, Span, Timeline, Utterance

# Below these the words of an answer say "probably": a softmax over hundreds of labels is flat.
SURE_ACTION = 0.5
SURE_DESCRIPTION = 0.35
_ORDER = {"speech": 0, "subtitles": 2}  # all other kinds between them


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence that was said, or one text or event that another witness found, at its own time."""

    place: int  # its order: what is said, in order of time, behind it the rest, and subtitles last
    kind: str  # "speech", or the kind of an observation: "text", "sound", "caption", "object", ...
    text: str
    span: Span
    segment_id: int  # the segment that holds most of it
    segment_ids: tuple[int, ...]  # every one that it touches
    terms: tuple[Term, ...]
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A label that a segment was given; ``rank`` 0 is the best of its model."""

    text: str
    kind: str  # "actions" or "descriptions"
    score: float
    rank: int
    sure: bool
    terms: tuple[Term, ...]


def spoken_language(timeline: Timeline) -> str:
    """The language that most utterances are in."""
    said = Counter(u.language for segment in timeline.segments for u in segment.utterances)
    language = (said.most_common(1)[0][0] if said else "en") or ""
    if language in ("de", "es"):
        return language
    words = " ".join(u.text for segment in timeline.segments[:60] for u in segment.utterances)
    return language_of(words) if said and language != "en" else "en"


def labels_of(segment: Segment) -> Iterable[Label]:
    ranked = [(rank, a.label, a.score, "actions", SURE_ACTION) for rank, a in enumerate(segment.actions)]
    ranked += [
        (rank, d.label, d.score, "descriptions", SURE_DESCRIPTION) for rank, d in enumerate(segment.descriptions)
    ]
    for rank, text, score, kind, sure in ranked:
        yield Label(text, kind, score, rank, score >= sure, _label_terms(text))


@lru_cache(maxsize=4096)
def _label_terms(text: str) -> tuple[Term, ...]:
    """The terms of a label, small words kept where they tell directions apart."""
    return terms(text, "en", stop=False)


def lines_of(timeline: Timeline, language: str) -> Iterable[Line]:
    found: list[tuple[Span, str, str, str]] = []
    seen: set[tuple[float, str]] = set()
    for segment in timeline.segments:
        for utterance in segment.utterances:
            key = (utterance.span.start_seconds, utterance.text)
            if key not in seen:  # an utterance may stand in each segment that it touches
                seen.add(key)
                speaker = str(getattr(utterance, "speaker", "") or "")
                found += [(span, "speech", text, speaker) for span, text in spoken_sentences(utterance)]
    read_as_said = bool(timeline.provenance.subtitles.get("stand_for_speech"))
    for one in getattr(timeline, "observations", ()):
        if one.kind == "subtitles" and read_as_said:
            continue
        text = str(getattr(one, "text", "") or getattr(one, "label", "") or "")
        span = getattr(one, "span", None)
        if text and span is not None and one.kind not in ("speaker", "surprise"):
            found.append((span, one.kind, text, ""))
    # What is said next to each other stands next to each other, whatever is shown meanwhile. Subtitles come behind all
    # others: beside every sentence that was heard stands the one that is written for it.
    found.sort(key=lambda item: (_ORDER.get(item[1], 1), item[0].start_seconds, item[1]))
    for place, (span, kind, text, speaker) in enumerate(found):
        touched = _touched(timeline, span)
        home = max(touched, key=lambda s: s.span.overlap_seconds(span)).id if touched else 1
        ids = tuple(segment.id for segment in touched) or (1,)
        yield Line(place, kind, text, span, home, ids, terms(text, language, weak=True), speaker)


def _touched(timeline: Timeline, span: Span) -> list[Segment]:
    """The segments that a span touches by more than a hair, or the one that it lies in."""
    # Segments cover the video in order: the first one touched is found by halving, a long video has thousands.
    segments = timeline.segments
    first = max(0, bisect_right(segments, span.start_seconds, key=lambda s: s.span.start_seconds) - 1)
    found = []
    for segment in segments[first:]:
        if segment.span.start_seconds > span.end_seconds:
            break
        if segment.span.overlap_seconds(span) > 0.02:
            found.append(segment)
    return found or list(segments[first : first + 1])


def spoken_sentences(utterance: Utterance) -> list[tuple[Span, str]]:
    """The sentences of an utterance, each with its own span: from its words' times, else by its share of letters."""
    whole = utterance.span
    text = " ".join(utterance.text.split())
    parts = split_sentences(text)
    if len(parts) < 2:
        return [(whole, text)] if text else []
    words = utterance.words
    counts = [len(part.split()) for part in parts]
    if len(words) == sum(counts):
        found, place = [], 0
        for part, count in zip(parts, counts, strict=True):
            own = words[place : place + count]
            start, end = own[0].span.start_seconds, own[-1].span.end_seconds
            found.append((Span(start, max(start, end)), part))
            place += count
        return found
    letters = [len(part) for part in parts]
    total = sum(letters)
    edges = [whole.start_seconds + whole.seconds * sum(letters[:i]) / total for i in range(len(parts) + 1)]
    return [(Span(edges[i], max(edges[i], edges[i + 1])), part) for i, part in enumerate(parts)]
