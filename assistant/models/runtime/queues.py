"""Work that waits: items for a model in batches, and a lock that serves in the order of asking."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


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
