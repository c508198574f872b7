"""Any natural language inference checkpoint as an entailment model: a folder for transformers' sequence classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assistant.errors import ModelUnavailable
from assistant.models.protocols import Entailment, Statement

# MNLI, Williams et al. 2018, arXiv:1704.05426, names the three outcomes; checkpoints order them as they like.
_OUTCOMES = ("entailment", "contradiction", "neutral")
_MAX_TOKENS = 512
_BATCH = 8


class NliModel:
    """Says what the evidence says of a sentence. It was not taught questions, so relevance stays open."""

    def __init__(self, folder: Path, device: str = "auto", precision: str = "auto") -> None:
        """``precision`` is taken for the other backends' sake: 32 bits are used.

        Raises:
            ModelUnavailable: no such checkpoint there, or its labels are not those of inference.
        """
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        from assistant.models.runtime.device import choose_device

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._network = AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            ).eval()
        except (OSError, ValueError) as error:
            raise ModelUnavailable(
                f"{folder} holds no sequence classifier that can be loaded",
                "give a folder with config.json, a tokenizer and model.safetensors",
            ) from error
        labels = {str(label).lower(): int(number) for number, label in self._network.config.id2label.items()}
        if missing := [outcome for outcome in _OUTCOMES if outcome not in labels]:
            raise ModelUnavailable(
                f"the classifier in {folder} has no label {missing[0]!r}; it has {', '.join(labels)}",
                "use a checkpoint of natural language inference, with entailment, neutral and contradiction",
            )
        self._columns = [labels[outcome] for outcome in _OUTCOMES]
        self._device = torch.device(choose_device(device))
        self._network.to(self._device)
        self.name = folder.name
        self.supported_from, self.answers_from = 0.5, 0.5

    def score(self, statements: Sequence[Statement]) -> list[Entailment]:
        """One judgement per statement; `answers` is always None."""
        import torch

        found = []
        for start in range(0, len(statements), _BATCH):
            part = statements[start : start + _BATCH]
            encoded = self._tokenizer(
                ["\n".join(statement.evidence) for statement in part],
                [statement.sentence for statement in part],
                padding=True,
                truncation="only_first",
                max_length=min(_MAX_TOKENS, self._tokenizer.model_max_length),
                return_tensors="pt",
            ).to(self._device)
            with torch.inference_mode():
                probabilities = self._network(**encoded).logits.float().softmax(-1)[:, self._columns]
            found += [Entailment(yes, no, open_, None) for yes, no, open_ in probabilities.tolist()]
        return found
