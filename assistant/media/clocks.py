"""The tracks' clocks: even where they jump, apart where only one track has a gap; and how far each track reaches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from assistant.media.container import Encrypted, listen_to, packets, picture_streams, sound_streams
from assistant.media.formats import UNTIMED

# Clocks of these may jump in the middle of a file (a recording that went on, a broadcast).
_JUMPING = frozenset({"mpegts", "mpeg", "flv"})
_FORWARD_JUMP_SECONDS = 10.0
_BACKWARD_JUMP_SECONDS = 1.0
# Tracks are written side by side: what another track says within so much of a leap's end was recorded beside it.
_BESIDE_SECONDS = 5.0
_DEFAULT_FRAME_SECONDS = 0.04


def is_untimed(container: InputContainer) -> bool:
    """Whether nothing in the container has a time; pictures then follow one another at the frame rate."""
    return str(container.format.name) in UNTIMED


def frame_seconds(stream: Any) -> float:
    """How long a picture of this track stays, as far as its header tells; 0.04 where it does not."""
    rate = stream.guessed_rate if isinstance(stream, VideoStream) else None
    return float(1 / rate) if rate and 1 <= rate <= 240 else _DEFAULT_FRAME_SECONDS


@dataclass(slots=True)
class _TrackClock:
    """How far one track's even clock has come, and by how much its own times are shifted; seconds."""

    nominal_seconds: float
    last: float | None = None
    shift: float = 0.0


class Clocks:
    """Makes the times of a container's tracks go on evenly where they jump; rewrites packets in place.

    Decoding times never fall in a sound file, so a fall by more than a second is a new recording joined on. A leap
    ahead is one in containers whose clocks are known to jump, but only where the other tracks leap as well: where
    another track reaches the leap's end without one, this track had a gap, and its times are right. What is joined on
    keeps its tracks beside one another, so the first track to jump sets the shift for all.

    All passes over a file must agree, so in containers that jump every track is read whichever are `wanted`.
    """

    def __init__(self, container: InputContainer, wanted: list[Any]) -> None:
        self._container, self.wanted = container, wanted
        self._may_leap = str(container.format.name) in _JUMPING
        every = [*picture_streams(container), *sound_streams(container)]
        self._read = every if self._may_leap and wanted else wanted
        self._clocks = {stream.index: _TrackClock(frame_seconds(stream)) for stream in self._read}
        self.jumped: set[int] = set()
        self.gap_seconds = dict.fromkeys(self._clocks, 0.0)  # long gaps of single tracks
        listen_to(container, self._read)

    def packets(self, on_error: Callable[[], None] = lambda: None) -> Iterator[Packet]:
        """The mended packets of the wanted tracks in file order; each track ends with an empty one.

        Raises:
            DAMAGE: too many damaged places one behind the other.
        """
        if not self._read:  # the demuxer would give packets of all tracks
            return
        indices = {stream.index for stream in self.wanted}
        for packet in packets(self._container, self._read, on_error):
            self._mend(packet)
            if packet.stream.index in indices:
                yield packet

    def _mend(self, packet: Packet) -> None:
        stream: Stream = packet.stream
        clock = self._clocks[stream.index]
        base = float(packet.time_base or stream.time_base or 0)
        delay = 0 if packet.pts is None or packet.dts is None else packet.pts - packet.dts
        # Where a coded picture begins in one packet and ends in the next, libavformat derives its decoding time from
        # the picture before, and takes its presentation time from behind the leap.
        if self._may_leap and self._jumps(delay * base):
            packet.dts = packet.pts
        # Presentation times go back and forth where pictures are reordered; only decoding times tell a jump.
        if packet.dts is not None and base:
            raw = float(packet.dts) * base
            if clock.last is not None and self._jumps(raw + clock.shift - clock.last):
                self._set_shift(stream.index, clock, raw)
            clock.last = raw + clock.shift
        if clock.shift and base:
            ticks = round(clock.shift / base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks

    def _jumps(self, step: float) -> bool:
        return step < -_BACKWARD_JUMP_SECONDS or (self._may_leap and step > _FORWARD_JUMP_SECONDS)

    def _set_shift(self, index: int, clock: _TrackClock, raw: float) -> None:
        """Take over the shift of a track that stands beside this one, else go on where the last of them ended."""
        assert clock.last is not None
        others = [other for number, other in self._clocks.items() if number != index and other.last is not None]
        for shift in [clock.shift, *(other.shift for other in others)]:
            beside = any(abs(raw + shift - (other.last or 0.0)) <= _BESIDE_SECONDS for other in others)
            if beside and raw + shift - clock.last >= -_BACKWARD_JUMP_SECONDS:
                break
        else:
            ends = [other.last + other.nominal_seconds for other in others if other.last is not None]
            beside_this = [end for end in ends if abs(end - clock.last) <= _BESIDE_SECONDS]
            shift = max(clock.last + clock.nominal_seconds, *beside_this, -math.inf) - raw
        if shift != clock.shift:
            clock.shift = shift
            self.jumped.add(index)
        else:
            self.gap_seconds[index] += raw + shift - clock.last


@dataclass(frozen=True, slots=True)
class Track:
    """What the packets of one track say: seconds on the container's clock, first to end, and how many there are.

    ``jumped``: its clock jumps, or has no times at all, so that only decoding from the start finds one.
    """

    start_seconds: float
    end_seconds: float
    packets: int
    jumped: bool = False
    gap_seconds: float = 0.0  # of it, in which the other tracks went on without this one

    @property
    def seconds(self) -> float:
        return self.end_seconds - self.start_seconds


def measure_tracks(container: InputContainer, streams: list[Any], tick: Callable[[], None]) -> dict[int, Track]:
    """Each track's real extent by stream index, from its packets and without decoding.

    Tracks without packets are left out. ``tick`` is called now and then.

    Raises:
        Encrypted: packets are locked.
    """
    clocks, untimed = Clocks(container, streams), is_untimed(container)
    found: dict[int, _Extent] = {}
    for number, packet in enumerate(clocks.packets()):
        if number % 256 == 0:
            tick()
        if packet.size == 0:
            continue
        if packet.stream.index not in found and packet.has_sidedata("encryption_info"):
            raise Encrypted
        stamp = packet.pts if packet.pts is not None else packet.dts
        base = float(packet.time_base or 0)
        extent = found.setdefault(packet.stream.index, _Extent())
        extent.count += 1
        if untimed:
            each = frame_seconds(packet.stream)
            extent.add((extent.count - 1) * each, each)
        elif stamp is not None and base > 0:
            extent.add(stamp * base, max(0, packet.duration or 0) * base)
    return {
        index: extent.track(untimed or index in clocks.jumped, clocks.gap_seconds[index])
        for index, extent in found.items()
    }


@dataclass(slots=True)
class _Extent:
    """From when to when the packets seen so far go."""

    start: float = math.inf
    end: float = -math.inf
    last: float = -math.inf
    count: int = 0

    def add(self, seconds: float, lasting: float) -> None:
        self.start, self.last = min(self.start, seconds), max(self.last, seconds)
        self.end = max(self.end, seconds + lasting)

    def track(self, jumped: bool, gap_seconds: float) -> Track:
        if self.count == 0 or self.end < self.start:
            return Track(0.0, 0.0, self.count)
        end = self.end
        if end <= self.last and self.count > 1:  # the last packet does not say how long it lasts: as long as the others
            end += min(1.0, (self.last - self.start) / (self.count - 1))
        return Track(self.start, end, self.count, jumped, gap_seconds)
