"""The messages for a language model: what stays the same first, then the conversation, then the question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant import prompting
from assistant.answering.chapters import chapters, render_chapter
from assistant.answering.facts import facts_of
from assistant.answering.followups import Exchange, in_context
from assistant.answering.matching import scope_of
from assistant.answering.questions import Asked, understand
from assistant.answering.sentences import mark
from assistant.errors import ModelFailed
from assistant.models.seams import ChatModel, Message
from assistant.retrieval import Evidence, Similarity, retrieve
from assistant.timeline import Timeline

_EARLIER_TURNS = 3
# Tokens that a chat template puts around messages, on the safe side.
_TEMPLATE_TOKENS = 24
_CONTROL = re.compile(r"<\|[^|>]{0,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>", re.IGNORECASE)


@dataclass(frozen=True)
class Prompt:
    """What is sent, and the ids of the segments that it shows."""

    messages: tuple[Message, ...]
    shown_ids: frozenset[int]


@dataclass(frozen=True)
class Turned:
    """One finished turn as the prompt needs it."""

    question: str
    answer: str
    cited: tuple[int, ...]


def build_prompt(
    question: str,
    timeline: Timeline,
    history: Sequence[Turned],
    model: ChatModel,
    *,
    evidence_tokens: int,
    answer_tokens: int,
    similarity: Similarity | None = None,
) -> Prompt:
    """The prompt for a question after a conversation.

    It follows from its arguments alone, and a further turn only adds at its end: a model that keeps its keys and
    values of the last prompt reads only what is new.

    Raises:
        ModelFailed: the model's context has no room for one segment beside the rules and the question.
    """
    history = history[-_EARLIER_TURNS:]
    texts = [*(turn.question for turn in history), question]
    fixed = model.count_tokens(prompting.fill("system", overview="", evidence=""))
    talk = sum(model.count_tokens(turn.question + turn.answer) + 2 * _TEMPLATE_TOKENS for turn in history)
    room = model.context_tokens - answer_tokens - fixed - talk - model.count_tokens(question) - 2 * _TEMPLATE_TOKENS
    while room < evidence_tokens // 2 and history:
        history, texts = history[1:], texts[1:]
        talk = sum(model.count_tokens(turn.question + turn.answer) + 2 * _TEMPLATE_TOKENS for turn in history)
        room = model.context_tokens - answer_tokens - fixed - talk - model.count_tokens(question) - 2 * _TEMPLATE_TOKENS
    budget = min(evidence_tokens, room)
    found = _evidence(texts, timeline, history, model, budget, similarity)
    if timeline.segments and not any(part.ids for part in found):
        raise ModelFailed(
            f"the context of {model.name}, {model.context_tokens} tokens, has no room for one segment and the question",
            "choose a language model with a longer context",
        )
    shown = frozenset(one for part in found for one in part.ids)
    return Prompt(_messages(question, timeline, history, found), shown)


def _evidence(
    texts: Sequence[str],
    timeline: Timeline,
    history: Sequence[Turned],
    model: ChatModel,
    budget: int,
    similarity: Similarity | None,
) -> list[Evidence]:
    """The evidence that each turn adds; all of it at once where the whole video fits."""
    asked = _understood(texts, timeline, history)
    whole = retrieve(texts[0], timeline, budget, model.count_tokens, asked=asked[0], similarity=similarity)
    if len(whole.ids) == len(timeline.segments):
        return [whole, *(Evidence((), "", 0) for _ in texts[1:])]
    parts: list[Evidence] = []
    shown: list[int] = []
    for place, text in enumerate(texts):
        # The chapters take a share; then the first turn gets half, the later ones what that leaves.
        share = int(budget * (0.4 if place == 0 else 0.45 / _EARLIER_TURNS))
        part = retrieve(
            text, timeline, share, model.count_tokens, asked=asked[place], already=shown, similarity=similarity
        )
        shown += part.ids
        parts.append(part)
    return parts


def _understood(texts: Sequence[str], timeline: Timeline, history: Sequence[Turned]) -> list[Asked]:
    facts = facts_of(timeline)
    exchanges = [Exchange(turn.question, turn.cited) for turn in history]
    return [in_context(understand(text, facts), exchanges[:place], facts) for place, text in enumerate(texts)]


def _messages(
    question: str, timeline: Timeline, history: Sequence[Turned], found: Sequence[Evidence]
) -> tuple[Message, ...]:
    whole = len(found[0].ids) == len(timeline.segments)
    overview = "" if whole else _overview(timeline)
    messages = [Message("system", prompting.fill("system", overview=overview, evidence=found[0].text))]
    asked = _understood([*(turn.question for turn in history), question], timeline, history)
    for place, turn in enumerate(history):
        note = _note(asked[place], timeline)
        messages.append(Message("user", _question(turn.question, found[place] if place else None, note)))
        messages.append(Message("assistant", plain(turn.answer)))
    last = found[-1] if len(found) > 1 else None
    messages.append(Message("user", _question(question, last, _note(asked[-1], timeline))))
    return tuple(messages)


def _overview(timeline: Timeline) -> str:
    lines = "\n".join(render_chapter(chapter) for chapter in chapters(facts_of(timeline)))
    return f"\nThe whole video in chapters (how often each label occurs)\n{lines}\n"


def _question(question: str, more: Evidence | None, note: str) -> str:
    added = prompting.fill("more", evidence=more.text) + "\n" if more is not None and more.text else ""
    return prompting.fill("answer", more=added, note=note, question=plain(question))


def _note(asked: Asked, timeline: Timeline) -> str:
    """What our code knows of the places that the question means, since the evidence holds no times."""
    if not asked.windows and not asked.place_ids and not asked.place_missing:
        return ""
    scope = scope_of(asked, facts_of(timeline))
    if not scope.seen:
        return "The time or place in this question lies outside the video.\n"
    return f"The time or place in this question means {mark([one.id for one in scope.seen])}.\n"


def plain(text: str) -> str:
    """The text without control tokens of chat templates, so that nobody can write a message of another role."""
    while (cleaned := _CONTROL.sub(" ", text)) != text:
        text = cleaned
    return " ".join(text.replace("<", "\u2039").replace(">", "\u203a").split())
