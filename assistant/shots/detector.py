"""Where one shot ends and the next begins, told online from tiny thumbnails: cuts, fades and dissolves.

A cut is a difference that motion does not explain (each pixel may be found anywhere in its neighbour's 3 x 3
surroundings), that stands out from the differences just before and after it, and that lasts: a flash is followed by the
old picture.
Where pictures stand still between their steps (a clip of few pictures a second, a stream that hung), a cut must stand
out from what changes in as long a time before and after it, not from the picture that was shown again in between. Where
pictures lie seconds apart, motion between them cannot be told: there a scene of other colours is a new shot.
A fade passes through an empty or a much darker picture. A dissolve is a stretch of mixtures of its two ends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from assistant.core.timeline import Transition
from assistant.shots.dissolves import DissolveFinder
from assistant.shots.thumbnails import FrameFeatures, changed_share, colour_distance, difference

LEAST_DIFFERENCE = 1.2  # levels of 0..255 that motion does not explain; a slide that changes one line of text has 1.5
LEAST_RATIO = 3.6  # over the differences around it; cuts have 5 and more, motion, jerks and whip pans 2.9 at most
OTHER_CUT_RATIO = 5.0  # a neighbour that stands out like this is another cut, no measure of what goes on here
QUIET_DIFFERENCE = 0.3  # added to the surroundings: in a still picture the noise of the codec is no yardstick
# A new shot changes the picture in many places: a thing that appears or vanishes changes one.
WIDE_SHARE = 0.25  # of the picture's blocks; new slides touch 0.28 and more, things that appear at once 0.22 at most
LASTING_SHARE = 0.5  # of the difference must remain between all that is before and all that is after
NEIGHBOUR_SECONDS = 0.27
LEAST_NEIGHBOURS = 3
MOST_NEIGHBOURS = 10
# What was there before and is there again after a longer time came back: that is no flash.
RETURN_SECONDS = 0.6

# Steps: a picture that was shown for a while before the next one came.
REPEATED_SHARE = 0.1  # of a step, by which a picture that is shown again may differ: the codec writes it anew at times
STEP_SPAN_SECONDS = 1.15  # the longest step that is held against those before and after it
STEP_RATIO = 2.0  # over what changes in as long a time; between real scenes 1 s apart motion varies by up to that
STEP_COLOURS = 15.0  # levels: another scene; in real clips without cuts 14 levels change in 0.6 s in the 95th of 100
# Pictures that lie far apart: motion and cuts look alike, but a scene keeps its colours (measured over 1 s in real
# clips without cuts: 21 levels in the 95th of 100, cuts between places 37 and more).
SPARSE_SECONDS, SPARSE_COLOURS = 0.9, 25.0
VERY_SPARSE_SECONDS, VERY_SPARSE_COLOURS, VERY_SPARSE_SHARE = 1.9, 12.0, 0.7

SUDDEN_SHARE = 0.6  # of its brightness a picture still has just before it is cut to black
FLASH_SECONDS = 0.5
LONG_EMPTY_SECONDS = 3.0  # an empty stretch of this length is a shot of its own
DIP_SHARE = 0.4  # of the brightness on both sides, at the bottom of a fade through black
DIP_SECONDS = 0.6
DIFFERENT_SCENE = 3.0  # levels between the pictures before and after a fade

_HISTORY_SECONDS = 2.6
_FORGET_AT_ONCE = 8  # moving a list costs its length
# No boundary is told later than this after it happened (but for those that wait for a number of frames or a black end).
_CERTAIN_AFTER_SECONDS = 1.9
_RANK: dict[Transition, int] = {"cut": 0, "fade": 1, "dissolve": 2, "start": 3}


@dataclass(frozen=True, slots=True)
class Boundary:
    """A new shot begins at ``seconds``."""

    seconds: float
    transition: Transition


@dataclass(slots=True)
class _EmptyStretch:
    """Empty pictures in a row: since when, whether after anything else, whether suddenly, and the last frame before."""

    start_seconds: float
    before: FrameFeatures | None
    sudden: bool
    told: bool = False


class ShotDetector:
    """Finds shot boundaries in a stream of thumbnails uint8 ``[36, 64, 3]`` with growing times.

    `feed` gives boundaries in order of time, each as soon as nothing can come before it any more; what lies before
    ``certain_until`` is settled.
    """

    def __init__(self, min_shot_seconds: float = 0.4) -> None:
        self._min_shot_seconds = min_shot_seconds
        self._frames: list[FrameFeatures] = []
        self._to_judge = 1  # index of the first frame that is not yet judged: the first of all cannot be a cut
        self._to_dip = 1
        # Steps that stand out from their neighbours, not yet held against other steps.
        self._to_confirm: list[FrameFeatures] = []
        self._stretch: _EmptyStretch | None = None
        self._dissolves = DissolveFinder()
        self._waiting: list[Boundary] = []
        self._last_told = float("-inf")
        self.certain_until = 0.0

    def feed(self, pts_seconds: float, thumbnail: NDArray[np.uint8]) -> list[Boundary]:
        """Boundaries that are certain now that this picture has been seen."""
        before = self._frames[-1] if self._frames else None
        frame = FrameFeatures.of(pts_seconds, thumbnail, before)
        self._frames.append(frame)
        self._follow_empty(frame, before)
        self._judge(final=False)
        for seconds in self._dissolves.feed(self._frames):
            self._waiting.append(Boundary(seconds, "dissolve"))
        self._forget()
        return self._settled(self._certain(pts_seconds))

    def finish(self) -> list[Boundary]:
        """The boundaries that were still open when the pictures ended."""
        self._judge(final=True)
        for seconds in self._dissolves.finish():
            self._waiting.append(Boundary(seconds, "dissolve"))
        stretch, last = self._stretch, self._frames[-1] if self._frames else None
        if stretch is not None and last is not None and stretch.before is not None and not stretch.told:
            long = last.seconds - stretch.start_seconds >= LONG_EMPTY_SECONDS
            if stretch.sudden or long:
                self._waiting.append(Boundary(stretch.start_seconds, "cut" if stretch.sudden else "fade"))
        return self._settled(float("inf"))

    def _certain(self, now_seconds: float) -> float:
        """The time before which no boundary can come any more."""
        certain = now_seconds - _CERTAIN_AFTER_SECONDS
        if self._to_judge < len(self._frames):
            certain = min(certain, self._frames[self._to_judge].seconds)
        if self._to_confirm:
            certain = min(certain, self._to_confirm[0].seconds)
        if self._stretch is not None and not self._stretch.told:
            certain = min(certain, self._stretch.start_seconds)
        return max(self.certain_until, certain)

    def _settled(self, certain_until: float) -> list[Boundary]:
        """Take out what lies before this time; of boundaries that are too close to each other only the surest stays."""
        self.certain_until = certain_until
        ready = sorted((b for b in self._waiting if b.seconds < certain_until), key=lambda b: b.seconds)
        self._waiting = [b for b in self._waiting if b.seconds >= certain_until]
        told: list[Boundary] = []
        for boundary in ready:
            if boundary.seconds - self._last_told >= self._min_shot_seconds:
                told.append(boundary)
                self._last_told = boundary.seconds
            elif told and _RANK[boundary.transition] < _RANK[told[-1].transition]:
                told[-1] = boundary
                self._last_told = boundary.seconds
        return told

    def _forget(self) -> None:
        """Drop frames that nothing needs any more."""
        oldest = self._frames[-1].seconds - _HISTORY_SECONDS
        count = 0
        if self._frames[min(_FORGET_AT_ONCE, len(self._frames) - 1)].seconds >= oldest:
            return
        while self._frames[count].seconds < oldest and count < min(self._to_judge, self._to_dip) - MOST_NEIGHBOURS - 1:
            count += 1
        if count >= _FORGET_AT_ONCE:
            del self._frames[:count]
            self._to_judge -= count
            self._to_dip -= count

    # Cuts

    def _judge(self, final: bool) -> None:
        frames = self._frames
        while self._to_judge < len(frames) and (final or self._has_neighbours(self._to_judge)):
            frame = frames[self._to_judge]
            frame.is_cut = self._is_cut(self._to_judge)
            if frame.is_cut:
                self._to_confirm.append(frame)
            self._to_judge += 1
        self._confirm(final)
        dip_until = float("inf") if final else frames[-1].seconds - DIP_SECONDS
        while self._to_dip < self._to_judge and frames[self._to_dip].seconds < dip_until:
            if self._is_dip(self._to_dip):
                self._waiting.append(Boundary(frames[self._to_dip].seconds, "fade"))
            self._to_dip += 1

    def _confirm(self, final: bool) -> None:
        """Tell the cuts among the steps that have been seen for long enough."""
        while self._to_confirm and (
            final or self._frames[-1].seconds - self._to_confirm[0].seconds >= STEP_SPAN_SECONDS
        ):
            frame = self._to_confirm.pop(0)
            frame.is_cut = not self._is_usual_step(frame)
            if frame.is_cut:
                self._waiting.append(Boundary(frame.seconds, "cut"))

    def _is_usual_step(self, frame: FrameFeatures) -> bool:
        """Whether as much changes in as long a time before or after this step, which came after a picture stood."""
        frames = self._frames
        index = bisect_left(frames, frame.seconds, key=lambda n: n.seconds)
        before, held = frames[index - 1], index - 1
        late = self._is_late(index)
        least = REPEATED_SHARE * _apart(before, frame)
        while not late and held > 0 and _apart(frames[held - 1], before) <= least:
            held -= 1
        step = frame.seconds - frames[held].seconds
        # One picture after the other is what the neighbours are for.
        if step > STEP_SPAN_SECONDS or (index - held == 1 and not late):
            return False
        usual = colours = 0.0
        for one, other in self._as_long(held, index, step):
            usual, colours = max(usual, difference(one, other)), max(colours, colour_distance(one, other))
        if frame.change >= STEP_RATIO * (usual + QUIET_DIFFERENCE):
            return False
        apart = colour_distance(before, frame)
        if apart >= SPARSE_COLOURS:  # another place, however often the picture changes here: a cut just before a hole
            return False
        # A picture that stood for as long as a shot may last can have been one.
        return apart < STEP_COLOURS or (step < self._min_shot_seconds and apart < STEP_RATIO * colours)

    def _as_long(self, held: int, index: int, step: float) -> Iterator[tuple[FrameFeatures, FrameFeatures]]:
        """What is shown so many seconds apart before and after a step; nothing across a cut or an empty picture."""
        frames = self._frames
        earlier, later = self._nearest(frames[held].seconds - step), self._nearest(frames[index].seconds + step)
        for first, last in ((earlier, held), (index, later)):
            between = frames[first + 1 : last + 1]
            if not (frames[first].empty or any(n.empty or (n.is_cut and n not in self._to_confirm) for n in between)):
                yield frames[first], frames[last]

    def _is_late(self, index: int) -> bool:
        """Whether the time since the picture before is long beside the steps around it."""
        times = [n.seconds for n in self._frames[max(0, index - 4) : index + 4]]
        steps = sorted(later - earlier for earlier, later in pairwise(times))
        return self._frames[index].seconds - self._frames[index - 1].seconds > 2.5 * steps[len(steps) // 2]

    def _nearest(self, seconds: float) -> int:
        """The index of the frame nearest to this time."""
        return min(range(len(self._frames)), key=lambda n: abs(self._frames[n].seconds - seconds))

    def _has_neighbours(self, index: int) -> bool:
        after = len(self._frames) - 1 - index
        seconds = self._frames[-1].seconds - self._frames[index].seconds
        return after >= MOST_NEIGHBOURS or (after >= LEAST_NEIGHBOURS and seconds >= NEIGHBOUR_SECONDS)

    def _neighbours(self, index: int, step: int) -> Iterator[FrameFeatures]:
        """Looks from one side of this one, nearest first."""
        indices = range(index + step, len(self._frames) if step > 0 else -1, step)
        for count, other in enumerate(islice(indices, MOST_NEIGHBOURS)):
            apart = abs(self._frames[other].seconds - self._frames[index].seconds)
            if count >= LEAST_NEIGHBOURS and apart > NEIGHBOUR_SECONDS:
                return
            yield self._frames[other]

    def _is_cut(self, index: int) -> bool:
        frame, before = self._frames[index], self._frames[index - 1]
        if frame.change < LEAST_DIFFERENCE or frame.empty or before.empty:
            return False
        earlier, later = list(self._neighbours(index, -1)), list(self._neighbours(index, 1))
        around = sorted((n.change for n in (*earlier, *later) if not n.is_cut), reverse=True)
        usual = _usual(around)
        if frame.change < LEAST_RATIO * (usual + QUIET_DIFFERENCE) and not _is_other_scene(before, frame):
            return False
        if changed_share(before, frame) < WIDE_SHARE:
            return False
        lasting = LASTING_SHARE * frame.change
        returns = (difference(before, n) < lasting for n in later if not n.empty and _soon(frame, n))
        comes_from = (difference(n, frame) < lasting for n in earlier[1:] if not n.empty and _soon(n, frame))
        return not (any(returns) or any(comes_from))

    # Fades

    def _is_dip(self, index: int) -> bool:
        """Whether the brightness has its bottom here, between two brighter and different pictures."""
        frame, frames = self._frames[index], self._frames
        at_bottom = 0 < index < len(frames) - 1 and frames[index - 1].brightness > frame.brightness
        if not at_bottom or frame.empty or frame.is_cut or frames[index + 1].brightness < frame.brightness:
            return False
        left = [n for n in frames[:index] if frame.seconds - n.seconds <= DIP_SECONDS]
        right = [n for n in frames[index + 1 :] if n.seconds - frame.seconds <= DIP_SECONDS]
        # Pictures that lie further apart than a fade lasts show no fade.
        if not left or not right or min(n.brightness for n in left) <= frame.brightness:
            return False
        if min(n.brightness for n in right) < frame.brightness or any(n.is_cut or n.empty for n in (*left, *right)):
            return False
        one, other = max(left, key=lambda n: n.brightness), max(right, key=lambda n: n.brightness)
        level = min(one.brightness, other.brightness)
        return frame.brightness < DIP_SHARE * level and level > 20 and difference(one, other) >= DIFFERENT_SCENE

    def _follow_empty(self, frame: FrameFeatures, before: FrameFeatures | None) -> None:
        """Keep account of stretches of empty pictures; tell the boundaries they make when they end or grow long."""
        stretch = self._stretch
        if frame.empty and stretch is None:
            self._stretch = _EmptyStretch(frame.seconds, before, before is not None and self._is_sudden(frame, before))
        elif frame.empty and stretch is not None and not stretch.told:
            if frame.seconds - stretch.start_seconds >= LONG_EMPTY_SECONDS:
                stretch.told = True
                if stretch.before is not None:
                    self._waiting.append(Boundary(stretch.start_seconds, "cut" if stretch.sudden else "fade"))
        elif not frame.empty and stretch is not None:
            self._stretch = None
            if stretch.told:
                self._waiting.append(Boundary(frame.seconds, "fade"))
            elif stretch.before is not None and frame.seconds - stretch.start_seconds >= LONG_EMPTY_SECONDS:
                # Its last picture stood for so long that none told how long it was.
                self._waiting.append(Boundary(stretch.start_seconds, "cut" if stretch.sudden else "fade"))
                self._waiting.append(Boundary(frame.seconds, "fade"))
            elif stretch.before is not None:
                # A camera flash or a dropped picture is followed by what was there before.
                brief = stretch.sudden and frame.seconds - stretch.start_seconds < FLASH_SECONDS
                if brief and difference(stretch.before, frame) < DIFFERENT_SCENE:
                    return
                middle = 0.5 * (stretch.start_seconds + frame.seconds)
                sudden = stretch.sudden
                self._waiting.append(Boundary(stretch.start_seconds if sudden else middle, "cut" if sudden else "fade"))

    def _is_sudden(self, empty: FrameFeatures, before: FrameFeatures) -> bool:
        """Whether the picture just before an empty one was still as far from empty as those before it."""
        recent = [n for n in self._frames[:-1] if before.seconds - n.seconds <= 0.5 and not n.empty]
        far = [abs(n.brightness - empty.brightness) for n in recent]
        return bool(far) and abs(before.brightness - empty.brightness) > SUDDEN_SHARE * max(far)


def _apart(one: FrameFeatures, other: FrameFeatures) -> float:
    """The mean difference of two pictures in levels, place by place."""
    return float(np.abs(one.pixels.astype(np.int16) - other.pixels).mean())


def _soon(one: FrameFeatures, other: FrameFeatures) -> bool:
    return other.seconds - one.seconds <= RETURN_SECONDS


def _is_other_scene(before: FrameFeatures, frame: FrameFeatures) -> bool:
    """Whether a picture that comes long after another shows another place, whatever else changes here."""
    apart = frame.seconds - before.seconds
    if apart < SPARSE_SECONDS:
        return False
    colours = colour_distance(before, frame)
    if apart < VERY_SPARSE_SECONDS:
        return colours >= SPARSE_COLOURS
    return colours >= VERY_SPARSE_COLOURS or changed_share(before, frame) >= VERY_SPARSE_SHARE


def _usual(around: list[float]) -> float:
    """What goes on here all the time: the mean of the three largest changes, without one that is another cut."""
    if len(around) < 4:
        return max(around, default=0.0)
    rest = sum(around[1:4]) / 3
    return rest if around[0] >= OTHER_CUT_RATIO * (rest + QUIET_DIFFERENCE) else sum(around[:3]) / 3
