"""Answers put together from the timeline: one short function for each kind of question."""

from __future__ import annotations

from collections.abc import Callable

from assistant.chat.rules import measured, shown
from assistant.chat.rules.facts import Facts
from assistant.chat.rules.matching import Scope, scope_of
from assistant.chat.rules.questions import Asked
from assistant.chat.rules.reply_base import Reply, not_found
from assistant.chat.rules.spoken import reply_said

__all__ = ["Reply", "reply"]

_MAKERS: dict[str, Callable[[Asked, Facts, Scope], Reply]] = {
    "what": shown.what,
    "who": shown.what,
    "when": shown.when,
    "count": shown.count,
    "yesno": shown.yesno,
    "choice": shown.choice,
    "order": shown.order,
    "colour": shown.colour,
    "shape": shown.shape,
    "list": shown.list_words,
    "extreme": measured.extreme,
    "duration": measured.duration,
    "compare": measured.compare,
    "modality": measured.modality,
    "why": measured.why,
    "sure": measured.why,
    "summary": measured.summary,
}


def reply(asked: Asked, facts: Facts) -> Reply:
    """The answer to an understood question."""
    if asked.foreign:
        return Reply(
            "Not in this video as far as I can tell: without a language model I understand questions in English only.",
            False,
        )
    if not facts.seen:
        return not_found("its timeline holds no segments")
    ordered = asked.kind == "yesno" and asked.relation in ("before", "after") and asked.topics and asked.anchors
    if ordered and not asked.said:
        return shown.order_check(asked, facts)
    scope = scope_of(asked, facts)
    if scope.missing:
        return not_found(scope.missing)
    if asked.kind == "modality":
        return measured.modality(asked, facts, scope)
    if asked.said:
        return reply_said(asked, facts, scope)
    return _MAKERS.get(asked.kind, shown.what)(asked, facts, scope)
