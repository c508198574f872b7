"""``train demo``: the demo pack, from scratch, reproducibly."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.common import Commands, Stop, command, say, whole_number
from assistant.config import Settings


def add(commands: Commands) -> None:
    sub = command(commands, "train", run, "the demo pack, from scratch, reproducibly")
    sub.add_argument("what", choices=("demo",))
    sub.add_argument("--only", choices=("actions", "descriptions", "speech"))
    sub.add_argument("--seed", type=whole_number, default=0)
    sub.add_argument("--out", type=Path, help="where the pack is written (default: the demo pack's own folder)")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    from assistant.synthetic.recipes.demo import train_demo

    only = (options.only,) if options.only else ()
    train_demo(only, options.out, seed=options.seed, report=say)
    return 0
