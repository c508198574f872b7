"""Stretches of a long timeline that belong together, each with the labels that it is made of."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

from assistant.chat.rules.facts import Facts, Seen
from assistant.chat.rules.sentences import safe
from assistant.core.timeline import Span

_SHORTEST_SECONDS = 20.0
_MOST_CHAPTERS = 24


@dataclass(frozen=True)
class Chapter:
    """Neighbouring segments ``first_id`` to ``last_id`` with their most frequent labels, most frequent first."""

    first_id: int
    last_id: int
    span: Span
    looks: tuple[tuple[str, int], ...]
    actions: tuple[tuple[str, int], ...]

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(range(self.first_id, self.last_id + 1))


def chapters(facts: Facts) -> tuple[Chapter, ...]:
    """The video in at most 24 chapters of at least 20 s, cut where the looks change most and never inside a shot.

    A short video is one chapter.
    """
    seen = facts.seen
    if not seen:
        return ()
    count = min(_MOST_CHAPTERS, max(1, int(facts.duration_seconds // max(_SHORTEST_SECONDS, 45.0))))
    cuts = _cuts(seen, count)
    edges = [0, *cuts, len(seen)]
    return tuple(_chapter(seen[start:end]) for start, end in itertools.pairwise(edges) if start < end)


def _cuts(seen: tuple[Seen, ...], count: int) -> list[int]:
    """Where chapters begin: near each even division, the boundary where the labels before and after differ most."""
    cuts: list[int] = []
    size = len(seen) / count
    for number in range(1, count):
        middle = round(number * size)
        reach = max(1, int(size / 3))
        low, high = max(1, middle - reach), min(len(seen) - 1, middle + reach)
        best = max(range(low, high + 1), key=lambda at: (_change(seen, at, reach), -abs(at - middle)), default=None)
        if best is not None and (not cuts or best > cuts[-1]):
            cuts.append(best)
    return cuts


def _change(seen: tuple[Seen, ...], at: int, reach: int) -> float:
    """How much the labels change at a boundary, 0..1; a boundary inside a shot counts for nothing."""
    if seen[at].shot == seen[at - 1].shot:
        return -1.0
    before = {w for one in seen[max(0, at - reach) : at] for label in one.descriptions for w in label.stems}
    after = {w for one in seen[at : at + reach] for label in one.descriptions for w in label.stems}
    return 1.0 - len(before & after) / max(1, len(before | after))


def _chapter(seen: tuple[Seen, ...]) -> Chapter:
    looks = Counter(safe(one.description.text) for one in seen if one.description)
    actions = Counter(safe(one.action.text) for one in seen if one.action)
    span = Span(seen[0].segment.span.start_seconds, seen[-1].segment.span.end_seconds)
    return Chapter(seen[0].id, seen[-1].id, span, tuple(looks.most_common(4)), tuple(actions.most_common(4)))


def render_chapter(chapter: Chapter) -> str:
    """One line of evidence for a chapter."""
    looks = ", ".join(f'"{label}" {count}x' for label, count in chapter.looks)
    actions = ", ".join(f'"{label}" {count}x' for label, count in chapter.actions)
    return f"[S{chapter.first_id}] to [S{chapter.last_id}] | looks: {looks} | does: {actions}"
