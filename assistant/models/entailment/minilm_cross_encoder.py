"""MiniLM as a cross-encoder: evidence lines, a question and a sentence go in together, two judgements come out.

The base is all-MiniLM-L6-v2 (MiniLM, Wang et al. 2020, arXiv:2002.10957; Sentence-BERT, Reimers and Gurevych 2019,
arXiv:1908.10084): six layers, 384 wide. One head says whether the evidence supports or contradicts the sentence or
does not speak of it; the other whether the sentence answers the question.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ModelUnavailable
from assistant.models.protocols import Entailment, Statement

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

MAX_TOKENS = 192  # what the training saw; positions behind it were never taught
QUESTION_TOKENS, SENTENCE_TOKENS = 40, 72
WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
SCALE = ".scale"  # name of the scales that belong to a matrix of bytes
BATCH = 16


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


class Encoding:
    """Turns statements into tokens: ``[CLS] question [SEP] sentence [SEP] evidence [SEP]``, types 0 0 0 0 1 1."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        self._cls, self._sep = vocabulary["[CLS]"], vocabulary["[SEP]"]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def windows(self, statement: Statement) -> list[tuple[list[int], list[int]]]:
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


def batch(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens, mask and types of rows padded to the longest, int64 ``[B, N]`` each."""
    import torch

    longest = max(len(tokens) for tokens, _ in rows)
    padded = torch.zeros(3, len(rows), longest, dtype=torch.long)
    for row, (tokens, types) in enumerate(rows):
        padded[0, row, : len(tokens)] = torch.tensor(tokens)
        padded[1, row, : len(tokens)] = 1
        padded[2, row, : len(tokens)] = torch.tensor(types)
    return padded[0], padded[1], padded[2]


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


class MiniLMCrossEncoder:
    """The entailment model of the starter pack, from a folder of ``model.safetensors``, tokenizer and config."""

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
                f"{folder} holds no entailment model that can be loaded ({type(error).__name__})",
                "fetch the pack again, or train it with: python -m assistant train verifier",
            ) from error
        self.name = str(config.get("name", folder.name))
        thresholds = config.get("thresholds", {})
        self.supported_from = float(thresholds.get("supported", 0.5))
        self.answers_from = float(thresholds.get("answers", 0.5))
        self._device = torch.device(choose_device(device))
        self._network.to(self._device)

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
        for number, (supported, contradicted, absent, answers) in zip(owners, self._judge(rows), strict=True):
            asked = bool(statements[number].question.strip())
            judged = Entailment(supported, contradicted, absent, answers if asked else None)
            before = found[number]
            if before is None or judged.not_there < before.not_there:
                found[number] = judged
        return [judged for judged in found if judged is not None]

    def _judge(self, rows: Sequence[tuple[list[int], list[int]]]) -> list[list[float]]:
        """Probabilities supported, contradicted, not there, answers of each row, in the rows' order."""
        import torch

        by_length = sorted(range(len(rows)), key=lambda row: len(rows[row][0]))  # little padding
        judged: list[list[float]] = [[] for _ in rows]
        for start in range(0, len(rows), BATCH):
            chosen = by_length[start : start + BATCH]
            with torch.inference_mode():
                parts = batch([rows[row] for row in chosen])
                support, relevance = self._network(*(part.to(self._device) for part in parts))
                columns = torch.cat([support.softmax(-1), relevance.sigmoid().unsqueeze(-1)], -1).tolist()
            for row, values in zip(chosen, columns, strict=True):
                judged[row] = values
        return judged
