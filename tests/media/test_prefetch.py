"""Decoding runs ahead of the models by a little and never by much, in the same batches each time, and ends cleanly."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.core.progress import never
from assistant.errors import Cancelled, VideoUnreadable
from assistant.media.prefetch import batches


def decoders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "decode"]


@given(count=st.integers(0, 60), most=st.integers(1, 16))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_item_comes_once_in_order_in_batches_that_grow_from_one(count, most):
    found = list(batches(iter(range(count)), most, never))
    assert [item for batch in found for item in batch] == list(range(count))
    sizes = [len(batch) for batch in found]
    assert all(size == min(most, 2**place) for place, size in enumerate(sizes[:-1]))
    assert not sizes or 1 <= sizes[-1] <= min(most, 2 ** (len(sizes) - 1))


def test_the_batches_are_the_same_however_fast_decoding_is():
    def slowly():
        for number in range(20):
            time.sleep(0.002 * (number % 3))
            yield number

    assert list(batches(slowly(), 4, never)) == list(batches(iter(range(20)), 4, never))


def test_no_more_is_decoded_ahead_than_fits_the_queue():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    stream = batches(items(), 4, never)
    assert next(stream) == [0]
    deadline = time.monotonic() + 5
    while len(made) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    assert len(made) <= 1 + 4 + 1, "one given out, four in the queue, one in the hand of the thread"
    stream.close()


def test_an_error_comes_after_all_that_was_decoded_before_it():
    def items():
        yield from range(5)
        raise VideoUnreadable("the file is damaged", "copy it again")

    stream = batches(items(), 4, never)
    assert [next(stream), next(stream), next(stream)] == [[0], [1, 2], [3, 4]]
    with pytest.raises(VideoUnreadable, match="the file is damaged; copy it again"):
        next(stream)


def test_an_error_of_the_very_first_item_comes_at_once():
    def items():
        raise ValueError("nothing in it")
        yield

    with pytest.raises(ValueError, match="nothing in it"):
        list(batches(items(), 4, never))


def test_a_stop_is_heard_between_batches_and_ends_the_thread():
    asked = []

    def cancelled():
        asked.append(True)
        return len(asked) > 2

    stream = batches(iter(range(100)), 2, cancelled)
    assert [next(stream), next(stream)] == [[0], [1, 2]]
    with pytest.raises(Cancelled):
        next(stream)
    assert decoders() == []


def test_whoever_goes_away_in_the_middle_leaves_no_thread_behind():
    stream = batches(iter(range(1000)), 4, never)
    next(stream)
    assert len(decoders()) == 1
    stream.close()
    assert decoders() == []


def test_nothing_to_decode_is_no_batch():
    assert list(batches(iter(()), 4, never)) == []
