"""One job in one worker, from its start to its end or the worker's."""

from __future__ import annotations

import dataclasses
import queue
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assistant.core.documents import Json
from assistant.jobs.process import WorkerProcess
from assistant.jobs.rows import Job, JobRows, State
from assistant.jobs.watchdog import Patience, Watchdog

LISTEN_SECONDS = 0.25  # how soon a cancel or a silence is noticed
SAVE_SECONDS = 1.0  # how often progress goes to the database, for other processes

TOO_MUCH_COMPUTING = (
    "it took far more computing than a video of this length should; choose a smaller pack, or convert it to an MP4"
    " file and add that one"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; ``waiting`` means that its worker was lost."""

    state: State
    reason: str = ""
    sha256: str | None = None
    unusable: bool = False
    worker_ended: bool = False


class Run:
    """One job in one worker, from its start to its end or the worker's."""

    def __init__(
        self,
        worker: WorkerProcess,
        rows: JobRows,
        job: Job,
        patience: Patience,
        show: Callable[[Job], None],
        closing: Callable[[], bool],
    ) -> None:
        self._worker = worker
        self._rows = rows
        self._job = job
        self._patience = patience
        self._show = show
        self._closing = closing
        self._estimate = Estimate()
        self._saved_at = 0.0
        self._cancel_by: float | None = None
        self._segments: set[int] = set()

    def follow(self) -> Outcome:
        """Start the job and listen until it ends."""
        job, started = self._job, time.monotonic()
        dog = Watchdog(self._patience, started)
        self._worker.send(
            "run",
            id=job.id,
            kind=job.kind,
            path=bytes(job.path).hex(),
            name=job.name,
            options=job.options,
        )
        looked_at = started
        while True:
            event = self._next_event()
            now = time.monotonic()
            if event is not None:
                outcome = self._take(event, now, dog)
                if outcome is not None:
                    self._save()
                    return outcome
            if now - looked_at >= LISTEN_SECONDS:
                looked_at = now
                if self._closing():
                    return Outcome("waiting", worker_ended=True)
                outcome = self._judge(now, dog)
                if outcome is not None:
                    return outcome

    def _next_event(self) -> Json | None:
        """The next event of this job, or None after a short silence."""
        try:
            event = self._worker.events.get(timeout=LISTEN_SECONDS)
        except queue.Empty:
            return None
        if event is None:
            return {"event": "gone"}
        return event if event.get("id") == self._job.id else None

    def _take(self, event: Json, now: float, dog: Watchdog) -> Outcome | None:
        match event["event"]:
            case "beat":
                dog.beat(now, event["where"], event["position"])
            case "progress":
                dog.progress(now, event["stage"])
                self._progress(event, now)
            case "done":
                return Outcome("done", sha256=event["sha256"])
            case "cancelled":
                return Outcome("cancelled", event["reason"])
            case "failed":
                return Outcome("failed", event["reason"], unusable=event["unusable"], worker_ended=event["leaving"])
            case "gone":
                self._worker.close()
                if self._cancel_by is not None:
                    return Outcome("cancelled", worker_ended=True)
                if self._worker.computed_too_much():  # and would again
                    return Outcome("failed", TOO_MUCH_COMPUTING, worker_ended=True)
                return Outcome("waiting", self._worker.cause_of_death(), worker_ended=True)
        return None

    def _progress(self, event: Json, now: float) -> None:
        self._estimate.feed(now, event["stage"], event["done_seconds"], event["total_seconds"])
        if event["segment"] is not None:
            self._segments.add(event["segment"])
        self._job = dataclasses.replace(
            self._job,
            stage=event["stage"],
            message=event["message"],
            fraction=self._estimate.fraction,
            seconds_left=self._estimate.seconds_left(now),
            segments_done=len(self._segments),
        )
        if now - self._saved_at >= SAVE_SECONDS:
            self._saved_at = now
            self._save()
        self._show(self._job)

    def _save(self) -> None:
        if self._job.sha256 is None:
            self._job = dataclasses.replace(self._job, sha256=self._rows.sha256_of(self._job.path))
        job = self._job
        self._rows.update(
            job.id,
            sha256=job.sha256,
            stage=job.stage,
            fraction=job.fraction,
            seconds_left=job.seconds_left,
            segments_done=job.segments_done,
        )

    def _judge(self, now: float, dog: Watchdog) -> Outcome | None:
        """End a worker that was told to stop and does not, or that is stuck."""
        if self._cancel_by is None and self._rows.cancel_requested(self._job.id):
            self._worker.send("cancel", id=self._job.id)
            self._cancel_by = now + self._patience.cancel_seconds
        if self._cancel_by is not None and now > self._cancel_by:
            self._worker.kill()
            return Outcome("cancelled", worker_ended=True)
        dog.look(now, self._worker.spent())
        reason = dog.verdict(now)
        if reason and self._cancel_by is None:
            self._worker.kill()
            return Outcome("waiting", reason, worker_ended=True)
        return None


# What share of a whole analysis ends with each stage; both visual models work while the file is decoded.
STAGE_SHARES: Mapping[str, tuple[float, float]] = {
    "decode": (0.0, 0.8),
    "speech": (0.8, 0.98),
    "fusion": (0.98, 1.0),
    "proxy": (0.0, 1.0),
    "explain": (0.0, 1.0),
}
LEAST_FRACTION = 0.02
LEAST_SECONDS = 1.5


@dataclass
class Estimate:
    """Fed with reports on one steady clock; ``fraction`` never falls."""

    fraction: float = 0.0
    _first_fraction: float = -1.0
    _first_time: float = 0.0

    def feed(self, now: float, stage: str, done_seconds: float, total_seconds: float) -> None:
        start, end = STAGE_SHARES.get(stage, (self.fraction, self.fraction))
        share = min(1.0, max(0.0, done_seconds / total_seconds)) if total_seconds > 0 else 0.0
        self.fraction = max(self.fraction, start + share * (end - start))
        # Loading the models comes before the first frame, and says nothing about the speed.
        if self._first_fraction < 0 and done_seconds > 0:
            self._first_fraction, self._first_time = self.fraction, now

    def seconds_left(self, now: float) -> float | None:
        """At the speed so far; None while too little is done to tell."""
        gained, took = self.fraction - self._first_fraction, now - self._first_time
        if self._first_fraction < 0 or gained < LEAST_FRACTION or took < LEAST_SECONDS:
            return None
        return took / gained * (1.0 - self.fraction)
