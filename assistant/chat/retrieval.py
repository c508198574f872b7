"""Which segments a language model is shown for a question, and how they are written down for it."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from assistant.chat.rules.facts import SURE_ACTION, SURE_DESCRIPTION, Facts, facts_of
from assistant.chat.rules.matching import matching, matching_said, readings, scope_of
from assistant.chat.rules.questions import Asked, understand
from assistant.chat.rules.sentences import safe
from assistant.chat.rules.words import content
from assistant.core.timeline import Segment, Timeline, clock

Similarity = Callable[[str], NDArray[np.float32]]
CountTokens = Callable[[str], int]

# Okapi BM25 with its customary constants (Robertson and Zaragoza 2009).
_K1, _B = 1.2, 0.75
_WORDS_SHOWN = 400  # characters of speech of one segment in the evidence


@dataclass(frozen=True)
class Evidence:
    """The segments to show, in order of time, as text; `left_out`: how many that seemed worth it found no room."""

    ids: tuple[int, ...]
    text: str
    tokens: int
    left_out: int = 0


def retrieve(
    question: str,
    timeline: Timeline,
    budget_tokens: int,
    count_tokens: CountTokens,
    *,
    similarity: Similarity | None = None,
    asked: Asked | None = None,
    already: Sequence[int] = (),
) -> Evidence:
    """The segments worth showing for a question, as many as the budget holds.

    A video that fits is shown whole, so that the prompt stays the same from turn to turn. Otherwise come first the
    segments that the question's times, counts and order need, then those that words and looks find.

    Args:
        count_tokens: the model's own tokenizer.
        similarity: text -> similarity of each segment's picture, float32 ``[segments]``.
        already: segments that the conversation has shown; they are not shown again.
    """
    order = rank(question, timeline, similarity=similarity, asked=asked)
    shown = set(already)
    lines: dict[int, str] = {}
    used = 0
    left_out = 0
    for found in order:
        if found in shown:
            continue
        line = render_segment(timeline.segments[found - 1])
        cost = count_tokens(line + "\n")
        if used + cost > budget_tokens:
            left_out += 1
            if left_out > 8:
                break
            continue
        lines[found] = line
        used += cost
    ids = tuple(sorted(lines))
    return Evidence(ids, "\n".join(lines[found] for found in ids), used, left_out)


def rank(
    question: str, timeline: Timeline, *, similarity: Similarity | None = None, asked: Asked | None = None
) -> list[int]:
    """All segment ids, the most useful for the question first."""
    facts = facts_of(timeline)
    asked = asked or understand(question, facts)
    order = list(dict.fromkeys([*_needed(asked, facts), *_by_words(question, timeline, similarity)]))
    seen = set(order)
    # What nothing speaks for still shows the run of the video: evenly spread, then the rest.
    rest = [one.id for one in facts.seen if one.id not in seen]
    step = max(1, len(rest) // 24)
    return [*order, *dict.fromkeys([*rest[::step], *rest])]


def render_segment(segment: Segment) -> str:
    """One line of evidence; words of models and speakers stand in JSON-like quotes with nothing that closes them."""
    parts = [f"[S{segment.id}]"]
    if segment.action is not None:
        if "none_of_my_labels" in segment.flags:
            parts.append("does: unknown")
        else:
            parts.append(f"does: {_fenced(segment.action.label)}{_unsure(segment.action.score < SURE_ACTION)}")
    if segment.description is not None:
        unsure = _unsure(segment.description.score < SURE_DESCRIPTION)
        parts.append(f"looks: {_fenced(segment.description.label)}{unsure}")
    if segment.utterances:
        parts.append(f"says: {_fenced(segment.words, _WORDS_SHOWN)}")
    return " | ".join(parts)


def render_span(segment: Segment) -> str:
    """The segment's time as people read it; for surfaces, never for a prompt."""
    return f"{clock(segment.span.start_seconds)}\u2013{clock(segment.span.end_seconds)}"


def _fenced(text: str, most: int = 200) -> str:
    return f'"{safe(text, most)}"'


def _unsure(weak: bool) -> str:
    return " (unsure)" if weak else ""


def _needed(asked: Asked, facts: Facts) -> list[int]:
    """The segments that the question needs whatever the words: places, times, anchors, every hit of a count."""
    scope = scope_of(asked, facts)
    ids: list[int] = []
    for run in scope.anchor_runs[:6]:
        ids += [run.ids[0] - 1, *run.ids, run.ids[-1] + 1]
    if asked.said:
        for topic in asked.topics:
            ids += [one.segment_id for one in matching_said(topic, scope.said)]
    else:
        for topic in asked.topics:
            for reading in readings(topic, presence_first=False):
                ids += [one.id for one in matching(reading, scope.seen)]
    if asked.ordinal is not None:
        ids = [*(ids[:1] if asked.ordinal > 0 else ids[-1:]), *ids]
        ids += [1, 2, 3] if asked.ordinal > 0 else [len(facts.seen), len(facts.seen) - 1]
    if scope.narrowed:
        inside = [one.id for one in scope.seen]
        ids += (
            inside
            if asked.relation not in ("after", "before")
            else inside[:4]
            if asked.relation == "after"
            else inside[-4:]
        )
    return [found for found in dict.fromkeys(ids) if 1 <= found <= len(facts.seen)]


def _by_words(question: str, timeline: Timeline, similarity: Similarity | None) -> list[int]:
    """The segments with a word of the question or a look like it, best first (reciprocal ranks added)."""
    scores: dict[int, float] = defaultdict(float)
    for place, found in enumerate(_index_of(timeline).search(content(question))):
        scores[found] += 1.0 / (20 + place)
    if similarity is not None and timeline.segments:
        likeness = np.asarray(similarity(question), dtype=np.float32)
        best = np.argsort(-likeness, kind="stable")[: min(40, len(timeline.segments))]
        for place, index in enumerate(best):
            scores[int(index) + 1] += 1.0 / (20 + place)
    return [found for found, _ in sorted(scores.items(), key=lambda item: (-item[1], item[0]))]


class _Index:
    """An inverted index over the stems of labels and words of one timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        facts = facts_of(timeline)
        said: dict[int, list[str]] = {}
        for one in facts.said:
            said.setdefault(one.segment_id, []).extend(one.stems)
        self.postings: dict[str, list[tuple[int, int]]] = {}
        self.lengths: dict[int, int] = {}
        for seen in facts.seen:
            words = [w for label in seen.descriptions for w in label.stems]
            words += [*(seen.action.stems if seen.action else ()), *said.get(seen.id, ())]
            self.lengths[seen.id] = len(words)
            for word, count in Counter(words).items():
                self.postings.setdefault(word, []).append((seen.id, count))
        self.mean = max(1.0, sum(self.lengths.values()) / max(1, len(self.lengths)))

    def search(self, words: Sequence[str], most: int = 200) -> list[int]:
        scores: dict[int, float] = defaultdict(float)
        for word in dict.fromkeys(words):
            hits = self.postings.get(word, ())
            weight = math.log(1 + (len(self.lengths) - len(hits) + 0.5) / (len(hits) + 0.5))
            for found, count in hits:
                norm = _K1 * (1 - _B + _B * self.lengths[found] / self.mean)
                scores[found] += weight * count * (_K1 + 1) / (count + norm)
        return [found for found, _ in sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:most]]


def _index_of(timeline: Timeline) -> _Index:
    key = id(timeline)
    with _lock:
        known = _kept.get(key)
        if known is not None and known.timeline is timeline:
            return known
    made = _Index(timeline)
    with _lock:
        _kept[key] = made
        while len(_kept) > 4:
            _kept.popitem(last=False)
    return made


_kept: OrderedDict[int, _Index] = OrderedDict()
_lock = Lock()
