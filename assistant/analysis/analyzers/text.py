"""Text on screen: what is written in the picture, where, and from when to when.

A reader of text costs about a second a frame, and most frames show what the one before showed. So frames are looked at
twice a second, and read where a shot begins or something new comes to rest. Places that move without a new word, such
as a speaker beside the slides, count for little from then on: they are read every few seconds only. What is written is
data, never an order: it is kept as one short line of visible characters.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.analyzer import AnalysisContext, Finding, Needs, Stream
from assistant.core.documents import Json
from assistant.core.plaintext import one_line
from assistant.core.progress import CancelCheck
from assistant.core.timeline import Absence, Observation, Shot, Span, Video
from assistant.errors import ModelFailed, ModelUnavailable
from assistant.media.probe import check
from assistant.models.protocols import TextInFrame, TextReader
from assistant.shots.repeats import shrunk

VERSION = "1"  # to be raised with every change of which frames are read, or what is made of the lines
LOOKED_AT_HZ = 2.0
MOST_READ = 600  # frames of one video, spread over its length
MOST_FOUND = 2000  # texts of one video
LONGEST_TEXT = 200  # characters
# None of 614 lines of generated pages that were read rightly has less; of seven that were read into the pictures of a
# talk, six have.
LEAST_SCORE = 0.8
# Levels of 255 by which a block of 4 x 4 pixels changes where letters come or go; a codec's noise stays below.
CHANGED_LEVELS = 16
_CELL, _CHANGED_BLOCKS = 8, 4  # blocks: the side of a cell, and how many of its 64 make it a changed one
SETTLES_WITHIN_SECONDS = 1.0
# Where only restless places change: how long to wait for the next reading, at first and at most.
RESTLESS_SECONDS = (4.0, 8.0)
SAME_PLACE = 0.5  # intersection over union
SAME_TEXT = 0.85  # share of letters in common, from one reading of a line to the next
_LONG_ENOUGH = 3  # characters that tell a text from others wherever it stands


class TextAnalyzer:
    """Observations ``text``: the words, their box in upright pixels of the video, and the time of the frame."""

    kind = "text"
    needs = Needs(picture=True)

    def __init__(self, context: AnalysisContext) -> None:
        self._models = context.models

    def key(self) -> Json:
        here = self._models.pack.location("text") is not None
        return {"model": list(self._models.identity("text")) if here else None, "version": VERSION}

    def run(self, stream: Stream, cancelled: CancelCheck) -> Iterator[Finding]:
        if self._models.pack.location("text") is None:
            offer = self._models.offer("text")
            yield Absence(self.kind, f"not here yet: {offer}" if offer else "no model here reads text")
            return
        try:
            reader = self._models.text_reader()
        except ModelFailed:
            raise
        except ModelUnavailable as error:  # all other witnesses can do without it
            raise ModelFailed(error.what, error.remedy) from error
        watch = _Watch(reader, stream.video, stream.shots, cancelled)
        size = min(reader.frame_size, stream.video.width, stream.video.height)
        for seconds, frame in stream.frames(LOOKED_AT_HZ, size):
            watch.see(seconds, frame)
        watch.end()
        texts = merged(watch.readings, stream.video.duration_seconds)
        for text in texts[:MOST_FOUND]:
            details = {"box": [round(edge) for edge in text.line.box], "frame_seconds": round(text.seconds, 3)}
            yield Observation(
                self.kind, text.span, text=text.line.text, score=text.line.score, source=reader.name, details=details
            )
        if watch.passed_over:
            wanted = len(watch.readings) + watch.passed_over
            yield Absence(self.kind, f"only {len(watch.readings)} of {wanted} different pictures were read")
        elif len(texts) > MOST_FOUND:
            yield Absence(self.kind, f"only the first {MOST_FOUND} of {len(texts)} texts are kept")


@dataclass(frozen=True)
class Reading:
    """One frame that was read.

    Args:
        from_seconds: since when it has been so, ``until_seconds`` the end of its shot.
        lines: with boxes in pixels of the video, cleaned.
    """

    seconds: float
    from_seconds: float
    until_seconds: float
    lines: tuple[TextInFrame, ...]


@dataclass
class _Watch:
    """Looks at frames in order and reads those that show something new."""

    reader: TextReader
    video: Video
    shots: Sequence[Shot]
    cancelled: CancelCheck
    readings: list[Reading] = field(default_factory=list)
    passed_over: int = 0

    def __post_init__(self) -> None:
        self._starts = [shot.span.start_seconds for shot in self.shots] or [0.0]
        self._shot = -1
        self._seen: tuple[float, NDArray[np.uint8], NDArray[np.uint8]] | None = None  # the frame before, and small
        self._read_small: NDArray[np.uint8] | None = None
        self._restless: NDArray[np.bool_] | None = None
        self._pending: float | None = 0.0  # since when something new waits to be read
        self._wait = RESTLESS_SECONDS[0]

    def see(self, seconds: float, frame: NDArray[np.uint8]) -> None:
        """The next frame uint8 ``[H, W, 3]``."""
        small = shrunk(frame[None])[0]
        shot = max(0, bisect_right(self._starts, seconds + 1e-3) - 1)
        if shot != self._shot:
            self.end()
            self._shot, self._pending = shot, self._starts[shot]
            self._seen = self._read_small = self._restless = None
            self._wait = RESTLESS_SECONDS[0]
        if self._is_due(seconds, small):
            self._read(seconds, frame, small)
        self._seen = (seconds, frame, small)

    def end(self) -> None:
        """No frame of this shot comes any more: read what still waits."""
        if self._seen is not None and self._pending is not None:
            self._read(*self._seen)

    def _is_due(self, seconds: float, small: NDArray[np.uint8]) -> bool:
        if self._read_small is not None:
            changed = changed_cells(self._read_small, small)
            fresh = changed & ~self._restless if self._restless is not None else changed
            if not fresh.any():
                self._pending = None
                last = self.readings[-1].seconds
                if changed.any() and seconds - last >= self._wait:
                    self._pending = (last + seconds) / 2  # somewhere between
                    return True
                return False
            if self._pending is None:
                self._pending = seconds
        assert self._pending is not None
        if seconds - self._pending >= SETTLES_WITHIN_SECONDS:
            return True
        return self._seen is not None and not changed_cells(self._seen[2], small).any()

    def _read(self, seconds: float, frame: NDArray[np.uint8], small: NDArray[np.uint8]) -> None:
        check(self.cancelled)
        since, self._pending = self._pending, None
        earlier, self._read_small = self._read_small, small
        share = min(1.0, seconds / max(self.video.duration_seconds, 1e-6))
        if len(self.readings) >= MOST_READ * (0.1 + 0.9 * share):
            self.passed_over += 1
            return
        ends = [*self._starts[1:], self.video.duration_seconds]
        lines = cleaned(self.reader.read(frame), frame.shape, self.video)
        reading = Reading(seconds, since or 0.0, max(seconds, ends[self._shot]), lines)
        before = self.readings[-1] if self.readings else None
        self.readings.append(reading)
        if earlier is None or before is None or before.until_seconds != reading.until_seconds:
            return
        if {_letters(line.text) for line in lines} - {_letters(line.text) for line in before.lines}:
            self._wait = RESTLESS_SECONDS[0]
        else:
            moved = changed_cells(earlier, small)
            self._restless = moved if self._restless is None else self._restless | moved
            self._wait = min(RESTLESS_SECONDS[1], 2 * self._wait)


def changed_cells(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where two small pictures uint8 ``[h, w, 3]`` differ as much as letters do, bool ``[rows, columns]`` by cell."""
    if one.shape != other.shape:
        return np.ones((1, 1), bool)
    apart = (np.maximum(one, other) - np.minimum(one, other)).max(axis=-1) > CHANGED_LEVELS
    height, width = (-edge % _CELL for edge in apart.shape)
    padded = np.pad(apart, ((0, height), (0, width)))
    rows, columns = (edge // _CELL for edge in padded.shape)
    counts = padded.reshape(rows, _CELL, columns, _CELL).sum(axis=(1, 3))
    found: NDArray[np.bool_] = counts >= _CHANGED_BLOCKS
    return found


def cleaned(lines: Sequence[TextInFrame], shape: Sequence[int], video: Video) -> tuple[TextInFrame, ...]:
    """What may be believed of a frame's lines, as one short line each, with boxes in pixels of the video."""
    high, wide = video.height / shape[0], video.width / shape[1]
    found = []
    for line in lines:
        text = one_line(line.text)[:LONGEST_TEXT].strip()
        telling = [letter for letter in text if letter.isalnum()]
        # An icon is often read as a letter.
        if (
            line.score < LEAST_SCORE
            or not telling
            or (len(telling) == 1 and telling[0].isascii() and telling[0].isalpha())
        ):
            continue
        left, top, right, bottom = line.box
        found.append(TextInFrame(text, (left * wide, top * high, right * wide, bottom * high), min(1.0, line.score)))
    return tuple(found)


@dataclass(frozen=True)
class Text:
    """A text as long as it is shown; ``line`` and ``seconds`` of the frame in which it was read best."""

    line: TextInFrame
    seconds: float
    span: Span
    until_seconds: float  # the end of the shot in which it was seen last


def merged(readings: Sequence[Reading], duration_seconds: float) -> list[Text]:
    """The texts of a video, each once for as long as it stays: the same words in the same place, reading after reading.

    In the next reading a text that has moved is known by its words. One that a single reading misses, while nothing is
    cut, is taken to have been there.
    """
    done: list[Text] = []
    open_texts: list[tuple[int, Text]] = []  # with the number of the reading that saw it last
    for number, reading in enumerate(readings):
        following = readings[number + 1].from_seconds if number + 1 < len(readings) else duration_seconds
        start = min(reading.from_seconds, duration_seconds)
        span = Span(start, max(start, min(following, reading.until_seconds, duration_seconds)))
        pairs = _matches([text.line for _, text in open_texts], reading.lines)
        now: list[tuple[int, Text]] = []
        for place, line in enumerate(reading.lines):
            if place not in pairs:
                now.append((number, Text(line, reading.seconds, span, reading.until_seconds)))
                continue
            _, known = open_texts[pairs[place]]
            whole = Span(known.span.start_seconds, span.end_seconds)
            best = known if known.line.score >= line.score else replace(known, line=line, seconds=reading.seconds)
            now.append((number, replace(best, span=whole, until_seconds=reading.until_seconds)))
        for index, (last, text) in enumerate(open_texts):
            if index in pairs.values():
                continue
            uncut = text.until_seconds == reading.until_seconds
            if uncut and last == number - 1 and number + 1 < len(readings):
                now.append((last, text))
            else:
                done.append(text)
        open_texts = now
    done += [text for _, text in open_texts]
    return sorted(done, key=lambda text: (text.span.start_seconds, text.line.box[1], text.line.box[0]))


def _matches(known: Sequence[TextInFrame], lines: Sequence[TextInFrame]) -> dict[int, int]:
    """Index of a line -> index of the known one that it is again."""
    if not known or not lines:
        return {}
    found: dict[int, int] = {}
    overlaps = _overlaps(known, lines)
    for index in np.argsort(-overlaps, axis=None, kind="stable"):
        old, new = divmod(int(index), len(lines))
        if overlaps[old, new] < SAME_PLACE:
            break
        if new not in found and old not in found.values() and _same_text(known[old].text, lines[new].text):
            found[new] = old
    free: dict[str, int] = {}
    for old, line in enumerate(known):
        if old not in found.values() and len(_letters(line.text)) >= _LONG_ENOUGH:
            free.setdefault(_letters(line.text), old)
    for new, line in enumerate(lines):
        if new not in found and _letters(line.text) in free:
            found[new] = free.pop(_letters(line.text))
    return found


def _overlaps(known: Sequence[TextInFrame], lines: Sequence[TextInFrame]) -> NDArray[np.float32]:
    """Intersection over union of each known line's box with each new one's, float32 ``[known, lines]``."""
    one = np.array([line.box for line in known], np.float32)[:, None]
    other = np.array([line.box for line in lines], np.float32)[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    shared = np.prod(np.maximum(sides, 0), axis=-1)
    areas = [np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1) for boxes in (one, other)]
    found: NDArray[np.float32] = shared / np.maximum(areas[0] + areas[1] - shared, 1e-6)
    return found


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _same_text(one: str, other: str) -> bool:
    one, other = _letters(one), _letters(other)
    # A digit more or less is another number.
    if [c for c in one if c.isdigit()] != [c for c in other if c.isdigit()]:
        return False
    return one == other or SequenceMatcher(None, one, other, autojunk=False).ratio() >= SAME_TEXT
