"""V-JEPA 2 made quick on a CPU in bfloat16, by swapping pieces of the loaded model for others that say the same.

PyTorch's own attention and its convolution run bfloat16 no faster than float32 on such a processor, while its matrix
products run at the full rate of the hardware. So attention here is matrix products and a softmax, a few rows of scores
at a time, and the patches are one product. And every layer of transformers' encoder computes the same rotary angles
anew, in bfloat16; here they are computed once, in float32. What each piece costs stands in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from assistant.models.runtime import int8

ATTENTION = "blocks"
# Scores held at once. 4 MiB in bfloat16 stay within a shared cache, and it is the same speed from 1 to 8 MiB.
_SCORES = 2 * 1024**2
_LEAST_OF_GELU = -0.17


def optimize(model: Any) -> None:
    """Swap the pieces of a loaded ``VJEPA2ForVideoClassification`` in evaluation mode, whose weights it may reorder."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, attend)
    model.set_attn_implementation(ATTENTION)
    config = model.config
    rotary = Rotary(config.hidden_size // config.num_attention_heads, config.crop_size // config.patch_size)
    encoder = model.vjepa2.encoder
    encoder.embeddings.patch_embeddings.proj = PatchProduct(encoder.embeddings.patch_embeddings.proj)
    for layer in encoder.layer:
        layer.attention = HalvesAttention(layer.attention, rotary)


def turn_to_integers(model: Any) -> int:
    """How many of a optimized model's large linear layers compute in 8-bit integers from now on.

    Each has to show first, on a generated clip, that integers give what it gave. The same clip every time: a video's
    own first clip may be black, and what a model says must not depend on the video that it happened to see first.
    """
    least = _LEAST_OF_GELU if model.config.hidden_act == "gelu" else None
    places = []
    for layer in model.vjepa2.encoder.layer:
        places += [int8.Place(layer.attention, name) for name in ("query", "key", "value", "proj")]
        places += [int8.Place(layer.mlp, "fc1"), int8.Place(layer.mlp, "fc2", least)]
    for layer in model.pooler.self_attention_layers:
        places += [int8.Place(layer.self_attn, name) for name in ("q_proj", "k_proj", "v_proj", "out_proj")]
        places += [int8.Place(layer.mlp, "fc1"), int8.Place(layer.mlp, "fc2", least)]
    pixels = calibration_clip(model.config.tubelet_size, model.config.crop_size).to(model.dtype)
    with torch.inference_mode():
        return int8.settle(places, lambda: model.pooler(model.vjepa2.encoder(pixels).last_hidden_state))


def calibration_clip(frames: int, size: int) -> torch.Tensor:
    """A normalised clip ``[1, frames, 3, size, size]`` that drifts, with coarse and fine detail; always the same."""
    generator = torch.Generator().manual_seed(0)
    picture = torch.zeros(1, 3, size, size + 4 * frames)
    for cells in (2, 4, 8, 16, 32, 64):
        noise = torch.randn(1, 3, cells, cells, generator=generator)
        picture += nn.functional.interpolate(noise, picture.shape[-2:], mode="bilinear")
    picture = (picture / picture.std()).clamp(-2, 2)
    return torch.stack([picture[..., 4 * frame : 4 * frame + size] for frame in range(frames)], 1)


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float = 1.0,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """Attention without a mask, ``[B, N, heads, D]``, in the form that transformers wants of an attention function.

    Args:
        query: ``[B, heads, N, D]``; it is multiplied by ``scaling`` first.
        key, value: ``[B, heads, M, D]``.

    Raises:
        ValueError: a mask, which V-JEPA 2's encoder and pooler never give.
    """
    if attention_mask is not None:
        raise ValueError("this attention knows no mask")
    batch, heads, rows, size = query.shape
    columns = key.shape[2]
    queries = (query if scaling == 1.0 else query * scaling).reshape(-1, rows, size)
    keys, values = key.reshape(-1, columns, size).transpose(1, 2), value.reshape(-1, columns, size)
    context = torch.empty_like(queries)
    at_once = max(1, min(rows, _SCORES // columns))
    together = max(1, min(len(queries), _SCORES // (at_once * columns)))
    memory = queries.new_empty(together * at_once * columns)
    for head in range(0, len(queries), together):
        own = slice(head, min(head + together, len(queries)))
        for row in range(0, rows, at_once):
            part = queries[own, row : row + at_once]
            scores = memory[: part.shape[0] * part.shape[1] * columns].view(part.shape[0], part.shape[1], columns)
            torch.bmm(part, keys[own], out=scores)
            torch.softmax(scores, -1, out=scores)  # sums in float32, whatever the scores are in
            torch.bmm(scores, values[own], out=context[own, row : row + at_once])
    return context.view(batch, heads, rows, size).transpose(1, 2), None


class Rotary:
    """The angles by which V-JEPA 2 turns queries and keys: a third of each head by time, by row and by column.

    Within a third of ``d`` numbers, number ``j`` is turned by ``position * 10000 ** -((j % (d/2)) / (d/2))``, while its
    partner is its neighbour: the two of a pair turn by different angles. That is how the published weights were
    trained, so it is kept. What the thirds leave over is not turned.

    Args:
        size: numbers in a head, even.
        grid: tokens in a row of a frame, and rows.
    """

    def __init__(self, size: int, grid: int) -> None:
        self.size, self.grid = size, grid
        self._kept: tuple[int, torch.dtype, torch.Tensor, torch.Tensor] | None = None

    def tables(self, tokens: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines ``[tokens, 1, size]`` for heads whose even numbers stand before their odd ones."""
        kept = self._kept
        if kept is None or kept[:2] != (tokens, dtype):
            cosines, sines = self._computed(tokens)
            kept = self._kept = tokens, dtype, cosines.to(dtype), sines.to(dtype)
        return kept[2:]

    def _computed(self, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        places = torch.arange(tokens)
        frame, inside = places // self.grid**2, places % self.grid**2
        third = 2 * (self.size // 3 // 2)
        frequency = 10_000.0 ** -(torch.arange(third // 2) / (third / 2)).repeat(2)
        angles = torch.zeros(tokens, self.size)
        for axis, position in enumerate((frame, inside // self.grid, inside % self.grid)):
            angles[:, axis * third : (axis + 1) * third] = position[:, None] * frequency
        even, odd = angles[:, 0::2], angles[:, 1::2]
        cosines, sines = torch.cat([even.cos(), odd.cos()], 1), torch.cat([-even.sin(), odd.sin()], 1)
        return cosines[:, None], sines[:, None]


class PatchProduct(nn.Module):
    """The convolution whose patches do not overlap, as one matrix product."""

    def __init__(self, convolution: nn.Conv3d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias  # transformers asks the weight for its dtype

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the convolution returns, ``[B, width, T/t, H/h, W/w]``, of ``[B, channels, T, H, W]``."""
        batch, channels, *sizes = pixels.shape
        patch = self.weight.shape[2:]
        grid = [size // edge for size, edge in zip(sizes, patch, strict=True)]
        split = [number for pair in zip(grid, patch, strict=True) for number in pair]
        pieces = pixels[:, :, : grid[0] * patch[0], : grid[1] * patch[1], : grid[2] * patch[2]]
        patches = pieces.reshape(batch, channels, *split).permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4).flatten(1, 3)
        tokens = nn.functional.linear(patches, self.weight.flatten(1), self.bias)
        return tokens.transpose(1, 2).unflatten(2, grid)


class HalvesAttention(nn.Module):
    """One encoder layer's attention, from transformers' own module, whose query and key weights it reorders.

    Within each head the even outputs come first, then the odd ones: what the rotation pairs then lies in two
    contiguous halves. Queries and keys are reordered alike, so their products stay what they were.
    """

    def __init__(self, plain: Any, rotary: Rotary) -> None:
        super().__init__()
        self.heads, self.size, self.scaling = plain.num_attention_heads, plain.attention_head_size, plain.scaling
        self.query, self.key = (_halved(linear, self.heads) for linear in (plain.query, plain.key))
        self.value, self.proj = plain.value, plain.proj
        self.rotary = rotary

    def forward(self, hidden: torch.Tensor, position_mask: None = None) -> tuple[torch.Tensor, None]:
        """What transformers' module returns: the mixed tokens ``[B, N, width]``, and no attention weights."""
        if position_mask is not None:
            raise ValueError("only whole clips are encoded, whose tokens stand in order")
        tables = self.rotary.tables(hidden.shape[1], hidden.dtype)
        query, key = self._turned(self.query(hidden), *tables), self._turned(self.key(hidden), *tables)
        return self._mixed(query, key, self.value(hidden)), None

    def of_kept(
        self, hidden: torch.Tensor, kept: torch.Tensor, spread: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """What some tokens of a clip gather from all of them.

        Args:
            hidden: those tokens, ``[B, K, width]``.
            kept: their places in the clip, int64 ``[B, K]``.
            spread: makes all tokens, ``[B, N, width]``, from those.
        """
        key = spread(self.key(hidden))
        cosines, sines = self.rotary.tables(key.shape[1], key.dtype)
        query = self._turned(self.query(hidden), cosines[kept], sines[kept])
        return self._mixed(query, self._turned(key, cosines, sines), spread(self.value(hidden)))

    def _mixed(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        apart = value.unflatten(-1, (self.heads, self.size)).transpose(1, 2)
        context, _ = attend(self, query, key, apart, None, self.scaling)
        out: torch.Tensor = self.proj(context.flatten(2))
        return out

    def _turned(self, flat: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
        """Queries or keys ``[B, heads, N, size]``, turned by their places, of ``[B, N, width]``."""
        plain = flat.unflatten(-1, (self.heads, self.size))
        half = self.size // 2
        turned = plain.new_empty(plain.shape[0], self.heads, plain.shape[1], self.size)
        out = turned.transpose(1, 2)
        torch.mul(plain, cosines, out=out)
        out[..., :half].addcmul_(plain[..., half:], sines[..., :half])
        out[..., half:].addcmul_(plain[..., :half], sines[..., half:])
        return turned


def _halved(linear: nn.Linear, heads: int) -> nn.Linear:
    """The layer with the even outputs of each head before the odd ones."""
    linear.weight.data = _even_first(linear.weight.data, heads)
    if linear.bias is not None:
        linear.bias.data = _even_first(linear.bias.data, heads)
    return linear


def _even_first(rows: torch.Tensor, heads: int) -> torch.Tensor:
    return rows.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2).contiguous()
