"""Checkpoints of Whisper on this machine: found, named, loaded, and how each wants to be fed."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from assistant.core import documents
from assistant.errors import ModelUnavailable
from assistant.models.packs import archives
from assistant.models.packs.checkpoints import PULL_COMMAND, check_safetensors, damaged, optional_json, revision
from assistant.models.speech.gates import GateLimits

if TYPE_CHECKING:
    import torch
    from whisper.model import Whisper

WINDOW_SECONDS = 30.0  # Whisper's encoder takes exactly this much
_FINGERPRINT_BYTES = 8 * 1024**2
Options = TypeVar("Options", "DecodingOptions", "GateLimits")


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How a checkpoint wants to be fed; ``config.json`` beside the weights may say otherwise.

    Published sizes were trained on 30 s with timestamps, so that chunks are filled up and the timestamps divide them.
    A checkpoint trained on single sentences says ``timestamps: false`` and shorter chunks.
    """

    max_chunk_seconds: float = 30.0
    join_gap_seconds: float = 2.0
    padding_seconds: float = 0.5  # with 0.2 tiny.en wrote 22 of 277 words wrong and not 14, base 21 and not 22
    timestamps: bool = True
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def identity(path: Path) -> tuple[str, str]:
    """Name and revision of the checkpoint in a file or folder, without loading it."""
    weights = weights_file(Path(path))
    name = str(_config(Path(path)).get("name", f"whisper-{weights.stem}"))
    return name, revision(weights.parent) if Path(path).is_dir() else _fingerprint(weights)


def tokenizer(multilingual: bool, languages: int = 99, language: str = "en") -> Any:
    """Whisper's tokenizer, from the files in its package."""
    from whisper.tokenizer import get_tokenizer

    with warnings.catch_warnings():
        # The package leaves its vocabulary file to be closed by the garbage collector, once a process.
        warnings.simplefilter("ignore", ResourceWarning)
        return get_tokenizer(multilingual, num_languages=languages, language=language, task="transcribe")


def weights_file(path: Path) -> Path:
    if path.is_dir():
        found = sorted(path.glob("*.safetensors")) or sorted(path.glob("*.pt"))
        if len(found) != 1:
            raise ModelUnavailable(
                f"the folder {path} holds no single .pt or .safetensors file of Whisper", f"run {PULL_COMMAND}"
            )
        return found[0]
    if not path.is_file():
        raise ModelUnavailable(f"the speech model {path} is not on this machine", f"run {PULL_COMMAND}")
    return path


def _config(path: Path) -> dict[str, Any]:
    # Only in a folder of its own: several published sizes lie side by side, and none has a config.json.
    return optional_json(path / "config.json") if path.is_dir() else {}


def _fingerprint(weights: Path) -> str:
    """12 digits that change with the file: from its length, its beginning and its end."""
    size = weights.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with weights.open("rb") as file:
        digest.update(file.read(_FINGERPRINT_BYTES))
        file.seek(max(0, size - _FINGERPRINT_BYTES))
        digest.update(file.read(_FINGERPRINT_BYTES))
    return digest.hexdigest()[:12]


def read_decoding_options(path: Path) -> DecodingOptions:
    """How the checkpoint in this file or folder wants to be fed: the defaults, unless its ``config.json`` says so."""
    decoding = _given(path, "decoding", DecodingOptions)
    if not 1.0 <= decoding.max_chunk_seconds <= WINDOW_SECONDS:
        raise damaged(path, "config.json asks for chunks that are not of 1 to 30 s")
    if not 1 <= len(decoding.temperatures) <= 20:
        raise damaged(path, "config.json asks for no temperature, or for too many")
    return decoding


def read_limits(path: Path) -> GateLimits:
    """Where words of this checkpoint stop being believed: how sure it is when it is right is its own."""
    return _given(path, "limits", GateLimits)


def _given(path: Path, part: str, kind: type[Options]) -> Options:
    given = _config(path).get(part, {})
    if not isinstance(given, dict) or not given.keys() <= {field.name for field in fields(kind)}:
        raise damaged(path, f"config.json has {part} that nobody knows")
    try:
        return documents.load(kind, given)
    except ValueError as error:
        raise damaged(path, f"config.json: {error}") from error


def _tensors(weights: Path) -> tuple[dict[str, int], dict[str, torch.Tensor]]:
    """Dimensions and weights by name, of a file in Whisper's own format.

    As safetensors the file holds the weights under Whisper's own names, and ``config.json`` beside it the dimensions
    (``dims``); as an archive of torch it holds both.
    """
    if weights.suffix == ".safetensors":
        from safetensors.torch import load_file

        check_safetensors(weights)
        return dict(_config(weights.parent)["dims"]), load_file(weights)
    checkpoint = archives.load(weights, mmap=True)
    return dict(checkpoint["dims"]), dict(checkpoint["model_state_dict"])


def _check_dimensions(dims: dict[str, int], tensors: dict[str, torch.Tensor]) -> None:
    """Make sure that the weights are of these dimensions before a model is built, which may be larger than any memory.

    Raises:
        ValueError, KeyError: they are not.
    """
    for kind in ("audio", "text"):
        tower = "encoder" if kind == "audio" else "decoder"
        width, layers = dims[f"n_{kind}_state"], dims[f"n_{kind}_layer"]
        shape = tensors[f"{tower}.blocks.{layers - 1}.mlp.0.weight"].shape
        if f"{tower}.blocks.{layers}.mlp.0.weight" in tensors or tuple(shape) != (4 * width, width):
            raise ValueError(f"the {tower} is of other dimensions")
        if tuple(tensors[f"{tower}.positional_embedding"].shape) != (dims[f"n_{kind}_ctx"], width):
            raise ValueError(f"the {tower} is of another length")
    if len(tensors["decoder.token_embedding.weight"]) != dims["n_vocab"]:
        raise ValueError("the vocabulary is of another size")
    for name, tensor in tensors.items():  # one number can stand for a tensor of any size
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ValueError(f"{name} has fewer values than it says")


def knows_alignment(weights: Path) -> bool:
    """Whether it is known which heads of the cross attention follow the time, so that words can have theirs.

    A folder's ``config.json`` names them, as pairs of layer and head; a published file keeps the name of its size, by
    which the package knows them. Of others any heads would give times, and worse ones than the words' lengths do:
    measured with the demo pack's model, 0.5 s beside the word against 0.4 s.
    """
    import whisper

    return bool(_config(weights.parent).get("alignment_heads")) or weights.stem in whisper._ALIGNMENT_HEADS


def _set_alignment_heads(model: Whisper, weights: Path) -> None:
    """Tell the model which heads follow the time; without a word, the later half of all."""
    import torch
    import whisper

    given = _config(weights.parent).get("alignment_heads")
    if given:
        heads = torch.zeros(model.dims.n_text_layer, model.dims.n_text_head, dtype=torch.bool)
        for layer, head in given:
            heads[layer, head] = True
        model.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
    elif (packed := whisper._ALIGNMENT_HEADS.get(weights.stem)) is not None:
        model.set_alignment_heads(packed)


def load(weights: Path, device: str, precision: str) -> Whisper:
    """The model in evaluation, its encoder's large layers in the wanted precision."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    try:
        dims, tensors = _tensors(weights)
        _check_dimensions(dims, tensors)
        model = Whisper(ModelDimensions(**dims))
        model.load_state_dict(tensors)
        _set_alignment_heads(model, weights)
    except (ModelUnavailable, MemoryError):
        raise
    except Exception as error:  # torch raises many kinds for a damaged archive, pickle and zip errors among them
        raise damaged(weights.parent, f"{weights.name} is not a whole Whisper checkpoint") from error
    tokenizer(model.is_multilingual, model.num_languages)  # read once here, not in the middle of the first decoding
    model.requires_grad_(False).eval().to(device)
    dtype = getattr(torch, precision)
    if dtype != torch.float32:
        for layer in model.encoder.modules():
            if isinstance(layer, (torch.nn.Linear, torch.nn.Conv1d)):
                layer.to(dtype)
    return model
