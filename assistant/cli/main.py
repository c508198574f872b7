"""``python -m assistant ...``: the command line that outside programs rely on."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from assistant import __version__
from assistant.config import Settings, load
from assistant.core.timeline import Answer, Timeline, clock
from assistant.errors import AssistantError, Cancelled, InputUnusable
from assistant.exports.render import FORMATS

FAILED_CHECK = 1

Say = Callable[[str], None]


class _Stop:
    """Ctrl-C: the first asks the work to stop where it is safe, the second stops at once."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        return self._asked

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        _say("stopping; what is finished is kept ...")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of one command, as docs and contract name them."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.ERROR, stream=sys.stderr)
    stop = _Stop()
    signal.signal(signal.SIGINT, stop.handle)
    try:
        settings = load(
            options.home,
            options.pack,
            save_work=False if options.no_saving else None,
            memory=options.memory,
        )
        code: int = options.run(options, settings, stop)
        sys.stdout.flush()
        return code
    except AssistantError as error:
        _say(f"error: {error}" if not isinstance(error, Cancelled) else f"stopped: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("stopped: run the same command again to go on")
        return Cancelled.exit_code
    except MemoryError:
        _say("error: this needs more memory than there is; choose a smaller pack, or a shorter video")
        return InputUnusable.exit_code
    except BrokenPipeError:
        # The reader of a pipe has gone; nothing is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _say(f"error: {error.strerror or error}: {error.filename or ''}; check the path, its rights and the free space")
        return InputUnusable.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m assistant", description="Talk with a video on your own machine.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--home", type=Path, help="the library's folder (default: ASSISTANT_HOME, or the user's data)")
    parser.add_argument("--pack", help="auto, demo, standard, or a folder laid out as docs/packs.md says")
    parser.add_argument("--memory", metavar="SIZE", help="keep within this memory, for example 4GB or 1.5GiB")
    parser.add_argument(
        "--no-saving", action="store_true", help="run every model on every segment, also where nothing changes"
    )
    parser.add_argument("--verbose", action="store_true", help="one line for each stage on standard error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], text: str, *, video: bool = False, out: bool = False) -> Any:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        if video:
            sub.add_argument("video", metavar="VIDEO", type=Path)
        if out:
            sub.add_argument("--json", metavar="FILE", help="write the JSON document here; - is standard output")
        return sub

    command("analyze", _analyze, "the timeline of a video", video=True, out=True)
    ask = command("ask", _ask, "one answer with citations", video=True, out=True)
    ask.add_argument("question", metavar="QUESTION")
    _answerer(ask)
    _answerer(command("summarize", _summarize, "a summary of each segment and of the whole", video=True, out=True))
    explain = command("explain", _explain, "why a label was predicted, measured", video=True, out=True)
    explain.add_argument("--segment", metavar="ID", type=int, required=True)
    explain.add_argument("--label", metavar="L")
    export = command("export", _export, "the timeline as a file", video=True)
    export.add_argument("--format", choices=FORMATS, required=True)
    export.add_argument("-o", "--output", metavar="FILE")
    world = command("world", _world, "a generated video and its truth")
    world.add_argument("out", metavar="OUT.mp4", type=Path)
    world.add_argument("--seed", type=int, required=True)
    world.add_argument("--seconds", type=float, default=40.0)
    world.add_argument("--truth", metavar="FILE.json", type=Path)
    evaluate = command("evaluate", _evaluate, "metrics over a folder of NAME.mp4 with NAME.truth.json", out=True)
    evaluate.add_argument("folder", metavar="FOLDER", type=Path)
    _answerer(evaluate)
    models = command("models", _models, "what each pack holds, where, how big, whether it is intact")
    models.add_argument("action", nargs="?", choices=("list", "pull", "verify"), default="list")
    train = command("train", _train, "the demo pack, from scratch, reproducibly")
    train.add_argument("what", choices=("demo",))
    train.add_argument("--only", choices=("actions", "descriptions", "speech", "language"))
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--out", type=Path, help="where the pack is written (default: the demo pack's own folder)")
    command("doctor", _doctor, "what this machine has and what will be slow or missing")
    bench = command("bench", _bench, "speed and memory side by side with the straightforward script", out=True)
    bench.add_argument("videos", metavar="VIDEO", nargs="*", type=Path, help="default: the sample video")
    bench.add_argument("--weights", choices=("demo", "random-standard"), default="demo")
    bench.add_argument("--rounds", type=int, default=3)
    bench.add_argument(
        "--check", metavar="FILE", type=Path, help="fail where a ratio fell by over 15 %% of this file's"
    )
    bench.add_argument("--keep", metavar="FILE", type=Path, help="store this run's ratios there")
    return parser


def _answerer(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--answerer", choices=("auto", "extractive", "llm"), default="auto")


def _emit(document: dict[str, Any], target: str | None) -> bool:
    """Write a document where ``--json`` says; whether it was asked for."""
    if target is None:
        return False
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, encoding="utf-8")
    return True


def _engine(settings: Settings) -> Any:
    from assistant.engine import Assistant
    from assistant.jobs.worker.limits import apply_limits, limits_of

    # One command of one person, who sees it hang and can end it: the kernel's limits are enough, and cost no second
    # process. What is opened, and how, is guarded as everywhere.
    apply_limits(limits_of(settings))
    engine = Assistant(settings)
    if settings.pack == "auto":
        _say(engine.pack.notice)
    return engine


class _ProgressLine:
    """Progress on standard error: a line that is written over on a terminal, a line every ten seconds elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = 0.0

    def __call__(self, progress: Any) -> None:
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

    def close(self) -> None:
        if self._terminal and self._last:
            print(f"\r{'':<60}\r", end="", file=sys.stderr, flush=True)


def _timeline(engine: Any, path: Path, stop: _Stop) -> Timeline:
    line = _ProgressLine()
    try:
        timeline: Timeline = engine.analyze(path, progress=line, cancelled=stop)
        return timeline
    finally:
        line.close()


def _analyze(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    timeline = _timeline(_engine(settings), options.video, stop)
    if _emit(timeline.to_json(), options.json):
        return 0
    for segment in timeline.segments:
        doing, looks = segment.action, segment.description
        parts = [f"[S{segment.id}] {clock(segment.span.start_seconds, 1)}-{clock(segment.span.end_seconds, 1)}"]
        parts.append(f"{doing.label} {100 * doing.score:.0f} %" if doing else "-")
        parts.append(f"{looks.label} {100 * looks.score:.0f} %" if looks else "-")
        if segment.words:
            parts.append(f'"{segment.words}"')
        if segment.flags:
            parts.append(f"({', '.join(segment.flags)})")
        print("  ".join(parts))
    for absence in timeline.absences:
        print(f"no {absence.what}: {absence.reason}")
    return 0


def _ask(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    engine = _engine(settings)
    timeline = _timeline(engine, options.video, stop)
    answer: Answer | None = None
    for piece in engine.ask(timeline.video.sha256, options.question, answerer=options.answerer, cancelled=stop):
        if isinstance(piece, Answer):
            answer = piece
    assert answer is not None
    for notice in answer.notices:
        _say(notice)
    if not _emit(answer.to_json(), options.json):
        print(answer.text)
        for citation in answer.citations:
            span = citation.span
            print(f"  [S{citation.segment_id}] {clock(span.start_seconds, 1)}-{clock(span.end_seconds, 1)}")
    if stop():
        raise Cancelled("stopped in mid-answer")
    return 0


def _summarize(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    engine = _engine(settings)
    timeline = _timeline(engine, options.video, stop)
    summary = engine.summarize(timeline.video.sha256, answerer=options.answerer, cancelled=stop)
    if not _emit(summary.to_json(), options.json):
        print(summary.as_text())
    return 0


def _explain(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    engine = _engine(settings)
    timeline = _timeline(engine, options.video, stop)
    line = _ProgressLine()
    try:
        explanation = engine.explain(
            timeline.video.sha256, options.segment, options.label, progress=line, cancelled=stop
        )
    finally:
        line.close()
    if not _emit(explanation.to_json(), options.json):
        print(explanation.text)
    return 0


def _export(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    engine = _engine(settings)
    timeline = _timeline(engine, options.video, stop)
    name, data = engine.export(timeline.video.sha256, options.format)
    if options.output == "-" or (options.output is None and not sys.stdout.isatty()):
        sys.stdout.buffer.write(data)
        return 0
    target = Path(options.output or name)
    target.write_bytes(data)
    _say(f"wrote {target}")
    return 0


def _world(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    from assistant.synthetic.film import make

    if not 5.0 <= options.seconds <= 3600.0:
        raise InputUnusable("a generated video lasts 5 to 3600 seconds", "choose --seconds in that range")
    make(options.out, options.seed, options.seconds, options.truth)
    _say(f"wrote {options.out}" + (f" and {options.truth}" if options.truth else ""))
    return 0


def _evaluate(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    from assistant.evaluation.metrics import evaluate

    document = evaluate(options.folder, _engine(settings), options.answerer, _say, cancelled=stop)
    if not _emit(document, options.json):
        for name, value in document.items():
            if isinstance(value, (int, float)):
                print(f"{name:24} {value:.4f}" if isinstance(value, float) else f"{name:24} {value}")
    return 0


def _models(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    from assistant.models import registry as packs

    if options.action == "pull":
        from assistant.models.packs.download import pull

        pull(settings, _say, stop)
        return 0
    if options.action == "verify":
        from assistant.models.packs.verify import verify

        verify(settings, _say)
        return 0
    for row in packs.describe(settings):
        print(row)
    return 0


def _train(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    from assistant.synthetic.recipes.demo import train_demo

    only = (options.only,) if options.only else ()
    train_demo(only, options.out, seed=options.seed, report=_say)
    return 0


def _doctor(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    from assistant.evaluation.doctor import examine

    for finding in examine(settings):
        print(finding)
    return 0


def _bench(options: argparse.Namespace, settings: Settings, stop: _Stop) -> int:
    from assistant.evaluation.speed import report, run, weights

    stored = report.stored_ratios(options.check, options.weights) if options.check else None
    videos = tuple(options.videos) or (weights.folder_of("demo") / "sample.mp4",)
    document = run.run(run.Plan(videos, options.weights, options.rounds), _say, stop)
    if not _emit(document, options.json):
        print(report.table(document))
    if options.keep:
        report.keep_ratios(options.keep, document)
    fallen = report.falls(document, stored) if stored else []
    for sentence in fallen:
        _say(f"slower than before: {sentence}")
    return FAILED_CHECK if fallen else 0
