"""Looks with CLIP (Radford et al. 2021, arXiv:2103.00020) through open_clip: frames compared with texts."""

from __future__ import annotations

import copy
import logging
import math
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelFailed
from assistant.models.packs import archives, checkpoints, tokenizer_files, vetting
from assistant.models.runtime import device as devices
from assistant.models.runtime import framing

if TYPE_CHECKING:
    import torch

_FRAMES_PER_PASS = {"cpu": 16, "cuda": 256, "mps": 64}
_TEXTS_PER_PASS = 256
_MOST_SCALE = 20.0  # of the scale's logarithm; CLIP's training stops at 4.6, a scale of 100


def stored_logit_scale(folder: Path) -> float | None:
    """The logit scale as the weights file has it, read without loading the model; None where that cannot be done."""
    weights = _weights_file(folder)
    if weights.suffix != ".safetensors":
        return None
    logarithm = checkpoints.stored_number(weights, "logit_scale")
    return None if logarithm is None or not abs(logarithm) < _MOST_SCALE else math.exp(logarithm)


class OpenClipEncoder:
    """Says what frames look like by comparing them with texts; see `assistant.models.protocols.ImageTextEncoder`.

    Args:
        name: a folder with ``open_clip_config.json`` and weights (``open_clip_model.safetensors``, or ``.bin`` and
            ``.pt`` files, which are read as plain tensors only), or the name of a hub repository in the cache. A
            tokenizer of its own lies beside them as ``tokenizer.json``.
        device, precision: as in the settings.

    Raises:
        ModelUnavailable: not on this machine, or damaged.
    """

    def __init__(self, name: str | os.PathLike[str], device: str = "auto", precision: str = "auto") -> None:
        folder = checkpoints.local_folder(name)
        config = vetting.open_clip_config(folder)
        self.name = checkpoints.display_name(name, folder)
        self.revision = checkpoints.revision(folder)
        self.device = devices.choose_device(device)
        self.precision = devices.choose_precision(precision, self.device, checkpoints.weights_bytes(folder))
        self._model, self._tokenizer, self.logit_scale = _load(folder, config, self.device, self.precision)
        try:
            self.framing = framing.from_open_clip(self._model.visual.preprocess_cfg)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise checkpoints.damaged(folder, f"its settings for frames are no settings ({error})") from error
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


def _load(folder: Path, config: Mapping[str, Any], device: str, precision: str) -> tuple[Any, Any, float]:
    """The model in evaluation mode, its tokenizer and its logit scale, from vetted settings and one file of weights."""
    import torch

    weights = _weights_file(folder)
    with _quiet():
        import open_clip

        try:
            # Built here and filled by a strict load: open_clip's own ways through a folder or a name read settings that
            # say where else to go, and start with random weights where they find none.
            model = _built(folder, config, weights.stat().st_size)
            open_clip.load_checkpoint(model, str(weights), strict=True, weights_only=True)
            tokenizer = _tokenizer(folder, config["tokenizer"])
        except (
            OSError,
            EOFError,
            RuntimeError,
            ValueError,
            LookupError,
            ArithmeticError,
            TypeError,
            AttributeError,
            AssertionError,
            NotImplementedError,
            pickle.UnpicklingError,
        ) as error:
            raise checkpoints.damaged(folder, f"open_clip does not load ({error})") from error
    # The scale stays as exact as the file has it: in bfloat16, 100 would become 99.
    scale = float(model.logit_scale.detach().exp())
    return model.to(device=device, dtype=getattr(torch, precision)).eval().requires_grad_(False), tokenizer, scale


def _built(folder: Path, config: Mapping[str, Any], weights_bytes: int) -> Any:
    """The model with random weights, once it is sure that the file holds as many."""
    import open_clip
    import torch
    from open_clip.model import set_model_preprocess_cfg
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    kind = getattr(open_clip, config["kind"])
    if "timm_model_name" not in config["model"]["vision_cfg"]:
        with torch.device("meta"):  # shapes alone: settings may ask for more than any memory holds
            wanted = sum(parameter.numel() for parameter in kind(**copy.deepcopy(config["model"])).parameters())
        if wanted > weights_bytes:
            raise checkpoints.damaged(folder, f"its settings ask for {wanted:,} weights, and its file has fewer")
    model = kind(**copy.deepcopy(config["model"]))
    frames = merge_preprocess_dict(PreprocessCfg(), dict(config["frames"]))
    set_model_preprocess_cfg(model, {**frames, "size": model.visual.image_size})
    return model


def _tokenizer(folder: Path, settings: Mapping[str, Any]) -> Callable[[list[str]], torch.Tensor]:
    """What turns texts into tokens ``[N, context]``: CLIP's own, or the one that the folder holds."""
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer, get_clean_fn

    if not settings["files"]:
        clean = settings["clean"] or "lower"
        return SimpleTokenizer(context_length=settings["context_length"], clean=clean)

    class FolderTokenizer(HFTokenizer):
        """open_clip's handling of texts around a tokenizer that was built from data; its own would look it up."""

        def __init__(self) -> None:
            self.tokenizer = tokenizer_files.load(folder)
            self.tokenizer_mode = settings["mode"]
            self.context_length = settings["context_length"]
            self.clean_fn = get_clean_fn(settings["clean"] or "whitespace")
            self.strip_sep_token = settings["strip_sep_token"]

    return FolderTokenizer()


def _weights_file(folder: Path) -> Path:
    """The file that open_clip's own names prefer: repositories often hold another library's weights beside it."""
    files = checkpoints.weights_files(folder)
    if not files:
        raise checkpoints.damaged(folder, "it holds no weights")
    chosen = next((path for path in files if path.name.startswith("open_clip")), files[0])
    if chosen.suffix == ".safetensors":
        checkpoints.check_safetensors(chosen)
    else:
        archives.check(chosen)
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
