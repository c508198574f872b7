"""``explain VIDEO --segment ID``: why a label was predicted, measured."""

from __future__ import annotations

import argparse

from assistant.cli.common import Commands, ProgressLine, Stop, command, emit, engine_for, timeline_of
from assistant.config import Settings


def add(commands: Commands) -> None:
    sub = command(commands, "explain", run, "why a label was predicted, measured", video=True, out=True)
    sub.add_argument("--segment", metavar="ID", type=int, required=True, help="its number, as analyze prints it")
    sub.add_argument("--label", metavar="L", help="why this label (default: the best)")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    engine = engine_for(settings)
    timeline = timeline_of(engine, options.video, stop)
    with ProgressLine() as line:
        explanation = engine.explain(
            timeline.video.sha256, options.segment, options.label, progress=line, cancelled=stop
        )
    if not emit(explanation.to_json(), options.json):
        print(explanation.text)
    return 0
