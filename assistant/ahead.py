"""Windows that are decoded ahead of the models, in a thread of its own through a short queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

from assistant import errors
from assistant.models.seams import Cancelled

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
        """What is ready, at least one unless the iterator has ended."""
        batch: list[Item] = []
        item = self._ready.get()
        while True:
            if isinstance(item, _End):
                return batch, item
            batch.append(item)
            if len(batch) >= most:
                return batch, None
            try:
                item = self._ready.get_nowait()
            except queue.Empty:
                return batch, None

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10.0)


def batches(items: Iterator[Item], most: int, cancelled: Cancelled) -> Iterator[list[Item]]:
    """Batches of what is ready, while more is made ahead; the first item comes alone, so that it can be shown early.

    Batches grow from one to ``most``: what waits on the way to the models is never more than twice that.

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
