"""Answers about the video as a whole and about numbers: lengths, scores, comparisons, a summary."""

from __future__ import annotations

from dataclasses import replace

from assistant.chat.rules import sentences
from assistant.chat.rules.facts import Facts, Seen
from assistant.chat.rules.matching import Scope, matching_said
from assistant.chat.rules.questions import Asked, Topic
from assistant.chat.rules.reply_base import LISTED, Reply, listing, not_found, nothing_matches, seen_runs
from assistant.chat.rules.spoken import reply_said
from assistant.core.timeline import clock


def extreme(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    topic = asked.topic
    runs = seen_runs(asked, facts, scope, topic)
    if not runs:
        return nothing_matches(asked, facts, topic, scope)
    shortest = any(word in asked.text.lower() for word in ("shortest", "briefest", "least"))
    run = (min if shortest else max)(
        runs, key=lambda r: (round(r.span.seconds, 2), -r.ids[0] if not shortest else r.ids[0])
    )
    return Reply(
        f"{sentences.capital(sentences.picture(run.first))}, "
        f"for {_seconds(run.span.seconds)} {sentences.mark(run.ids)}."
    )


def duration(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if not asked.topics:
        ids = [scope.seen[0].id, scope.seen[-1].id] if len(scope.seen) > 1 else [scope.seen[0].id]
        if scope.narrowed:
            total = sum(one.segment.span.seconds for one in scope.seen)
            return Reply(f"About {_seconds(total)} {sentences.mark(ids)}.")
        return Reply(f"The video is {_seconds(facts.duration_seconds)} long {sentences.mark(ids)}.")
    runs = seen_runs(asked, facts, scope, asked.topic)
    if not runs:
        return nothing_matches(asked, facts, asked.topic, scope)
    parts = [
        f"{sentences.picture(r.first)}, for {_seconds(r.span.seconds)} {sentences.mark(r.ids)}" for r in runs[:LISTED]
    ]
    return Reply(f"{sentences.capital(sentences.listed(parts))}.")


def _seconds(seconds: float) -> str:
    if seconds >= 120:
        return f"about {clock(seconds)} minutes" if seconds < 3600 else f"about {clock(seconds)} hours"
    return (
        f"about {seconds:.0f} {sentences.plural('second', round(seconds))}"
        if seconds >= 2
        else f"about {seconds:.1f} seconds"
    )


def compare(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if len(asked.topics) < 2:
        runs = facts.runs(scope.seen) if scope.narrowed else ()
        if asked.place_ids and len(runs) > 1:
            return Reply(listing([sentences.run_sentence(run) for run in runs]))
        runs = facts.runs(facts.seen)
        picked = [runs[0], runs[-1]] if len(runs) > 1 else list(runs)
        return Reply(listing([sentences.run_sentence(run) for run in picked]))
    parts = []
    for topic in asked.topics:
        runs = seen_runs(asked, facts, scope, topic)
        if not runs:
            return nothing_matches(asked, facts, topic, scope)
        parts.append(sentences.listed([sentences.run_sentence(run) for run in runs[:4]]))
    return Reply(f"{sentences.capital('; whereas '.join(parts))}.")


def modality(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    """ "Is it seen, or only talked about?" """
    topic = Topic(tuple(p for p in asked.topic.phrases if not p.same), asked.topic.quotes)
    runs = seen_runs(asked, facts, scope, topic) if topic.phrases else ()
    said = matching_said(replace(topic, said=True), scope.said)
    seen_text = sentences.listed([sentences.run_sentence(run) for run in runs[:4]])
    said_text = sentences.listed([sentences.said_sentence(one) for one in said[:4]])
    if runs and said:
        return Reply(f"It is seen: {seen_text}. It is said too: {said_text}.")
    if runs:
        return Reply(f"It is seen: {seen_text}.")
    if said:
        return Reply(f"It is only said: {said_text}.")
    return not_found(f"\u201c{sentences.echo(topic.name)}\u201d is neither there to see nor to hear")


def why(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    """The scores behind a label; a reason is measured elsewhere, never told here."""
    if asked.topic.empty and not scope.narrowed:
        return not_found("the timeline holds scores and no reasons; ask why a label was given")
    runs = seen_runs(asked, facts, scope, asked.topic)
    if not runs:
        return nothing_matches(asked, facts, asked.topic, scope)
    parts = [_scores(run.first) for run in runs[:2]]
    if not any(parts):
        return not_found("no model gave a score there")
    return Reply(
        f"{' '.join(part for part in parts if part)} \u201cWhy\u201d beside the segment measures what "
        f"carried it {sentences.mark(runs[0].ids[:1])}."
    )


def _scores(one: Seen) -> str:
    said = []
    for noun, scores in (("action", one.segment.actions), ("look", one.segment.descriptions)):
        if not scores:
            continue
        best = f"\u201c{sentences.safe(scores[0].label)}\u201d with {scores[0].score:.2f}"
        rival = (
            f", before \u201c{sentences.safe(scores[1].label)}\u201d with {scores[1].score:.2f}"
            if len(scores) > 1
            else ""
        )
        weak = ", which is too low to go by" if noun == "action" and one.action is None else ""
        said.append(f"the best {noun} label is {best}{rival}{weak}")
    return f"{sentences.capital(' and '.join(said))} [S{one.id}]." if said else ""


def summary(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    """What happens in order; where nothing was seen (sound alone), what is said."""
    if not any(one.segment.actions or one.segment.descriptions for one in scope.seen):
        return reply_said(replace(asked, said=True, kind="what"), facts, scope)
    runs = facts.runs(scope.seen)
    if len(runs) <= 2 * LISTED:
        return Reply(f"{sentences.capital(sentences.listed([sentences.run_sentence(run) for run in runs]))}.")
    step = (len(runs) - 1) / (LISTED - 1)
    picked = [runs[round(place * step)] for place in range(LISTED)]
    listed = sentences.listed([sentences.run_sentence(run) for run in picked])
    whole = sentences.mark([runs[0].ids[0], runs[-1].ids[-1]])
    return Reply(f"Among the {len(runs)} events {whole}. {sentences.capital(listed)}.")
