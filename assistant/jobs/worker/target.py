"""What a worker runs for a job: the engine, whose models stay loaded from job to job."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from assistant.config import Settings
from assistant.core import documents
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck, Progress, Report
from assistant.core.timeline import Segment
from assistant.errors import Cancelled
from assistant.jobs.worker.limits import allow_cpu, cpu_seconds, cpu_used

if TYPE_CHECKING:
    from assistant.engine import Assistant
    from assistant.store import Library

PARTIAL_SECONDS = 1.0
ENGINE_TARGET = "assistant.jobs.worker.target:EngineTarget"
PROXY_NAME = "proxy.mp4"


@dataclass(frozen=True, slots=True)
class Request:
    """One job as the worker sees it."""

    id: str
    kind: str
    path: Path
    name: str
    options: Json


class Target(Protocol):
    """What a worker runs: made once from the settings, called for each job."""

    def __call__(self, request: Request, report: Report, cancelled: CancelCheck) -> str | None:
        """The sha256 of the video, where there is one."""
        ...


class EngineTarget:
    """Analyses, converts and explains with the engine; its models stay loaded from job to job."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Assistant | None = None
        self._overrides: Json = {}

    def __call__(self, request: Request, report: Report, cancelled: CancelCheck) -> str | None:
        started = cpu_used()
        engine = self._engine_for(request.options.get("settings", {}))
        report = _allowing(engine, request.kind, started, report)
        if request.kind == "proxy":
            return convert(engine.library, request, report, cancelled)
        if request.kind == "explain":
            return explain(engine, request, report, cancelled)
        saver = PartialSaver(engine.library, request.path)

        def watch(progress: Progress) -> None:
            saver.take(progress.segment)
            report(progress)

        return engine.analyze(request.path, name=request.name, progress=watch, cancelled=cancelled).video.sha256

    def _engine_for(self, overrides: Json) -> Assistant:
        from assistant.engine import Assistant

        if self._engine is None or overrides != self._overrides:
            if self._engine is not None:
                self._engine.library.close()
            settings = documents.load(Settings, documents.merged(documents.dump(self._settings), overrides))
            self._engine, self._overrides = Assistant(settings), overrides
        return self._engine


def _allowing(engine: Assistant, kind: str, started: float, report: Report) -> Report:
    """The report itself; its first that tells how long the video is sets what the job may compute."""
    told = False

    def watch(progress: Progress) -> None:
        nonlocal told
        if not told and progress.total_seconds > 0:
            told = True
            weights = 0 if kind == "proxy" else engine.models.weights_bytes()
            allow_cpu(cpu_seconds(kind, progress.total_seconds, weights), started)
        report(progress)

    return watch


class PartialSaver:
    """Keeps finished segments in the library, about once a second, so that pages show them while the rest runs."""

    def __init__(self, library: Library, path: Path) -> None:
        self._library = library
        self._path = path
        self._waiting: list[Segment] = []
        self._saved_at = 0.0

    def take(self, segment: Segment | None) -> None:
        if segment is not None:
            self._waiting.append(segment)
        now = time.monotonic()
        if not self._waiting or now - self._saved_at < PARTIAL_SECONDS:
            return
        status = self._path.stat()
        sha256 = self._library.find_by_path(self._path, status.st_size, status.st_mtime_ns)
        if sha256 is not None:
            # What an earlier analysis left, perhaps with other windows, is not part of this one.
            self._library.save_partial(sha256, self._waiting, afresh=self._saved_at == 0.0)
            self._waiting.clear()
        self._saved_at = now


def convert(library: Library, request: Request, report: Report, cancelled: CancelCheck) -> str:
    """The sha256 of the video whose proxy now lies in the library as `PROXY_NAME`."""
    from assistant.media.proxy import make_proxy

    entry = library.entry(str(request.options["sha256"]))
    if entry is None:
        raise Cancelled("the video was removed from the library meanwhile", "add it again")
    total = entry.video.duration_seconds
    out = library.new_temporary(".mp4")
    try:
        make_proxy(
            entry.path,
            entry.video,
            out,
            progress=lambda done: report(Progress("proxy", done, total)),
            cancelled=cancelled,
        )
        library.adopt_file(entry.sha256, PROXY_NAME, out)
    finally:
        out.unlink(missing_ok=True)
    return entry.sha256


def explain(engine: Assistant, request: Request, report: Report, cancelled: CancelCheck) -> str:
    """The sha256 of the video, once the library holds the explanation that ``options`` asks for."""
    asked = request.options
    sha256 = str(asked["sha256"])
    engine.explain(sha256, int(asked["segment"]), asked["label"] or None, progress=report, cancelled=cancelled)
    return sha256
