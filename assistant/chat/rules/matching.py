"""Which segments and which spoken sentences a question means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from assistant.chat.rules.facts import Facts, Run, Said, Seen
from assistant.chat.rules.questions import Asked, Topic
from assistant.chat.rules.words import Phrase, colour_stems, number, shape_stems, stem, stems, synonyms, tokens

Item = TypeVar("Item")

_WEEKDAYS = frozenset(
    stem(day) for day in ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
)
_MONTHS = frozenset(
    stem(m)
    for m in [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)
_KINDS_OF_WORD: dict[str, frozenset[str]] = {
    stem("day"): _WEEKDAYS | _MONTHS,
    stem("weekday"): _WEEKDAYS,
    stem("month"): _MONTHS,
    stem("colour"): colour_stems(),
    stem("shape"): shape_stems(),
}


@dataclass(frozen=True)
class Scope:
    """The part of the video that a question is about; `missing` says in words why it is empty."""

    seen: tuple[Seen, ...]
    said: tuple[Said, ...]
    narrowed: bool = False
    missing: str = ""
    anchor_runs: tuple[Run, ...] = ()


def matching(topic: Topic, seen: Sequence[Seen]) -> tuple[Seen, ...]:
    """The segments that show all that the topic names (all of them where it names nothing)."""
    if topic.ids:
        seen = [one for one in seen if one.id in topic.ids]
    return tuple(one for one in seen if not topic.phrases or one.says(topic.phrases))


def matching_said(topic: Topic, said: Sequence[Said]) -> tuple[Said, ...]:
    """The utterances that hold all words and quotations of the topic."""
    if topic.ids:
        said = [one for one in said if one.segment_id in topic.ids]
    return tuple(one for one in said if _holds(one, topic))


def found_runs(facts: Facts, topic: Topic, seen: Sequence[Seen]) -> tuple[Run, ...]:
    """The occurrences of a topic: neighbours are one occurrence where they agree in what the topic asks about."""
    chosen = matching(topic, seen)
    return facts.runs(chosen, _sameness(topic, chosen))


def readings(topic: Topic, presence_first: bool) -> list[Topic]:
    """The topic as it may be meant, likeliest first.

    "The circle appears" may be the deed or mean no more than that it is there; "the star circles" is a deed.
    """
    mere = without_appearing(topic)
    found = [topic] if mere == topic else [mere, topic] if presence_first else [topic, mere]
    shapes = [p for p in topic.phrases if p.stems[0] in shape_stems() and len(p.stems) == 1]
    if len(shapes) > 1 and shapes[-1].stems == ("circl",):
        deed = synonyms().phrases(["circling"])[0]
        found.append(replace(topic, phrases=tuple(deed if p is shapes[-1] else p for p in topic.phrases)))
    return found


def without_appearing(topic: Topic) -> Topic:
    """The topic without "appears", where that means no more than "is there"."""
    return replace(topic, phrases=tuple(p for p in topic.phrases if not is_appearing(p)))


def scope_of(asked: Asked, facts: Facts) -> Scope:
    """The segments and utterances that the times, places and relations of a question leave."""
    seen: tuple[Seen, ...] = facts.seen
    said: tuple[Said, ...] = facts.said
    narrowed = False
    if asked.place_missing and not asked.place_ids:
        return Scope((), (), True, "this video has no such segment or scene")
    if asked.place_ids:
        seen = tuple(one for one in seen if one.id in asked.place_ids)
        said = tuple(one for one in said if one.segment_id in asked.place_ids)
        narrowed = True
    for window in asked.windows:
        if window.outside:
            return Scope((), (), True, "the video ends before that time")
        inside = {one.id for one in facts.within(window.span, window.moment)}
        seen = tuple(one for one in seen if one.id in inside)
        said = tuple(
            one
            for one in said
            if (window.moment and one.segment_id in inside)
            or (not window.moment and window.span.contains(one.span.middle_seconds))
        )
        narrowed = True
    if asked.relation and asked.anchors:
        return _related(asked, facts, Scope(seen, said, narrowed))
    return Scope(seen, said, narrowed)


def anchor_runs(topic: Topic, facts: Facts) -> tuple[Run, ...]:
    """The occurrences that an anchor names: seen ones, or the segments in which words are said."""
    if topic.ids and not topic.phrases:
        return facts.runs([one for one in facts.seen if one.id in topic.ids], lambda one: 0)
    if topic.said:
        ids = {one.segment_id for one in matching_said(topic, facts.said)}
        return facts.runs([one for one in facts.seen if one.id in ids], lambda one: one.id)
    for reading in readings(topic, presence_first=False):
        runs = found_runs(facts, reading, facts.seen)
        if topic.ordinal is not None and runs:
            runs = nth(runs, topic.ordinal)
        if runs:
            return runs
    return ()


def nth(items: tuple[Item, ...], ordinal: int) -> tuple[Item, ...]:
    """The item with this number as a tuple of one (1 = first, -1 = last), or none."""
    index = ordinal - 1 if ordinal > 0 else len(items) + ordinal
    return (items[index],) if 0 <= index < len(items) else ()


def _related(asked: Asked, facts: Facts, scope: Scope) -> Scope:
    groups = [anchor_runs(topic, facts) for topic in asked.anchors]
    for topic, runs in zip(asked.anchors, groups, strict=True):
        if not runs:
            what = "said" if topic.said else "seen"
            return Scope((), (), True, f"nothing that was {what} matches \u201c{topic.name}\u201d")
    ids = _ids_related(asked, groups, len(facts.seen))
    seen = tuple(one for one in scope.seen if one.id in ids)
    said = tuple(one for one in scope.said if one.segment_id in ids)
    missing = "" if ids else f"nothing comes {asked.relation} that"
    return Scope(seen, said, True, missing, groups[0])


def _ids_related(asked: Asked, groups: Sequence[tuple[Run, ...]], count: int) -> set[int]:
    first, last = groups[0][0], groups[0][-1]
    if asked.relation == "between":
        other = groups[1][0] if len(groups) > 1 else groups[0][-1]
        low, high = sorted((first, other), key=lambda run: run.ids[0])
        return set(range(low.ids[-1] + 1, high.ids[0]))
    if asked.relation == "during":
        return {found for run in groups[0] for found in run.ids}
    if asked.relation == "after":
        return set(range(first.ids[-1] + 1, count + 1))
    return set(range(1, last.ids[0] if len(groups[0]) > 1 and asked.kind != "what" else first.ids[0]))


def _sameness(topic: Topic, chosen: Sequence[Seen]) -> Callable[[Seen], object] | None:
    """By what neighbours count as one occurrence: only by what the topic names."""
    if not topic.phrases:
        return None
    by_deed = any(one.action_says(p) for one in chosen for p in topic.phrases)
    by_look = any(not one.action_says(p) for one in chosen for p in topic.phrases)
    if by_deed and by_look:
        return None
    if by_deed:
        return lambda one: (one.action and one.action.text, one.description and one.description.text)
    return lambda one: tuple(label.text for label in one.descriptions if label.words & _named(topic))


def _named(topic: Topic) -> frozenset[str]:
    return frozenset(found for p in topic.phrases for group in (p.stems, *p.same) for found in group)


def is_appearing(phrase: Phrase) -> bool:
    """Whether a phrase says that something appears, which often means no more than that it is there."""
    return phrase.stems == (stem("appear"),) or (stem("appear"),) in phrase.same


def _holds(one: Said, topic: Topic) -> bool:
    heard = _number_words(one.stems)
    text = " ".join(tokens(one.text))
    if any(f" {quote} " not in f" {text} " for quote in topic.quotes):
        return False
    return all(_heard(phrase, heard) for phrase in topic.phrases) and _together(topic, one)


def _together(topic: Topic, one: Said) -> bool:
    """A colour and its thing must be said side by side: "the black bar circles" does not speak of a black circle."""
    looks = colour_stems() | shape_stems()
    pairs = [
        (*first.stems, *second.stems)
        for first, second in pairwise(topic.phrases)
        if set(first.stems) <= colour_stems() and set(second.stems) <= looks
    ]
    return all(any(one.stems[at : at + len(pair)] == pair for at in range(len(one.stems))) for pair in pairs)


def _heard(phrase: Phrase, heard: frozenset[str]) -> bool:
    wanted = _number_words(phrase.stems)
    if heard.issuperset(wanted):
        return True
    for group in (phrase.stems, *phrase.same):
        if len(group) == 1 and _KINDS_OF_WORD.get(group[0], frozenset()) & heard:
            return True
    if phrase.stems == (stem("number"),) and any(word.startswith("#") for word in heard):
        return True
    return any(heard.issuperset(_number_words(other)) for other in phrase.same)


def heard_in(phrase: Phrase, words: str) -> bool:
    """Whether the phrase, or one that means the same, is among these spoken words."""
    return _heard(phrase, _number_words(stems(words)))


def _number_words(words: Sequence[str]) -> frozenset[str]:
    """The stems with numbers written one way: ``seven`` and ``7`` are ``#7``."""
    return frozenset(f"#{value}" if (value := number(word)) is not None else word for word in words)
