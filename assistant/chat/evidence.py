"""A timeline made ready for questions: a search over its lines, and what its labels say where.

The search adds BM25 over words and synonyms (Robertson & Zaragoza 2009) to the similarity of sentence embeddings, where
a `TextEmbedder` is at hand. What it finds, a `Reranker` reads beside the question, where there is one.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from assistant.chat.lines import Label, Line, labels_of, lines_of, spoken_language
from assistant.chat.words import Term, listed_words, nearest, synonym_groups, terms, translations
from assistant.core.timeline import Segment, Span, Timeline
from assistant.models.protocols import Passage, TextModels

# A second label of the same list this likely is taken as seen too: two labels of a softmax can both exceed it only
# when the model wavers between exactly these two.
ALSO_SEEN = 0.4
# Labels behind the best that an answer may name, as a guess.
_LEAST_GUESS = 0.15
# How much a word counts that stands one or two sentences away from the line that is scored.
_NEIGHBOUR = (1.0, 0.45, 0.2)
_SHARED = 0.85
# How much the words and the two cosines count in the order of lines: logistic regression on the questions of the
# held-out transcripts, 0.62 of the right lines first by five-fold cross-validation, against 0.46 by words alone.
_BY_WORDS, _BY_LINE, _BY_PASSAGE = 0.25, 0.95, 0.8
WORDS_ALONE = TextModels()


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring segments of one shot that show the same thing: one occurrence."""

    ids: tuple[int, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that a search found: how much of the question's weight its words cover, and how alike it is in meaning."""

    line: Line
    covered: float  # 0..1, with synonyms and neighbouring lines
    exact: float  # 0..1, in the line itself
    alike: float  # cosine, 0 without an embedder
    score: float


class Evidence:
    """A timeline indexed once for many questions."""

    def __init__(self, timeline: Timeline, reads: TextModels = WORDS_ALONE) -> None:
        self.timeline = timeline
        self.embedder, self.reranker = reads.embedder, reads.reranker
        self.language = spoken_language(timeline)
        self.lines = tuple(lines_of(timeline, self.language))
        self.speech = tuple(line for line in self.lines if line.kind == "speech")
        self.labels = {segment.id: tuple(labels_of(segment)) for segment in timeline.segments}
        self._postings: dict[str, list[int]] = {}
        for line in self.lines:
            for key in {key for term in line.terms for key in keys(term)}:
                self._postings.setdefault(key, []).append(line.place)

    @property
    def duration_seconds(self) -> float:
        return self.timeline.video.duration_seconds

    @cached_property
    def said_words(self) -> frozenset[str]:
        """The keys of every word in a line."""
        return frozenset(self._postings)

    @cached_property
    def label_words(self) -> frozenset[str]:
        """The keys of every label that any model gave to any segment, rivals included."""
        return frozenset(
            key for labels in self.labels.values() for label in labels for t in label.terms for key in keys(t)
        )

    @cached_property
    def spelling(self) -> frozenset[str]:
        """The words as written, for questions with slips."""
        found = {term.text for line in self.lines for term in line.terms}
        found |= {term.text for labels in self.labels.values() for label in labels for term in label.terms}
        return frozenset(word for word in found if " " not in word)

    def corrected(self, term: Term) -> Term:
        """The term, or the one of this video that a misspelt word stands for."""
        groups = synonym_groups(self.language)
        if self.knows(term) or term.raw in groups or term.text in listed_words("seen", self.language):
            return term
        meant = nearest(term.text, self.spelling)
        return terms(meant, self.language, stop=False)[0] if meant else term

    def translated(self, term: Term, language: str) -> tuple[Term, ...]:
        """The term in the language that is spoken here: by dictionary, by likeness, or as it is."""
        if language == self.language:
            return (self.corrected(term),)
        found = [one for word in translations(term.text, language, self.language) for one in terms(word, self.language)]
        found = [one for one in found if self.knows(one)] or found[:1]
        own = terms(term.text, self.language, stop=False)
        return tuple(found) or tuple(self.corrected(one) for one in own) or (term,)

    def knows(self, term: Term) -> bool:
        return any(key in self.said_words or key in self.label_words for key in keys(term))

    def weight(self, term: Term) -> float:
        """How telling a term is here (inverse document frequency), > 0."""
        found = min((len(self._postings[key]) for key in keys(term) if key in self._postings), default=0)
        return math.log(1 + (len(self.lines) + 0.5) / (found + 0.5))

    def search(
        self,
        question: str,
        asked: Sequence[Term],
        *,
        within: Callable[[Line], bool] | None = None,
        near: Sequence[int] = (),
        most: int = 12,
    ) -> list[Hit]:
        """The lines that fit best, best first.

        Args:
            near: segments that the conversation was about: lines there, and right behind, come before others.
        """
        if not self.lines:
            return []
        covered, exact = self._cover(asked)
        words = self._bm25(asked)
        if self.embedder is None:
            alike = np.zeros(len(self.lines), np.float32)
            score = 0.6 * covered + 0.25 * exact + 0.15 * words
        else:
            single, passage = self._alike(question)
            alike = np.maximum(single, 0.92 * passage)
            score = _BY_WORDS * words + _BY_LINE * single + _BY_PASSAGE * passage
        if near:
            for place, line in enumerate(self.lines):
                gap = min(line.segment_id - found for found in near) if min(near) <= line.segment_id else 99
                distance = min(abs(line.segment_id - found) for found in near)
                score[place] += 0.25 if distance <= 1 else 0.15 if 0 <= gap <= 4 else 0.0
        order = np.argsort(-score, kind="stable")
        hits: list[Hit] = []
        for place in order:
            line = self.lines[int(place)]
            if within is not None and not within(line):
                continue
            found = covered[place], exact[place], alike[place], score[place]
            hits.append(Hit(line, *map(float, found)))
            if len(hits) >= most:
                break
        return hits

    def relevance(self, question: str, lines: Sequence[Line]) -> list[float]:
        """How likely each line, read with its neighbours of the same kind, answers the question; needs a reranker."""
        assert self.reranker is not None
        passages = [Passage.at(self._texts[line.kind][0], self._texts[line.kind][1][line.place]) for line in lines]
        return self.reranker.relevance(question, passages) if passages else []

    @cached_property
    def _texts(self) -> dict[str, tuple[list[str], dict[int, int]]]:
        """The lines of each kind as they are read, and at which place among them each line stands."""
        found: dict[str, tuple[list[str], dict[int, int]]] = {}
        for line in self.lines:
            texts, places = found.setdefault(line.kind, ([], {}))
            places[line.place] = len(texts)
            texts.append(f"{line.speaker}: {line.text}" if line.speaker else line.text)
        return found

    def _cover(self, asked: Sequence[Term]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The share of the question's weight that each line covers: with its neighbours, and alone."""
        count = len(self.lines)
        covered, exact = np.zeros(count, np.float32), np.zeros(count, np.float32)
        weights = [self.weight(term) for term in asked]
        total = sum(weights) or 1.0
        for term, weight in zip(asked, weights, strict=True):
            best = np.zeros(count, np.float32)
            for key in keys(term):
                value = 1.0 if key in term.raw or key == " ".join(term.raw) else _SHARED
                for place in self._postings.get(key, ()):
                    best[place] = max(best[place], value)
            exact += weight * best / total
            around = best.copy()
            for step, share in enumerate(_NEIGHBOUR[1:], start=1):
                around[step:] = np.maximum(around[step:], share * best[:-step] if step < count else 0)
                if step < count:
                    around[:-step] = np.maximum(around[:-step], share * best[step:])
            covered += weight * around / total
        return covered, exact

    def _bm25(self, asked: Sequence[Term]) -> NDArray[np.float32]:
        """BM25 (k1 1.2, b 0.75) of each line, scaled so that the best is 1."""
        scores = np.zeros(len(self.lines), np.float32)
        lengths = np.array([max(1, len(line.terms)) for line in self.lines], np.float32)
        mean = float(lengths.mean())
        for term in asked:
            weight = self.weight(term)
            for place in {place for key in keys(term) for place in self._postings.get(key, ())}:
                scores[place] += weight * 2.2 / (1 + 1.2 * (0.25 + 0.75 * float(lengths[place]) / mean))
        best = float(scores.max())
        return scores / best if best > 0 else scores

    def _alike(self, question: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The cosine of the question with each line, and with the line and its neighbours."""
        assert self.embedder is not None
        query = self.embedder.embed([question])[0]
        single, passage = self._vectors
        return single @ query, passage @ query

    @cached_property
    def _vectors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert self.embedder is not None
        single = self.embedder.embed([line.text for line in self.lines])
        # The mean of three sentences stands for the passage: a second pass of the model would double the wait.
        padded = np.concatenate([single[:1], single, single[-1:]])
        passage = padded[:-2] + padded[1:-1] + padded[2:]
        return single, passage / np.maximum(np.linalg.norm(passage, axis=1, keepdims=True), 1e-6)

    # -- what was seen ------------------------------------------------------------------------------------------------

    def segment(self, segment_id: int) -> Segment:
        return self.timeline.segments[segment_id - 1]

    def best(self, segment_id: int, kind: str) -> Label | None:
        """The best label of a kind that may be quoted: none where no action of the list fits."""
        segment = self.segment(segment_id)
        if kind == "actions" and "none_of_my_labels" in segment.flags:
            return None
        return next((label for label in self.labels[segment_id] if label.kind == kind and label.rank == 0), None)

    def shown(self, segment_id: int) -> tuple[Label, ...]:
        """The labels that count as seen: the best of each kind, and a second that is nearly as likely."""
        unfit = "none_of_my_labels" in self.segment(segment_id).flags
        return tuple(
            label
            for label in self.labels[segment_id]
            if (label.rank == 0 or label.score >= ALSO_SEEN) and not (unfit and label.kind == "actions")
        )

    def showing(self, asked: Sequence[Term], *, guesses: bool = False) -> list[int]:
        """The segments whose labels hold all that was asked for: one label, or one of each kind together."""
        found = []
        for segment in self.timeline.segments:
            labels = self.labels[segment.id] if guesses else self.shown(segment.id)
            if guesses:
                labels = tuple(label for label in labels if label.score >= _LEAST_GUESS)
            if asked and self._says(labels, asked):
                found.append(segment.id)
        return found

    def _says(self, labels: Sequence[Label], asked: Sequence[Term]) -> bool:
        held = {label: [says(label.terms, term) for term in asked] for label in labels}
        actions = [held[label] for label in labels if label.kind == "actions"] or [[False] * len(asked)]
        scenes = [held[label] for label in labels if label.kind != "actions"] or [[False] * len(asked)]
        # What the action does not say, one description must say: a red cup is no red plate beside a white cup.
        return any(all(a or b for a, b in zip(one, other, strict=True)) for one in actions for other in scenes)

    def runs(self, ids: Iterable[int], key: Callable[[int], object] | None = None) -> list[Run]:
        """Segment ids joined into occurrences: neighbours of one shot for which ``key`` agrees."""
        groups: list[list[int]] = []
        for found in sorted(set(ids)):
            last = groups[-1][-1] if groups else None
            joined = last is not None and last + 1 == found and self.shot_of(last) == self.shot_of(found)
            if joined and (key is None or key(groups[-1][-1]) == key(found)):
                groups[-1].append(found)
            else:
                groups.append([found])
        spans = [(self.segment(group[0]).span, self.segment(group[-1]).span) for group in groups]
        return [
            Run(tuple(group), Span(first.start_seconds, last.end_seconds))
            for group, (first, last) in zip(groups, spans, strict=True)
        ]

    def shot_of(self, segment_id: int) -> int:
        middle = self.segment(segment_id).span.middle_seconds
        starts = self._shot_starts
        return int(np.searchsorted(starts, middle, side="right")) - 1

    @cached_property
    def _shot_starts(self) -> NDArray[np.float64]:
        return np.array([shot.span.start_seconds for shot in self.timeline.shots] or [0.0])

    def segments_in(self, span: Span) -> list[int]:
        """The segments of a stretch: at a moment the one on screen, else those that lie in it for a good part."""
        if span.seconds == 0:
            found = self.timeline.segment_at(min(span.start_seconds, self.duration_seconds))
            return [found.id] if found is not None else []
        least = min(0.5, span.seconds / 2)
        return [
            segment.id
            for segment in self.timeline.segments
            if segment.span.overlap_seconds(span) > min(least, segment.span.seconds / 2)
        ]


def keys(term: Term) -> tuple[str, ...]:
    """Under what a term is filed: its own stem or stems, and what its synonyms share, marked apart."""
    own = " ".join(term.raw)
    shared = " ".join(term.shared)
    return (own, shared) if own != shared else (own,)


def says(held: Sequence[Term], asked: Term) -> bool:
    """Whether terms of a label hold a term of a question, in these words or in words that mean the same."""
    wanted = set(keys(asked))
    if any(wanted & set(keys(term)) for term in held):
        return True
    words = {word for term in held for word in (*term.raw, *term.shared)}
    return words.issuperset(asked.raw) or words.issuperset(asked.shared)


def evidence_of(timeline: Timeline, reads: TextModels = WORDS_ALONE) -> Evidence:
    """The evidence of a timeline, kept for the last few timelines asked about."""
    key = (id(timeline), id(reads.embedder), id(reads.reranker))
    with _lock:
        known = _kept.get(key)
        if known is not None and known.timeline is timeline:
            _kept.move_to_end(key)
            return known
    made = Evidence(timeline, reads)
    with _lock:
        _kept[key] = made  # holds the timeline, so its id stays its own
        while len(_kept) > 4:
            _kept.popitem(last=False)
    return made


_kept: OrderedDict[tuple[int, int, int], Evidence] = OrderedDict()
_lock = Lock()
