"""``ask VIDEO QUESTION``: one answer with citations; ``ask VIDEO --questions FILE``: many, turn by turn."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from assistant.cli.common import (
    Commands,
    Stop,
    answerer_option,
    command,
    emit,
    engine_for,
    read_json,
    read_timeline,
    say,
    timeline_of,
)
from assistant.config import Settings
from assistant.core.documents import Json
from assistant.core.timeline import Answer, clock
from assistant.errors import Cancelled, InputUnusable

_HISTORY_TURNS = 8

# Question and the turns before it -> pieces of the answer, the last one whole.
Ask = Callable[[str, Sequence["tuple[str, Answer]"]], "Iterator[str | Answer]"]


def add(commands: Commands) -> None:
    sub = command(commands, "ask", run, "one answer with citations, or many", video=True, out=True)
    sub.add_argument("question", metavar="QUESTION", nargs="?")
    sub.add_argument(
        "--questions", metavar="FILE", type=Path, help='a JSON list of {"id", "conversation", "turn", "question"}'
    )
    answerer_option(sub)


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    if (options.question is None) == (options.questions is None):
        raise InputUnusable("ask needs either a question or --questions FILE", "give one of them")
    questions = _questions(options.questions) if options.questions else [{"id": "1", "question": options.question}]
    ask = _asking(options, settings, stop)
    answers: list[tuple[Json, Answer]] = []
    turns: dict[str, list[tuple[str, Answer]]] = defaultdict(list)
    for item in questions:
        history = turns[str(item["conversation"])] if item.get("conversation") else []
        made = _last(ask(str(item["question"]), history[-_HISTORY_TURNS:]))
        history.append((str(item["question"]), made))
        answers.append((item, made))
        for notice in made.notices:
            say(notice)
        if stop():
            raise Cancelled("stopped in mid-answer")
    if options.questions is None:
        if not emit(answers[0][1].to_json(), options.json):
            print(_plain(answers[0][1]))
        return 0
    document = {"schema": "answers/1", "answers": [{"id": item["id"], **made.to_json()} for item, made in answers]}
    if not emit(document, options.json):
        print("\n\n".join(f"{made.question}\n{_plain(made)}" for _, made in answers))
    return 0


def _asking(options: argparse.Namespace, settings: Settings, stop: Stop) -> Ask:
    """How questions about this video or timeline are asked; a timeline alone needs no weights."""
    from assistant.chat import answer as chat
    from assistant.models.registry import Models, resolve, text_models

    if options.video.suffix.lower() == ".json":
        timeline = read_timeline(options.video)
        model, reads, missing = None, text_models(), None
        if options.answerer == "llm" or (options.answerer == "auto" and settings.chat.language_model):
            model, missing = engine_for(settings, asks=True).models.answerer(options.answerer)
        elif options.answerer != "extractive":
            reads = text_models(Models(resolve(settings), settings).text_embedder())
        return lambda question, turns: chat.answer(
            question,
            timeline,
            history=[chat.Turn(*turn) for turn in turns],
            model=model,
            reads=reads,
            settings=settings,
            missing=missing,
            cancelled=stop,
        )
    engine = engine_for(settings, asks=True)
    timeline = timeline_of(engine, options.video, stop)
    return lambda question, turns: engine.ask(
        timeline.video.sha256,
        question,
        history=[chat.Turn(*turn) for turn in turns],
        answerer=options.answerer,
        cancelled=stop,
    )


def _questions(path: Path) -> list[Json]:
    """The questions of a file, each with its id, in the order in which they are asked."""
    remedy = 'give a JSON list of objects with "id" and "question"'
    items = read_json(path, remedy)
    whole = isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("question"), str) and "id" in item for item in items
    )
    if not whole:
        raise InputUnusable(f"{path.name} holds no list of questions", remedy)

    def place(numbered: tuple[int, Json]) -> tuple[float, int]:
        turn = numbered[1].get("turn")
        return (float(turn) if isinstance(turn, int | float) else 0.0, numbered[0])

    # Conversations keep the place of their first turn; within one, turns follow one another.
    groups: dict[str, list[tuple[int, Json]]] = {}
    for number, item in enumerate(items):
        talk = item.get("conversation")
        groups.setdefault(f"c{talk}" if talk else f"q{number}", []).append((number, item))
    return [item for group in groups.values() for _, item in sorted(group, key=place)]


def _last(pieces: Iterator[str | Answer]) -> Answer:
    answer: Answer | None = None
    for piece in pieces:
        if isinstance(piece, Answer):
            answer = piece
    assert answer is not None
    return answer


def _plain(answer: Answer) -> str:
    """The answer for people: its text, then each place with its time."""
    places = [
        f"  [S{c.segment_id}] {clock(c.span.start_seconds, 1)}-{clock(c.span.end_seconds, 1)}" for c in answer.citations
    ]
    return "\n".join([answer.text, *places])
