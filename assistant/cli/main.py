"""``python -m assistant ...``: the command line that outside programs rely on; one file a command beside this one."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from assistant import __version__
from assistant.cli import (
    analyze,
    ask,
    bench,
    check,
    doctor,
    evaluate,
    explain,
    export,
    models,
    output,
    summarize,
    train,
    world,
)
from assistant.cli.common import Commands, Stop, command, say
from assistant.config import Settings, load
from assistant.errors import AssistantError, Cancelled, InputUnusable

COMMANDS = (analyze, ask, check, summarize, explain, export, world, evaluate, models, train, doctor, bench)
# Named in the contract, and still to come.
NOT_BUILT = ("search", "detect", "live", "batch", "library", "serve", "mcp")
WRONG_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one command, as docs and contract name them."""
    output.prepare()
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.ERROR, stream=sys.stderr)
    stop = Stop()
    signal.signal(signal.SIGINT, stop.handle)
    try:
        settings = load(
            options.home,
            options.pack,
            save_work=False if options.no_saving else None,
            memory=options.memory,
            audio_track=getattr(options, "audio_track", 0),
            subtitles=getattr(options, "subtitles", "beside"),
        )
        code: int = options.run(options, settings, stop)
        sys.stdout.flush()
        return code
    except AssistantError as error:
        say(f"error: {error}" if not isinstance(error, Cancelled) else f"stopped: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("stopped: run the same command again to go on")
        return Cancelled.exit_code
    except MemoryError:
        say("error: this needs more memory than there is; choose a smaller pack, or a shorter video")
        return InputUnusable.exit_code
    except BrokenPipeError:
        return 0  # the reader of a pipe has gone; nothing is left to be told
    except OSError as error:
        say(f"error: {error.strerror or error}: {error.filename or ''}; check the path, its rights and the free space")
        return InputUnusable.exit_code
    finally:
        output.settle()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m assistant", description="Talk with a video on your own machine.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--home", type=Path, help="the library's folder (default: ASSISTANT_HOME, or the user's data)")
    parser.add_argument(
        "--pack",
        help="which models: auto (default), demo, starter, standard, large, or a folder laid out as docs/packs.md says",
    )
    parser.add_argument("--memory", metavar="SIZE", help="keep within this memory, for example 4GB or 1.5GiB")
    parser.add_argument(
        "--no-saving", action="store_true", help="run every model on every segment, also where nothing changes"
    )
    parser.add_argument("--verbose", action="store_true", help="one line for each stage on standard error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    for name in NOT_BUILT:
        _add_not_built(commands, name)
    return parser


def _add_not_built(commands: Commands, name: str) -> None:
    sub = command(commands, name, _not_built, "")
    sub.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def _not_built(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    say(f"{options.command}: not built yet")
    return WRONG_USAGE
