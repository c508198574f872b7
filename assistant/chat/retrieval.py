"""Which segments a language model is shown for a question, and how they are written down for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.chat.compose import safe
from assistant.chat.evidence import Evidence, evidence_of
from assistant.chat.lines import SURE_ACTION, SURE_DESCRIPTION
from assistant.chat.seen import find
from assistant.chat.spoken import lines_in
from assistant.chat.understand import Asked, understand
from assistant.core.timeline import Segment, Timeline, clock

Similarity = Callable[[str], NDArray[np.float32]]
CountTokens = Callable[[str], int]

_WORDS_SHOWN = 400  # characters of speech of one segment in the evidence


@dataclass(frozen=True)
class Shown:
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
) -> Shown:
    """The segments worth showing for a question, as many as the budget holds.

    A video that fits is shown whole, so that the prompt stays the same from turn to turn. Otherwise come first the
    segments that the question's times and events need, then those that words and pictures find.

    Args:
        count_tokens: the model's own tokenizer.
        similarity: text -> similarity of each segment's picture, float32 ``[segments]``.
        already: segments that the conversation has shown; they are not shown again.
    """
    shown = set(already)
    lines: dict[int, str] = {}
    used = left_out = 0
    for found in rank(question, timeline, similarity=similarity, asked=asked):
        if found in shown:
            continue
        line = render_segment(timeline.segments[found - 1], timeline)
        cost = count_tokens(line + "\n")
        if used + cost > budget_tokens:
            left_out += 1
            if left_out > 8:
                break
            continue
        lines[found] = line
        used += cost
    ids = tuple(sorted(lines))
    return Shown(ids, "\n".join(lines[found] for found in ids), used, left_out)


def rank(
    question: str, timeline: Timeline, *, similarity: Similarity | None = None, asked: Asked | None = None
) -> list[int]:
    """All segment ids, the most useful for the question first."""
    evidence = evidence_of(timeline)
    asked = asked or understand(question, evidence)
    order = list(dict.fromkeys([*needed(asked, evidence), *_by_words(asked, evidence, similarity)]))
    seen = set(order)
    # What nothing speaks for still shows the run of the video: evenly spread, then the rest.
    rest = [segment.id for segment in timeline.segments if segment.id not in seen]
    step = max(1, len(rest) // 24)
    return [*order, *dict.fromkeys([*rest[::step], *rest])]


def needed(asked: Asked, evidence: Evidence) -> list[int]:
    """The segments that the question needs whatever the words: its places, its times, and the events that it names."""
    count = len(evidence.timeline.segments)
    ids: list[int] = []
    for when in asked.times:
        inside = evidence.segments_in(when.span) if not when.outside else []
        ids += inside[-4:] if when.relation == "before" else inside[:4] if when.relation == "after" else inside
        ids += [line.segment_id for line in lines_in(evidence, when.span)[:8]] if when.relation == "at" else []
    ids += list(asked.near)
    if asked.anchor is not None:
        hits = evidence.search(asked.anchor.text, asked.anchor.terms, most=2)
        places = [hit.line.segment_id for hit in hits if hit.exact >= 0.8]
        places += [found for run in evidence.runs(find(evidence, asked.anchor.terms)[0])[:6] for found in run.ids]
        for found in places:
            ids += [found, found + 1, found - 1]
    if asked.seen_terms:
        ids += find(evidence, asked.seen_terms)[0]
    if {"first", "last", "happens"} & asked.forms:
        ids += [1, 2, 3] if "last" not in asked.forms else [count, count - 1]
        ids += [count] if asked.text.rstrip(" ?").endswith(("end", "finish")) else []
    return [found for found in dict.fromkeys(ids) if 1 <= found <= count]


def _by_words(asked: Asked, evidence: Evidence, similarity: Similarity | None) -> list[int]:
    """The segments with words of the question or a picture like it, best first (reciprocal ranks added)."""
    scores: dict[int, float] = defaultdict(float)
    for place, hit in enumerate(evidence.search(asked.question, asked.terms, most=60)):
        if hit.covered > 0 or hit.alike > 0.2:
            scores[hit.line.segment_id] += 1.0 / (20 + place)
    if similarity is not None and evidence.timeline.segments:
        likeness = np.asarray(similarity(asked.question), dtype=np.float32)
        best = np.argsort(-likeness, kind="stable")[: min(40, len(likeness))]
        for place, index in enumerate(best):
            scores[int(index) + 1] += 1.0 / (20 + place)
    return [found for found, _ in sorted(scores.items(), key=lambda item: (-item[1], item[0]))]


def render_segment(segment: Segment, timeline: Timeline | None = None) -> str:
    """One line of evidence; words of models and speakers stand in JSON-like quotes with nothing that closes them.

    Args:
        timeline: whose subtitles and text on screen are to be shown.
    """
    parts = [f"[S{segment.id}]"]
    if segment.action is not None:
        if "none_of_my_labels" in segment.flags:
            parts.append("action: unknown")
        else:
            parts.append(f"action: {_fenced(segment.action.label)}{_unsure(segment.action.score < SURE_ACTION)}")
    if segment.description is not None:
        unsure = _unsure(segment.description.score < SURE_DESCRIPTION)
        parts.append(f"scene: {_fenced(segment.description.label)}{unsure}")
    if segment.utterances:
        parts.append(f"speech: {_fenced(segment.words, _WORDS_SHOWN)}")
    observed = timeline.observed(segment.span) if timeline else ()
    read = timeline is not None and timeline.provenance.subtitles.get("stand_for_speech")
    for kind, between in (("subtitles", " "), ("text", "; ")):
        texts = [one.text for one in observed if one.kind == kind]
        if texts and not (kind == "subtitles" and read):  # those are the speech already
            parts.append(f"{kind}: {_fenced(between.join(dict.fromkeys(texts)), _WORDS_SHOWN)}")
    return " | ".join(parts)


def render_span(segment: Segment) -> str:
    """The segment's time as people read it; for surfaces, never for a prompt."""
    return f"{clock(segment.span.start_seconds)}\u2013{clock(segment.span.end_seconds)}"


def _fenced(text: str, most: int = 200) -> str:
    return f'"{safe(text, most)}"'


def _unsure(weak: bool) -> str:
    return " (unsure)" if weak else ""
