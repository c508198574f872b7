"""Which language is spoken where: a stretch of another language is not nonsense of the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from assistant.core.timeline import Span

if TYPE_CHECKING:
    import torch
    from whisper.model import Whisper

_FEATURES_PER_SECOND = 50
# So much voice at least is asked for its language at once; on less, a name or a sigh decides.
_PIECE_SECONDS = 2.5
_BRIEF_SECONDS = 0.5  # will do where it is one of two
# A piece speaks another language where that is this probable, and the language of the rest this improbable.
_OTHER_FROM, _USUAL_BELOW = 0.5, 0.05


PieceLanguages = list[tuple[Span, dict[str, float]]]


def probabilities_by_piece(
    model: Whisper,
    tokenizer: Any,
    features: torch.Tensor,
    span: Span,
    voiced: Sequence[Span],
    part: Span | None = None,
) -> PieceLanguages:
    """The pieces of a chunk, each with its probability of every language.

    Args:
        features: what the encoder made of the chunk, float32 ``[1500, width]``.
        span: the chunk's.
        part: only what lies in it, in pieces as brief as they can be; None: all of the chunk.
    """
    pieces = pieces_of(span, voiced) if part is None else pieces_of(part, voiced, _BRIEF_SECONDS)
    if (
        len(pieces) == 1 and part is None
    ):  # with the silence behind it, which Whisper knows: a short slice is taken for anything
        return [(span, _probabilities(model, tokenizer, features))]
    found = []
    for piece in pieces:
        first, last = (
            round((seconds - span.start_seconds) * _FEATURES_PER_SECOND)
            for seconds in (piece.start_seconds, piece.end_seconds)
        )
        found.append((piece, _probabilities(model, tokenizer, features[first : max(first + 1, last)])))
    return found


def _probabilities(model: Whisper, tokenizer: Any, features: torch.Tensor) -> dict[str, float]:
    """The probability of each language by the encoder's features of any length, float32 ``[n, width]``."""
    import torch

    start = torch.tensor([[tokenizer.sot]], device=features.device)
    logits = model.logits(start, features[None])[0, 0]
    tokens = torch.tensor(tokenizer.all_language_tokens, device=features.device)
    return dict(zip(tokenizer.all_language_codes, logits[tokens].float().softmax(0).tolist(), strict=True))


def pieces_of(span: Span, voiced: Sequence[Span], least_seconds: float = _PIECE_SECONDS) -> list[Span]:
    """The chunk's span divided in pauses, each piece with enough voice to tell its language by."""
    inside = [one for one in voiced if one.overlap_seconds(span) > 0]
    cuts, seconds = [span.start_seconds], 0.0
    left = sum(one.overlap_seconds(span) for one in inside)
    for one, after in pairwise(inside):
        seconds += one.overlap_seconds(span)
        left -= one.overlap_seconds(span)
        if seconds >= least_seconds and left >= least_seconds:
            cuts.append(0.5 * (one.end_seconds + after.start_seconds))
            seconds = 0.0
    return [Span(start, end) for start, end in zip(cuts, [*cuts[1:], span.end_seconds], strict=True)]


def stretches(pieces: Sequence[tuple[Span, Mapping[str, float]]], usual: str) -> list[tuple[Span, str]]:
    """Neighbouring pieces of one language together; ``usual`` is what is spoken where no other is nearly sure."""
    spoken = []
    for piece, each in pieces:
        best = max(each, key=lambda code: each[code])
        is_other = each[best] >= _OTHER_FROM and each.get(usual, 0.0) < _USUAL_BELOW
        spoken.append((piece, best if is_other else usual))
    return joined(spoken)


def divided(pieces: Sequence[tuple[Span, Mapping[str, float]]], other: str, usual: str) -> list[tuple[Span, str]]:
    """A stretch of another language without what is rather the usual one.

    One foreign second turns the language of all that it was asked with: 6 s of English before 1 s of Chinese are
    Chinese to base (0.98), and none of their sentences alone is.
    """
    return [(piece, usual if each.get(usual, 0.0) > each.get(other, 0.0) else other) for piece, each in pieces]


def joined(parts: Sequence[tuple[Span, str]]) -> list[tuple[Span, str]]:
    """Neighbours of one language as one."""
    found = []
    for language, group in groupby(parts, key=lambda item: item[1]):
        together = [piece for piece, _ in group]
        found.append((Span(together[0].start_seconds, together[-1].end_seconds), language))
    return found
