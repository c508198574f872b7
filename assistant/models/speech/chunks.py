"""Voiced spans packed into chunks that a transcriber can take: joined over short pauses, cut where it is quietest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.core.timeline import Span

SAMPLE_RATE_HZ = 16_000
_FRAME_SECONDS = 0.05
# 40 dB below full scale, in frames of half a second: below it is what a room or a recorder adds.
_LOUD, _LEVEL_SECONDS = 0.01, 0.5
_LEAST_UNSURE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is transcribed at once: the span that is cut out, how much of it is voiced, and how much may be."""

    span: Span
    voiced_seconds: float
    unsure_seconds: float = 0.0


def chunk_of(span: Span, voiced: Sequence[Span], unsure: Sequence[Span] = ()) -> Chunk:
    """The chunk of this span, with the seconds of both kinds in it."""
    return Chunk(span, *(sum(one.overlap_seconds(span) for one in spans) for spans in (voiced, unsure)))


def unsure_spans(samples: NDArray[np.float32], voiced: Sequence[Span]) -> list[Span]:
    """Where there is sound but no voice was found in it: music may hide one from the voice detector.

    Args:
        samples: mono float32 ``[N]`` at 16 kHz.
        voiced: in order of time.
    """
    frame = int(_LEVEL_SECONDS * SAMPLE_RATE_HZ)
    found: list[Span] = []
    start: float | None = None
    for index in range(len(samples) // frame + 1):
        part = samples[index * frame : (index + 1) * frame]
        is_loud = len(part) > 0 and float(np.square(part, dtype=np.float32).mean()) >= _LOUD**2
        now = index * _LEVEL_SECONDS
        if is_loud and start is None:
            start = now
        elif not is_loud and start is not None:
            found.append(Span(start, now))
            start = None
    if start is not None:
        found.append(Span(start, len(samples) / SAMPLE_RATE_HZ))
    left: list[Span] = []
    for loud in found:
        edges = [loud.start_seconds]
        for one in voiced:
            if one.overlap_seconds(loud) > 0:
                edges += [max(loud.start_seconds, one.start_seconds), min(loud.end_seconds, one.end_seconds)]
        edges.append(loud.end_seconds)
        left += [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= _LEAST_UNSURE_SECONDS]
    return left


def pack_chunks(
    speech: Sequence[Span],
    samples: NDArray[np.float32],
    *,
    max_seconds: float,
    join_gap_seconds: float,
    padding_seconds: float,
) -> list[Chunk]:
    """Chunks of at most ``max_seconds`` that hold all the speech within mono float32 ``[N]`` at 16 kHz, in order.

    Spans are joined over pauses shorter than ``join_gap_seconds``, and padded by up to ``padding_seconds`` without
    reaching into a neighbour. A span that is too long is cut at the quietest moment of its second half.
    """
    end_seconds = len(samples) / SAMPLE_RATE_HZ
    pieces: list[Span] = []
    for span in sorted(speech, key=lambda span: span.start_seconds):
        start, end = max(0.0, span.start_seconds), min(end_seconds, span.end_seconds)
        if end > start:
            pieces.extend(_cut_long(Span(start, end), samples, max_seconds - 2 * padding_seconds))
    groups: list[list[Span]] = []
    for piece in pieces:
        if groups:
            gap = piece.start_seconds - groups[-1][-1].end_seconds
            length = piece.end_seconds - groups[-1][0].start_seconds
            if gap < join_gap_seconds and length <= max_seconds - 2 * padding_seconds:
                groups[-1].append(piece)
                continue
        groups.append([piece])
    chunks = []
    for place, group in enumerate(groups):
        before = groups[place - 1][-1].end_seconds if place else 0.0
        after = groups[place + 1][0].start_seconds if place + 1 < len(groups) else end_seconds
        start, end = group[0].start_seconds, group[-1].end_seconds
        start -= min(padding_seconds, max(0.0, (start - before) if not place else (start - before) / 2))
        end += min(padding_seconds, max(0.0, (after - end) if place + 1 == len(groups) else (after - end) / 2))
        chunks.append(Chunk(Span(start, min(end, end_seconds)), sum(piece.seconds for piece in group)))
    return chunks


def chunk_samples(chunk: Chunk, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The chunk's own sound, float32 ``[n]``."""
    first, last = (round(t * SAMPLE_RATE_HZ) for t in (chunk.span.start_seconds, chunk.span.end_seconds))
    return samples[first:last]


def _cut_long(span: Span, samples: NDArray[np.float32], max_seconds: float) -> list[Span]:
    pieces: list[Span] = []
    start = span.start_seconds
    while span.end_seconds - start > max_seconds:
        cut = _quietest_seconds(samples, start + max_seconds / 2, start + max_seconds)
        pieces.append(Span(start, cut))
        start = cut
    return [*pieces, Span(start, span.end_seconds)]


def _quietest_seconds(samples: NDArray[np.float32], start_seconds: float, end_seconds: float) -> float:
    """The middle of the quietest 50 ms between the two times."""
    frame = int(_FRAME_SECONDS * SAMPLE_RATE_HZ)
    first = int(start_seconds * SAMPLE_RATE_HZ)
    stretch = samples[first : int(end_seconds * SAMPLE_RATE_HZ)]
    frames = stretch[: len(stretch) // frame * frame].reshape(-1, frame)
    if not len(frames):
        return end_seconds
    place = int(np.argmin(np.square(frames, dtype=np.float64).sum(axis=1)))
    return (first + (place + 0.5) * frame) / SAMPLE_RATE_HZ
