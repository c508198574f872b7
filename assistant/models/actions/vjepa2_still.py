"""V-JEPA 2 on the parts of a clip that change: what stands still is computed now and then and taken over in between.

A token is 16 x 16 pixels over two frames. Where they show what the same place showed before, its features hardly differ
from those found there, and leaving such tokens out costs a video transformer little accuracy even untrained for it
(run-length tokenization, Choudhury et al. 2024, arXiv:2411.05222). Two things keep the result nearer still: a place is
computed anew in at least every `REFRESH`-th pair of frames, neighbours in turn, so that each pair has some of its
own; and a token left out still counts in attention, with keys and values taken over but turned to its own time.
What that changes in the demo pack's labels stands in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from assistant.models.actions.vjepa2_fast import HalvesAttention
from assistant.shots.repeats import COARSE_LEVELS, FINE_LEVELS

REFRESH = 3
_COUNTS = 16
_BLOCKS_ACROSS = 60  # as coarse, against the picture, as the blocks by which whole windows are compared


@dataclass(frozen=True, slots=True)
class Still:
    """Which tokens of a clip are computed, and which of those stands for each; of several clips with a ``B`` in front.

    Args:
        kept: int64 ``[K]``: places of the computed tokens in the whole sequence, ascending.
        sources: int64 ``[N]``: for each token of the whole sequence the one of the ``K`` that stands for it.
    """

    kept: torch.Tensor
    sources: torch.Tensor

    @property
    def whole(self) -> bool:
        """Whether every token is computed."""
        return self.kept.shape[-1] == self.sources.shape[-1]


def still_of(clip: torch.Tensor, tubelet: int, patch: int) -> Still:
    """What stands still in a clip uint8 ``[T, 3, S, S]``, by the levels that `assistant.shots.repeats` allows.

    A place is compared with what it showed when it was last computed, so small changes cannot add up. The number of
    computed tokens is rounded up to a sixteenth of all, so that some clips can go through together.
    """
    changed = _changed(clip, tubelet, patch)
    steps, places = changed.shape
    flat = changed.flatten()
    step_of_count = max(1, len(flat) // _COUNTS)
    count = min(len(flat), -(-int(flat.sum()) // step_of_count) * step_of_count)
    kept = (~flat).byte().argsort(stable=True)[:count].sort().values
    computed = torch.zeros_like(flat)
    computed[kept] = True
    step = torch.where(computed.view(steps, places), torch.arange(steps)[:, None], -1).cummax(0).values
    place = (step * places + torch.arange(places)).flatten()
    return Still(kept, (computed.cumsum(0) - 1)[place])


def together(stills: Sequence[Still], device: torch.device) -> Still:
    """Those of several clips that compute equally many tokens, as one."""
    return Still(*(torch.stack(parts).to(device) for parts in zip(*((s.kept, s.sources) for s in stills), strict=True)))


def _changed(clip: torch.Tensor, tubelet: int, patch: int) -> torch.Tensor:
    """bool ``[T / tubelet, places]``: which places of one clip show something else than before, or are due."""
    size = clip.shape[-1]
    block = max(edge for edge in (1, 2, 4, 8) if edge == 1 or (edge * _BLOCKS_ACROSS <= size and patch % edge == 0))
    blocks = functional.avg_pool2d(clip.float(), block).round_()
    groups = blocks.unflatten(0, (-1, tubelet))
    across, inside = size // patch, patch // block
    turn = (torch.arange(across)[:, None] + torch.arange(across)) % REFRESH
    shown = groups[0].clone()
    changed = [torch.ones(across, across, dtype=torch.bool)]
    for number, group in enumerate(groups[1:], start=1):
        apart = group - shown
        finest = functional.max_pool2d(apart.abs().amax((0, 1))[None], inside)[0]
        widest = functional.avg_pool2d(apart, inside).abs().amax((0, 1))
        new = (finest > FINE_LEVELS) | (widest > COARSE_LEVELS) | (turn == number % REFRESH)
        shown = torch.where(new.repeat_interleave(inside, 0).repeat_interleave(inside, 1), group, shown)
        changed.append(new)
    return torch.stack(changed).flatten(1)


class StillEncoder(nn.Module):
    """A loaded V-JEPA 2 encoder in evaluation mode, transformers' own or a optimized one, on a part of the tokens."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: torch.Tensor, still: Still) -> torch.Tensor:
        """Tokens ``[B, N, D]`` of normalised clips ``[B, T, 3, S, S]``, those left out taken over.

        Args:
            still: of these clips `together`.
        """
        encoder = self.encoder
        tokens = _rows(encoder.embeddings(pixels), still.kept)
        for layer in encoder.layer:
            tokens = tokens + _attended(layer.attention, layer.norm1(tokens), still)
            tokens = tokens + layer.mlp(layer.norm2(tokens))
        return _rows(encoder.layernorm(tokens), still.sources)


def _attended(attention: Any, tokens: torch.Tensor, still: Still) -> torch.Tensor:
    """What the computed tokens gather from all, ``[B, K, D]``."""
    if isinstance(attention, HalvesAttention):
        return attention.of_kept(tokens, still.kept, lambda rows: _rows(rows, still.sources))
    heads = (attention.num_attention_heads, attention.attention_head_size)

    def apart(rows: torch.Tensor) -> torch.Tensor:
        return rows.unflatten(-1, heads).transpose(1, 2)

    key, value = (apart(_rows(linear(tokens), still.sources)) for linear in (attention.key, attention.value))
    own, all_places = attention.get_position_ids(tokens, still.kept), attention.get_position_ids(key[:, 0])
    query = attention.apply_rotary_embeddings(apart(attention.query(tokens)), own)
    key = attention.apply_rotary_embeddings(key, all_places)
    mixed = functional.scaled_dot_product_attention(query, key, value, scale=attention.scaling)
    out: torch.Tensor = attention.proj(mixed.transpose(1, 2).flatten(2))
    return out


def _rows(tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """The tokens at these places, ``[B, M, D]`` of ``[B, N, D]`` and ``[B, M]``."""
    first = torch.arange(len(tokens), device=places.device)[:, None] * tokens.shape[1]
    return tokens.flatten(0, 1).index_select(0, (places + first).flatten()).view(*places.shape, -1)
