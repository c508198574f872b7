"""Looks with CLIP (Radford et al. 2021, arXiv:2103.00020) through open_clip: frames compared with texts."""

from __future__ import annotations

import logging
import math
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelFailed
from assistant.models.packs import checkpoints
from assistant.models.runtime import device as devices
from assistant.models.runtime import framing

if TYPE_CHECKING:
    import torch

CONFIG_FILE = "open_clip_config.json"
_FRAMES_PER_PASS = {"cpu": 16, "cuda": 256, "mps": 64}
_TEXTS_PER_PASS = 256


def stored_logit_scale(folder: Path) -> float | None:
    """The logit scale as the weights file has it, read without loading the model; None where that cannot be done."""
    weights = _weights_file(folder)
    if weights.suffix != ".safetensors":
        return None
    logarithm = checkpoints.stored_number(weights, "logit_scale")
    return None if logarithm is None else math.exp(logarithm)


class OpenClipEncoder:
    """Says what frames look like by comparing them with texts; see `assistant.models.protocols.ImageTextEncoder`.

    Args:
        name: a folder with ``open_clip_config.json`` and weights (``open_clip_model.safetensors``, or ``.bin`` and
            ``.pt`` files, which are read as plain tensors only), or the name of a hub repository in the cache.
        device, precision: as in the settings.

    Raises:
        ModelUnavailable: not on this machine, or damaged.
    """

    def __init__(self, name: str | os.PathLike[str], device: str = "auto", precision: str = "auto") -> None:
        folder = checkpoints.local_folder(name)
        config = checkpoints.read_json(folder / CONFIG_FILE)
        self.name = checkpoints.display_name(name, folder)
        self.revision = checkpoints.revision(folder)
        self.device = devices.choose_device(device)
        self.precision = devices.choose_precision(precision, self.device, checkpoints.weights_bytes(folder))
        self._model, self._tokenizer, self.logit_scale = _load(folder, config, self.device, self.precision)
        try:
            self.framing = framing.from_open_clip(self._model.visual.preprocess_cfg)
        except (ValueError, KeyError, TypeError) as error:
            raise checkpoints.damaged(folder, str(error)) from error
        self.size = self.framing.size

    @property
    def frame_size(self) -> int:
        """The shortest edge, in pixels, at which frames should arrive."""
        return self.framing.edge

    def embed_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit vectors float32 ``[N, D]`` of frames uint8 ``[N, H, W, 3]``.

        Raises:
            ModelFailed: out of memory.
        """
        step = _FRAMES_PER_PASS[self.device]
        return self._embedded(
            self._model.encode_image(
                self.framing.normalized(self.framing.square(frames[first : first + step]).to(self.device)).to(
                    self._dtype
                )
            )
            for first in range(0, len(frames), step)
        )

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors float32 ``[N, D]``; a text longer than the model's context is cut.

        Raises:
            ModelFailed: out of memory.
        """
        return self._embedded(
            self._encode_texts(self._tokenizer(list(texts[first : first + _TEXTS_PER_PASS])).to(self.device))
            for first in range(0, len(texts), _TEXTS_PER_PASS)
        )

    def _encode_texts(self, tokens: torch.Tensor) -> torch.Tensor:
        """Text features ``[N, D]`` of tokens ``[N, context]``, without computing the padding where that is sure.

        In CLIP's own text tower no token sees what comes after it, and the text's vector is taken at its last token:
        a label of eight tokens need not be computed as one of 77.
        """
        import torch
        from open_clip import CLIP

        model = self._model
        longest = int(tokens.argmax(dim=-1).max()) + 1  # the mark of the end has the largest number of all
        causal = isinstance(model, CLIP) and model.attn_mask is not None and model.text_pool_type == "argmax"
        if not causal or longest == tokens.shape[-1]:
            features: torch.Tensor = model.encode_text(tokens)
            return features
        short = {
            "positional_embedding": model.positional_embedding[:longest],
            "attn_mask": model.attn_mask[:longest, :longest],
        }
        found = torch.func.functional_call(model, short, kwargs={"image": None, "text": tokens[:, :longest]})
        text: torch.Tensor = found["text_features"] if isinstance(found, dict) else found[1]
        return text

    @property
    def _dtype(self) -> torch.dtype:
        import torch

        dtype: torch.dtype = getattr(torch, self.precision)
        return dtype

    def _embedded(self, parts: Iterator[torch.Tensor]) -> NDArray[np.float32]:
        """What the towers give, batch by batch, as unit vectors."""
        import torch

        with self._guarded(), torch.inference_mode():
            vectors = [torch.nn.functional.normalize(part.float(), dim=-1).cpu() for part in parts]
            if not vectors:
                return np.zeros((0, int(self._model.text_projection.shape[-1])), np.float32)
            return torch.cat(vectors).numpy()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        import torch

        try:
            yield
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise ModelFailed(
                f"{self.name} ran out of memory on {self.device}", "set the device to cpu, or close other programs"
            ) from error


def _load(folder: Path, config: dict[str, Any], device: str, precision: str) -> tuple[Any, Any, float]:
    """The model in evaluation mode, its tokenizer and its logit scale, from files of this folder alone."""
    import torch

    weights = _weights_file(folder)
    if "model_cfg" not in config:
        raise checkpoints.damaged(folder, f"{CONFIG_FILE} does not describe a model")
    with _quiet():
        import open_clip

        try:
            # Built without weights and then filled by a strict load: open_clip's own way through a folder would start
            # with random weights where it finds none, and say so in a log line only.
            model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
            open_clip.load_checkpoint(model, str(weights), strict=True, weights_only=True)
            tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
        except (
            OSError,
            EOFError,
            RuntimeError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            AssertionError,
        ) as error:
            raise checkpoints.damaged(folder, f"open_clip does not load ({error})") from error
        except pickle.UnpicklingError as error:
            raise checkpoints.damaged(folder, f"{weights.name} holds more than plain tensors") from error
    # The scale stays as exact as the file has it: in bfloat16, 100 would become 99.
    scale = float(model.logit_scale.detach().exp())
    return model.to(device=device, dtype=getattr(torch, precision)).eval().requires_grad_(False), tokenizer, scale


def _weights_file(folder: Path) -> Path:
    """The file that open_clip's own names prefer: repositories often hold another library's weights beside it."""
    files = checkpoints.weights_files(folder)
    if not files:
        raise checkpoints.damaged(folder, "it holds no weights")
    chosen = next((path for path in files if path.name.startswith("open_clip")), files[0])
    if chosen.suffix == ".safetensors":
        checkpoints.check_safetensors(chosen)
    return chosen


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip logs each step of loading through the root logger; only errors are of interest here."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
