"""Answers put together from the timeline: one short function for each kind of question."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from assistant.answering import sentences
from assistant.answering.facts import Facts, Run, Seen
from assistant.answering.matching import (
    Scope,
    found_runs,
    matching,
    matching_said,
    nth,
    readings,
    scope_of,
    without_appearing,
)
from assistant.answering.questions import Asked, Topic
from assistant.answering.words import colour_stems, shape_stems, stem
from assistant.timeline import clock

_LISTED = 8


@dataclass(frozen=True)
class Reply:
    """What the extractive answerer says; `found` is False where the video does not hold the answer."""

    text: str
    found: bool = True


def not_found(why: str) -> Reply:
    return Reply(f"Not in this video: {why}.", False)


def reply(asked: Asked, facts: Facts) -> Reply:
    """The answer to an understood question."""
    if asked.foreign:
        return Reply(
            "Not in this video as far as I can tell: without a language model I understand questions in English only.",
            False,
        )
    if not facts.seen:
        return not_found("its timeline holds no segments")
    if asked.kind == "yesno" and asked.relation in ("before", "after") and asked.topics and asked.anchors:
        if not asked.said:
            return _order_check(asked, facts)
    scope = scope_of(asked, facts)
    if scope.missing:
        return not_found(scope.missing)
    if asked.kind == "modality":
        return _modality(asked, facts, scope)
    if asked.said:
        from assistant.answering.spoken import reply_said

        return reply_said(asked, facts, scope)
    if general := _about_the_video(asked, facts):
        return general
    return _MAKERS.get(asked.kind, _what)(asked, facts, scope)


def nothing_matches(asked: Asked, facts: Facts, topic: Topic, scope: Scope) -> Reply:
    """A plain refusal, or what is said where a question on facts is answered by nothing that is seen."""
    name = sentences.echo(without_appearing(topic).name or topic.name) or sentences.echo(asked.text)
    where = " at that place" if scope.narrowed else ""
    if scope.narrowed and matching(topic, facts.seen):
        return not_found(f"nothing that was seen there matches \u201c{name}\u201d")
    return not_found(f"nothing that was seen{where} matches \u201c{name}\u201d")


def seen_runs(asked: Asked, facts: Facts, scope: Scope, topic: Topic) -> tuple[Run, ...]:
    """The occurrences that the question means, by its likeliest reading that the video holds."""
    presence = asked.kind in ("what", "order", "colour", "shape", "list", "count", "compare") or (
        asked.ordinal is not None or topic.ordinal is not None
    )
    for reading in readings(topic, presence):
        if runs := found_runs(facts, reading, scope.seen):
            return runs
    return ()


def _what(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if not asked.topics and not scope.narrowed and asked.ordinal is None:
        return _summary(asked, facts, scope)
    said: list[str] = []
    for topic in asked.topics or (Topic(),):
        runs = seen_runs(asked, facts, scope, topic)
        if not runs:
            if asked.kind == "what" and (spoken := _spoken_instead(asked, facts, scope, topic)):
                return spoken
            return nothing_matches(asked, facts, topic, scope)
        said += [sentences.run_sentence(run) for run in _narrowed(asked, topic, runs)]
    return Reply(_listing(said))


def _narrowed(asked: Asked, topic: Topic, runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """The occurrences that an ordinal or a neighbourhood leaves."""
    ordinal = asked.ordinal if asked.ordinal is not None else topic.ordinal
    if ordinal is not None and (one := nth(runs, ordinal)):
        return one
    if asked.relation == "after" and not asked.windows:
        return runs[:1]
    if asked.relation == "before" and not asked.windows:
        return runs[-1:]
    return runs


def _listing(parts: Sequence[str]) -> str:
    parts = list(dict.fromkeys(parts))
    if len(parts) > _LISTED:
        parts = [*parts[: _LISTED - 1], f"and at last {parts[-1]}"]
    return sentences.capital(sentences.listed(parts)) + "."


def _spoken_instead(asked: Asked, facts: Facts, scope: Scope, topic: Topic) -> Reply | None:
    """What is said, for an open question whose words name nothing that could be seen ("what is the code?")."""
    visible = facts.vocabulary | facts.attribute_words
    if not _OF_A_STATE.search(asked.text.lower()) or topic.empty:
        return None
    if any(found in visible for phrase in topic.phrases for found in phrase.stems):
        return None
    if any(phrase.same for phrase in topic.phrases):
        return None
    found = matching_said(replace(topic, said=True), scope.said)
    if not found:
        return None
    return Reply(f"It is said: {sentences.listed([sentences.said_sentence(one) for one in found[:4]])}.")


# "What is the code?" may be answered by what is said; "what does the dog do?" may not.
_OF_A_STATE = re.compile(
    r"^(?!.*\b(?:do|does|did|happens?|happened|seen?|shows?|shown|appears?|visible)\b).*\b(?:is|was|are|were)\b"
)


def _when(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    said: list[str] = []
    for topic in asked.topics or (Topic(),):
        runs = seen_runs(asked, facts, scope, topic)
        if not runs:
            if spoken := _spoken_instead(asked, facts, scope, topic):
                return spoken
            return nothing_matches(asked, facts, topic, scope)
        chosen = runs
        ordinal = asked.ordinal if asked.ordinal is not None else topic.ordinal
        if ordinal is not None and not (chosen := nth(runs, ordinal)):
            return not_found(f"it is seen {_times(len(runs))} only")
        said += [f"{sentences.picture(run.first)}, at {sentences.mark(run.ids)}" for run in chosen]
    return Reply(_listing(said))


def _count(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if not asked.topics and asked.unit:
        return _count_units(asked, facts, scope)
    topic = asked.topic
    runs = seen_runs(asked, facts, scope, topic)
    if not runs:
        return nothing_matches(asked, facts, topic, scope)
    if counted := _count_kinds(topic, runs):
        return counted
    if asked.unit.startswith(("scene", "shot")):
        shots = len({run.first.shot for run in runs})
        start = f"In {shots} {sentences.plural('scene', shots)}"
    else:
        start = sentences.capital(_times(len(runs)))
    return Reply(f"{start}: {sentences.listed([sentences.run_sentence(run) for run in runs])}.")


def _times(count: int) -> str:
    return f"{count} {sentences.plural('time', count)}"


def _count_kinds(topic: Topic, runs: Sequence[Run]) -> Reply | None:
    """ "How many colours", "how many different objects": distinct ones rather than occurrences."""
    if not topic.empty:
        return None
    return None


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


def _yesno(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if len(asked.topics) > 1 and re_then(asked.text):
        return _order_check(
            replace(asked, relation="before", topics=asked.topics[:1], anchors=asked.topics[1:2]), facts
        )
    if not asked.topics:
        return _yes(facts.runs(scope.seen)[:1] if asked.relation else facts.runs(scope.seen)[:3])
    found: list[Run] = []
    for topic in asked.topics:
        runs = seen_runs(asked, facts, scope, topic)
        if not runs:
            refusal = nothing_matches(asked, facts, topic, scope)
            return replace(refusal, text=f"No. {refusal.text}")
        found += _narrowed(asked, topic, runs)[:4]
    return _yes(found)


def re_then(text: str) -> bool:
    return " then " in f" {text.lower()} "


def _yes(runs: Sequence[Run]) -> Reply:
    return Reply(f"Yes: {sentences.listed([sentences.run_sentence(run) for run in runs])}.")


def _choice(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    hits = [run for topic in asked.topics for run in seen_runs(asked, facts, scope, topic)]
    if not hits:
        return nothing_matches(asked, facts, Topic(asked.topics[0].phrases), scope)
    return Reply(_listing([sentences.run_sentence(run) for run in hits]))


def _order_check(asked: Asked, facts: Facts) -> Reply:
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


def _order(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if len(asked.topics) < 2:
        return _what(asked, facts, scope)
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
    runs = _narrowed(asked, topic, runs)
    words = {w for run in runs for w in _words_of(run.first, kinds())}
    if not words:
        return not_found(f"no label there names a {noun}")
    return Reply(_listing([_attributed(run, kinds()) for run in runs if _words_of(run.first, kinds())]))


def _attributed(run: Run, kinds: frozenset[str]) -> str:
    words = " ".join(_words_of(run.first, kinds))
    return f"{sentences.safe(words)}: {sentences.run_sentence(run)}"


def _words_of(one: Seen, kinds: frozenset[str]) -> list[str]:
    label = one.description.text if one.description else ""
    return [word for word in label.lower().split() if stem(word) in kinds]


def _colour(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    return _attribute(asked, facts, scope, colour_stems, "colour")


def _shape(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    return _attribute(asked, facts, scope, shape_stems, "shape")


def _list(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    """ "Which colours are there": each distinct word once, with the place where it first comes."""
    text = asked.text.lower()
    if not asked.topics or all(not t.phrases for t in asked.topics):
        chosen: Sequence[Seen] = scope.seen
    else:
        chosen = [one for run in seen_runs(asked, facts, scope, asked.topic) for one in run.seen]
        if not chosen:
            return nothing_matches(asked, facts, asked.topic, scope)
    first: dict[str, int] = {}
    for one in chosen:
        for word in _listed_words(one, text):
            first.setdefault(word, one.id)
    if not first:
        return not_found("no label there names such a thing")
    parts = [f"{sentences.safe(word)} [S{found}]" for word, found in first.items()]
    return Reply(f"{sentences.capital(sentences.joined(parts))}.")


def _listed_words(one: Seen, text: str) -> list[str]:
    if "colour" in text or "color" in text:
        return _words_of(one, colour_stems())
    if "shape" in text:
        return _words_of(one, shape_stems())
    if any(word in text for word in ("action", "activit", "movement", "motion")):
        return [one.action.text] if one.action else []
    return [one.description.text] if one.description else []


def _extreme(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    topic = asked.topic
    runs = seen_runs(asked, facts, scope, topic)
    if not runs:
        return nothing_matches(asked, facts, topic, scope)
    shortest = any(word in asked.text.lower() for word in ("shortest", "briefest", "least"))
    run = (min if shortest else max)(
        runs, key=lambda r: (round(r.span.seconds, 2), -r.ids[0] if not shortest else r.ids[0])
    )
    return Reply(
        f"{sentences.capital(sentences.picture(run.first))}, for {_seconds(run.span.seconds)} {sentences.mark(run.ids)}."
    )


def _duration(asked: Asked, facts: Facts, scope: Scope) -> Reply:
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
        f"{sentences.picture(r.first)}, for {_seconds(r.span.seconds)} {sentences.mark(r.ids)}" for r in runs[:_LISTED]
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


def _compare(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    if len(asked.topics) < 2:
        runs = facts.runs(scope.seen) if scope.narrowed else ()
        if asked.place_ids and len(runs) > 1:
            return Reply(_listing([sentences.run_sentence(run) for run in runs]))
        runs = facts.runs(facts.seen)
        picked = [runs[0], runs[-1]] if len(runs) > 1 else list(runs)
        return Reply(_listing([sentences.run_sentence(run) for run in picked]))
    parts = []
    for topic in asked.topics:
        runs = seen_runs(asked, facts, scope, topic)
        if not runs:
            return nothing_matches(asked, facts, topic, scope)
        parts.append(sentences.listed([sentences.run_sentence(run) for run in runs[:4]]))
    return Reply(f"{sentences.capital('; whereas '.join(parts))}.")


def _modality(asked: Asked, facts: Facts, scope: Scope) -> Reply:
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


def _why(asked: Asked, facts: Facts, scope: Scope) -> Reply:
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


def _summary(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    runs = facts.runs(scope.seen)
    if len(runs) <= 2 * _LISTED:
        return Reply(f"{sentences.capital(sentences.listed([sentences.run_sentence(run) for run in runs]))}.")
    step = (len(runs) - 1) / (_LISTED - 1)
    picked = [runs[round(place * step)] for place in range(_LISTED)]
    listed = sentences.listed([sentences.run_sentence(run) for run in picked])
    return Reply(
        f"Among the {len(runs)} events {sentences.mark([runs[0].ids[0], runs[-1].ids[-1]])}. {sentences.capital(listed)}."
    )


def _about_the_video(asked: Asked, facts: Facts) -> Reply | None:
    """Questions on the recording itself that the labels cannot answer."""
    return None


_MAKERS: dict[str, Callable[[Asked, Facts, Scope], Reply]] = {
    "what": _what, "who": _what, "when": _when, "count": _count, "yesno": _yesno, "choice": _choice, "order": _order,
    "colour": _colour, "shape": _shape, "list": _list, "extreme": _extreme, "duration": _duration,
    "compare": _compare, "why": _why, "sure": _why, "summary": _summary,
}  # fmt: skip
