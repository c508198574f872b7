"""The sentence embeddings that ship: all-MiniLM-L6-v2, taught questions and the lines that answer them, as bytes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.models.runtime import packed_bert

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

LONGEST_TOKENS = 64  # what the training saw
BATCH = 64


def build(config: dict[str, Any]) -> torch.nn.Module:
    """The encoder with random weights."""
    import torch
    from transformers import BertConfig, BertModel

    class BiEncoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = BertModel(BertConfig(**config, attn_implementation="eager"), add_pooling_layer=False)

        def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            """Tokens and mask int64 ``[B, N]`` -> unit vectors ``[B, D]``, the means of the tokens' vectors."""
            hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state.float()
            weights = mask.unsqueeze(-1).float()
            return torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)

    return BiEncoder()


def prepared(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer, cutting texts where the training did."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST_TOKENS)
    return tokenizer


def vectors(network: torch.nn.Module, tokenizer: Tokenizer, texts: Sequence[str], size: int = BATCH) -> torch.Tensor:
    """Unit vectors ``[texts, D]`` on the network's device; like lengths go in together."""
    import torch

    device = next(network.parameters()).device
    rows = [encoded.ids for encoded in tokenizer.encode_batch(list(texts))]
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    parts = []
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        tokens, mask, _ = packed_bert.batch([(rows[row], [0] * len(rows[row])) for row in chosen])
        parts.append(network(tokens.to(device), mask.to(device)))
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(parts)[back.to(device)]


class PackedEmbedder:
    """A `TextEmbedder` from a folder of ``model.safetensors``, tokenizer and config; safe to share between threads."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        """Raises:
        ModelUnavailable: the folder lacks a file, or holds weights of another network.
        """
        self._network, tokenizer, config = packed_bert.load(
            folder, build, what="sentence embeddings", recipe="embedder"
        )
        self._tokenizer = prepared(tokenizer)
        self._network.to(device)
        self._width = int(config["encoder"]["hidden_size"])
        self._lock = threading.Lock()
        self.name, self.revision = str(config.get("name", folder.name)), str(config.get("revision", ""))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 ``[texts, dimensions]``; a text that is longer than the model reads is cut."""
        import torch

        if not texts:
            return np.zeros((0, self._width), np.float32)
        with self._lock, torch.inference_mode():
            found: NDArray[np.float32] = vectors(self._network, self._tokenizer, texts).cpu().numpy()
        return found
