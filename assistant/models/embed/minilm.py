"""Sentence embeddings, all-MiniLM-L6-v2 for one (Reimers and Gurevych 2019, arXiv:1908.10084): texts become vectors.

Any folder of sentence-transformers serves whose last steps are pooling and normalising: an encoder of transformers
(``config.json``, ``model.safetensors``, ``tokenizer.json``), and ``1_Pooling/config.json`` where the vectors are
pooled otherwise than by their mean.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelUnavailable
from assistant.models.packs import checkpoints, tokenizer_files, vetting

BATCH = 64
LONGEST_TOKENS = 512
_POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "first"}


class MiniLMEmbedder:
    """A `TextEmbedder` from a folder on this machine; safe to share between threads.

    Args:
        folder: of sentence-transformers.
        device: where to compute, as torch names it.

    Raises:
        ModelUnavailable: weights are missing, damaged, or of a kind that is not loaded here.
    """

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        import transformers
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        folder = checkpoints.local_folder(folder)
        self.name, self.revision = checkpoints.identity(folder)
        self._pooling = _pooling(folder)
        self._tokenizer = tokenizer_files.load(folder)
        with vetting.encoder_copy(folder) as copy:
            try:
                model = transformers.AutoModel.from_pretrained(copy, local_files_only=True)
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise checkpoints.damaged(folder, "the weights do not load") from error
        self._model = model.requires_grad_(False).eval().to(device)
        self._device = device
        self._most_tokens = _most_tokens(folder, int(model.config.max_position_embeddings))
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 ``[texts, dimensions]``; a text that is longer than the model reads is cut."""
        import torch

        found = np.zeros((len(texts), int(self._model.config.hidden_size)), np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))  # like lengths together: less padding
        with self._lock, torch.inference_mode():
            for start in range(0, len(order), BATCH):
                indices = order[start : start + BATCH]
                found[indices] = self._vectors([texts[index] for index in indices])
        return found

    def _vectors(self, texts: list[str]) -> NDArray[np.float32]:
        import torch

        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._most_tokens, return_tensors="pt"
        ).to(self._device)
        hidden = self._model(**tokens).last_hidden_state
        if self._pooling == "first":
            pooled = hidden[:, 0]
        else:
            weights = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * weights).sum(1) / weights.sum(1)
        vectors: NDArray[np.float32] = torch.nn.functional.normalize(pooled.float(), dim=-1).cpu().numpy()
        return vectors


def _pooling(folder: Path) -> str:
    """How the tokens' vectors become one: ``mean`` or ``first``.

    Raises:
        ModelUnavailable: in another way.
    """
    config = checkpoints.optional_json(folder / "1_Pooling" / "config.json")
    chosen = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
    if not chosen:
        return "mean"
    if len(chosen) > 1 or chosen[0] not in _POOLINGS:
        raise ModelUnavailable(
            f"{folder} pools its vectors by {', '.join(sorted(chosen))[:120]}, which is not done here",
            "choose a model that takes the mean or the first token",
        )
    return _POOLINGS[chosen[0]]


def _most_tokens(folder: Path, positions: int) -> int:
    wanted = checkpoints.optional_json(folder / "sentence_bert_config.json").get("max_seq_length")
    most = min(positions, LONGEST_TOKENS)
    return min(most, wanted) if type(wanted) is int and wanted > 2 else most
