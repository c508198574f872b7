"""``summarize VIDEO``: a summary of each segment, of chapters and of the whole."""

from __future__ import annotations

import argparse

from assistant.cli.common import Commands, Stop, answerer_option, command, emit, engine_for, timeline_of
from assistant.config import Settings
from assistant.core.timeline import clock


def add(commands: Commands) -> None:
    answerer_option(
        command(commands, "summarize", run, "a summary of each segment and of the whole", video=True, out=True)
    )


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    engine = engine_for(settings, asks=True)
    timeline = timeline_of(engine, options.video, stop)
    summary = engine.summarize(timeline.video.sha256, answerer=options.answerer, cancelled=stop)
    if emit(summary.to_json(), options.json):
        return 0
    print(summary.whole.text)
    for name, parts in (("Chapters", summary.chapters), ("Segments", summary.segments)):
        if parts:
            print(f"\n{name}")
        for part in parts:
            print(f"  {clock(part.span.start_seconds, 1)}-{clock(part.span.end_seconds, 1)}  {part.text}")
    return 0
