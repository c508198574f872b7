"""When each word is spoken, by the cross attention of Whisper's decoder, and how sure the model is of each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.core.timeline import Span

if TYPE_CHECKING:
    import torch
    from whisper.model import Whisper

MOMENT_SECONDS = 0.02  # of sound for each of the encoder's features
_MEDIAN_MOMENTS = 7
# Marks that belong to the word behind them, and to the word before.
_LEADING, _TRAILING = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、…"
# A word's own voice may begin a little before the detector hears it.
_LEAST_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """A word as the decoder wrote it, spaces and marks with it, its time and the mean probability of its tokens."""

    text: str
    span: Span
    token_count: int
    probability: float


def align(
    model: Whisper, tokenizer: Any, features: torch.Tensor, tokens: list[int], span: Span, voiced: Sequence[Span]
) -> list[AlignedWord]:
    """The words of these text tokens in order, marks merged to their word.

    Each token attends to its own moment; the cheapest way through tokens and moments gives each its time (Radford et
    al. 2022, released code of word timestamps). It lets a word begin in the pause before it: the pause is cut off by
    what the voice detector heard.

    Args:
        features: the encoder's, float32 ``[1500, width]``, of the sound whose place is ``span``.
        voiced: spans with voice, in order of time.
    """
    import torch

    if not tokens:
        return []
    attention, probabilities = _attention(model, tokenizer, features, tokens)
    moments = max(1, min(attention.shape[-1], round(span.seconds / MOMENT_SECONDS)))
    weights = attention[..., :moments].softmax(-1)  # [heads, tokens + 1, moments]
    deviation, mean = torch.std_mean(weights, dim=-2, keepdim=True, unbiased=False)
    weights = _median((weights - mean) / deviation.clamp_min(1e-12))
    starts = token_starts(-weights.mean(0).cpu().numpy()) * MOMENT_SECONDS
    found: list[AlignedWord] = []
    first, last_start = 0, span.start_seconds
    for text, count in _words(tokenizer, tokens):
        start, end = (min(span.end_seconds, span.start_seconds + float(starts[n])) for n in (first, first + count))
        place = within_voice(Span(start, max(start, end)), voiced)
        last_start = max(last_start, place.start_seconds)
        place = Span(last_start, max(last_start, place.end_seconds))
        found.append(AlignedWord(text, place, count, float(probabilities[first : first + count].mean())))
        first += count
    return found


def token_starts(cost: NDArray[np.float32]) -> NDArray[np.int64]:
    """The moment at which each token begins, int64 ``[tokens]``, on the cheapest way through the cost.

    Dynamic time warping: the way begins at the first token and moment, ends at the last of both, and takes a step on
    in tokens, in moments or in both at once. Diagonals are computed whole, since their cells do not need each other.

    Args:
        cost: of each token at each moment, float32 ``[tokens, moments]``.
    """
    tokens, moments = cost.shape
    best = np.full((tokens + 1, moments + 1), np.inf)
    best[0, 0] = 0.0
    step = np.zeros((tokens + 1, moments + 1), np.int8)  # 0: both, 1: the next token, 2: the next moment
    for diagonal in range(2, tokens + moments + 1):
        row = np.arange(max(1, diagonal - moments), min(tokens, diagonal - 1) + 1)
        column = diagonal - row
        before = np.stack([best[row - 1, column - 1], best[row - 1, column], best[row, column - 1]])
        choice = before.argmin(0)
        step[row, column] = choice
        best[row, column] = before[choice, np.arange(len(row))] + cost[row - 1, column - 1]
    starts = np.zeros(tokens, np.int64)
    row, column = tokens, moments
    while row > 0 and column > 0:
        starts[row - 1] = column - 1  # the last that is written is the first moment
        choice = step[row, column]
        row, column = row - (choice != 2), column - (choice != 1)
    return starts


def _attention(
    model: Whisper, tokenizer: Any, features: torch.Tensor, tokens: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The cross attention of the heads that follow the time, before its softmax, ``[heads, tokens + 1, 1500]``, and
    the probability of each token ``[tokens]``; the last row is the end of the text."""
    import torch
    from whisper.model import disable_sdpa

    begin = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
    given = torch.tensor([[*begin, *tokens, tokenizer.eot]], device=features.device)
    kept: dict[int, torch.Tensor] = {}
    hooks = [
        block.cross_attn.register_forward_hook(lambda _, __, out, layer=layer: kept.__setitem__(layer, out[1][0]))
        for layer, block in enumerate(model.decoder.blocks)
    ]
    try:
        with disable_sdpa():  # the fused attention does not give its weights
            logits = model.decoder(given, features[None])[0]
    finally:
        for hook in hooks:
            hook.remove()
    heads = model.alignment_heads.indices().T.tolist()
    attention = torch.stack([kept[layer][head] for layer, head in heads]).float()
    first = len(begin)
    scores = logits[first - 1 : first - 1 + len(tokens), : tokenizer.eot].float().softmax(-1)
    probabilities = scores[torch.arange(len(tokens)), torch.tensor(tokens, device=scores.device)]
    # A row says where the token behind it is looked for.
    return attention[:, first - 1 : first + len(tokens)], probabilities


def _median(weights: torch.Tensor) -> torch.Tensor:
    """Each value replaced by the median of its neighbours in time."""
    from torch.nn import functional

    half = _MEDIAN_MOMENTS // 2
    if weights.shape[-1] <= half:
        return weights
    return functional.pad(weights, (half, half), "reflect").unfold(-1, _MEDIAN_MOMENTS, 1).median(-1).values


def _words(tokenizer: Any, tokens: list[int]) -> list[tuple[str, int]]:
    """The text in words with their marks, each with its number of tokens."""
    texts, counts = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
    found: list[tuple[str, int]] = []
    opening = ("", 0)
    for text, own in zip(texts[:-1], counts[:-1], strict=True):
        if text.startswith(" ") and text.strip() and all(mark in _LEADING for mark in text.strip()):
            opening = (opening[0] + text, opening[1] + len(own))
        elif (
            found and not opening[1] and text.strip() and not text.startswith(" ") and all(m in _TRAILING for m in text)
        ):
            found[-1] = (found[-1][0] + text, found[-1][1] + len(own))
        else:
            found.append((opening[0] + text, opening[1] + len(own)))
            opening = ("", 0)
    if opening[1]:
        found.append(opening)
    return found


def within_voice(span: Span, voiced: Sequence[Span]) -> Span:
    """The part of a word's time in which there is voice; of several the longest, and all of it where there is none."""
    first = max(0, bisect_right([one.start_seconds for one in voiced], span.start_seconds) - 1)
    best = span
    longest = _LEAST_SECONDS
    for one in voiced[first:]:
        if one.start_seconds >= span.end_seconds:
            break
        if (seconds := one.overlap_seconds(span)) > longest:
            longest = seconds
            best = Span(
                max(span.start_seconds, one.start_seconds),
                min(span.end_seconds, one.end_seconds),
            )
    return best
