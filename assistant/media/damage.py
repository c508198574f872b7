"""What of a file could not be decoded: how much, and where on the video's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assistant.core.timeline import Span, clock

# Losses with less between them are told as one: with every second picture gone, nobody wants to read of each.
_JOINED_SECONDS = 0.5
# A container that names its samples one by one; others only guess how many there are.
_WITH_INDEX = "mov,"
_HOLE_SECONDS = 0.4
_TOLD = 4


@dataclass
class Damage:
    """How much of a file could not be decoded; filled while it is read."""

    picture_packets: int = 0
    sound_packets: int = 0
    places: int = 0
    picture: list[Span] = field(default_factory=list)
    sound: list[Span] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.picture_packets + self.sound_packets + self.places

    def count_place(self) -> None:
        self.places += 1


class Losses:
    """Tells which packets of one track went in and never came out.

    A decoder that works on several threads complains about one packet when another is given, so what is missing is told
    from the times of what came out.
    """

    def __init__(self, container: Any, stream: Any, origin_seconds: float) -> None:
        self._origin = origin_seconds
        self._open: dict[int, Span] = {}
        self._lost: list[Span] = []
        self._packets, self._end = 0, 0.0
        self._has_index = str(container.format.name).startswith(_WITH_INDEX)
        self._expected = int(stream.frames or 0) if self._has_index else 0
        self._holes: list[tuple[Span, bool]] = []

    def given(self, packet: Any) -> None:
        """A packet goes to the decoder."""
        if packet.size == 0:
            return
        self._packets += 1
        if packet.pts is None or not packet.time_base:
            return
        start = float(packet.pts * packet.time_base) - self._origin
        end = start + float((packet.duration or 0) * packet.time_base)
        if not self._has_index and start - self._end > _HOLE_SECONDS and self._packets > 1:
            self._holes.append((Span(self._end, start), bool(packet.is_keyframe)))
        self._end = max(self._end, end)
        if packet.is_corrupt:
            self._lost.append(Span(max(0.0, start), max(0.0, end)))
        if end > 0.0:
            self._open[packet.pts] = Span(max(0.0, start), end)

    def came_out(self, frame: Any) -> None:
        """A frame left the decoder."""
        span = self._open.pop(frame.pts, None) if frame.pts is not None else None
        if span is not None and frame.is_corrupt:
            self._lost.append(span)

    def refused(self, packet: Any) -> None:
        """This very packet could not be decoded."""
        span = self._open.pop(packet.pts, None)
        if span is not None:
            self._lost.append(span)

    def missing_end(self) -> list[Span]:
        """What the index names and the file no longer holds, where it was cut off."""
        missing = self._expected - self._packets
        if self._packets == 0 or missing <= max(2, 0.01 * self._expected):
            return []
        return [Span(self._end, self._end + missing * self._end / self._packets)]

    def holes(self, other: Losses | None) -> list[Span]:
        """Where a damaged stretch was passed over without a word.

        A hole is one where the other track has it too, or, without another, where it ends in the middle of a group of
        pictures: otherwise it is a picture that stood, or a recording that paused.
        """
        if other is None:
            return [span for span, key in self._holes if not key]
        return [s for s, _ in self._holes if any(o.overlap_seconds(s) > 0.5 * s.seconds for o, _ in other._holes)]

    def spans(self, *, whole: bool, other: Losses | None = None) -> list[Span]:
        """The losses in order, those close together joined.

        Args:
            whole: nothing was refused, so that what did not come out was never meant to be shown.
            other: the losses of the sound where these are the picture's, and the other way round.
        """
        found = self._lost if whole else [*self._lost, *self._open.values()]
        return joined([*found, *self.missing_end(), *self.holes(other)])


def joined(spans: Sequence[Span]) -> list[Span]:
    """These spans in order, those close together as one."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda item: item.start_seconds):
        if result and span.start_seconds - result[-1].end_seconds <= _JOINED_SECONDS:
            result[-1] = Span(result[-1].start_seconds, max(result[-1].end_seconds, span.end_seconds))
        else:
            result.append(span)
    return result


def as_sentence(spans: Sequence[Span]) -> str:
    """What could not be decoded, in words: how long, and from when on."""
    told = ", ".join(f"{max(0.1, span.seconds):.1f} s from {clock(span.start_seconds, 1)}" for span in spans[:_TOLD])
    if len(spans) <= _TOLD:
        return f"{told} could not be decoded"
    total = sum(span.seconds for span in spans)
    return f"{told} and {len(spans) - _TOLD} more places, {total:.1f} s in all, could not be decoded"
