"""The standard pack's architectures from their published configurations: without weights, and once with random ones.

The weights themselves are not at hand where tests run, so these tests go as far as can be gone without them: each
architecture is built on the meta device, its size compared with what is published, and (slow) a checkpoint of full size
with random weights goes through the whole path from the file to the recognition.
"""

import json

import numpy as np
import pytest

from assistant.media.sampling import Clip
from assistant.models.actions.vjepa2 import PUBLISHED, VJepa2Recognizer, clip_spec, published_spec
from assistant.models.packs import catalog, language
from assistant.models.runtime.device import Machine

# What the hub's config.json of each probe says beyond the defaults of transformers' VJEPA2Config (those of ViT-L).
LARGE = {"hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 24, "mlp_ratio": 4.0, "crop_size": 256}
GIANT = {
    "hidden_size": 1408,
    "num_attention_heads": 22,
    "num_hidden_layers": 40,
    "mlp_ratio": 4.363636363636363,
    "crop_size": 384,
}
PROBES = {
    "vjepa2-vitl-fpc16-256-ssv2": ({**LARGE, "frames_per_clip": 16}, 174, 375_485_998),
    "vjepa2-vitg-fpc64-384-ssv2": ({**GIANT, "frames_per_clip": 64}, 174, 1_128_049_454),
    "vjepa2-vitl-fpc32-256-diving48": ({**LARGE, "frames_per_clip": 32}, 48, 375_356_848),
    "vjepa2-vitg-fpc32-384-diving48": ({**GIANT, "frames_per_clip": 32}, 48, 1_127_871_920),
}
QWEN = {
    "Qwen/Qwen3-0.6B": (1024, 28, 16, 3072, True),
    "Qwen/Qwen3-1.7B": (2048, 28, 16, 6144, True),
    "Qwen/Qwen3-4B-Instruct-2507": (2560, 36, 32, 9728, True),
    "Qwen/Qwen3-8B": (4096, 36, 32, 12288, False),
}


def vjepa2_config(name: str):
    from transformers import VJEPA2Config

    values, labels, _ = PROBES[name]
    names = {index: f"label {index}" for index in range(labels)}
    return VJEPA2Config(**values, id2label=names, label2id={label: index for index, label in names.items()})


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_published_probe_is_built_and_shaped_as_its_name_says(name):
    import torch
    from transformers import VJEPA2ForVideoClassification

    spec = published_spec(name)
    with torch.device("meta"):
        model = VJEPA2ForVideoClassification(vjepa2_config(name))
        assert sum(parameter.numel() for parameter in model.parameters()) == PROBES[name][2]
        assert (model.config.frames_per_clip, model.config.crop_size) == (spec.num_frames, spec.size)
        # The shapes alone go through on the meta device: one tubelet is enough to see that they fit.
        tokens = model.vjepa2.get_vision_features(torch.empty(1, 2, 3, spec.size, spec.size))
        assert tokens.shape == (1, (spec.size // 16) ** 2, model.config.hidden_size)
        assert model.classifier(model.pooler(tokens)).shape == (1, PROBES[name][1])


@pytest.mark.parametrize(("name", "parameters"), [("ViT-B-32", 151_277_313), ("ViT-L-14", 427_616_513)])
def test_the_clip_models_are_as_large_as_the_catalog_says(name, parameters):
    import open_clip
    import torch
    from open_clip.factory import get_model_config

    config = get_model_config(name)
    with torch.device("meta"):
        model = open_clip.CLIP(**config)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    machine = Machine(32 * catalog.GIB, 8, 0 if name == "ViT-B-32" else 16 * catalog.GIB)
    part = catalog.standard_pack(catalog.Path(), machine).part("descriptions")
    assert name in part.source
    assert part.download_bytes == pytest.approx(4 * parameters, rel=0.01)


@pytest.mark.parametrize(
    ("size", "dimensions", "parameters"),
    [
        ("tiny", (80, 1500, 384, 6, 4, 51865, 448, 384, 6, 4), 37_184_640),
        ("base", (80, 1500, 512, 8, 6, 51865, 448, 512, 8, 6), 71_825_920),
        ("small", (80, 1500, 768, 12, 12, 51865, 448, 768, 12, 12), 240_582_912),
        ("turbo", (128, 1500, 1280, 20, 32, 51866, 448, 1280, 20, 4), 807_458_560),
    ],
)
def test_the_whisper_sizes_are_as_large_as_the_catalog_says(size, dimensions, parameters):
    import torch
    import whisper
    from whisper.model import AudioEncoder, TextDecoder

    assert size in whisper._MODELS
    with torch.device("meta"):
        towers = (AudioEncoder(*dimensions[:5]), TextDecoder(*dimensions[5:]))
    counted = sum(parameter.numel() for tower in towers for parameter in tower.parameters())
    assert counted == pytest.approx(parameters, rel=0.02)
    assert catalog._WHISPER_BYTES[size] == pytest.approx(2 * counted, rel=0.06)  # the files hold float16


@pytest.mark.parametrize("source", QWEN)
def test_the_language_models_are_as_large_as_the_catalog_says(source):
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    width, layers, heads, inner, tied = QWEN[source]
    config = Qwen3Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=8,
        head_dim=128,
        intermediate_size=inner,
        vocab_size=151_936,
        tie_word_embeddings=tied,
    )
    with torch.device("meta"):
        model = Qwen3ForCausalLM(config)
    counted = sum(parameter.numel() for parameter in model.parameters())
    sizes = {size.source: size.download_bytes for size in language.SIZES}
    # The two small ones are stored with the tied output matrix written out once more.
    stored = counted + (width * 151_936 if source in ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-1.7B") else 0)
    assert sizes[source] == pytest.approx(2 * stored, rel=0.02)


@pytest.mark.slow
def test_a_full_size_checkpoint_goes_all_the_way_from_the_file_to_a_recognition(tmp_path):
    import torch
    from transformers import VJEPA2ForVideoClassification, VJEPA2VideoProcessor

    name = "vjepa2-vitl-fpc16-256-ssv2"
    torch.manual_seed(0)
    VJEPA2ForVideoClassification(vjepa2_config(name)).save_pretrained(tmp_path)
    VJEPA2VideoProcessor(crop_size={"height": 256, "width": 256}).save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size == pytest.approx(1_502_000_000, rel=0.01)
    assert clip_spec(tmp_path) == published_spec(name)
    frames = np.random.default_rng(0).integers(0, 256, (16, 292, 390, 3), dtype=np.uint8)
    clip = Clip(frames, np.arange(16) / 3.0)
    single = VJepa2Recognizer(tmp_path, "cpu", "float32").recognize([[clip]])[0]
    half = VJepa2Recognizer(tmp_path, "cpu", "bfloat16").recognize([[clip]])[0]
    assert single.probabilities.shape == (174,)
    assert single.embedding.shape == (1024,)
    assert single.probabilities.sum() == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_allclose(half.probabilities, single.probabilities, atol=0.02)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "vjepa2"
