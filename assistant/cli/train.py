"""``train``: the weights that ship, from scratch or from their base, reproducibly."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from assistant.cli.common import Commands, Stop, command, say, whole_number
from assistant.config import Settings

_SMALL = ("verifier", "reranker", "embedder")


def add(commands: Commands) -> None:
    sub = command(commands, "train", run, "shipped weights again: the demo pack, or a small model that reads text")
    sub.add_argument("what", choices=("demo", *_SMALL))
    sub.add_argument("--only", choices=("actions", "descriptions", "speech", "domain"), help="demo: this part alone")
    sub.add_argument("--seed", type=whole_number, default=0, help="of the data and of the first weights")
    sub.add_argument("-o", "--out", type=Path, help="where the weights are written (default: where they are shipped)")
    sub.add_argument("--minutes", type=float, help="small models: train at most so long")
    sub.add_argument("--examples", type=whole_number, help="small models: train on so many examples")
    sub.add_argument("--base", type=Path, help="small models: all-MiniLM-L6-v2, its folder or its wheel")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    if options.what != "demo":
        return _small_model(options, stop)
    from assistant.synthetic.recipes.demo import train_demo

    only = (options.only,) if options.only else ()
    train_demo(only, options.out, seed=options.seed, report=say)
    return 0


def _small_model(options: argparse.Namespace, stop: Stop) -> int:
    from assistant.training import minilm
    from assistant.training.run import Plan

    recipe = importlib.import_module(f"assistant.training.{options.what}.recipe")
    target = options.out or recipe.SHIPPED
    with minilm.base_folder(options.base) as base:
        plan = Plan(base, target, options.seed, options.examples or recipe.EXAMPLES, options.minutes)
        recipe.train(plan, say, stop)
    return 0
