"""Items on their way to a model: several at a time, and the next ones before the last are done."""

from collections.abc import Iterator
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
