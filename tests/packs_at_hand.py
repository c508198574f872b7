"""A whole pack of tiny random models in a folder, written once per session: everything but good answers."""

from __future__ import annotations

import json
from pathlib import Path

from test_openclip import write_checkpoint as write_image_text_encoder
from test_vjepa2 import write_checkpoint as write_recognizer


def write_transcriber(folder: Path) -> Path:
    """A Whisper of tiny dimensions in its own format."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    folder.mkdir(parents=True, exist_ok=True)
    dimensions = ModelDimensions(80, 1500, 64, 2, 1, 51864, 448, 64, 2, 1)
    torch.manual_seed(0)
    model = Whisper(dimensions)
    # The package leaves it as the memory happens to be, which now and then holds a NaN.
    torch.nn.init.normal_(model.decoder.positional_embedding, std=0.02)
    state = {"dims": dimensions.__dict__, "model_state_dict": model.state_dict()}
    torch.save(state, folder / "model.pt")
    return folder


def write_pack(folder: Path) -> Path:
    """Three tiny random models laid out as docs/packs.md says, with a ``pack.json``."""
    write_recognizer(folder / "actions")
    write_image_text_encoder(folder / "descriptions")
    write_transcriber(folder / "speech")
    document = {
        "name": "tiny",
        "label_lists": ["world"],
        "none_below": 0.25,
        "answerer": "extractive",
        "note": "random",
    }
    (folder / "pack.json").write_text(json.dumps(document))
    return folder


def tiny_pack(tmp_path_factory) -> Path:
    """The pack of `write_pack`, written once per session; not to be changed."""
    folder = tmp_path_factory.getbasetemp() / "tiny-pack" / "tiny"
    if not (folder / "pack.json").is_file():
        write_pack(folder)
    return folder
