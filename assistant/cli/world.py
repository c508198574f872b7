"""``world OUT.mp4 --seed N``: a generated video and its truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.common import Commands, Stop, command, say, whole_number
from assistant.config import Settings
from assistant.errors import InputUnusable

SECONDS = (5.0, 3600.0)


def add(commands: Commands) -> None:
    sub = command(commands, "world", run, "a generated video and its truth")
    sub.add_argument("out", metavar="OUT.mp4", type=Path)
    sub.add_argument("--seed", type=whole_number, required=True, help="the same number, the same video")
    sub.add_argument("--seconds", type=float, default=40.0, help="how long it is, 5 to 3600 (default: 40)")
    sub.add_argument("--truth", metavar="FILE.json", type=Path, help="write there what happens in it")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    from assistant.synthetic.film import make

    if not SECONDS[0] <= options.seconds <= SECONDS[1]:
        raise InputUnusable("a generated video lasts 5 to 3600 seconds", "choose --seconds in that range")
    make(options.out, options.seed, options.seconds, options.truth)
    say(f"wrote {options.out}" + (f" and {options.truth}" if options.truth else ""))
    return 0
