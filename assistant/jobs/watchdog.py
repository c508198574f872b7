"""When a worker counts as stuck: judged from its heartbeats, its progress and what it uses; no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from assistant.jobs.process import Spent
from assistant.jobs.worker.stack_sampler import DECODING_STAGES

# A decoder gives a frame in milliseconds; a model's forward pass on a slow machine takes minutes, but moves on inside.
DECODE_SECONDS = 15.0
MODEL_SECONDS = 120.0
# One operation of a very large model on a slow machine: nothing moves but the processor's clock.
BUSY_SECONDS = 900.0
# Of one core, while the position stays the same: more than heartbeats cost, less than any computation gets.
BUSY_SHARE = 0.02
# Reading all of a large file from a slow disk twice, and loading large models from it.
OPENING_SECONDS = 1800.0
JOB_SECONDS = 24 * 3600.0
# Beats come every half second; one that comes later than this tells of a busy machine.
LATE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker may show no sign of getting on, in seconds."""

    decode_seconds: float = DECODE_SECONDS
    model_seconds: float = MODEL_SECONDS
    busy_seconds: float = BUSY_SECONDS
    opening_seconds: float = OPENING_SECONDS
    job_seconds: float = JOB_SECONDS
    cancel_seconds: float = 5.0
    idle_seconds: float = 300.0


@dataclass
class Watchdog:
    """What one job's worker showed, and when, in seconds of one steady clock.

    A beat says where the working thread is (``decode``, ``model`` or ``other``) and an opaque position: the innermost
    frames of its stack and what it has read. While decoding is reported only progress counts, since a decoder may run
    for ever without a frame coming out; in a model the position counts, since a pass over its layers reports nothing.

    Two kinds of healthy work show neither. A large library or a model's file that is mapped into memory holds the
    interpreter, so that no beat comes: then what the process reads and computes counts, seen from outside. And one
    operation of a very large model stays at one place: then the processor's time counts.
    """

    patience: Patience
    started: float
    where: str = "other"
    _position: str = ""
    _stage: str = ""
    _progressed: float = field(init=False)
    _moved: float = field(init=False)
    _heard: float = field(init=False)
    _lived: float = field(init=False)
    _spent: Spent | None = None
    _spent_at_move: Spent | None = None

    def __post_init__(self) -> None:
        self._progressed = self._moved = self._heard = self._lived = self.started

    def progress(self, now: float, stage: str) -> None:
        """The job got on, in this stage."""
        self._progressed = self._heard = now
        self._move(now)
        # Should no beat ever come again, this is the last that is known of where the work is.
        self.where = "decode" if stage in DECODING_STAGES else "other"
        self._stage = stage

    def beat(self, now: float, where: str, position: str) -> None:
        """The worker is alive, and this is where it is."""
        silence = now - self._heard
        if silence > LATE_SECONDS:
            # Even the beat did not get its turn: the machine is busy or was asleep, so that time says nothing.
            self._progressed, self._moved = self._progressed + silence, self._moved + silence
        if where != self.where or position != self._position:
            self._move(now)
        if where != "decode":
            self._progressed = now
        self.where, self._position, self._heard = where, position, now

    def look(self, now: float, spent: Spent | None) -> None:
        """What the process has used so far, as the system tells it (None: it does not)."""
        if spent is not None and spent != self._spent:
            self._lived = now
        self._spent = spent
        if self._spent_at_move is None:
            self._spent_at_move = spent

    def verdict(self, now: float) -> str:
        """Why the worker must be replaced, or nothing."""
        patience = self.patience
        # Without beats and yet at work: it holds the interpreter.
        holds = now - self._heard > LATE_SECONDS and now - self._lived < patience.decode_seconds
        if self.where == "decode" and not (holds and self._spent is not None):
            # A file is measured and hashed before its first frame: then a move is all that can be asked for.
            still = now - min(self._heard, self._progressed if self._stage in DECODING_STAGES else self._moved)
            if still > patience.decode_seconds:
                return f"decoding stood still for {still:.0f} s"
        still = now - self._moved
        if still > (patience.busy_seconds if self._is_busy(still) else patience.model_seconds):
            return f"the analysis stood still for {still:.0f} s"
        if not self._stage and now - self.started > patience.opening_seconds:
            return f"the analysis did not begin within {patience.opening_seconds:.0f} s"
        if now - self.started > patience.job_seconds:
            return f"the analysis took longer than {patience.job_seconds / 3600:.0f} h"
        return ""

    def _move(self, now: float) -> None:
        self._moved = now
        self._spent_at_move = self._spent

    def _is_busy(self, still: float) -> bool:
        """Whether a model computes, though its position has stayed the same for so long, and beats still come."""
        if self.where != "model" or self._spent is None or self._spent_at_move is None:
            return False
        return self._spent.cpu_seconds - self._spent_at_move.cpu_seconds > BUSY_SHARE * still
