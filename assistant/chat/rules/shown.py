"""Answers about what is seen and done: what, when, how often, whether, in which order, of which colour."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from assistant.chat.rules import sentences
from assistant.chat.rules.facts import Facts, Run, Seen
from assistant.chat.rules.matching import Scope, nth
from assistant.chat.rules.measured import summary
from assistant.chat.rules.questions import Asked, Topic
from assistant.chat.rules.reply_base import (
    Reply,
    listing,
    narrowed,
    not_found,
    nothing_matches,
    seen_runs,
    spoken_instead,
)
from assistant.chat.rules.words import colour_stems, shape_stems, stem


def what(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if not asked.topics and not scope.narrowed and asked.ordinal is None:
        return summary(asked, facts, scope)
    said: list[str] = []
    for topic in asked.topics or (Topic(),):
        runs = seen_runs(asked, facts, scope, topic)
        if not runs:
            if asked.kind == "what" and (spoken := spoken_instead(asked, facts, scope, topic)):
                return spoken
            return nothing_matches(asked, facts, topic, scope)
        said += [sentences.run_sentence(run) for run in narrowed(asked, topic, runs)]
    return Reply(listing(said))


def when(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    said: list[str] = []
    for topic in asked.topics or (Topic(),):
        runs = seen_runs(asked, facts, scope, topic)
        if not runs:
            if spoken := spoken_instead(asked, facts, scope, topic):
                return spoken
            return nothing_matches(asked, facts, topic, scope)
        chosen = runs
        ordinal = asked.ordinal if asked.ordinal is not None else topic.ordinal
        if ordinal is not None and not (chosen := nth(runs, ordinal)):
            return not_found(f"it is seen {_times(len(runs))} only")
        said += [f"{sentences.picture(run.first)}, at {sentences.mark(run.ids)}" for run in chosen]
    return Reply(listing(said))


def count(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    """How often something is to be seen, or how many different things of a kind there are."""
    if not asked.topics and _COUNTED_KIND.search(asked.text.lower()):
        first = _first_places(asked, scope.seen)
        if first:
            return Reply(f"{len(first)}: {sentences.joined([f'{word} [S{found}]' for word, found in first.items()])}.")
    if not asked.topics and asked.unit:
        return _count_units(asked, facts, scope)
    topic = asked.topic
    runs = seen_runs(asked, facts, scope, topic)
    if not runs:
        return nothing_matches(asked, facts, topic, scope)
    if asked.unit.startswith(("scene", "shot")):
        shots = len({run.first.shot for run in runs})
        start = f"In {shots} {sentences.plural('scene', shots)}"
    else:
        start = sentences.capital(_times(len(runs)))
    return Reply(f"{start}: {sentences.listed([sentences.run_sentence(run) for run in runs])}.")


def _times(count: int) -> str:
    return f"{count} {sentences.plural('time', count)}"


def _count_units(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    first, last = scope.seen[0].id, scope.seen[-1].id
    if asked.unit.startswith("cut"):
        cuts = [
            shot for place, shot in enumerate(facts.timeline.shots)
            if place > 0 and any(one.shot == place for one in scope.seen)
        ]  # fmt: skip
        return Reply(f"There are {len(cuts)} {sentences.plural('cut', len(cuts))} {sentences.mark([first, last])}.")
    if asked.unit.startswith(("scene", "shot")):
        count, word = len({one.shot for one in scope.seen}), asked.unit.rstrip("s")
    elif asked.unit.startswith("time"):
        runs = facts.runs(scope.seen)
        return Reply(f"There are {len(runs)} events {sentences.mark([first, last])}.")
    else:
        count, word = len(scope.seen), "segment"
    return Reply(f"There are {count} {sentences.plural(word, count)} {sentences.mark([first, last])}.")


def yesno(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if len(asked.topics) > 1 and _says_then(asked.text):
        return order_check(replace(asked, relation="before", topics=asked.topics[:1], anchors=asked.topics[1:2]), facts)
    if not asked.topics:
        return _yes(facts.runs(scope.seen)[:1] if asked.relation else facts.runs(scope.seen)[:3])
    found: list[Run] = []
    for topic in asked.topics:
        runs = seen_runs(asked, facts, scope, topic)
        if not runs:
            refusal = nothing_matches(asked, facts, topic, scope)
            return replace(refusal, text=f"No. {refusal.text}")
        found += narrowed(asked, topic, runs)[:4]
    return _yes(found)


# "How many colours are there?" asks for different ones, "how many times" for occurrences.
_COUNTED_KIND = re.compile(r"\b(?:colou?rs|shapes|objects|things|items|actions|labels)\b")


def _says_then(text: str) -> bool:
    return " then " in f" {text.lower()} "


def _yes(runs: Sequence[Run]) -> Reply:
    return Reply(f"Yes: {sentences.listed([sentences.run_sentence(run) for run in runs])}.")


def choice(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    hits = [run for topic in asked.topics for run in seen_runs(asked, facts, scope, topic)]
    if not hits:
        return nothing_matches(asked, facts, Topic(asked.topics[0].phrases), scope)
    return Reply(listing([sentences.run_sentence(run) for run in hits]))


def order_check(asked: Asked, facts: Facts) -> Reply:
    """Whether one thing comes before (or after) another; both must be there."""
    everything = Scope(facts.seen, facts.said)
    pair: list[tuple[Run, ...]] = []
    for topic in (asked.topics[0], asked.anchors[0]):
        runs = seen_runs(replace(asked, kind="order"), facts, everything, topic)
        if not runs:
            refusal = nothing_matches(asked, facts, topic, everything)
            return replace(refusal, text=f"No. {refusal.text}")
        pair.append(runs)
    one, other = pair
    if asked.relation == "before":
        right = (
            one[0].ids[0] < other[-1].ids[0] if len(other) == 1 or len(one) == 1 else one[0].ids[0] < other[0].ids[0]
        )
    else:
        right = one[-1].ids[0] > other[0].ids[0]
    return Reply(f"{'Yes' if right else 'No'}: {_in_order(one[0], other[0])}.")


def _in_order(one: Run, other: Run) -> str:
    first, second = sorted((one, other), key=lambda run: run.ids[0])
    return f"first {sentences.run_sentence(first)}, then {sentences.run_sentence(second)}"


def order(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if len(asked.topics) < 2:
        return what(asked, facts, scope)
    found: list[Run] = []
    for topic in asked.topics:
        runs = seen_runs(asked, facts, scope, topic)
        if not runs:
            return nothing_matches(asked, facts, topic, scope)
        found.append(runs[-1] if asked.ordinal == -1 else runs[0])
    ordered = sorted(found, key=lambda run: run.ids[0])
    if asked.either_way:
        relation = "before" if found[0].ids[0] < found[1].ids[0] else "after"
        return Reply(f"{sentences.capital(relation)} it: {_in_order(found[0], found[1])}.")
    if asked.ordinal in (1, -1):
        chosen = ordered[0] if asked.ordinal == 1 else ordered[-1]
        return Reply(f"{sentences.capital(sentences.run_sentence(chosen))}.")
    parts = [f"{'first' if place == 0 else 'then'} {sentences.run_sentence(run)}" for place, run in enumerate(ordered)]
    return Reply(f"{sentences.capital(', '.join(parts))}.")


def _attribute(asked: Asked, facts: Facts, scope: Scope, kinds: Callable[[], frozenset[str]], noun: str) -> Reply:
    """The colour or shape of the thing that a question describes."""
    topic = asked.topic
    runs = seen_runs(asked, facts, scope, topic)
    if not runs:
        return nothing_matches(asked, facts, topic, scope)
    runs = narrowed(asked, topic, runs)
    words = {w for run in runs for w in _words_of(run.first, kinds())}
    if not words:
        return not_found(f"no label there names a {noun}")
    return Reply(listing([_attributed(run, kinds()) for run in runs if _words_of(run.first, kinds())]))


def _attributed(run: Run, kinds: frozenset[str]) -> str:
    words = " ".join(_words_of(run.first, kinds))
    return f"{sentences.safe(words)}: {sentences.run_sentence(run)}"


def _words_of(one: Seen, kinds: frozenset[str]) -> list[str]:
    label = one.description.text if one.description else ""
    return [word for word in label.lower().split() if stem(word) in kinds]


def colour(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    return _attribute(asked, facts, scope, colour_stems, "colour")


def shape(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    return _attribute(asked, facts, scope, shape_stems, "shape")


def list_words(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    """ "Which colours are there": each distinct word once, with the place where it first comes."""
    if not asked.topics or all(not t.phrases for t in asked.topics):
        chosen: Sequence[Seen] = scope.seen
    else:
        chosen = [one for run in seen_runs(asked, facts, scope, asked.topic) for one in run.seen]
        if not chosen:
            return nothing_matches(asked, facts, asked.topic, scope)
    first = _first_places(asked, chosen)
    if not first:
        return not_found("no label there names such a thing")
    parts = [f"{word} [S{found}]" for word, found in first.items()]
    return Reply(f"{sentences.capital(sentences.joined(parts))}.")


def _first_places(asked: Asked, chosen: Sequence[Seen]) -> dict[str, int]:
    """Each distinct word of the kind that is asked for, with the segment in which it first comes."""
    first: dict[str, int] = {}
    for one in chosen:
        for word in _listed_words(one, asked.text.lower()):
            first.setdefault(sentences.safe(word), one.id)
    return first


def _listed_words(one: Seen, text: str) -> list[str]:
    if "colour" in text or "color" in text:
        return _words_of(one, colour_stems())
    if "shape" in text:
        return _words_of(one, shape_stems())
    if any(word in text for word in ("action", "activit", "movement", "motion")):
        return [one.action.text] if one.action else []
    return [one.description.text] if one.description else []
