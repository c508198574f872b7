"""What a timeline holds, as lines that a sentence can be held against: sentences of speech, labels, text on screen."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Literal

from assistant.chat.sentences import split_sentences
from assistant.chat.verification.language import Stems, lexicon, stem, stems, tokens
from assistant.chat.verification.numbers import Number, find_numbers, retracted
from assistant.chat.verification.statement import negated_in
from assistant.core.timeline import Observation, Segment, Span, Timeline, Utterance

Kind = Literal["speech", "action", "description", "text"]

# A label beside the best one is evidence from this share of the softmax on, and this near to the best.
ALSO_SCORE, ALSO_SHARE = 0.15, 0.4
SURE_SCORE = 0.5
_REVOKING = re.compile(
    r"(?:please )?(?:don['’]t|never|no|not really|wrong|nonsense|that is wrong|that['’]s wrong)\W*$", re.IGNORECASE
)
_NOT_SHOWN = frozenset(("surprise", "speaker"))
_CLOSING = " \"”»'"
_STOPS = frozenset(".!?…。！？।؟")
_TOUCH_SECONDS = 0.2  # an utterance that laps this far into a segment is said in it


@dataclass(frozen=True)
class Line:
    """One line of evidence; ``rank`` is the label's place among the segment's labels of its kind, 1 is the best."""

    kind: Kind
    text: str
    segment_ids: tuple[int, ...]
    place: int  # its order in the timeline
    score: float = 1.0
    rank: int = 1
    weak: bool = False  # its model's own limits say that the label is not to be believed
    speaker: str = ""
    revoked: bool = False  # the next sentence takes it back: "Don't."
    language: str = "en"
    tokens: tuple[str, ...] = field(default=(), compare=False)
    stems: Stems = field(default=(), compare=False)

    @cached_property
    def numbers(self) -> list[Number]:
        return find_numbers(self.tokens)

    @cached_property
    def negated(self) -> set[int]:
        return set(range(len(self.tokens))) if self.revoked else negated_in(self.text)

    @cached_property
    def retracted(self) -> set[int]:
        return retracted(self.tokens, self.numbers)


def _line(kind: Kind, text: str, ids: Sequence[int], place: int, **more: object) -> Line:
    words = tuple(tokens(text))
    return Line(kind, text, tuple(ids), place, tokens=words, stems=tuple(stem(w) for w in words), **more)  # type: ignore[arg-type]


class Evidence:
    """The lines of one timeline, by segment."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.speech: list[Line] = []
        self.labels: list[Line] = []
        self.shown: list[Line] = []
        for segment in timeline.segments:
            self._add_segment(segment)
        self.speech = _sentences_whole(self.speech)
        starts = [segment.span.start_seconds for segment in timeline.segments]
        written: list[Line] = []
        for seen in timeline.observations:
            self._add_observed(seen, starts, written)
        self.speech += _sentences_whole(written)
        self.by_segment: dict[int, list[Line]] = {segment.id: [] for segment in timeline.segments}
        for line in [*self.speech, *self.labels, *self.shown]:
            for found in line.segment_ids:
                self.by_segment.setdefault(found, []).append(line)

    def _add_segment(self, segment: Segment) -> None:
        weak = "none_of_my_labels" in segment.flags
        for rank, one in enumerate(segment.actions, 1):
            self.labels.append(
                _line("action", one.label, [segment.id], len(self.labels), score=one.score, rank=rank, weak=weak)
            )
        for rank, look in enumerate(segment.descriptions, 1):
            self.labels.append(
                _line("description", look.label, [segment.id], len(self.labels), score=look.score, rank=rank)
            )
        for utterance in segment.utterances:
            self._add_said(utterance, self._touched(segment, utterance.span), self.speech)

    def _add_said(self, utterance: Utterance, touched: Sequence[int], lines: list[Line]) -> None:
        """Put the sentences of an utterance behind those that are there."""
        sentences = split_sentences(utterance.text)
        for sentence, following in itertools.zip_longest(sentences, sentences[1:], fillvalue=""):
            lines.append(
                _line(
                    "speech",
                    sentence,
                    touched,
                    len(self.speech) + (len(lines) if lines is not self.speech else 0),
                    speaker=utterance.speaker,
                    language=utterance.language,
                    revoked=bool(_REVOKING.match(following)) and not sentence.rstrip().endswith("?"),
                )
            )

    def _add_observed(self, seen: Observation, starts: Sequence[float], written: list[Line]) -> None:
        """Put down what another witness found; subtitles count as said, once where they stand for what was heard."""
        words, ids = seen.text or seen.label, []
        # Segments lie in order: from the one that holds the start to the last that the span reaches.
        for segment in self.timeline.segments[max(0, bisect_right(starts, seen.span.start_seconds) - 1) :]:
            if segment.span.start_seconds > seen.span.end_seconds:
                break
            if _within(seen.span, segment):
                ids.append(segment.id)
        if not words or not ids or seen.kind in _NOT_SHOWN:
            return
        if seen.kind == "subtitles":
            if not self.timeline.provenance.subtitles.get("stand_for_speech"):
                language = str(seen.details.get("language", "")) or "en"
                self._add_said(Utterance(seen.span, words, language), ids, written)
            return
        self.shown += [_line("text", words, [number], len(self.shown) + place) for place, number in enumerate(ids)]

    def _touched(self, segment: Segment, span: Span) -> list[int]:
        """The segments that an utterance of this one is said in: neighbours are asked until one is not touched."""
        found = [segment.id]
        for step in (-1, 1):
            number = segment.id + step
            while (other := self.timeline.segment(number)) and other.span.overlap_seconds(span) > _TOUCH_SECONDS:
                found.append(number)
                number += step
        return sorted(found)

    def cited(self, ids: Sequence[int]) -> list[Line]:
        """The lines of these segments, each once, labels that are no more than also-rans left out."""
        unique = {id(line): line for number in ids for line in self.by_segment.get(number, ())}
        return [line for line in unique.values() if self.stands(line)]

    def stands(self, line: Line) -> bool:
        """Whether a line may carry a claim: speech and text always, labels if best or near it."""
        if line.kind not in ("action", "description") or line.rank == 1:
            return True
        best = next(o for o in self.by_segment[line.segment_ids[0]] if o.kind == line.kind and o.rank == 1)
        return line.score >= ALSO_SCORE and line.score >= ALSO_SHARE * best.score

    def around(self, ids: Sequence[int], reach: int) -> list[Line]:
        """The speech of the segments up to ``reach`` before and after these."""
        near = {number + step for number in ids for step in range(-reach, reach + 1)} - set(ids)
        return [line for line in self.speech if near & set(line.segment_ids)]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The stems of all that is said, shown or labelled."""
        return frozenset(word for line in [*self.speech, *self.labels, *self.shown] for word in line.stems)

    @cached_property
    def names(self) -> frozenset[str]:
        """Words that speakers write with a capital inside a sentence and never without: names, mostly."""
        capital: set[str] = set()
        small: set[str] = set()
        kept = lexicon()
        for line in self.speech:
            subject = re.match(r"\W*([^\W\d_]{3,}) ([^\W\d_]+[^\Wsu]s)\b", line.text)
            first = subject.group(1).lower() if subject else ""
            known = not first or kept.knows(stem(first)) or kept.knows(first)
            if subject and not known and not kept.light(subject.group(2)):
                capital.add(stem(first))  # "Ines carries ..."
            for place, word in enumerate(re.findall(r"[^\W\d_]+", line.text)):
                if word[0].isupper() and not (len(word) == 1 or place == 0):
                    capital.add(stem(word.lower()))
                elif word[0].islower():
                    small.add(stem(word.lower()))
        speakers = {word for line in self.speech if line.speaker for word in stems(line.speaker)}
        return frozenset(capital - small | speakers)

    def starts(self, segment_id: int) -> float:
        return self.timeline.segments[segment_id - 1].span.start_seconds


def _sentences_whole(lines: Sequence[Line]) -> list[Line]:
    """The lines of speech, those that go on in the next utterance said where either part is said."""
    found = list(lines)
    if 2 * sum(line.text.rstrip(_CLOSING)[-1:] in _STOPS for line in lines) < len(lines):
        return found  # a transcript without punctuation tells nothing of where its sentences go on
    for place, (one, following) in enumerate(itertools.pairwise(lines)):
        apart = one.text.rstrip(_CLOSING)[-1:] in _STOPS or one.speaker != following.speaker
        if apart or following.segment_ids[0] - one.segment_ids[-1] > 1:
            continue
        ids = tuple(sorted({*one.segment_ids, *following.segment_ids}))
        for at in (place, place + 1):
            found[at] = replace(found[at], segment_ids=tuple(sorted({*found[at].segment_ids, *ids})))
    return found


def _within(span: Span, segment: Segment) -> bool:
    return segment.span.contains(span.start_seconds) or segment.span.overlap_seconds(span) > _TOUCH_SECONDS


def evidence_of(timeline: Timeline) -> Evidence:
    """The evidence of a timeline, made once."""
    key = id(timeline)
    with _lock:
        known = _kept.get(key)
        if known is not None and known.timeline is timeline:
            return known
    made = Evidence(timeline)
    with _lock:
        _kept[key] = made
        while len(_kept) > 4:
            _kept.popitem(last=False)
    return made


_kept: OrderedDict[int, Evidence] = OrderedDict()
_lock = Lock()
