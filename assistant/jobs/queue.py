"""The queue of analyses: one after the other in a worker process, watched, and replaced where it dies or sticks."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from pathlib import Path

from assistant.config import Settings
from assistant.errors import LibraryUnusable
from assistant.jobs.lock import FileLock
from assistant.jobs.process import WorkerProcess, WorkerSpec
from assistant.jobs.rows import Job, JobRows
from assistant.jobs.run import Outcome, Run
from assistant.jobs.watchdog import Patience
from assistant.store import Library
from assistant.timeline import Json

logger = logging.getLogger(__name__)

MOST_WAITING = 32
MOST_DEATHS = 2
RECOVERY_SECONDS = 5.0
LOOK_SECONDS = 1.0  # how soon a job that another process asked for is noticed


class JobQueue:
    """Jobs of one library, oldest first. Jobs outlive the process: what was running waits again at the next start.

    Of several processes with one library, one works the jobs off; the others may ask, look and cancel.

    Args:
        settings: how videos are analysed; ``home`` names the library.
        library: opened here, and closed with the queue, when not given.
        worker: what the worker process runs.
        patience: when a worker counts as stuck.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        library: Library | None = None,
        worker: WorkerSpec | None = None,
        patience: Patience | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._settings = settings
        self._spec = worker or WorkerSpec()
        self._patience = patience or Patience()
        self._most_waiting = most_waiting
        self._own_library = library is None
        self._library = library or Library(settings.home)
        self._rows = JobRows(self._library)
        self._lock = FileLock(self._library.home / "queue.lock")
        self._worker: WorkerProcess | None = None
        self._live: Job | None = None
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="job-queue", daemon=True)
        self._thread.start()

    def submit(self, path: Path, name: str, *, kind: str = "analyze", options: Json | None = None) -> Job:
        """The job for this file, now last in line; the same one again where it is asked for twice.

        Args:
            path: a file that stays where it is until the job has ended.
            name: what the person calls it.
            options: ``{"settings": {...}}`` overrides parts of the settings, for this job alone.

        Raises:
            QueueFull: too many wait already.
            LibraryUnusable: the library cannot be written.
        """
        job = self._rows.add(path.absolute(), name, kind, options or {}, self._most_waiting)
        self._notify()
        return job

    def jobs(self) -> list[Job]:
        """Every job that is waiting, running or ended lately, in the order asked for."""
        return [self._fresh(job) for job in self._rows.all()]

    def job(self, job_id: str) -> Job | None:
        """The job of this id, or None."""
        job = self._rows.get(job_id)
        return self._fresh(job) if job is not None else None

    def cancel(self, job_id: str) -> None:
        """Stop a job: at once where it waits, within seconds where it runs. What it finished is kept."""
        self._rows.request_cancel(job_id)
        self._notify()

    def retry(self, job_id: str) -> Job | None:
        """The ended job, waiting again; it goes on from its finished stages."""
        self._rows.retry(job_id)
        self._notify()
        return self.job(job_id)

    def forget(self, job_id: str) -> None:
        """Take an ended job off the list; the video and its timeline stay."""
        self._rows.forget(job_id)

    def wait(self, job_id: str, timeout_seconds: float) -> Job | None:
        """The job once it has ended, or as it is when the time is up."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            job = self.job(job_id)
            left = deadline - time.monotonic()
            if job is None or not job.is_open or left <= 0:
                return job
            with self._changed:
                self._changed.wait(min(left, LOOK_SECONDS))

    @property
    def worker_process_id(self) -> int | None:
        """The number of the worker process, while there is one."""
        worker = self._worker
        return worker.process_id if worker is not None and worker.alive() else None

    def close(self) -> None:
        """End the worker and the thread; a job that was running waits again."""
        self._closing = True
        self._notify()
        self._thread.join()
        if self._own_library:
            self._library.close()

    def __enter__(self) -> JobQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the thread that works the jobs off --------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while not self._closing:
                try:
                    self._serve_once()
                except LibraryUnusable as error:
                    # A full disk, say: the jobs wait, and go on by themselves when there is room again.
                    logger.warning("the queue cannot go on for now: %s", error)
                    self._drop_worker()
                    self._pause(RECOVERY_SECONDS)
                except Exception:
                    logger.exception("the queue stumbled, and goes on")
                    self._drop_worker()
                    self._pause(RECOVERY_SECONDS)
        finally:
            self._drop_worker()
            if self._lock.held:
                with contextlib.suppress(LibraryUnusable):
                    self._rows.wait_again()
                self._lock.release()

    def _serve_once(self) -> None:
        """Work off what waits, then sleep until something changes."""
        if not self._lock.held and not self._lock.acquire():
            self._pause(LOOK_SECONDS)
            return
        # Whoever holds the lock runs the jobs, and this thread runs none now.
        left = self._rows.wait_again()
        if left:
            logger.info("unfinished jobs wait again jobs=%d", left)
        idle_since = time.monotonic()
        while not self._closing:
            job = self._rows.take()
            if job is not None:
                self._run(job)
                idle_since = time.monotonic()
                continue
            if self._worker is not None and time.monotonic() - idle_since > self._patience.idle_seconds:
                self._drop_worker()
            self._pause(LOOK_SECONDS)

    def _run(self, job: Job) -> None:
        self._live = job
        try:
            outcome = Run(self._ready_worker(), self._rows, job, self._patience, self._show, self._is_closing).follow()
        finally:
            self._live = None
        if outcome.state == "waiting":
            self._drop_worker()
            if not self._closing:
                outcome = self._count_death(job, outcome.reason)
        elif outcome.worker_ended:
            self._drop_worker()
        if outcome.state == "waiting":
            self._rows.update(job.id, state="waiting", stage="")
        else:
            self._rows.end(job.id, outcome.state, outcome.reason, outcome.sha256)
            self._tidy(job, outcome)
        logger.info("job id=%s kind=%s state=%s", job.id[:8], job.kind, outcome.state)
        self._notify()

    def _tidy(self, job: Job, outcome: Outcome) -> None:
        """Remove what nobody needs any more: an upload that the library made its own, or that is no video."""
        if outcome.unusable:
            sha256 = self._rows.sha256_of(job.path)
            entry = self._library.entry(sha256) if sha256 else None
            if entry is not None and not entry.has_timeline:
                self._library.delete_video(entry.sha256)
        if outcome.unusable or outcome.state == "done":
            self._library.discard_upload(job.path)

    def _count_death(self, job: Job, reason: str) -> Outcome:
        deaths = job.deaths + 1
        logger.warning("a worker was lost job=%s deaths=%d: %s", job.id[:8], deaths, reason)
        self._rows.update(job.id, deaths=deaths)
        if deaths < MOST_DEATHS:
            return Outcome("waiting")
        return Outcome(
            "set_aside",
            f"this video was set aside, since it stopped the analysis {deaths} times ({reason});"
            " convert it to an MP4 file and add that one",
        )

    def _ready_worker(self) -> WorkerProcess:
        if self._worker is None or not self._worker.alive():
            self._drop_worker()
            self._worker = WorkerProcess(self._settings, self._spec)
        return self._worker

    def _drop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _is_closing(self) -> bool:
        return self._closing

    def _show(self, job: Job) -> None:
        self._live = job
        self._notify()

    def _fresh(self, job: Job) -> Job:
        """The job with the progress that this process knows and the database does not yet."""
        live = self._live
        if live is None or live.id != job.id or job.state != "running":
            return job
        return dataclasses.replace(
            job,
            sha256=live.sha256,
            stage=live.stage,
            message=live.message,
            fraction=live.fraction,
            seconds_left=live.seconds_left,
            segments_done=live.segments_done,
        )

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if not self._closing:
                self._changed.wait(seconds)
