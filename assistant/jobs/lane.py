"""The thread that works off the jobs of some kinds: one after the other in a worker process that it watches."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence

from assistant.config import Settings
from assistant.errors import LibraryUnusable
from assistant.jobs.process import WorkerProcess, WorkerSpec
from assistant.jobs.rows import Job, JobRows
from assistant.jobs.run import Outcome, Run
from assistant.jobs.watchdog import Patience
from assistant.store import Library
from assistant.store.disk import FileLock

logger = logging.getLogger(__name__)

MOST_DEATHS = 2
RECOVERY_SECONDS = 5.0
SWEEP_SECONDS = 3600.0
# What is said of a video that no worker survives, by the kind of job.
_GIVEN_UP = {
    "analyze": "this video was set aside, since it stopped the analysis {deaths} times ({reason})",
    "proxy": "no copy that browsers play can be made of this video: it stopped {deaths} attempts ({reason})",
    "explain": "this video cannot be explained: it stopped {deaths} attempts ({reason})",
}
LOOK_SECONDS = 1.0  # how soon a job that another process asked for is noticed


class Lane:
    """Runs while the queue is open, and works while this process holds the queue's lock."""

    def __init__(
        self,
        *,
        kinds: Sequence[str],
        settings: Settings,
        spec: WorkerSpec,
        patience: Patience,
        library: Library,
        lock: FileLock,
        changed: threading.Condition,
    ) -> None:
        self._kinds = tuple(kinds)
        self._settings = settings
        self._spec = spec
        self._patience = patience
        self._library = library
        self._rows = JobRows(library)
        self._lock = lock
        self._changed = changed
        self._worker: WorkerProcess | None = None
        self._closing = False
        self.live: Job | None = None
        self._thread = threading.Thread(target=self._serve, name=f"jobs-{kinds[0]}", daemon=True)
        self._thread.start()

    @property
    def worker_process_id(self) -> int | None:
        worker = self._worker
        return worker.process_id if worker is not None and worker.alive() else None

    def begin_to_close(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._closing = True
        self._notify()

    def join(self) -> None:
        self._thread.join()

    def _serve(self) -> None:
        try:
            while not self._closing:
                try:
                    self._serve_on()
                except LibraryUnusable as error:
                    # A full disk, say: the jobs wait, and go on by themselves when there is room again.
                    logger.warning("the queue cannot go on for now: %s", error)
                    self._recover()
                except Exception:
                    logger.exception("the queue stumbled, and goes on")
                    self._recover()
        finally:
            self._drop_worker()
            if self._lock.held:
                with contextlib.suppress(LibraryUnusable):
                    self._rows.wait_again(self._kinds)

    def _serve_on(self) -> None:
        """Work off what waits, sleep until something changes, and so on until the queue closes."""
        if not self._lock.acquire():
            self._pause(LOOK_SECONDS)
            return
        # Whoever holds the lock runs the jobs, and this thread runs none now.
        left = self._rows.wait_again(self._kinds)
        if left:
            logger.info("unfinished jobs wait again jobs=%d", left)
        idle_since = swept_at = time.monotonic()
        while not self._closing:
            job = self._rows.take(self._kinds)
            if job is not None:
                self._run(job)
                idle_since = time.monotonic()
                continue
            if self._worker is not None and time.monotonic() - idle_since > self._patience.idle_seconds:
                self._drop_worker()
            if time.monotonic() - swept_at > SWEEP_SECONDS:
                swept_at = time.monotonic()
                self._library.sweep()
            self._pause(LOOK_SECONDS)

    def _run(self, job: Job) -> None:
        self.live = job
        try:
            outcome = Run(
                self._ready_worker(), self._rows, job, self._patience, self._show, lambda: self._closing
            ).follow()
            if outcome.worker_ended:
                self._drop_worker()
            if outcome.state == "waiting" and not self._closing:
                outcome = self._count_death(job, outcome.reason)
            if outcome.state == "waiting":
                self._rows.update(job.id, state="waiting", stage="")
            else:
                self._rows.end(job.id, outcome.state, outcome.reason, outcome.sha256)
                self._tidy(job, outcome)
        finally:
            self.live = None
        logger.info("job id=%s kind=%s state=%s", job.id[:8], job.kind, outcome.state)
        self._notify()

    def _count_death(self, job: Job, reason: str) -> Outcome:
        deaths = job.deaths + 1
        logger.warning("a worker was lost job=%s deaths=%d: %s", job.id[:8], deaths, reason)
        self._rows.update(job.id, deaths=deaths)
        self._library.sweep()
        if deaths < MOST_DEATHS:
            return Outcome("waiting")
        what = _GIVEN_UP.get(job.kind, _GIVEN_UP["analyze"]).format(deaths=deaths, reason=reason)
        return Outcome("set_aside", f"{what}; convert it to an MP4 file and add that one")

    def _tidy(self, job: Job, outcome: Outcome) -> None:
        """Remove what nobody needs any more: an upload that the library made its own, or that is no video."""
        if job.kind != "analyze":
            return
        if outcome.unusable:
            sha256 = self._rows.sha256_of(job.path)
            entry = self._library.entry(sha256) if sha256 else None
            if entry is not None and not entry.has_timeline:
                self._library.delete_video(entry.sha256)
        if outcome.unusable or outcome.state == "done":
            self._library.discard_upload(job.path)

    def _ready_worker(self) -> WorkerProcess:
        if self._worker is None or not self._worker.alive():
            self._drop_worker()
            self._worker = WorkerProcess(self._settings, self._spec)
        return self._worker

    def _drop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _recover(self) -> None:
        self._drop_worker()
        self._pause(RECOVERY_SECONDS)

    def _show(self, job: Job) -> None:
        self.live = job
        self._notify()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if not self._closing:
                self._changed.wait(seconds)
