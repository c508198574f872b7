"""Voiced spans packed into chunks that a transcriber can take: joined over short pauses, cut where it is quietest; and
which language is spoken where: a stretch of another language is not nonsense of the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.core.timeline import Span

if TYPE_CHECKING:
    import torch
    from whisper.model import Whisper

SAMPLE_RATE_HZ = 16_000
_FRAME_SECONDS = 0.05
# 40 dB below full scale, in frames of half a second: below it is what a room or a recorder adds.
_LOUD, _LEVEL_SECONDS = 0.01, 0.5
_LEAST_UNSURE_SECONDS = 1.0
FEATURES_PER_SECOND = 50
# So much voice at least is asked for its language at once; on less, a name or a sigh decides.
_PIECE_SECONDS = 2.5
# A piece speaks another language where that is this probable, and the language of the rest this improbable.
_OTHER_FROM, _USUAL_BELOW = 0.5, 0.05


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


def language_probabilities(model: Whisper, tokenizer: Any, features: torch.Tensor) -> dict[str, float]:
    """The probability of each language by the encoder's features of any length, float32 ``[n, width]``."""
    import torch

    start = torch.tensor([[tokenizer.sot]], device=features.device)
    logits = model.logits(start, features[None])[0, 0]
    tokens = torch.tensor(tokenizer.all_language_tokens, device=features.device)
    return dict(zip(tokenizer.all_language_codes, logits[tokens].float().softmax(0).tolist(), strict=True))


def pieces_of(span: Span, voiced: Sequence[Span]) -> list[Span]:
    """The chunk's span divided in pauses, each piece with enough voice to tell its language by."""
    inside = [one for one in voiced if one.overlap_seconds(span) > 0]
    cuts, seconds = [span.start_seconds], 0.0
    left = sum(one.overlap_seconds(span) for one in inside)
    for one, after in pairwise(inside):
        seconds += one.overlap_seconds(span)
        left -= one.overlap_seconds(span)
        if seconds >= _PIECE_SECONDS and left >= _PIECE_SECONDS:
            cuts.append(0.5 * (one.end_seconds + after.start_seconds))
            seconds = 0.0
    return [Span(start, end) for start, end in zip(cuts, [*cuts[1:], span.end_seconds], strict=True)]


def stretches(
    pieces: Sequence[Span], probabilities: Sequence[Mapping[str, float]], usual: str
) -> list[tuple[Span, str]]:
    """Neighbouring pieces of one language together; ``usual`` is what is spoken where no other is nearly sure."""
    spoken = []
    for piece, each in zip(pieces, probabilities, strict=True):
        best = max(each, key=lambda code: each[code])
        is_other = each[best] >= _OTHER_FROM and each.get(usual, 0.0) < _USUAL_BELOW
        spoken.append((piece, best if is_other else usual))
    found = []
    for language, group in groupby(spoken, key=lambda item: item[1]):
        together = [piece for piece, _ in group]
        found.append((Span(together[0].start_seconds, together[-1].end_seconds), language))
    return found
