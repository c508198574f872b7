"""The whole video in a few sentences, and questions that it answers: from strong labels and the words that carry it."""

from __future__ import annotations

import re
from collections.abc import Callable

from assistant.chat.compose import Reply, pictures, quotes, safe, tell
from assistant.chat.evidence import Evidence
from assistant.chat.lines import Line
from assistant.chat.spoken import cue as cue_of
from assistant.chat.spoken import lines_in
from assistant.chat.understand import Asked
from assistant.core.timeline import clock

_QUESTIONS = 6


def overview(asked: Asked, evidence: Evidence) -> Reply | None:
    """What happens and what is said in the whole video or a stretch of it."""
    span = asked.within()
    ids = [s.id for s in evidence.timeline.segments] if span is None else evidence.segments_in(span)
    lines = list(evidence.speech) if span is None else lines_in(evidence, span)
    parts = []
    if lines:
        parts.append(quotes(telling(evidence, lines, 7)))
    if seen := pictures(evidence, _strong(evidence, ids), asked.language, 4 if lines else 8):
        parts.append(f"{tell(asked.language, 'seen')} {seen}")
    return Reply(" ".join(parts)) if parts else None


def telling(evidence: Evidence, lines: list[Line], most: int) -> list[Line]:
    """The lines that carry a talk: where it says its topic, and the most central of each of its stretches."""
    if len(lines) <= most:
        return lines
    cue = cue_of("topic", evidence.language)
    stretches = [lines[len(lines) * i // most : len(lines) * (i + 1) // most] for i in range(most)]

    def central(line: Line) -> float:
        # Words that come back elsewhere carry the topic; words said once are detail, and words said always are none.
        terms = [t for t in line.terms if len(t.text) > 2]
        counts = [len(evidence._postings.get(" ".join(t.raw), ())) for t in terms]
        shared = sum(min(count, 5) - 1 for count in counts) / (len(counts) + 2) if counts else 0.0
        whole = 0.3 if len(terms) >= 4 else -0.5
        return (
            shared
            + whole
            + (0.5 if cue.search(line.text) else 0.0)
            - (0.6 if line.text.rstrip().endswith("?") else 0.0)
        )

    chosen = [max(stretch, key=central) for stretch in stretches if stretch]
    # Talks say at their beginning what they are about.
    opening = [line for line in lines[: max(4, len(lines) // 12)] if cue.search(line.text)]
    return sorted({*opening[:2], *chosen}, key=lambda line: line.place)


def _strong(evidence: Evidence, ids: list[int]) -> list[int]:
    """The segments with a label that the model was sure of, or all where there is none."""
    strong = [found for found in ids if any(label.sure for label in evidence.shown(found))]
    return strong or ids


def suggested(evidence: Evidence, answered: Callable[[str], Reply]) -> list[str]:
    """First questions that this video answers: each was asked, and answered with something to point at."""
    candidates = ["What is this video about?", "What happens at the beginning?"]
    segments = evidence.timeline.segments
    scenes = {label.text: found for found in evidence.labels for label in evidence.shown(found) if label.sure}
    for text, _ in sorted(scenes.items(), key=lambda item: item[1])[:6]:
        candidates.append(f"When is “{safe(text, 60)}” to be seen?")
    if evidence.speech:
        middle = evidence.speech[len(evidence.speech) // 2]
        candidates.insert(1, f"What is said at {clock(middle.span.middle_seconds)}?")
        topic = _topic(evidence)
        if topic:
            candidates.insert(2, f"What is said about {topic}?")
    if len(segments) > 2:
        candidates.append("What happens at the end?")
    good: list[str] = []
    for text in candidates:
        if len(good) < _QUESTIONS and (found := answered(text)).found and re.search(r"\[S\d+\]", found.text):
            good.append(text)
    return good


def _topic(evidence: Evidence) -> str:
    """The word that the talk comes back to most, as it is written."""
    counts: dict[str, int] = {}
    for line in evidence.speech:
        for term in {t for t in line.terms if len(t.text) > 3 and " " not in t.text and not t.text[0].isdigit()}:
            counts[term.text] = counts.get(term.text, 0) + 1
    best = sorted(counts, key=lambda word: (-counts[word], word))
    return best[0] if best and counts[best[0]] > 1 else ""
