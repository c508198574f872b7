"""What the commands share: their parsers' usual arguments, standard error, Ctrl-C, the engine, and JSON out."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, get_args

from assistant.cli.output import document_bytes, write_bytes
from assistant.config import Settings, SubtitleUse
from assistant.core.documents import Json
from assistant.core.progress import Progress
from assistant.core.timeline import Timeline
from assistant.errors import InputUnusable

if TYPE_CHECKING:
    from assistant.engine import Assistant

Commands = Any  # argparse's own type for sub-parsers has no public name


class Stop:
    """Ctrl-C: the first asks the work to stop where it is safe, the second stops at once."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        return self._asked

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        say("stopping; what is finished is kept ...")


Run = Callable[[argparse.Namespace, Settings, Stop], int]


def command(
    commands: Commands, name: str, run: Run, text: str, *, video: bool = False, out: bool = False
) -> argparse.ArgumentParser:
    """The parser of a new command; ``run`` gives its exit code. One without a text is not listed."""
    listed = {"help": text} if text else {}
    sub: argparse.ArgumentParser = commands.add_parser(name, description=text, **listed)
    sub.set_defaults(run=run)
    if video:
        sub.add_argument(
            "video", metavar="VIDEO", type=Path, help="a video, sound or image file; analysed first if need be"
        )
        sub.add_argument(
            "--audio-track",
            metavar="N",
            type=whole_number,
            default=0,
            help="which sound track is heard, counted from 1 (default: the main one that has voice)",
        )
        sub.add_argument(
            "--subtitles",
            choices=get_args(SubtitleUse),
            default="beside",
            help="read subtitles (in the file, or next to it) beside what is heard (default), instead, or not",
        )
    if out:
        sub.add_argument("--json", metavar="FILE", help="write the JSON document here; - is standard output")
    return sub


def whole_number(text: str) -> int:
    """A whole number from 0 on, for argparse.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number from 0 on")
    return int(text)


def answerer_option(sub: argparse.ArgumentParser) -> None:
    """Add ``--answerer``, which every command takes that makes answers."""
    sub.add_argument(
        "--answerer",
        choices=("auto", "extractive", "llm"),
        default="auto",
        help="who answers: rules over the timeline (extractive), a language model (llm), or the best at hand (auto)",
    )


def say(text: str) -> None:
    """One line on standard error: notices, progress, errors."""
    print(text, file=sys.stderr, flush=True)


def emit(document: Json, target: str | None) -> bool:
    """Write a document where ``--json`` says; whether it was asked for."""
    if target is None:
        return False
    data = document_bytes(document)
    if target == "-":
        write_bytes(data)
    else:
        Path(target).write_bytes(data)
    return True


def engine_for(settings: Settings, asks: bool = False) -> Assistant:
    """The engine, under the kernel's limits; says on standard error which pack speaks where ``auto`` chose it.

    Args:
        asks: whether it may have to reach a language model's server; else the process is cut off the network.
    """
    from assistant.engine import Assistant
    from assistant.jobs.worker.limits import apply_limits, limits_of
    from assistant.jobs.worker.network import cut_network

    # One command of one person, who sees it hang and can end it: the kernel's limits are enough, and cost no second
    # process. What is opened, and how, is guarded as everywhere.
    apply_limits(limits_of(settings))
    if not (asks and settings.chat.language_model.startswith(("http://", "https://"))):
        cut_network()
    engine = Assistant(settings)
    for notice in engine.library.notices:
        say(notice)
    if settings.pack == "auto":
        say(engine.pack.notice)
    return engine


def timeline_of(engine: Assistant, path: Path, stop: Stop, only: Collection[str] = ()) -> Timeline:
    """The video's timeline, analysed where the library does not hold it yet, with progress on standard error."""
    with ProgressLine() as line:
        return engine.analyze(path, progress=line, cancelled=stop, only=only)


def read_json(path: Path, remedy: str) -> Any:
    """What a JSON file holds.

    Raises:
        InputUnusable: no such file, or no JSON in it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputUnusable(f"there is no file {path}", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise InputUnusable(f"{path.name} is not JSON", remedy) from error


def read_timeline(path: Path) -> Timeline:
    """The timeline of a file as ``analyze --json`` writes it.

    Raises:
        InputUnusable: no such file, or not ``timeline/1``.
    """
    remedy = "give a video, or a document written by analyze VIDEO --json FILE"
    document = read_json(path, remedy)
    try:
        return Timeline.from_json(document)
    except ValueError as error:
        raise InputUnusable(f"{path.name} is no timeline: {error}", remedy) from error


class ProgressLine:
    """Progress on standard error: a line that is written over on a terminal, a line every ten seconds elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = 0.0

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal and self._last:
            print(f"\r{'':<60}\r", end="", file=sys.stderr, flush=True)

    def __call__(self, progress: Progress) -> None:
        pause = 0.2 if self._terminal else 10.0
        now = time.monotonic()
        if now - self._last < pause:
            return
        self._last = now
        share = progress.done_seconds / progress.total_seconds if progress.total_seconds else 0.0
        text = f"{progress.stage} {min(100.0, 100 * share):3.0f} % {progress.message}".rstrip()
        print(
            f"\r{text:<60}" if self._terminal else text, end="" if self._terminal else "\n", file=sys.stderr, flush=True
        )
