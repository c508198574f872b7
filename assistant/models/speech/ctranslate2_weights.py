"""Whisper's weights out of CTranslate2's ``model.bin``, in Whisper's own names: the form that this program loads.

The layout is that of CTranslate2's specifications, version 6, little-endian (opennmt.net/CTranslate2): version, name
and revision of the specification, then every variable with its name, shape, type and bytes, then the aliases. Only
numbers are read, nothing of the file is run. Against Whisper's layout there are three differences: the projections of
attention are fused (query, key and value in one matrix; key and value of the cross attention), the keys carry a bias
that is zero, and int8 matrices stand beside one scale for each row.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.core.documents import checked
from assistant.models.packs.checkpoints import damaged, optional_json

if TYPE_CHECKING:
    import torch

VERSION = 6
SPECIFICATION = "WhisperSpec"
# CTranslate2's number of a type -> torch's name; its int16 (4-bit and older files) is not used for Whisper.
_TYPES = {0: "float32", 1: "int8", 2: "int16", 3: "int32", 4: "float16", 5: "bfloat16"}
_BYTES = {"float32": 4, "int8": 1, "int16": 2, "int32": 4, "float16": 2, "bfloat16": 2}
HEAD_WIDTH = 64  # of every published size
# The heads of the cross attention that follow the time, by the name that Whisper's package knows, where the file's own
# config.json does not name them: (layers, width, vocabulary) of the decoder.
_SIZES = {
    (4, 384, 51864): "tiny.en",
    (4, 384, 51865): "tiny",
    (6, 512, 51864): "base.en",
    (6, 512, 51865): "base",
    (12, 768, 51864): "small.en",
    (12, 768, 51865): "small",
    (24, 1024, 51864): "medium.en",
    (24, 1024, 51865): "medium",
    (32, 1280, 51866): "large-v3",
    (4, 1280, 51866): "large-v3-turbo",
}
_FUSED = ("query", "key", "value")
_NORM = {"gamma": "weight", "beta": "bias"}


def convert(model_bin: Path | Sequence[Path], out: Path, config: Path | None = None) -> None:
    """Write the checkpoint as the folder ``out``: ``model.safetensors`` and ``config.json`` with its dimensions.

    Args:
        model_bin: the file, or its parts in order.
        config: CTranslate2's ``config.json``, which names the heads that follow the time; by default the one beside
            one of the parts, where there is one.

    Raises:
        ModelUnavailable: not a whole file of Whisper in this layout.
        OSError: it cannot be read or written.
    """
    parts = [Path(model_bin)] if isinstance(model_bin, str | os.PathLike) else [Path(part) for part in model_bin]
    found = config or next((path for part in parts if (path := part.parent / "config.json").is_file()), None)
    try:
        variables = dict(_variables(parts))
        tensors = whisper_tensors(variables)
        dims = _dimensions(variables, tensors)
        size = _SIZES.get((dims["n_text_layer"], dims["n_text_state"], dims["n_vocab"]))
        heads = _alignment_heads(optional_json(found) if found else {}, dims, size)
    except (ValueError, KeyError, IndexError, struct.error, RuntimeError) as error:
        what = f"no {error} in it" if isinstance(error, KeyError) else str(error)
        raise damaged(parts[0].parent, f"{parts[0].name} is not a whole Whisper of CTranslate2 ({what})") from error
    document: dict[str, Any] = {"dims": dims}
    if heads:
        document["alignment_heads"] = heads
    if size:
        document["name"] = f"whisper-{size}"
    _write(out, tensors, document)


def _write(out: Path, tensors: Mapping[str, torch.Tensor], document: Mapping[str, Any]) -> None:
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    waiting = out / "model.safetensors.part"
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, waiting)
    (out / "config.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    waiting.replace(out / "model.safetensors")  # last, since a folder with weights counts as whole


def whisper_tensors(variables: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights under Whisper's names, of CTranslate2's variables, in the precision that they have there.

    Raises:
        KeyError: a variable that a Whisper has is missing.
        ValueError: it is built in another way.
    """
    if "decoder/pre_norm" in variables and not int(variables["decoder/pre_norm"]):
        raise ValueError("it normalises behind its layers")
    found = {
        "encoder.positional_embedding": variables["encoder/position_encodings/encodings"],
        "decoder.positional_embedding": variables["decoder/position_encodings/encodings"],
        "decoder.token_embedding.weight": _matrix(variables, "decoder/embeddings/weight"),
    }
    for conv in ("conv1", "conv2"):
        found |= {f"encoder.{conv}.{name}": variables[f"encoder/{conv}/{name}"] for name in ("weight", "bias")}
    for tower, last in (("encoder", "ln_post"), ("decoder", "ln")):
        found |= _norm(variables, f"{tower}/layer_norm", f"{tower}.{last}")
        for layer in range(_layers(variables, tower)):
            found |= _block(variables, f"{tower}/layer_{layer}", f"{tower}.blocks.{layer}")
    return found


def _block(variables: Mapping[str, torch.Tensor], theirs: str, ours: str) -> dict[str, torch.Tensor]:
    found = {
        **_norm(variables, f"{theirs}/ffn/layer_norm", f"{ours}.mlp_ln"),
        **_linear(variables, f"{theirs}/ffn/linear_0", [f"{ours}.mlp.0"]),
        **_linear(variables, f"{theirs}/ffn/linear_1", [f"{ours}.mlp.2"]),
        **_norm(variables, f"{theirs}/self_attention/layer_norm", f"{ours}.attn_ln"),
        **_linear(variables, f"{theirs}/self_attention/linear_0", [f"{ours}.attn.{part}" for part in _FUSED]),
        **_linear(variables, f"{theirs}/self_attention/linear_1", [f"{ours}.attn.out"]),
    }
    if ours.startswith("decoder"):
        found |= {
            **_norm(variables, f"{theirs}/attention/layer_norm", f"{ours}.cross_attn_ln"),
            **_linear(variables, f"{theirs}/attention/linear_0", [f"{ours}.cross_attn.query"]),
            **_linear(
                variables, f"{theirs}/attention/linear_1", [f"{ours}.cross_attn.key", f"{ours}.cross_attn.value"]
            ),
            **_linear(variables, f"{theirs}/attention/linear_2", [f"{ours}.cross_attn.out"]),
        }
    return found


def _norm(variables: Mapping[str, torch.Tensor], theirs: str, ours: str) -> dict[str, torch.Tensor]:
    return {f"{ours}.{name}": variables[f"{theirs}/{their}"] for their, name in _NORM.items()}


def _linear(variables: Mapping[str, torch.Tensor], theirs: str, ours: Sequence[str]) -> dict[str, torch.Tensor]:
    """A matrix and its bias, divided by rows where several projections are fused in it."""
    weights = _matrix(variables, f"{theirs}/weight").chunk(len(ours))
    biases = variables[f"{theirs}/bias"].chunk(len(ours))
    if len(weights) != len(ours) or len({weight.shape for weight in weights}) != 1:
        raise ValueError(f"{theirs} cannot be divided into {len(ours)}")
    found = {f"{name}.weight": weight for name, weight in zip(ours, weights, strict=True)}
    # Whisper's keys have no bias; the fused form fills their place with zeros.
    found |= {f"{name}.bias": bias for name, bias in zip(ours, biases, strict=True) if not name.endswith(".key")}
    return found


def _matrix(variables: Mapping[str, torch.Tensor], name: str) -> torch.Tensor:
    weight = variables[name]
    if weight.is_floating_point():
        return weight
    scale = variables[f"{name}_scale"].float()
    if str(weight.dtype) != "torch.int8" or scale.shape != weight.shape[:1]:
        raise ValueError(f"{name} is packed in a way that is not known")
    return weight.float() / scale[:, None]


def _layers(variables: Mapping[str, torch.Tensor], tower: str) -> int:
    found = {name.split("/")[1] for name in variables if name.startswith(f"{tower}/layer_")}
    return len(found - {"layer_norm"})


def _dimensions(variables: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]) -> dict[str, int]:
    dims = {
        "n_mels": tensors["encoder.conv1.weight"].shape[1],
        "n_vocab": tensors["decoder.token_embedding.weight"].shape[0],
    }
    for tower, kind in (("encoder", "audio"), ("decoder", "text")):
        context, width = tensors[f"{tower}.positional_embedding"].shape
        heads = variables.get(f"{tower}/num_heads")
        dims |= {
            f"n_{kind}_ctx": context,
            f"n_{kind}_state": width,
            f"n_{kind}_head": width // HEAD_WIDTH if heads is None else int(heads),
            f"n_{kind}_layer": _layers(variables, tower),
        }
    return dims


def _alignment_heads(config: Mapping[str, Any], dims: Mapping[str, int], size: str | None) -> list[list[int]]:
    """Pairs of layer and head whose cross attention follows the time, empty where they are not known."""
    import base64
    import gzip

    import numpy as np
    import whisper

    given = config.get("alignment_heads")
    if given:
        return checked(list[list[int]], given)
    packed = whisper._ALIGNMENT_HEADS.get(size)
    if packed is None:
        return []
    bits = np.frombuffer(gzip.decompress(base64.b85decode(packed)), dtype=bool)
    return np.argwhere(bits.reshape(dims["n_text_layer"], dims["n_text_head"])).tolist()


class _Parts:
    """The parts of one file, read one behind the other."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._waiting = list(paths)
        self.left = sum(path.stat().st_size for path in paths)
        self._file: Any = None

    def read(self, count: int) -> bytearray:
        if count > self.left:
            raise ValueError("it ends too early")
        found = bytearray()
        while len(found) < count:
            if self._file is None:
                self._file = self._waiting.pop(0).open("rb")
            piece = self._file.read(count - len(found))
            found += piece
            if not piece:
                self.close()
        self.left -= count
        return found

    def number(self, kind: str) -> int:
        return int(struct.unpack(f"<{kind}", self.read(struct.calcsize(kind)))[0])

    def text(self) -> str:
        return bytes(self.read(self.number("H"))).rstrip(b"\0").decode("utf-8")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _variables(paths: Sequence[Path]) -> Iterator[tuple[str, torch.Tensor]]:
    """Every variable of the file with its values."""
    import torch

    file = _Parts(paths)
    try:
        version = file.number("I")
        if version != VERSION:
            raise ValueError(f"version {version} of the layout, {VERSION} is known")
        if (name := file.text()) != SPECIFICATION:
            raise ValueError(f"it holds a {name!r}")
        file.number("I")  # the revision: what differs between revisions is read by what is there
        for _ in range(file.number("I")):
            name = file.text()
            shape = [file.number("I") for _ in range(file.number("B"))]
            kind, size = _TYPES[file.number("B")], file.number("I")
            if math.prod(shape) * _BYTES[kind] != size:
                raise ValueError(f"{name} has {size} bytes for {shape} of {kind}")
            yield name, torch.frombuffer(file.read(size), dtype=getattr(torch, kind)).reshape(shape)
    finally:
        file.close()
