"""``evaluate FOLDER``: metrics over a folder of NAME.mp4 with NAME.truth.json."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.common import Commands, Stop, answerer_option, command, emit, engine_for, say
from assistant.config import Settings


def add(commands: Commands) -> None:
    sub = command(commands, "evaluate", run, "metrics over a folder of NAME.mp4 with NAME.truth.json", out=True)
    sub.add_argument("folder", metavar="FOLDER", type=Path, help="made by world, or truths by hand")
    answerer_option(sub)


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    from assistant.evaluation.metrics import evaluate

    document = evaluate(options.folder, engine_for(settings, asks=True), options.answerer, say, cancelled=stop)
    if not emit(document, options.json):
        for name, value in document.items():
            if isinstance(value, (int, float)):
                print(f"{name:24} {value:.4f}" if isinstance(value, float) else f"{name:24} {value}")
    return 0
