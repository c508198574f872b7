"""The sentence embeddings that ship: all-MiniLM-L6-v2, taught questions and the lines that answer them, as bytes."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelUnavailable
from assistant.models.entailment.minilm_cross_encoder import CONFIG, TOKENIZER, WEIGHTS, unpack_weights

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


def tokenizer_of(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
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
        tokens = torch.zeros(len(chosen), max(len(rows[row]) for row in chosen), dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for place, row in enumerate(chosen):
            tokens[place, : len(rows[row])] = torch.tensor(rows[row])
            mask[place, : len(rows[row])] = 1
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
        from safetensors.torch import load_file

        try:
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            self._network = build(config["encoder"]).eval()
            self._network.load_state_dict(unpack_weights(load_file(folder / WEIGHTS)))
            self._tokenizer = tokenizer_of(folder / TOKENIZER)
        # tokenizers raises a bare Exception for a file that is missing or no tokenizer
        except Exception as error:
            raise ModelUnavailable(
                f"{folder} holds no sentence embeddings that can be loaded ({type(error).__name__})",
                "fetch the pack again, or train it with: python -m assistant train embedder",
            ) from error
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
