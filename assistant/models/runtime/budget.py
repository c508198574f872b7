"""How much of the work goes through at once, in which order, and which models stay loaded within the memory allowed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from assistant.errors import InputUnusable
from assistant.models.packs.catalog import Kind

Item = TypeVar("Item")

MB = 1000**2
# What torch (with CUDA), transformers, open_clip and whisper hold once they are imported, and this program with them.
LIBRARIES_BYTES = 900 * MB
# Decoded frames on their way, one clip's activations, one chunk of speech: less than this is not enough for any video.
LEAST_WORKING_BYTES = 400 * MB
WINDOWS_BYTES = 48 * MB
FEATURES_BYTES = 512 * MB
# Bytes in memory for each byte of its file: while it is being read (its own copy, and the file that is mapped for
# that), and afterwards. Measured on the shapes of the published models in float32; less where they compute in halves.
_READING: Mapping[Kind, float] = {"actions": 1.5, "descriptions": 1.75, "speech": 2.0, "language": 1.5}
_LOADED: Mapping[Kind, float] = {"actions": 1.0, "descriptions": 1.0, "speech": 2.0, "language": 1.0}
# Who works at the same time as whom.
_TOGETHER: tuple[frozenset[Kind], ...] = (
    frozenset(("actions", "descriptions")),
    frozenset(("speech",)),
    frozenset(("language", "descriptions")),
)


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be held at once.

    Args:
        allowed_bytes: of the whole process; 0 without a limit of ours.
        windows_bytes: frames of windows that wait for the models or are with them.
        features_bytes: keys and values of one batch of chunks of speech.
    """

    allowed_bytes: int = 0
    windows_bytes: int = WINDOWS_BYTES
    features_bytes: int = FEATURES_BYTES

    @classmethod
    def of(cls, allowed_bytes: int) -> Budget:
        """The shares of what is allowed: half of what is left beside the libraries is for weights."""
        if not allowed_bytes:
            return cls()
        working = max(LEAST_WORKING_BYTES, (allowed_bytes - LIBRARIES_BYTES) // 2)
        return cls(allowed_bytes, min(WINDOWS_BYTES, working // 16), min(FEATURES_BYTES, working // 4))

    def windows(self, window_bytes: int, most: int) -> int:
        """How many windows of this size go to the models at once, 1 to ``most``; as many may wait meanwhile."""
        return max(1, min(most, self.windows_bytes // (2 * max(1, window_bytes))))

    def to_release(self, kind: Kind, loaded: Mapping[Kind, int], file_bytes: int) -> tuple[Kind, ...]:
        """The loaded models that have to go before this one is loaded: none where all fit.

        Args:
            loaded: kind -> bytes of its file, of those that are loaded.
            file_bytes: of the one that is wanted.

        Raises:
            InputUnusable: it does not fit, whatever goes.
        """
        if not self.allowed_bytes:
            return ()
        if self._needed(kind, loaded, file_bytes) <= self.allowed_bytes:
            return ()
        staying = {other: loaded[other] for other in loaded if any({kind, other} <= group for group in _TOGETHER)}
        needed = self._needed(kind, staying, file_bytes)
        if needed > self.allowed_bytes:
            names = " and ".join(sorted((*staying, kind)))
            raise InputUnusable(
                f"the models for {names} need about {needed / 1e9:.1f} GB of memory,"
                f" and {self.allowed_bytes / 1e9:.1f} GB are allowed",
                "allow more with --memory, or choose a smaller pack, such as --pack demo",
            )
        return tuple(other for other in loaded if other not in staying)

    def _needed(self, kind: Kind, beside: Mapping[Kind, int], file_bytes: int) -> int:
        """The most that the process holds from now on, with these models beside the one that is wanted."""
        others = sum(_LOADED[other] * size for other, size in beside.items())
        own = max(_READING[kind] * file_bytes, _LOADED[kind] * file_bytes + LEAST_WORKING_BYTES)
        return LIBRARIES_BYTES + round(others + own)


def in_batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """The items, so many at a time; the last list may be shorter."""
    while batch := list(islice(items, size)):
        yield batch


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each given out only after the next one was asked for."""
    waiting: list[Item] = []
    for item in items:
        waiting.append(item)
        if len(waiting) == 2:
            yield waiting.pop(0)
    yield from waiting


class FairLock:
    """One holder at a time, first come, first served; `threading.Lock` promises no order."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._queue: deque[object] = deque()

    def acquire(self, give_up: Callable[[], bool], check_seconds: float = 0.05) -> bool:
        """True once the lock is held; False where `give_up` turned true while waiting."""
        ticket = object()
        with self._condition:
            self._queue.append(ticket)
            while self._queue[0] is not ticket:
                if give_up():
                    self._queue.remove(ticket)
                    self._condition.notify_all()
                    return False
                self._condition.wait(check_seconds)
        return True

    def release(self) -> None:
        """Let the next in the queue go on."""
        with self._condition:
            self._queue.popleft()
            self._condition.notify_all()

    @property
    def waiting(self) -> int:
        """How many hold or wait for the lock."""
        return len(self._queue)
