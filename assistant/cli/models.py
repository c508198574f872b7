"""``models [list|pull|verify]``: what each pack holds, where, how big, whether it is intact."""

from __future__ import annotations

import argparse

from assistant.cli.common import Commands, Stop, command, say
from assistant.config import Settings


def add(commands: Commands) -> None:
    sub = command(commands, "models", run, "what each pack holds, where, how big, whether it is intact")
    sub.add_argument("action", nargs="?", choices=("list", "pull", "verify"), default="list")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    if options.action == "pull":
        from assistant.models.packs.download import pull

        pull(settings, say, stop)
    elif options.action == "verify":
        from assistant.models.packs.verify import verify

        verify(settings, say)
    else:
        from assistant.models.registry import describe

        for row in describe(settings):
            print(row)
    return 0
