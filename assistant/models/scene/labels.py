"""Label lists and templates of zero-shot description: plain text, in ``prompts/labels/`` or of the person's own.

A person's lists lie in the folder ``labels`` of the home; one of the same name stands in the place of ours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.config import PROMPTS_FOLDER
from assistant.errors import PromptInvalid
from assistant.models.protocols import ImageTextEncoder

LABELS_FOLDER = PROMPTS_FOLDER / "labels"
OWN_FOLDER = "labels"  # below the home
MAX_LABELS = 2_000
MAX_LABEL_CHARACTERS = 120
MAX_TEMPLATES = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Labels to choose from, all different, the lists that they come from, and the sentences that they stand in."""

    names: tuple[str, ...]
    labels: tuple[str, ...]
    templates: tuple[str, ...] = ("{}",)

    @classmethod
    def load(cls, names: Sequence[str], folder: Path = LABELS_FOLDER, own: Path | None = None) -> LabelSet:
        """The labels of these lists one after the other, with the folder's templates; what two lists share counts once.

        Args:
            own: where the person's lists lie.

        Raises:
            PromptInvalid: no such list, or one that is empty, too long or not plain text.
        """
        if not names:
            raise PromptInvalid(
                "no label list is chosen", f"choose one of {', '.join(available(folder, own)) or 'none'}"
            )
        labels: dict[str, None] = {}
        for name in names:
            labels.update(dict.fromkeys(read_labels(name, folder, own)))
        if len(labels) > MAX_LABELS:
            raise PromptInvalid(
                f"the label lists {', '.join(names)} have {len(labels):,} labels together",
                f"choose lists with {MAX_LABELS:,} at most",
            )
        return cls(tuple(names), tuple(labels), read_templates(folder))

    def matrix(self, image_text_encoder: ImageTextEncoder) -> NDArray[np.float32]:
        """The labels as unit vectors float32 ``[labels, D]``; see `zero_shot`."""
        return zero_shot(image_text_encoder, self.labels, self.templates)


def available(folder: Path = LABELS_FOLDER, own: Path | None = None) -> list[str]:
    """The names of the label lists in a folder, and of the person's own, in order."""
    found = [path.stem for place in (folder, own) if place is not None for path in place.glob("*.txt")]
    return sorted({name for name in found if not name.startswith("templates")})


def file_of(name: str, folder: Path = LABELS_FOLDER, own: Path | None = None) -> Path:
    """Where the list of this name lies, or would: the person's before ours."""
    mine = own / f"{name}.txt" if own is not None else None
    return mine if mine is not None and mine.is_file() else folder / f"{name}.txt"


def read_labels(name: str, folder: Path = LABELS_FOLDER, own: Path | None = None) -> tuple[str, ...]:
    """The labels of one list, one a line; lines that start with ``#`` and empty ones are left out.

    Raises:
        PromptInvalid: no such list, or one that is empty, too long, repeats a label or is not plain text.
    """
    path = file_of(name, folder, own) if _NAME.fullmatch(name) else folder
    if not path.is_file():
        names = ", ".join(available(folder, own))
        raise PromptInvalid(f"there is no label list called {name[:60]!r}", f"choose one of {names}")
    return checked(path)


def checked(path: Path) -> tuple[str, ...]:
    """The labels in a file; see `read_labels`."""
    lines = _lines(path)
    if len(lines) < 2:
        raise PromptInvalid(f"{path} has {len(lines)} labels", "write at least two, one a line")
    if len(lines) > MAX_LABELS:
        raise PromptInvalid(f"{path} has {len(lines):,} labels", f"keep {MAX_LABELS:,} at most")
    seen: dict[str, int] = {}
    for number, label in lines:
        if label.casefold() in seen:
            raise PromptInvalid(
                f"{path} has {label!r} in line {seen[label.casefold()]} and again in line {number}",
                "remove one of them",
            )
        seen[label.casefold()] = number
    return tuple(label for _, label in lines)


def read_templates(folder: Path = LABELS_FOLDER, name: str = "templates") -> tuple[str, ...]:
    """The sentences around a label, each with one ``{}`` where the label goes.

    Raises:
        PromptInvalid: no such file, no template, or one without exactly one ``{}``.
    """
    path = folder / f"{name}.txt"
    if not path.is_file():
        raise PromptInvalid(f"{path} is missing", "write one template a line, {} stands for the label")
    lines = _lines(path)
    if not 1 <= len(lines) <= MAX_TEMPLATES:
        raise PromptInvalid(f"{path} has {len(lines)} templates", f"write 1 to {MAX_TEMPLATES}")
    for number, template in lines:
        if template.count("{}") != 1 or re.search(r"[{}]", template.replace("{}", "")):
            raise PromptInvalid(f"line {number} of {path} is not a template", "write {} once, where the label goes")
    return tuple(template for _, template in lines)


def zero_shot(
    image_text_encoder: ImageTextEncoder, labels: Sequence[str], templates: Sequence[str]
) -> NDArray[np.float32]:
    """Unit vectors float32 ``[labels, D]``: for each label the mean of its sentences' unit vectors, at unit length.

    Averaging in embedding space, as in the CLIP paper, costs the templates once and not at each frame.
    """
    sentences = [template.replace("{}", label) for label in labels for template in templates]
    vectors = image_text_encoder.embed_texts(sentences).reshape(len(labels), len(templates), -1).mean(axis=1)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


def _lines(path: Path) -> list[tuple[int, str]]:
    """Line numbers and texts that count, with inner white space made single.

    Raises:
        PromptInvalid: not UTF-8, or a line that is too long or has control characters.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptInvalid(f"{path} cannot be read as text", "save it as UTF-8") from error
    lines = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = re.sub(" +", " ", raw.rstrip("\r").replace("\t", " ")).strip(" ")
        if not line or line.startswith("#"):
            continue
        if len(line) > MAX_LABEL_CHARACTERS:
            raise PromptInvalid(
                f"line {number} of {path} has {len(line)} characters", f"keep {MAX_LABEL_CHARACTERS} at most"
            )
        # Format characters too: invisible ones would make two labels that look the same.
        if any(unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") for character in line):
            raise PromptInvalid(f"line {number} of {path} holds control characters", "remove them")
        lines.append((number, line))
    return lines
