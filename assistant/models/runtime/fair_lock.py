"""A lock that serves those who wait in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


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
