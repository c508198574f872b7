"""The parent's end of one worker process: starting it, speaking with it, ending it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.config import ROOT, Settings
from assistant.core import documents
from assistant.core.documents import Json, checked
from assistant.jobs.worker.limits import WorkerLimits, limits_of
from assistant.jobs.worker.target import ENGINE_TARGET

logger = logging.getLogger(__name__)

EXIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker runs and may use. ``target`` is ``module:name``, called with the settings; see `worker.Target`."""

    target: str = ENGINE_TARGET
    python_path: Sequence[Path] = ()
    limits: WorkerLimits | None = None  # None: by this machine and the settings


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process has used since its start: processor time of all its threads, pages and bytes that it read."""

    cpu_seconds: float
    pages_read: int
    bytes_read: int


# What a worker may say, and what each of its events holds beside ``event`` and the job's ``id``.
_EVENTS: dict[str, dict[str, Any]] = {
    "beat": {"where": str, "position": str},
    "progress": {
        "stage": str,
        "message": str,
        "done_seconds": float,
        "total_seconds": float,
        "segment": int | None,
    },
    "done": {"sha256": str | None},
    "cancelled": {"reason": str},
    "failed": {"reason": str, "unusable": bool, "leaving": bool},
}


def event_of(line: bytes) -> Json:
    """The event in a line from a worker, which has read a stranger's file and is believed nothing that does not fit.

    Raises:
        ValueError: no event, or one of another shape.
    """
    event = checked(Json, json.loads(line))
    wanted = _EVENTS.get(checked(str, event.get("event")))
    if wanted is None:
        raise ValueError("a kind that there is not")
    for name, hint in {"id": str, **wanted}.items():
        checked(hint, event.get(name))
    return event


class WorkerProcess:
    """One running worker. Its events come as dictionaries; None among them is its end."""

    def __init__(self, settings: Settings, spec: WorkerSpec) -> None:
        paths = [*map(str, spec.python_path), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "assistant.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,  # Ctrl-C at the server's terminal is the server's to handle
        )
        self.events: queue.SimpleQueue[Json | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="worker-events", daemon=True)
        self._reader.start()
        limits = spec.limits or limits_of(settings)
        self.send("open", target=spec.target, settings=documents.dump(settings), limits=asdict(limits))

    @property
    def process_id(self) -> int:
        return self._process.pid

    def send(self, command: str, **values: Any) -> None:
        """Give the worker a command; one that is gone does not hear it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps({"command": command, **values}).encode() + b"\n")
            self._process.stdin.flush()

    def alive(self) -> bool:
        return self._process.poll() is None

    def spent(self) -> Spent | None:
        """What the process has used so far; None where it has ended or the system does not tell."""
        folder = Path(f"/proc/{self._process.pid}")
        try:
            # The name of the process, which may hold anything, stands in parentheses before the numbers.
            numbers = (folder / "stat").read_text().rpartition(")")[2].split()
            read = (folder / "io").read_text().split()
            ticks = int(numbers[11]) + int(numbers[12])
            return Spent(ticks / os.sysconf("SC_CLK_TCK"), int(numbers[9]), int(read[1]))
        except (OSError, ValueError, IndexError):
            return None

    def close(self) -> None:
        """End the worker kindly, then not, and let go of its pipes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(EXIT_SECONDS)
        self._process.stdout.close()

    def kill(self) -> None:
        """End the worker at once; what it had finished is stored."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def computed_too_much(self) -> bool:
        """Whether the kernel ended it for having computed more than its job may, see `limits.allow_cpu`."""
        return self._process.poll() == -signal.SIGXCPU

    def cause_of_death(self) -> str:
        """How the process ended, in a person's words."""
        code = self._process.poll()
        if code is None:
            return "it was stopped"
        if code == -signal.SIGKILL:
            return "it was killed, perhaps for want of memory"
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"it crashed ({signal.Signals(-code).name})"
        return f"it ended with code {code}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self._process.stdout:
                try:
                    self.events.put(event_of(line))
                except ValueError as error:
                    logger.warning("a worker sent a line that is no event: %s", error)
        self.events.put(None)
