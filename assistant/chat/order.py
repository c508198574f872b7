"""Answers from order: which comes first, what lies before, after or beside something, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.chat import spoken
from assistant.chat.compose import Reply, capital, mark, picture, pictures, quotes, tell
from assistant.chat.evidence import Evidence
from assistant.chat.seen import FRAME, find, naming, not_shown
from assistant.chat.understand import Asked
from assistant.chat.words import Term, listed_words, terms


def first_of(asked: Asked, evidence: Evidence) -> Reply | None:
    """Which of two things comes first: each is looked for in labels and in words."""
    assert asked.choice is not None
    places = [_place_of(option, asked, evidence) for option in asked.choice]
    if places[0] is None or places[1] is None:
        return None
    (time_one, told_one), (time_other, told_other) = places[0], places[1]
    late = "last" in asked.forms or "later" in asked.text
    pairs = sorted([(time_one, told_one), (time_other, told_other)], key=lambda item: item[0])
    if late:
        return Reply(f"{tell(asked.language, 'next')}: {pairs[1][1]} {tell(asked.language, 'before')}: {pairs[0][1]}")
    return Reply(
        f"{tell(asked.language, 'first')}: {pairs[0][1]} {capital(tell(asked.language, 'then'))}: {pairs[1][1]}"
    )


def _place_of(option: str, asked: Asked, evidence: Evidence) -> tuple[float, str] | None:
    empty = listed_words("seen", asked.language)
    wanted = tuple(evidence.corrected(t) for t in terms(option, asked.language) if t.text not in empty | FRAME)
    if not wanted:
        return None
    ids, _ = find(evidence, wanted)
    if ids:
        run = evidence.runs(ids)[0]
        return run.span.start_seconds, f"{naming(asked, evidence, run.ids, wanted)} {mark(run.ids[:1])}."
    hits = evidence.search(option, wanted, most=6)
    good = [hit for hit in hits if hit.exact >= 0.3 or hit.covered >= 0.45 or hit.alike >= 0.35]
    if not good:
        return None
    top = [hit for hit in good if hit.score >= 0.85 * good[0].score]
    first = min(top, key=lambda hit: hit.line.span.start_seconds).line
    return first.span.start_seconds, quotes([first])


def beside(asked: Asked, evidence: Evidence) -> Reply | None:
    """What comes after, before or while something else happens."""
    anchor = asked.anchor
    assert anchor is not None
    empty = listed_words("seen", asked.language)
    wanted = tuple(term for term in anchor.terms if term.text not in empty)
    ids, guess = find(evidence, wanted or anchor.terms)
    if not ids or guess:
        hits = [hit.line for hit in evidence.search(anchor.text, anchor.terms, most=3) if hit.exact >= 0.8]
        if not hits:
            return not_shown(replace(asked, terms=anchor.terms), evidence) if not evidence.speech or not guess else None
        ids = list(hits[0].segment_ids)[:1] if anchor.relation != "after" else list(hits[0].segment_ids)[-1:]
    runs = evidence.runs(ids)
    if anchor.relation == "while":
        chosen = [found for run in runs for found in run.ids]
        return _in_segments(asked, evidence, chosen)
    count = len(evidence.timeline.segments)
    if anchor.relation == "after":
        following = runs[0].ids[-1] + 1
        if following > count:
            return Reply(tell(asked.language, "nothing_next"), "not_in_video")
    else:
        following = runs[0].ids[0] - 1
        if following < 1:
            return Reply(tell(asked.language, "nothing_before"), "not_in_video")
    return _in_segments(asked, evidence, [following])


def in_order(asked: Asked, evidence: Evidence) -> Reply | None:
    """ "Does it stop before it turns?": yes or no, from the first times of both."""
    anchor = asked.anchor
    assert anchor is not None
    empty = listed_words("seen", asked.language)
    first = _event(tuple(t for t in anchor.rest if t.text not in empty) or anchor.rest, anchor.rest, evidence)
    second = _event(tuple(t for t in anchor.terms if t.text not in empty) or anchor.terms, anchor.terms, evidence)
    if not first or not second:
        return None
    earlier = first[0] < second[0]
    lead = tell(asked.language, "yes" if earlier == (anchor.relation == "before") else "no")
    runs = sorted((first, second))
    told = [f"{capital(picture(evidence, ids[0], asked.language))} {mark(ids)}." for ids in runs]
    return Reply(f"{lead}: {told[0]} {capital(tell(asked.language, 'then'))}: {told[1]}")


def _event(some: Sequence[Term], every: Sequence[Term], evidence: Evidence) -> tuple[int, ...]:
    """The segments of the first occurrence of an event, by all of its words, else without those that only show."""
    for wanted in (every, some):
        ids, guess = find(evidence, wanted)
        if ids and not guess:
            return evidence.runs(ids)[0].ids
    return ()


def _in_segments(asked: Asked, evidence: Evidence, ids: Sequence[int]) -> Reply:
    if "said" in asked.forms:
        if (nothing := spoken.absent(asked, evidence)) is not None:
            return nothing
        lines = [line for line in evidence.speech if line.segment_id in ids]
        return Reply(quotes(lines[:6])) if lines else Reply(tell(asked.language, "silent_then"), "not_in_video")
    return Reply(pictures(evidence, ids, asked.language))


def neighbour(asked: Asked, evidence: Evidence, step: int) -> Reply:
    """ "And then?", "and before that?": what follows or precedes what the conversation was about."""
    count = len(evidence.timeline.segments)
    edge = max(asked.near) if step > 0 else min(asked.near)
    found = edge + step
    if not 1 <= found <= count:
        return Reply(tell(asked.language, "nothing_next" if step > 0 else "nothing_before"), "not_in_video")
    text = f"{tell(asked.language, 'next' if step > 0 else 'before')}: {pictures(evidence, [found], asked.language)}"
    lines = [line for line in evidence.speech if line.segment_id == found]
    if lines:
        text += f" {tell(asked.language, 'said_there')} {quotes(lines[:4])}"
    return Reply(text)
