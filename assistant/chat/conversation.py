"""The messages for a language model: what stays the same first, then the conversation, then the question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.chat.chapters import chapters, render_chapter
from assistant.chat.compose import mark
from assistant.chat.evidence import evidence_of
from assistant.chat.followups import Exchange, in_context
from assistant.chat.retrieval import Shown, Similarity, needed, retrieve
from assistant.chat.understand import Asked, understand
from assistant.chat.verify import MARK
from assistant.core import prompts
from assistant.core.timeline import Timeline
from assistant.errors import ModelFailed
from assistant.models.protocols import ChatModel, Message

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
    # What the conversation may take is set aside whether or not it is there yet: otherwise the evidence would shrink as
    # it grows, and the prompt would not stay the same from its beginning.
    reserve = model.context_tokens // 5
    history = _that_fit(history[-_EARLIER_TURNS:], reserve - model.count_tokens(question), model)
    fixed = model.count_tokens(prompts.fill("system", overview="", evidence="")) + _TEMPLATE_TOKENS
    overflow = max(0, model.count_tokens(question) + 2 * _TEMPLATE_TOKENS - reserve)
    budget = min(evidence_tokens, model.context_tokens - answer_tokens - fixed - reserve - overflow)
    shown = _show([*(turn.question for turn in history), question], timeline, history, model, budget, similarity)
    if timeline.segments and not any(part.ids for part in shown.parts):
        raise ModelFailed(
            f"the context of {model.name}, {model.context_tokens} tokens, has no room for one segment and the question",
            "choose a language model with a longer context",
        )
    return Prompt(_messages(question, timeline, history, shown), shown.ids)


@dataclass(frozen=True)
class _Parts:
    """The chapters (of a video that does not fit whole) and the evidence that each turn adds."""

    overview: str
    parts: tuple[Shown, ...]
    ids: frozenset[int]


def _that_fit(history: Sequence[Turned], tokens: int, model: ChatModel) -> Sequence[Turned]:
    """The latest turns that fit."""
    cost = 0
    for place in range(len(history) - 1, -1, -1):
        cost += model.count_tokens(history[place].question + history[place].answer) + 2 * _TEMPLATE_TOKENS
        if cost > tokens:
            return history[place + 1 :]
    return history


def _show(
    texts: Sequence[str],
    timeline: Timeline,
    history: Sequence[Turned],
    model: ChatModel,
    budget: int,
    similarity: Similarity | None,
) -> _Parts:
    """The evidence of each turn; all of it at once where the whole video fits."""
    asked = _understood(texts, timeline, history)
    whole = retrieve(texts[0], timeline, budget, model.count_tokens, asked=asked[0], similarity=similarity)
    if len(whole.ids) == len(timeline.segments):
        return _Parts("", (whole, *(Shown((), "", 0) for _ in texts[1:])), frozenset(whole.ids))
    overview = _overview(timeline, model, budget // 4)
    left = budget - model.count_tokens(overview)
    parts: list[Shown] = []
    already: list[int] = []
    for place, text in enumerate(texts):
        share = int(left * (0.55 if place == 0 else 0.45 / _EARLIER_TURNS))
        part = retrieve(
            text, timeline, share, model.count_tokens, asked=asked[place], already=already, similarity=similarity
        )
        already += part.ids
        parts.append(part)
    return _Parts(overview, tuple(parts), frozenset((*already, *(int(found) for found in MARK.findall(overview)))))


def _understood(texts: Sequence[str], timeline: Timeline, history: Sequence[Turned]) -> list[Asked]:
    evidence = evidence_of(timeline)
    exchanges = [Exchange(turn.question, turn.cited) for turn in history]
    return [in_context(understand(text, evidence), exchanges[:place], evidence) for place, text in enumerate(texts)]


def _messages(question: str, timeline: Timeline, history: Sequence[Turned], shown: _Parts) -> tuple[Message, ...]:
    first, *later = shown.parts
    messages = [Message("system", prompts.fill("system", overview=shown.overview, evidence=first.text))]
    asked = _understood([*(turn.question for turn in history), question], timeline, history)
    added = [None, *later]
    for turn, understood, more in zip(history, asked, added, strict=False):
        messages.append(Message("user", _question(turn.question, more, _note(understood, timeline))))
        messages.append(Message("assistant", plain(turn.answer)))
    messages.append(Message("user", _question(question, added[-1], _note(asked[-1], timeline))))
    return tuple(messages)


def _overview(timeline: Timeline, model: ChatModel, most_tokens: int) -> str:
    """The chapters, evenly thinned to the budget; "" where not one fits."""
    lines = [render_chapter(chapter) for chapter in chapters(evidence_of(timeline))]
    heading = "\nThe whole video in chapters (how often each label occurs)\n"
    while lines and model.count_tokens(heading + "\n".join(lines)) > most_tokens:
        lines = lines[::2] if len(lines) > 1 else []
    return heading + "\n".join(lines) + "\n" if lines else ""


def _question(question: str, more: Shown | None, note: str) -> str:
    added = prompts.fill("more", evidence=more.text) + "\n" if more is not None and more.text else ""
    return prompts.fill("answer", more=added, note=note, question=plain(question))


def _note(asked: Asked, timeline: Timeline) -> str:
    """What our code knows of the places that the question means, since the evidence holds no times."""
    if not asked.times and not asked.near:
        return ""
    meant = needed(replace(asked, terms=(), people=(), anchor=None, forms=frozenset()), evidence_of(timeline))
    if not meant:
        return "The time or place in this question lies outside the video.\n"
    return f"The time or place in this question means {mark(sorted(meant))}.\n"


def plain(text: str) -> str:
    """The text without control tokens of chat templates, so that nobody can write a message of another role."""
    while (cleaned := _CONTROL.sub(" ", text)) != text:
        text = cleaned
    return " ".join(text.replace("<", "\u2039").replace(">", "\u203a").split())
