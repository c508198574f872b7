"""``bench [VIDEO ...]``: speed and memory side by side with the straightforward script."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.common import Commands, Stop, command, emit, say
from assistant.config import Settings

FAILED_CHECK = 1


def add(commands: Commands) -> None:
    sub = command(commands, "bench", run, "speed and memory side by side with the straightforward script", out=True)
    sub.add_argument("videos", metavar="VIDEO", nargs="*", type=Path, help="default: the sample video")
    sub.add_argument("--weights", choices=("demo", "random-standard"), default="demo", help="whose sizes are timed")
    sub.add_argument("--rounds", type=int, default=3, help="how often; medians are told")
    sub.add_argument("--check", metavar="FILE", type=Path, help="fail where a ratio fell by over 15 %% of this file's")
    sub.add_argument("--keep", metavar="FILE", type=Path, help="store this run's ratios there")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    from assistant.evaluation.speed import report, run, weights

    stored = report.stored_ratios(options.check, options.weights) if options.check else None
    videos = tuple(options.videos) or (weights.folder_of("demo") / "sample.mp4",)
    document = run.run(run.Plan(videos, options.weights, options.rounds), say, stop)
    if not emit(document, options.json):
        print(report.table(document))
    if options.keep:
        report.keep_ratios(options.keep, document)
    fallen = report.falls(document, stored) if stored else []
    for sentence in fallen:
        say(f"slower than before: {sentence}")
    return FAILED_CHECK if fallen else 0
