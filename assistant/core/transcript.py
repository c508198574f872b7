"""What is said when: words by their own times, whichever segment their utterance is listed in.

An utterance is listed whole in the segment that holds most of it, for reading; its words count where they are spoken.
Where a transcriber gave no times to words, they are spread over the utterance by their letters.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from assistant.core.documents import Json
from assistant.core.timeline import Segment, Span, Utterance, Word

# Scripts without spaces have no words to a program: there a sign stands for a word, with the marks that belong to it.
_PIECE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff][^\w\s]*|[^\s\u3040-\u30ff\u3400-\u9fff]{1,42}")
# Broadcasters' usual subtitle: two lines of 42 letters, on screen for 7 seconds at most.
LINE_LETTERS, CUE_LINES, CUE_SECONDS = 42, 2, 7.0
_PAUSE_SECONDS = 0.8


def track_name(track: Json) -> str:
    """A sound track of a timeline's provenance as people know it: its number, with language and title where told."""
    about = ", ".join(str(track[key]) for key in ("language", "title") if track.get(key))
    return f"{track['number']} ({about})" if about else str(track["number"])


@dataclass(frozen=True, slots=True)
class Part:
    """The words of one utterance that are spoken within a stretch; ``text`` as the utterance writes them."""

    utterance: Utterance
    words: tuple[Word, ...]
    text: str

    @property
    def span(self) -> Span:
        return Span(self.words[0].span.start_seconds, max(word.span.end_seconds for word in self.words))

    @property
    def begins_before(self) -> bool:
        """Whether the utterance has words ahead of these."""
        return not self.utterance.text.strip().startswith(self.text)

    @property
    def goes_on(self) -> bool:
        """Whether the utterance has words behind these."""
        return not self.utterance.text.strip().endswith(self.text)


@dataclass(frozen=True, slots=True)
class Cue:
    """What a subtitle shows at once."""

    span: Span
    text: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The text in one or two lines."""
        return _lines(self.text)


def timed_words(utterance: Utterance) -> tuple[Word, ...]:
    """The utterance's words with their times; spread over its span by their letters where it has none."""
    return utterance.words or tuple(word for word, _, _ in _spread(utterance))


def words_in(segments: Iterable[Segment], span: Span) -> tuple[Word, ...]:
    """All words whose own time touches the span, in order of time."""
    return tuple(word for part in parts_in(segments, span) for word in part.words)


def text_in(segments: Iterable[Segment], span: Span) -> str:
    """What is said within the span, as it is written."""
    return " ".join(part.text for part in parts_in(segments, span))


def parts_in(segments: Iterable[Segment], span: Span) -> tuple[Part, ...]:
    """The utterances' parts that are spoken within the span, in order of time, wherever they are listed."""
    found = []
    for utterance in _utterances(segments):
        places = [place for place in _places(utterance) if place[0].span.touches(span)]
        if places:
            found.append(_part(utterance, places))
    return tuple(found)


def parts_by_segment(segments: Sequence[Segment]) -> tuple[tuple[Part, ...], ...]:
    """`parts_in` of every segment's span at once. Words outside all of them count for the nearest."""
    found: list[list[Part]] = [[] for _ in segments]
    starts = [segment.span.start_seconds for segment in segments]
    for utterance in _utterances(segments):
        touched: dict[int, list[_Place]] = {}
        for place in _places(utterance):
            span = place[0].span
            first = max(0, bisect_right(starts, span.start_seconds) - 1)
            last = max(first, bisect_left(starts, span.end_seconds) - 1)
            for index in range(first, last + 1):
                touched.setdefault(index, []).append(place)
        for index, places in touched.items():
            found[index].append(_part(utterance, places))
    return tuple(tuple(sorted(parts, key=lambda part: part.span.start_seconds)) for parts in found)


def texts_by_segment(segments: Sequence[Segment]) -> tuple[str, ...]:
    """What is said within every segment, as it is written."""
    return tuple(" ".join(part.text for part in parts) for parts in parts_by_segment(segments))


def cues(segments: Iterable[Segment]) -> tuple[Cue, ...]:
    """Subtitles of all that is said: an utterance that is too long for one is divided at a word's time.

    A division falls behind a mark of punctuation or into a pause where one is near, else where the lines are full.
    """
    found: list[Cue] = []
    for utterance in _utterances(segments):
        places, first = _places(utterance), 0
        while first < len(places):
            last = _cue_end(utterance, places, first)
            part = _part(utterance, places[first:last])
            whole = last - first == len(places)
            found.append(Cue(utterance.span if whole else part.span, part.text))
            first = last
    found.sort(key=lambda cue: cue.span.start_seconds)
    return tuple(
        Cue(Span(cue.span.start_seconds, _until(cue.span, after)), cue.text)
        for cue, after in zip(found, [*(cue.span for cue in found[1:]), None], strict=False)
    )


# A word, and from which to which letter of the utterance's text it stands.
_Place = tuple[Word, int, int]


def _utterances(segments: Iterable[Segment]) -> list[Utterance]:
    found = [utterance for segment in segments for utterance in segment.utterances]
    return sorted(found, key=lambda utterance: utterance.span.start_seconds)


def _spread(utterance: Utterance) -> list[_Place]:
    text, span = utterance.text, utterance.span
    pieces = [(piece.start(), piece.end()) for piece in _PIECE.finditer(text)]
    if not pieces:
        return []
    begin = pieces[0][0]
    seconds_per_letter = span.seconds / (pieces[-1][1] - begin)

    def at(letter: int) -> float:
        return min(span.end_seconds, span.start_seconds + (letter - begin) * seconds_per_letter)

    return [(Word(Span(at(first), at(last)), text[first:last]), first, last) for first, last in pieces]


def _places(utterance: Utterance) -> list[_Place]:
    """The words with their places in the text; without places (0, 0) where the text does not hold them in order."""
    if not utterance.words:
        return _spread(utterance)
    places, letter = [], 0
    for word in utterance.words:
        first = utterance.text.find(word.text, letter)
        if first < 0:
            return [(word, 0, 0) for word in utterance.words]
        letter = first + len(word.text)
        places.append((word, first, letter))
    ends = [*(first for _, first, _ in places[1:]), len(utterance.text)]
    first_word = (places[0][0], 0, places[0][2])
    return [(word, first, end) for (word, first, _), end in zip([first_word, *places[1:]], ends, strict=True)]


def _part(utterance: Utterance, places: Sequence[_Place]) -> Part:
    words = tuple(word for word, _, _ in places)
    if places[-1][2] == 0:
        return Part(utterance, words, " ".join(word.text for word in words))
    return Part(utterance, words, utterance.text[places[0][1] : places[-1][2]].strip())


def _cue_end(utterance: Utterance, places: Sequence[_Place], first: int) -> int:
    """Behind which word the cue that begins with word ``first`` ends."""
    end = first + 1
    while end < len(places) and _fits(utterance, places[first : end + 1]):
        end += 1
    if end == len(places):
        return end
    for mark in (".!?。！？", ",;:、，；…"):  # the latest that leaves no scrap
        for cut in range(end, first + (end - first) // 3, -1):
            if places[cut - 1][0].text[-1:] in mark:
                return cut
    pauses = [
        (after[0].span.start_seconds - before[0].span.end_seconds, cut)
        for cut, (before, after) in enumerate(pairwise(places[first : end + 1]), first + 1)
    ]
    widest, cut = max(pauses)
    return cut if widest >= _PAUSE_SECONDS else end


def _fits(utterance: Utterance, places: Sequence[_Place]) -> bool:
    part = _part(utterance, places)
    return part.span.seconds <= CUE_SECONDS and len(_lines(part.text)) <= CUE_LINES


def _until(span: Span, after: Span | None) -> float:
    """The end of a cue, which leaves when the next one comes."""
    return span.end_seconds if after is None else max(span.start_seconds, min(span.end_seconds, after.start_seconds))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _lines(text: str) -> tuple[str, ...]:
    """The text in lines that fit, of about the same length where there are two."""
    text = " ".join(text.split())
    if _width(text) <= LINE_LETTERS:
        return (text,)
    pieces = [(piece.start(), piece.end()) for piece in _PIECE.finditer(text)]
    halves = [
        (max(_width(before), _width(after)), before, after)
        for _, end in pieces[:-1]
        if (before := text[:end].strip()) and (after := text[end:].strip())
    ]
    if halves and min(halves)[0] <= LINE_LETTERS:
        return min(halves)[1:]
    lines, line = [], ""
    start = 0
    for _, end in pieces:
        piece = text[start:end]
        if line and _width((line + piece).strip()) > LINE_LETTERS:
            lines.append(line.strip())
            line = ""
        line += piece
        start = end
    return (*lines, line.strip())
