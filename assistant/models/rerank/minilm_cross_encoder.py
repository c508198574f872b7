"""MiniLM as a cross-encoder over a question and a line: the probability that the line holds the answer.

Passage re-ranking after Nogueira and Cho 2019 (arXiv:1901.04085), on all-MiniLM-L6-v2 (MiniLM, Wang et al. 2020,
arXiv:2002.10957; Sentence-BERT, Reimers and Gurevych 2019, arXiv:1908.10084): six layers, 384 wide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ModelUnavailable
from assistant.models.entailment.minilm_cross_encoder import CONFIG, TOKENIZER, WEIGHTS, batch, unpack_weights
from assistant.models.protocols import Passage

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

QUESTION_TOKENS, LINE_TOKENS = 40, 64
BEFORE_TOKENS, AFTER_TOKENS = 32, 16  # of the lines around a passage
BATCH = 16

Row = tuple[list[int], list[int]]  # tokens and their types


def build(config: dict[str, Any]) -> torch.nn.Module:
    """The network with random weights: tokens, mask and types int64 ``[B, N]`` -> logits ``[B]``."""
    import torch
    from transformers import BertConfig, BertModel

    class CrossEncoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # Sequences this short are read faster without the fused attention, in training by a seventh.
            self.encoder = BertModel(BertConfig(**config, attn_implementation="eager"), add_pooling_layer=False)
            self.answers = torch.nn.Linear(2 * config["hidden_size"], 1)

        def forward(self, tokens: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
            hidden = self.encoder(input_ids=tokens, attention_mask=mask, token_type_ids=types).last_hidden_state
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            logits: torch.Tensor = self.answers(torch.cat([hidden[:, 0], mean], dim=-1).float())
            return logits.squeeze(-1)

    return CrossEncoder()


class Encoding:
    """``[CLS] question [SEP] line [SEP] lines before [SEP] lines behind [SEP]``, types 0 up to the line, then 1."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        self._cls, self._sep = vocabulary["[CLS]"], vocabulary["[SEP]"]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def row(self, question: str, passage: Passage) -> Row:
        head = [self._cls, *self._ids(question)[:QUESTION_TOKENS], self._sep]
        head += [*self._ids(passage.text)[:LINE_TOKENS], self._sep]
        before = self._ids(" ".join(passage.before))[-BEFORE_TOKENS:]
        after = self._ids(" ".join(passage.after))[:AFTER_TOKENS]
        body = [*before, self._sep, *after, self._sep]
        return [*head, *body], [0] * len(head) + [1] * len(body)


def judge(network: torch.nn.Module, rows: Sequence[Row], size: int = BATCH) -> list[float]:
    """The probability of each row, in the rows' order."""
    import torch

    device = next(network.parameters()).device
    by_length = sorted(range(len(rows)), key=lambda row: len(rows[row][0]))  # little padding
    found = [0.0] * len(rows)
    for start in range(0, len(rows), size):
        chosen = by_length[start : start + size]
        with torch.inference_mode():
            logits = network(*(part.to(device) for part in batch([rows[row] for row in chosen])))
        for row, value in zip(chosen, logits.float().sigmoid().tolist(), strict=True):
            found[row] = value
    return found


class MiniLMReranker:
    """The reranker that ships, from a folder of ``model.safetensors``, tokenizer and config."""

    def __init__(self, folder: Path, device: str = "auto", precision: str = "auto") -> None:
        """``precision`` is taken for the other backends' sake: so small a model computes in 32 bits.

        Raises:
            ModelUnavailable: the folder lacks a file, or holds weights of another network.
        """
        import torch
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        from assistant.models.runtime.device import choose_device

        try:
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            self._network = build(config["encoder"]).eval()
            self._network.load_state_dict(unpack_weights(load_file(folder / WEIGHTS)))
            self._encoding = Encoding(Tokenizer.from_file(str(folder / TOKENIZER)))
        # tokenizers raises a bare Exception for a file that is missing or no tokenizer
        except Exception as error:
            raise ModelUnavailable(
                f"{folder} holds no reranker that can be loaded ({type(error).__name__})",
                "fetch the pack again, or train it with: python -m assistant train reranker",
            ) from error
        self.name = str(config.get("name", folder.name))
        self._network.to(torch.device(choose_device(device)))

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """The probability that each passage answers the question, in the passages' order."""
        return judge(self._network, [self._encoding.row(question, passage) for passage in passages])
