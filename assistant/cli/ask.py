"""``ask VIDEO QUESTION``: one answer with citations."""

from __future__ import annotations

import argparse

from assistant.cli.common import Commands, Stop, answerer_option, command, emit, engine_for, say, timeline_of
from assistant.config import Settings
from assistant.core.timeline import Answer, clock
from assistant.errors import Cancelled


def add(commands: Commands) -> None:
    sub = command(commands, "ask", run, "one answer with citations", video=True, out=True)
    sub.add_argument("question", metavar="QUESTION")
    answerer_option(sub)


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    engine = engine_for(settings, asks=True)
    timeline = timeline_of(engine, options.video, stop)
    answer: Answer | None = None
    for piece in engine.ask(timeline.video.sha256, options.question, answerer=options.answerer, cancelled=stop):
        if isinstance(piece, Answer):
            answer = piece
    assert answer is not None
    for notice in answer.notices:
        say(notice)
    if not emit(answer.to_json(), options.json):
        print(answer.text)
        for citation in answer.citations:
            span = citation.span
            print(f"  [S{citation.segment_id}] {clock(span.start_seconds, 1)}-{clock(span.end_seconds, 1)}")
    if stop():
        raise Cancelled("stopped in mid-answer")
    return 0
