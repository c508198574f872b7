"""``export VIDEO --format F``: the timeline as a file for other programs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from assistant.cli.common import Commands, Stop, command, engine_for, say, timeline_of
from assistant.cli.output import write_bytes
from assistant.config import Settings
from assistant.exports.render import FORMATS


def add(commands: Commands) -> None:
    sub = command(commands, "export", run, "the timeline as a file", video=True)
    sub.add_argument("--format", choices=FORMATS, required=True)
    sub.add_argument("-o", "--output", metavar="FILE", help="- is standard output; default: a file named after it")
    sub.add_argument("--paths", action="store_true", help="let the JSON name where files lie on this machine")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    engine = engine_for(settings)
    timeline = timeline_of(engine, options.video, stop)
    name, data = engine.export(timeline.video.sha256, options.format, paths=options.paths)
    if options.output == "-" or (options.output is None and not sys.stdout.isatty()):
        write_bytes(data)
        return 0
    target = Path(options.output or name)
    target.write_bytes(data)
    say(f"wrote {target}")
    return 0
