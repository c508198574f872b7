"""MiniLM as a cross-encoder over a question and a line: the probability that the line holds the answer.

Passage re-ranking after Nogueira and Cho 2019 (arXiv:1901.04085), on all-MiniLM-L6-v2 (MiniLM, Wang et al. 2020,
arXiv:2002.10957; Sentence-BERT, Reimers and Gurevych 2019, arXiv:1908.10084): six layers, 384 wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.models.protocols import Passage
from assistant.models.runtime import packed_bert
from assistant.models.runtime.packed_bert import Row

if TYPE_CHECKING:
    import torch

QUESTION_TOKENS, LINE_TOKENS = 40, 64
BEFORE_TOKENS, AFTER_TOKENS = 32, 16  # of the lines around a passage


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


class Encoding(packed_bert.Encoding):
    """``[CLS] question [SEP] line [SEP] lines before [SEP] lines behind [SEP]``, types 0 up to the line, then 1."""

    def row(self, question: str, passage: Passage) -> Row:
        head = [self._cls, *self._ids(question)[:QUESTION_TOKENS], self._sep]
        head += [*self._ids(passage.text)[:LINE_TOKENS], self._sep]
        before = self._ids(" ".join(passage.before))[-BEFORE_TOKENS:]
        after = self._ids(" ".join(passage.after))[:AFTER_TOKENS]
        body = [*before, self._sep, *after, self._sep]
        return [*head, *body], [0] * len(head) + [1] * len(body)


def judge(network: torch.nn.Module, rows: Sequence[Row], size: int = packed_bert.BATCH) -> list[float]:
    """The probability of each row, in the rows' order."""
    return packed_bert.judged(network, rows, lambda logits: logits.float().sigmoid(), size)


class MiniLMReranker:
    """The reranker that ships, from a folder of ``model.safetensors``, tokenizer and config."""

    def __init__(self, folder: Path, device: str = "auto", precision: str = "auto") -> None:
        """``precision`` is taken for the other backends' sake: so small a model computes in 32 bits.

        Raises:
            ModelUnavailable: the folder lacks a file, or holds weights of another network.
        """
        import torch

        from assistant.models.runtime.device import choose_device

        self._network, tokenizer, config = packed_bert.load(folder, build, what="reranker", recipe="reranker")
        self._encoding = Encoding(tokenizer)
        self.name = str(config.get("name", folder.name))
        self._network.to(torch.device(choose_device(device)))

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """The probability that each passage answers the question, in the passages' order."""
        return judge(self._network, [self._encoding.row(question, passage) for passage in passages])
