"""What every answer without a model is made with: the reply, its refusals, and the occurrences that are meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.chat.rules import sentences
from assistant.chat.rules.facts import Facts, Run
from assistant.chat.rules.matching import Scope, found_runs, matching, matching_said, nth, readings, without_appearing
from assistant.chat.rules.questions import Asked, Topic

LISTED = 8


@dataclass(frozen=True)
class Reply:
    """What the extractive answerer says; `found` is False where the video does not hold the answer."""

    text: str
    found: bool = True


def not_found(why: str) -> Reply:
    return Reply(f"Not in this video: {why}.", False)


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


def narrowed(asked: Asked, topic: Topic, runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """The occurrences that an ordinal or a neighbourhood leaves."""
    ordinal = asked.ordinal if asked.ordinal is not None else topic.ordinal
    if ordinal is not None and (one := nth(runs, ordinal)):
        return one
    if asked.relation == "after" and not asked.windows:
        return runs[:1]
    if asked.relation == "before" and not asked.windows:
        return runs[-1:]
    return runs


def listing(parts: Sequence[str]) -> str:
    parts = list(dict.fromkeys(parts))
    if len(parts) > LISTED:
        parts = [*parts[: LISTED - 1], f"and at last {parts[-1]}"]
    return sentences.capital(sentences.listed(parts)) + "."


def spoken_instead(asked: Asked, facts: Facts, scope: Scope, topic: Topic) -> Reply | None:
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
