"""Full-size models with random weights: as slow as the published ones, since speed does not ask what was learnt."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

from assistant.config import DEMO_FOLDER
from assistant.errors import LibraryUnusable
from assistant.models.speech.whisper_checkpoint import tokenizer

Weights = Literal["demo", "random-standard"]
WEIGHTS: tuple[Weights, ...] = get_args(Weights)

_SEED = 0
_BYTES = 2_400_000_000
# ViT-L of the published Something-Something v2 probe; the other values are the defaults of transformers' VJEPA2Config.
_ACTIONS = {
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "mlp_ratio": 4.0,
    "crop_size": 256,
    "frames_per_clip": 16,
}
_ACTION_LABELS = 174
_FRAMES_PER_SECOND = 3.0
_LOOKS = "ViT-B-32"
# Whisper base: mel bands, positions, width, heads and layers of both towers, words.
_SPEECH = {
    "n_mels": 80,
    "n_audio_ctx": 1500,
    "n_audio_state": 512,
    "n_audio_head": 8,
    "n_audio_layer": 6,
    "n_vocab": 51865,
    "n_text_ctx": 448,
    "n_text_state": 512,
    "n_text_head": 8,
    "n_text_layer": 6,
}
# People speak about 2.5 words a second, of which half of a window of 30 s is taken up by pauses and other sounds.
WORDS_A_WINDOW = 60


def folder_of(weights: Weights, say: Callable[[str], None] = lambda _: None) -> Path:
    """The pack's folder; the random one is made in the user's cache when it is first wanted (2.4 GB, a minute).

    Raises:
        LibraryUnusable: no room for it.
    """
    if weights == "demo":
        return DEMO_FOLDER
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "video-assistant"
    folder = cache / "random-standard"
    if not (folder / "pack.json").is_file():
        say(f"making full-size models with random weights in {folder} (2.4 GB, once) ...")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(folder).free < 1.1 * _BYTES:
                raise LibraryUnusable(f"there is no room for 2.4 GB in {folder}", "free some, or set XDG_CACHE_HOME")
            make_random_pack(folder)
        except OSError as error:
            raise LibraryUnusable(f"{folder} cannot be written: {error}", "set XDG_CACHE_HOME") from error
    return folder


def make_random_pack(folder: Path) -> None:
    """Write the three models of the standard pack, as the hub lays them out, filled from a fixed seed."""
    import torch

    torch.manual_seed(_SEED)
    _make_actions(folder / "actions")
    _make_descriptions(folder / "descriptions")
    make_speech(folder / "speech")
    document = {
        "name": "random-standard",
        "label_lists": ["everyday"],
        "answerer": "extractive",
        "note": "random weights",
    }
    (folder / "pack.json").write_text(json.dumps(document))


def _make_actions(folder: Path) -> None:
    from transformers import VJEPA2Config, VJEPA2ForVideoClassification, VJEPA2VideoProcessor
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    names = {index: f"label {index}" for index in range(_ACTION_LABELS)}
    config = VJEPA2Config(**_ACTIONS, id2label=names, label2id={name: index for index, name in names.items()})
    VJEPA2ForVideoClassification(config).save_pretrained(folder)
    size = int(_ACTIONS["crop_size"])
    VJEPA2VideoProcessor(crop_size={"height": size, "width": size}).save_pretrained(folder)
    (folder / "clip_spec.json").write_text(json.dumps({"frames_per_second": _FRAMES_PER_SECOND}))


def _make_descriptions(folder: Path) -> None:
    import open_clip
    from open_clip.factory import get_model_config
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = get_model_config(_LOOKS)
    preprocess = {
        "mean": list(open_clip.OPENAI_DATASET_MEAN),
        "std": list(open_clip.OPENAI_DATASET_STD),
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    weights = {name: value.contiguous().clone() for name, value in open_clip.CLIP(**config).state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")


def make_speech(folder: Path) -> None:
    """A Whisper that says the same sentence of `WORDS_A_WINDOW` words in every window, for certain.

    Random weights would babble to the end of the context at six temperatures, which nobody's speech costs. So the last
    layer alone is written by hand: it turns each token of the sentence into the next. All else is random and is
    computed as ever, by this program's code and by Whisper's own alike.
    """
    import torch
    from whisper.model import ModelDimensions, Whisper

    folder.mkdir(parents=True, exist_ok=True)
    model = Whisper(ModelDimensions(**_SPEECH))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.dim() > 1:
                parameter.normal_(0.0, 0.002)  # so little that the token itself stays the largest part of each state
        embedding = model.decoder.token_embedding.weight
        embedding.normal_()
        embedding /= embedding.norm(dim=-1, keepdim=True)
        model.decoder.positional_embedding.normal_(0.0, 0.0002)
        last = model.decoder.blocks[-1].mlp
        for row, (token, following) in enumerate(_chain(tokenizer(multilingual=True))):
            # A normalised state has the length sqrt(width), about 22 here, so a match gives 22 - 12 and no match -12.
            last[0].weight[row], last[0].bias[row] = embedding[token], -12.0
            last[2].weight[:, row] = embedding[following]
    torch.save({"dims": _SPEECH, "model_state_dict": model.state_dict()}, folder / "base.pt")


def _chain(vocabulary: Any) -> list[tuple[int, int]]:
    """Which token follows which: start, language, first time, the words, last time, end."""
    words = [token for token in range(300, 20000) if re.fullmatch(r" [a-z]{3,8}", vocabulary.decode([token]))]
    sentence = words[:: len(words) // WORDS_A_WINDOW][:WORDS_A_WINDOW]
    start, end = vocabulary.timestamp_begin, vocabulary.timestamp_begin + round(29.0 / 0.02)
    language = vocabulary.to_language_token("en")
    spoken = [vocabulary.transcribe, start, *sentence, end, vocabulary.eot]
    return [(vocabulary.sot, language), (vocabulary.no_timestamps, sentence[0]), *pairwise(spoken)]
