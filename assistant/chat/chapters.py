"""Stretches of a long timeline that belong together: cut where talk or scene turn to something else."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

from assistant.chat.compose import safe
from assistant.chat.evidence import Evidence
from assistant.core.timeline import Span

_SHORTEST_SECONDS = 45.0
_MOST_CHAPTERS = 24


@dataclass(frozen=True)
class Chapter:
    """Neighbouring segments ``first_id`` to ``last_id`` with their most frequent labels, most frequent first."""

    first_id: int
    last_id: int
    span: Span
    scenes: tuple[tuple[str, int], ...]
    actions: tuple[tuple[str, int], ...]

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(range(self.first_id, self.last_id + 1))


def chapters(evidence: Evidence) -> tuple[Chapter, ...]:
    """The video in at most 24 chapters of about 45 s and more; a short video is one chapter."""
    segments = evidence.timeline.segments
    if not segments:
        return ()
    count = min(_MOST_CHAPTERS, max(1, int(evidence.duration_seconds // _SHORTEST_SECONDS)))
    edges = [0, *_cuts(evidence, count), len(segments)]
    return tuple(_chapter(evidence, start, end) for start, end in itertools.pairwise(edges) if start < end)


def _cuts(evidence: Evidence, count: int) -> list[int]:
    """Where chapters begin: near each even division, the boundary where words and labels differ most."""
    total = len(evidence.timeline.segments)
    words = _words_of_segments(evidence)
    cuts: list[int] = []
    size = total / count
    for number in range(1, count):
        middle, reach = round(number * size), max(1, int(size / 3))
        low, high = max(1, middle - reach), min(total - 1, middle + reach)
        best = max(
            range(low, high + 1), key=lambda at: (_change(evidence, words, at, reach), -abs(at - middle)), default=0
        )
        if best and (not cuts or best > cuts[-1]):
            cuts.append(best)
    return cuts


def _words_of_segments(evidence: Evidence) -> list[set[str]]:
    """What each segment names: stems of its words and labels."""
    words: list[set[str]] = [
        {root for label in evidence.shown(segment.id) for term in label.terms for root in term.raw}
        for segment in evidence.timeline.segments
    ]
    for line in evidence.lines:
        words[line.segment_id - 1] |= {root for term in line.terms for root in term.raw}
    return words


def _change(evidence: Evidence, words: list[set[str]], at: int, reach: int) -> float:
    """How much the words change at a boundary, 0..1, and more at a cut (after TextTiling, Hearst 1997)."""
    before = set().union(*words[max(0, at - reach) : at])
    after = set().union(*words[at : at + reach])
    cut = 0.3 if evidence.shot_of(at) != evidence.shot_of(at + 1) else 0.0
    return cut + 1.0 - len(before & after) / max(1, min(len(before), len(after)))


def _chapter(evidence: Evidence, start: int, end: int) -> Chapter:
    ids = range(start + 1, end + 1)
    scenes = Counter(safe(label.text) for i in ids if (label := evidence.best(i, "descriptions")))
    actions = Counter(safe(label.text) for i in ids if (label := evidence.best(i, "actions")))
    first, last = evidence.segment(start + 1), evidence.segment(end)
    span = Span(first.span.start_seconds, last.span.end_seconds)
    return Chapter(start + 1, end, span, tuple(scenes.most_common(4)), tuple(actions.most_common(4)))


def render_chapter(chapter: Chapter) -> str:
    """One line of evidence for a chapter."""
    scenes = ", ".join(f'"{label}" {count}x' for label, count in chapter.scenes)
    actions = ", ".join(f'"{label}" {count}x' for label, count in chapter.actions)
    return f"[S{chapter.first_id}] to [S{chapter.last_id}] | scene: {scenes} | action: {actions}"
