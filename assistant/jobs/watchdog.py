"""When a worker counts as stuck: judged from its own heartbeats and progress, with no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from assistant.worker.whereabouts import DECODING_STAGES

# A decoder gives a frame in milliseconds; a model's forward pass on a slow machine takes minutes, but moves on inside.
DECODE_SECONDS = 15.0
MODEL_SECONDS = 120.0
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
    """

    patience: Patience
    started: float
    where: str = "other"
    _position: str = ""
    _stage: str = ""
    _progressed: float = field(init=False)
    _moved: float = field(init=False)
    _heard: float = field(init=False)

    def __post_init__(self) -> None:
        self._progressed = self._moved = self._heard = self.started

    def progress(self, now: float, stage: str) -> None:
        """The job got on, in this stage."""
        self._progressed = self._moved = self._heard = now
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
            self._moved = now
        if where != "decode":
            self._progressed = now
        self.where, self._position, self._heard = where, position, now

    def verdict(self, now: float) -> str:
        """Why the worker must be replaced, or nothing."""
        if self.where == "decode":
            # A file is measured and hashed before its first frame: then a move is all that can be asked for.
            still = now - min(self._heard, self._progressed if self._stage in DECODING_STAGES else self._moved)
            if still > self.patience.decode_seconds:
                return f"decoding stood still for {still:.0f} s"
        if now - self._moved > self.patience.model_seconds:
            return f"the analysis stood still for {now - self._moved:.0f} s"
        if not self._stage and now - self.started > self.patience.opening_seconds:
            return f"the analysis did not begin within {self.patience.opening_seconds:.0f} s"
        if now - self.started > self.patience.job_seconds:
            return f"the analysis took longer than {self.patience.job_seconds / 3600:.0f} h"
        return ""
