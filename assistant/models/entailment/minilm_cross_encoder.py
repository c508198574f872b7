"""MiniLM as a cross-encoder: evidence lines, a question and a sentence go in together, two judgements come out.

The base is all-MiniLM-L6-v2 (MiniLM, Wang et al. 2020, arXiv:2002.10957; Sentence-BERT, Reimers and Gurevych 2019,
arXiv:1908.10084): six layers, 384 wide. One head says whether the evidence supports or contradicts the sentence or
does not speak of it; the other whether the sentence answers the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.models.protocols import Entailment, Statement
from assistant.models.runtime import packed_bert
from assistant.models.runtime.packed_bert import Row

if TYPE_CHECKING:
    import torch

MAX_TOKENS = 192  # what the training saw; positions behind it were never taught
QUESTION_TOKENS, SENTENCE_TOKENS = 40, 72


def build(config: dict[str, Any]) -> torch.nn.Module:
    """The network with random weights: tokens, mask and types int64 ``[B, N]`` -> logits ``[B, 3]`` and ``[B]``."""
    import torch
    from transformers import BertConfig, BertModel

    class CrossEncoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = BertModel(BertConfig(**config), add_pooling_layer=False)
            width = 2 * config["hidden_size"]
            self.support = torch.nn.Linear(width, 3)
            self.relevance = torch.nn.Linear(width, 1)

        def forward(
            self, tokens: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            hidden = self.encoder(input_ids=tokens, attention_mask=mask, token_type_ids=types).last_hidden_state
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            # The base learned to speak through the mean, cross-encoders usually do through [CLS]: both.
            pooled = torch.cat([hidden[:, 0], mean], dim=-1).float()
            return self.support(pooled), self.relevance(pooled).squeeze(-1)

    return CrossEncoder()


class Encoding(packed_bert.Encoding):
    """Turns statements into tokens: ``[CLS] question [SEP] sentence [SEP] evidence [SEP]``, types 0 0 0 0 1 1."""

    def windows(self, statement: Statement) -> list[Row]:
        """Tokens and types of the statement with all its evidence, in as many windows as the evidence needs.

        A window begins with the last line of the one before, so that what two neighbouring lines say together is
        seen together; a line longer than a window is cut.
        """
        question, sentence = self._ids(statement.question), self._ids(statement.sentence)
        head = [self._cls, *question[:QUESTION_TOKENS], self._sep, *sentence[:SENTENCE_TOKENS], self._sep]
        room = MAX_TOKENS - len(head) - 1
        pieces = [
            piece
            for line in statement.evidence
            for ids in [self._ids(line)]
            for piece in (ids[start : start + room] for start in range(0, len(ids), room))
        ]
        bodies: list[list[list[int]]] = [[]]
        for piece in pieces:
            if bodies[-1] and sum(map(len, bodies[-1])) + len(piece) > room:
                last = bodies[-1][-1]
                bodies.append([last] if len(last) + len(piece) <= room else [])
            bodies[-1].append(piece)
        return [
            ([*head, *body, self._sep], [0] * len(head) + [1] * (len(body) + 1))
            for body in ([token for piece in pieces for token in piece] for pieces in bodies)
        ]


def judge(network: torch.nn.Module, rows: Sequence[Row], size: int = packed_bert.BATCH) -> list[list[float]]:
    """Probabilities supported, contradicted, not there, answers of each row, in the rows' order."""
    import torch

    def finish(logits: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        support, relevance = logits
        return torch.cat([support.float().softmax(-1), relevance.float().sigmoid().unsqueeze(-1)], -1)

    return packed_bert.judged(network, rows, finish, size)


class MiniLMCrossEncoder:
    """The entailment model of the starter pack, from a folder of ``model.safetensors``, tokenizer and config."""

    def __init__(self, folder: Path, device: str = "auto", precision: str = "auto") -> None:
        """``precision`` is taken for the other backends' sake: so small a model computes in 32 bits.

        Raises:
            ModelUnavailable: the folder lacks a file, or holds weights of another network.
        """
        import torch

        from assistant.models.runtime.device import choose_device

        self._network, tokenizer, config = packed_bert.load(folder, build, what="entailment model", recipe="verifier")
        self._encoding = Encoding(tokenizer)
        self.name = str(config.get("name", folder.name))
        thresholds = config.get("thresholds", {})
        self.supported_from = float(thresholds.get("supported", 0.5))
        self.answers_from = float(thresholds.get("answers", 0.5))
        self._network.to(torch.device(choose_device(device)))

    def score(self, statements: Sequence[Statement]) -> list[Entailment]:
        """One judgement per statement; evidence longer than a window is read in windows.

        Of several windows the one speaks that is surest that the evidence is about the sentence.
        """
        owners, rows = [], []
        for number, statement in enumerate(statements):
            for row in self._encoding.windows(statement):
                owners.append(number)
                rows.append(row)
        found: list[Entailment | None] = [None] * len(statements)
        for number, (supported, contradicted, absent, answers) in zip(owners, judge(self._network, rows), strict=True):
            asked = bool(statements[number].question.strip())
            judged = Entailment(supported, contradicted, absent, answers if asked else None)
            before = found[number]
            if before is None or judged.not_there < before.not_there:
                found[number] = judged
        return [judged for judged in found if judged is not None]
