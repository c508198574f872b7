"""Answers about what is said. What is only spoken of is never told as something seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.chat.rules import sentences
from assistant.chat.rules.facts import Facts, Said
from assistant.chat.rules.matching import Scope, matching, matching_said, nth
from assistant.chat.rules.questions import Asked, Topic
from assistant.chat.rules.reply_base import Reply, not_found

_LISTED = 8


def reply_said(asked: Asked, facts: Facts, scope: Scope) -> Reply:
    """The answer to a question on words that are said (or not)."""
    if not facts.said:
        reason = next((a.reason for a in facts.timeline.absences if a.what == "speech"), "")
        return not_found("no words are said in it" + (f" ({sentences.safe(reason)})" if reason else ""))
    found = tuple(one for topic in asked.topics or (Topic(said=True),) for one in matching_said(topic, scope.said))
    if not found and scope.seen and not asked.topics and scope.narrowed and asked.kind not in ("yesno", "choice"):
        return Reply(f"No words are said there {sentences.mark([one.id for one in scope.seen])}.")
    if not found and (beside := _said_beside(asked, facts, scope)):
        return beside
    if not found:
        refusal = _nothing_said(asked, scope)
        return replace(refusal, text=f"No. {refusal.text}") if asked.kind in ("yesno", "choice") else refusal
    if asked.kind == "count":
        return _count(asked, scope, found)
    if asked.kind in ("yesno", "choice"):
        return Reply(f"Yes, it is said: {_lines(found)}." if asked.kind == "yesno" else f"It is said: {_lines(found)}.")
    found = _narrowed(asked, found)
    if not found:
        return not_found("so many sentences are not said in it")
    if asked.kind == "who":
        return Reply(f"Who speaks is unknown: {_lines(found)}.")
    return Reply(f"It is said: {_lines(found)}.")


def _said_beside(asked: Asked, facts: Facts, scope: Scope) -> Reply | None:
    """What is said while the thing asked about is to be seen, where the words heard name at least part of it."""
    topic = asked.topic
    if asked.kind != "what" or len(asked.topics) != 1 or len(topic.phrases) < 2 or topic.quotes:
        return None
    parts = [replace(topic, phrases=(phrase,)) for phrase in topic.phrases]
    ids = {one.id for one in matching(topic, scope.seen)}
    said = [one for one in scope.said if one.segment_id in ids and any(matching_said(part, [one]) for part in parts)]
    if not said:
        return None
    runs = facts.runs([one for one in scope.seen if one.id in {line.segment_id for line in said}])
    looks = sentences.look(runs[0].first)
    seen = sentences.mark([one.segment_id for one in said])
    return Reply(f"{sentences.capital(looks)} is to be seen {seen}; it is said there: {_lines(said)}.")


def _nothing_said(asked: Asked, scope: Scope) -> Reply:
    name = sentences.echo(" ".join(topic.name for topic in asked.topics))
    if not name:
        return not_found("no words are said there" if scope.narrowed else "no words are said in it")
    return not_found(f"nobody says \u201c{name}\u201d" + (" there" if scope.narrowed else ""))


def _narrowed(asked: Asked, found: tuple[Said, ...]) -> tuple[Said, ...]:
    ordinal = asked.ordinal
    if ordinal is not None:
        return nth(found, ordinal)
    if asked.relation == "after" and not asked.windows and not asked.topics:
        return found[:1]
    if asked.relation == "before" and not asked.windows and not asked.topics:
        return found[-1:]
    return found


def _count(asked: Asked, scope: Scope, found: Sequence[Said]) -> Reply:
    times = len(found)
    if len(asked.topics) == 1 and asked.topic.phrases and len(asked.topic.phrases) == 1:
        # A word may be said twice in one sentence.
        wanted = asked.topic.phrases[0].stems
        times = sum(max(1, _occurrences(one.stems, wanted)) for one in found)
    unit = "sentence" if asked.unit.startswith(("sentence", "utterance")) else "time"
    return Reply(f"{times} {sentences.plural(unit, times)}: {_lines(found, most=12)}.")


def _occurrences(heard: Sequence[str], wanted: Sequence[str]) -> int:
    size = len(wanted)
    return sum(tuple(heard[place : place + size]) == tuple(wanted) for place in range(len(heard) - size + 1))


def _lines(found: Sequence[Said], most: int = _LISTED) -> str:
    unique = list(dict.fromkeys(found))
    said = [sentences.said_sentence(one) for one in unique[:most]]
    return sentences.listed(said) + (f"; and {len(unique) - most} more" if len(unique) > most else "")
