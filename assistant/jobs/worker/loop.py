"""The loop of a worker process: the main thread works, one thread listens, one beats."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from assistant.core.documents import Json
from assistant.core.progress import Progress
from assistant.errors import AssistantError, Cancelled, InputUnusable
from assistant.jobs.worker.limits import OPENING_CPU_SECONDS, WorkerLimits, allow_cpu, resident_bytes
from assistant.jobs.worker.stack_sampler import sample_stacks
from assistant.jobs.worker.target import Request, Target
from assistant.media.diagnosis import display_name, safe_name

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
REPORT_SECONDS = 0.1
_OUT_OF_MEMORY = (
    "this video needs more memory than the analysis may use; choose a smaller pack, or raise the memory limit"
)


class Channel:
    """Events to the parent, a JSON line each; several threads may send."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: str, **values: Any) -> None:
        line = json.dumps({"event": event, **values}).encode() + b"\n"
        # A parent that is gone is noticed at the end of standard input.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(line)
            self._stream.flush()


class Worker:
    """The loop of the process: the main thread works, one thread listens, one beats."""

    def __init__(self, channel: Channel, target: Callable[[], Target], limits: WorkerLimits) -> None:
        self._channel = channel
        self._make_target = target
        self._limits = limits
        self._target: Target | None = None
        self._inbox: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._cancelled: set[str] = set()  # ids; a job may be cancelled before its turn
        self._job = ""
        self._stage = ""
        self._main = threading.get_ident()
        self._reported = 0.0

    def serve(self, commands: Iterator[Json]) -> None:
        """Work until the parent goes; does not return."""
        threading.Thread(target=self._listen, args=(commands,), daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()
        while True:
            self._run(self._inbox.get())

    def _listen(self, commands: Iterator[Json]) -> None:
        for command in commands:
            if command["command"] == "run":
                self._cancelled.discard(command["id"])  # a job that was cancelled may be asked for again
                self._inbox.put(
                    Request(
                        command["id"],
                        command["kind"],
                        Path(os.fsdecode(bytes.fromhex(command["path"]))),
                        command["name"],
                        command["options"],
                    )
                )
            elif command["command"] == "cancel":
                self._cancelled.add(command["id"])
        # Stored stages are whole whatever happens, so there is nothing to wait for.
        os._exit(0)

    def _run(self, request: Request) -> None:
        self._stage, self._job = "", request.id
        allow_cpu(OPENING_CPU_SECONDS)
        try:
            if self._target is None:
                self._target = self._make_target()
            sha256 = self._target(request, self._report, lambda: request.id in self._cancelled)
            self._channel.send("done", id=request.id, sha256=sha256)
        except Cancelled as error:
            self._channel.send("cancelled", id=request.id, reason=told(error, request))
        except AssistantError as error:
            unusable = isinstance(error, InputUnusable)
            self._channel.send("failed", id=request.id, reason=told(error, request), unusable=unusable, leaving=False)
        except MemoryError:
            self._channel.send("failed", id=request.id, reason=_OUT_OF_MEMORY, unusable=False, leaving=True)
            os._exit(0)  # what is half allocated is best given back whole
        except Exception as error:
            logger.exception("job failed id=%s", request.id)
            reason = (
                f"something went wrong in this program ({type(error).__name__}); try again, and report it if it stays"
            )
            self._channel.send("failed", id=request.id, reason=reason, unusable=False, leaving=False)
        finally:
            self._job = ""

    def _report(self, progress: Progress) -> None:
        now = time.monotonic()
        changed = progress.stage != self._stage
        self._stage = progress.stage
        if not changed and progress.segment is None and now - self._reported < REPORT_SECONDS:
            return
        self._reported = now
        self._channel.send(
            "progress",
            id=self._job,
            stage=progress.stage,
            done_seconds=float(progress.done_seconds),
            total_seconds=float(progress.total_seconds),
            message=progress.message,
            segment=progress.segment.id if progress.segment is not None else None,
        )

    def _beat(self) -> None:
        while True:
            job = self._job
            if job:
                found = sample_stacks(self._main, self._stage)
                self._channel.send("beat", id=job, where=found.where, position=found.position)
                if self._limits.resident_bytes and resident_bytes() > self._limits.resident_bytes:
                    self._channel.send("failed", id=job, reason=_OUT_OF_MEMORY, unusable=False, leaving=True)
                    os._exit(0)
            time.sleep(BEAT_SECONDS)


def told(error: AssistantError, request: Request) -> str:
    """The error's line, with the name that the person knows in the place of the file's: uploads get names of ours."""
    return str(error).replace(display_name(request.path), safe_name(request.name) or "the file")
