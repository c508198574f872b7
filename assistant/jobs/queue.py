"""The queue of analyses, as the surfaces see it."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

from assistant.config import Settings
from assistant.core.documents import Json
from assistant.jobs.lane import LOOK_SECONDS, Lane
from assistant.jobs.process import WorkerSpec
from assistant.jobs.rows import Job, JobRows
from assistant.jobs.watchdog import Patience
from assistant.store import Library
from assistant.store.disk import FileLock

MOST_WAITING = 32
# A film that a browser cannot play is converted, and a "why?" answered, beside the analyses, not after them.
LANES = (("analyze",), ("proxy",), ("explain",))


class JobQueue:
    """Jobs of one library, oldest first. Jobs outlive the process: what was running waits again at the next start.

    Analyses run one after the other in one worker process, proxies in another, explanations in a third; a process is
    there while it has work, and some minutes longer. Of several processes with one library, one works the jobs off;
    the others may ask, look and cancel.

    Args:
        settings: how videos are analysed; ``home`` names the library.
        library: opened here, and closed with the queue, when not given.
        worker: what the worker processes run.
        patience: when a worker counts as stuck.
        most_waiting: how many jobs of a kind may wait.
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
        self._most_waiting = most_waiting
        self._own_library = library is None
        self._library = library or Library(settings.home)
        self._rows = JobRows(self._library)
        self._changed = threading.Condition()
        self._lock = FileLock(self._library.home / "queue.lock")
        self._lanes = [
            Lane(
                kinds=kinds,
                settings=settings,
                spec=worker or WorkerSpec(),
                patience=patience or Patience(),
                library=self._library,
                lock=self._lock,
                changed=self._changed,
            )
            for kinds in LANES
        ]

    def submit(self, path: Path, name: str, *, kind: str = "analyze", options: Json | None = None) -> Job:
        """The job for this file, now last in line; the same one again where it is asked for twice.

        Args:
            path: a file that stays where it is until the job has ended.
            name: what the person calls it.
            kind: ``analyze``, ``proxy`` (a copy that browsers play) or ``explain`` (why a label was predicted).
            options: ``sha256`` of the video for a proxy; with ``segment`` and ``label`` ("": its best) for an
                explanation. ``{"settings": {...}}`` overrides parts of the settings, for this job alone.

        Raises:
            QueueFull: too many wait already.
            LibraryUnusable: the library cannot be written.
        """
        if not any(kind in kinds for kinds in LANES):
            raise ValueError(f"no such kind of job: {kind!r}")
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
        """The number of the process that analyses, while there is one."""
        return self._lanes[0].worker_process_id

    def close(self) -> None:
        """End the workers and the threads; a job that was running waits again."""
        for lane in self._lanes:
            lane.begin_to_close()
        for lane in self._lanes:
            lane.join()
        self._lock.release()
        if self._own_library:
            self._library.close()

    def __enter__(self) -> JobQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fresh(self, job: Job) -> Job:
        """The job with the progress that this process knows and the database does not yet."""
        for lane in self._lanes:
            live = lane.live
            if live is not None and live.id == job.id and job.state == "running":
                return dataclasses.replace(
                    job,
                    sha256=live.sha256,
                    stage=live.stage,
                    message=live.message,
                    fraction=live.fraction,
                    seconds_left=live.seconds_left,
                    segments_done=live.segments_done,
                )
        return job

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
