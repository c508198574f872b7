"""What a decoder wrote for a chunk, divided by its timestamps, and where it asks to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.core.timeline import Span

TIMESTAMP_SECONDS = 0.02
# A cut that leaves less than this behind it, or before it, is not worth another decoding.
_LEAST_PROGRESS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Passage:
    """Text tokens between two timestamps, and the time between them."""

    span: Span
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The passages of a chunk. ``goes_on_at``: from where the sound must be decoded again, None where it is finished.

    Whisper ends a passage with a timestamp and begins the next with one. Where it stops behind both, or writes on
    without an end, it says "cut here": what lies behind is not transcribed yet (Radford et al. 2022, section 3.8).
    """

    passages: tuple[Passage, ...]
    goes_on_at: float | None = None


def read(tokens: Sequence[int], first_timestamp: int, end_of_text: int, span: Span) -> Reading:
    """The passages within the chunk's ``span``, of a decoder's tokens.

    Args:
        first_timestamp: the token of 0.00; those from it on are timestamps.
        end_of_text: the first token that is no text.
    """

    def at(token: int) -> float:
        return min(span.end_seconds, span.start_seconds + (token - first_timestamp) * TIMESTAMP_SECONDS)

    passages: list[Passage] = []
    waiting: list[int] = []
    start = span.start_seconds
    cut: float | None = None
    for token in tokens:
        if token < end_of_text:
            waiting.append(token)
        elif token >= first_timestamp:
            now = max(start, at(token))
            if waiting:
                passages.append(Passage(Span(start, now), tuple(waiting)))
                waiting, cut = [], None
            elif passages:
                cut = now  # the second of two, and nothing behind it yet
            start = now
    is_cut = bool(passages) and (bool(waiting) or cut is not None)
    if is_cut and (
        start - span.start_seconds >= _LEAST_PROGRESS_SECONDS and span.end_seconds - start >= _LEAST_PROGRESS_SECONDS
    ):
        return Reading(tuple(passages), start)
    if waiting:
        passages.append(Passage(Span(start, span.end_seconds), tuple(waiting)))
    return Reading(tuple(passages))
