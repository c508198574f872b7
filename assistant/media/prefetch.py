"""Windows that are decoded ahead of the models, in a thread of its own through a short queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

from assistant import errors
from assistant.core.progress import CancelCheck

Item = TypeVar("Item")


class _End:
    """What the thread puts last: nothing, or the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Ahead(Generic[Item]):
    """A thread that runs through an iterator into a short queue."""

    def __init__(self, items: Iterator[Item], room: int) -> None:
        self._items = items
        self._ready: queue.Queue[Item | _End] = queue.Queue(maxsize=room)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except BaseException as caught:  # handed to the thread that waits
            error = caught
        self._put(_End(error))

    def _put(self, item: Item | _End) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def batch(self, most: int) -> tuple[list[Item], _End | None]:
        """The next ``most`` items; fewer where the iterator has ended, and its end."""
        batch: list[Item] = []
        while len(batch) < most:
            item = self._ready.get()
            if isinstance(item, _End):
                return batch, item
            batch.append(item)
        return batch, None

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10.0)


def batches(items: Iterator[Item], most: int, cancelled: CancelCheck) -> Iterator[list[Item]]:
    """Batches of items while more are made ahead; the first comes alone, so that it can be shown early.

    Batches grow from one to ``most``: what waits on the way to the models is never more than twice that. Which items
    share a batch depends on nothing but their order, since a model's last digits depend on what it computes together:
    the same file gives the same digits every time, however fast it was decoded.

    Raises:
        Cancelled: ``cancelled`` turned true.
        BaseException: whatever ended the iterator, after all that came before it.
    """
    ahead, grown = _Ahead(items, most), 1
    try:
        ended: _End | None = None
        while ended is None:
            batch, ended = ahead.batch(grown)
            grown = min(most, 2 * grown)
            if cancelled():
                raise errors.Cancelled
            if batch:
                yield batch
        if ended.error is not None:
            raise ended.error
    finally:
        ahead.close()
