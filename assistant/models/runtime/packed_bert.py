"""What the small BERT models that ship share: a folder of bytes and settings, and rows of tokens judged in batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ModelUnavailable

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
SCALE = ".scale"  # name of the scales that belong to a matrix of bytes
BATCH = 16

Row = tuple[list[int], list[int]]  # tokens and their types


class Encoding:
    """Texts as the tokens of a pair: what is asked, types 0, then what it is read beside, types 1."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        self._cls, self._sep = vocabulary["[CLS]"], vocabulary["[SEP]"]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def load(
    folder: Path, build: Callable[[dict[str, Any]], torch.nn.Module], *, what: str, recipe: str
) -> tuple[torch.nn.Module, Tokenizer, dict[str, Any]]:
    """The network with its weights, its tokenizer and its settings, from a folder of these three files.

    Args:
        what: as a message names it; `recipe`: what ``train`` calls it.

    Raises:
        ModelUnavailable: the folder lacks a file, or holds weights of another network.
    """
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        network = build(config["encoder"]).eval()
        network.load_state_dict(unpack_weights(load_file(folder / WEIGHTS)))
        return network, Tokenizer.from_file(str(folder / TOKENIZER)), config
    # tokenizers raises a bare Exception for a file that is missing or no tokenizer
    except Exception as error:
        raise ModelUnavailable(
            f"{folder} holds no {what} that can be loaded ({type(error).__name__})",
            f"fetch the pack again, or train it with: python -m assistant train {recipe}",
        ) from error


def batch(rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, mask and types of rows padded to the longest, int64 ``[B, N]`` each."""
    import torch

    longest = max(len(tokens) for tokens, _ in rows)
    padded = torch.zeros(3, len(rows), longest, dtype=torch.long)
    for row, (tokens, types) in enumerate(rows):
        padded[0, row, : len(tokens)] = torch.tensor(tokens)
        padded[1, row, : len(tokens)] = 1
        padded[2, row, : len(tokens)] = torch.tensor(types)
    return padded[0], padded[1], padded[2]


def judged(
    network: torch.nn.Module, rows: Sequence[Row], finish: Callable[[Any], torch.Tensor], size: int = BATCH
) -> list[Any]:
    """What the network says of each row, in the rows' order; `finish` makes probabilities of a batch of its outputs."""
    import torch

    device = next(network.parameters()).device
    by_length = sorted(range(len(rows)), key=lambda row: len(rows[row][0]))  # little padding
    found: list[Any] = [None] * len(rows)
    for start in range(0, len(rows), size):
        chosen = by_length[start : start + size]
        with torch.inference_mode():
            values = finish(network(*(part.to(device) for part in batch([rows[row] for row in chosen])))).tolist()
        for row, value in zip(chosen, values, strict=True):
            found[row] = value
    return found


def pack_weights(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Matrices as bytes with a half-precision scale a row, the rest in half precision: 23 MB instead of 90."""
    import torch

    packed = {}
    for name, tensor in state.items():
        if tensor.ndim == 2 and tensor.numel() > 4096:
            scale = tensor.abs().amax(1, keepdim=True).clamp_min(1e-8) / 127
            packed[name] = (tensor / scale).round().to(torch.int8)
            packed[name + SCALE] = scale.squeeze(1).to(torch.float32)
        else:
            packed[name] = tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        packed[name] = packed[name].contiguous()
    return packed


def unpack_weights(packed: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights as 32-bit floats."""
    return {
        name: tensor.float() * packed[name + SCALE].float().unsqueeze(1) if name + SCALE in packed else tensor.float()
        for name, tensor in packed.items()
        if not name.endswith(SCALE)
    }
