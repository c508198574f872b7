"""Whisper's weights out of CTranslate2's file: the same model, and a sentence where the file is not whole."""

import json
import struct

import numpy as np
import pytest

from assistant.errors import ModelUnavailable
from assistant.models.speech import whisper_checkpoint
from assistant.models.speech.ctranslate2_weights import convert

TYPES = {"float32": 0, "int8": 1, "int16": 2, "float16": 4}


def text(value):
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def written(variables, version=6, specification="WhisperSpec"):
    """A file in CTranslate2's layout that holds these arrays."""
    out = struct.pack("<I", version) + text(specification) + struct.pack("<II", 3, len(variables))
    for name, value in variables.items():
        value = np.asarray(value)
        out += text(name) + struct.pack("<B", value.ndim) + b"".join(struct.pack("<I", size) for size in value.shape)
        out += struct.pack("<BI", TYPES[value.dtype.name], value.nbytes) + value.tobytes()
    return out + struct.pack("<I", 1) + text("decoder/projection/weight") + text("decoder/embeddings/weight")


def linear(theirs, weights, biases):
    """Several projections in one, as CTranslate2 fuses them; a key without bias gets zeros."""
    width = len(weights[0])
    filled = [np.zeros(width, np.float32) if bias is None else bias for bias in biases]
    return {f"{theirs}/weight": np.concatenate(weights), f"{theirs}/bias": np.concatenate(filled)}


def as_ctranslate2(model):
    """A Whisper's weights by CTranslate2's names."""
    ours = {name: value.detach().numpy() for name, value in model.state_dict().items()}

    def pick(*names):
        return [ours[f"{name}.weight"] for name in names], [ours.get(f"{name}.bias") for name in names]

    def norm(theirs, name):
        return {f"{theirs}/gamma": ours[f"{name}.weight"], f"{theirs}/beta": ours[f"{name}.bias"]}

    found = {
        "decoder/pre_norm": np.int8(1),
        "encoder/num_heads": np.int16(model.dims.n_audio_head),
        "decoder/num_heads": np.int16(model.dims.n_text_head),
        "decoder/embeddings/weight": ours["decoder.token_embedding.weight"],
    }
    for tower, last, layers in (("encoder", "ln_post", 2), ("decoder", "ln", 1)):
        found[f"{tower}/position_encodings/encodings"] = ours[f"{tower}.positional_embedding"]
        found |= norm(f"{tower}/layer_norm", f"{tower}.{last}")
        for layer in range(layers):
            theirs, mine = f"{tower}/layer_{layer}", f"{tower}.blocks.{layer}"
            found |= norm(f"{theirs}/ffn/layer_norm", f"{mine}.mlp_ln")
            found |= norm(f"{theirs}/self_attention/layer_norm", f"{mine}.attn_ln")
            found |= linear(f"{theirs}/ffn/linear_0", *pick(f"{mine}.mlp.0"))
            found |= linear(f"{theirs}/ffn/linear_1", *pick(f"{mine}.mlp.2"))
            names = [f"{mine}.attn.{part}" for part in ("query", "key", "value")]
            found |= linear(f"{theirs}/self_attention/linear_0", *pick(*names))
            found |= linear(f"{theirs}/self_attention/linear_1", *pick(f"{mine}.attn.out"))
            if tower == "decoder":
                found |= norm(f"{theirs}/attention/layer_norm", f"{mine}.cross_attn_ln")
                found |= linear(f"{theirs}/attention/linear_0", *pick(f"{mine}.cross_attn.query"))
                names = [f"{mine}.cross_attn.{part}" for part in ("key", "value")]
                found |= linear(f"{theirs}/attention/linear_1", *pick(*names))
                found |= linear(f"{theirs}/attention/linear_2", *pick(f"{mine}.cross_attn.out"))
    for layer in ("conv1", "conv2"):
        found |= {f"encoder/{layer}/{part}": ours[f"encoder.{layer}.{part}"] for part in ("weight", "bias")}
    return found


@pytest.fixture(scope="module")
def model():
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(3)
    dims = ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=32, n_audio_head=4, n_audio_layer=2,
        n_vocab=51864, n_text_ctx=64, n_text_state=32, n_text_head=2, n_text_layer=1,
    )  # fmt: skip
    whisper = Whisper(dims).eval()
    for parameter in whisper.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return whisper


@pytest.fixture(scope="module")
def variables(model):
    return as_ctranslate2(model)


def logits(model):
    import torch

    with torch.inference_mode():
        sound = torch.sin(torch.arange(80 * 3000).float()).reshape(1, 80, 3000)
        return model(sound, torch.tensor([[50257, 50362, 400, 500]]))


def test_the_converted_model_computes_what_the_model_computed_that_was_stored(model, variables, tmp_path):
    import torch

    (tmp_path / "model.bin").write_bytes(written(variables))
    convert(tmp_path / "model.bin", tmp_path / "out")
    loaded = whisper_checkpoint.load(whisper_checkpoint.weights_file(tmp_path / "out"), "cpu", "float32")
    assert loaded.dims == model.dims
    assert torch.allclose(logits(loaded), logits(model), atol=1e-5)


def test_half_precision_is_kept_and_is_half_as_big(variables, tmp_path):
    half = {name: value.astype(np.float16) if value.dtype == np.float32 else value for name, value in variables.items()}
    (tmp_path / "model.bin").write_bytes(written(half))
    convert(tmp_path / "model.bin", tmp_path / "out")
    size = (tmp_path / "out" / "model.safetensors").stat().st_size
    assert size < 1.05 * (tmp_path / "model.bin").stat().st_size


def test_rows_of_int8_are_scaled_back(model, variables, tmp_path):
    import torch

    packed = dict(variables)
    for name, value in variables.items():
        if name.endswith("/weight") and value.ndim == 2:
            scale = 127 / np.abs(value).max(axis=1)
            packed[name] = np.rint(value * scale[:, None]).astype(np.int8)
            packed[f"{name}_scale"] = scale.astype(np.float32)
    (tmp_path / "model.bin").write_bytes(written(packed))
    convert(tmp_path / "model.bin", tmp_path / "out")
    loaded = whisper_checkpoint.load(whisper_checkpoint.weights_file(tmp_path / "out"), "cpu", "float32")
    assert torch.corrcoef(torch.stack([logits(loaded).flatten(), logits(model).flatten()]))[0, 1] > 0.999


def test_a_file_in_parts_is_read_as_one_and_the_heads_come_from_the_config_beside_it(variables, tmp_path):
    whole = written(variables)
    parts = [tmp_path / "model.bin.part1", tmp_path / "model.bin.part2"]
    for part, data in zip(parts, (whole[:70_001], whole[70_001:]), strict=True):
        part.write_bytes(data)
    (tmp_path / "config.json").write_text(json.dumps({"alignment_heads": [[0, 1]]}))
    convert(parts, tmp_path / "out")
    loaded = whisper_checkpoint.load(whisper_checkpoint.weights_file(tmp_path / "out"), "cpu", "float32")
    assert loaded.alignment_heads.to_dense().tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda variables: written(variables)[:-200_000], "ends too early"),
        (lambda variables: written(variables, version=5), "version 5"),
        (lambda variables: written(variables, specification="TransformerSpec"), "TransformerSpec"),
        (lambda variables: written({**variables, "decoder/pre_norm": np.int8(0)}), "normalises behind"),
        (lambda variables: written({n: v for n, v in variables.items() if "layer_1/ffn" not in n}), "layer"),
        (lambda variables: b"\x00" * 3, "ends too early"),
        (lambda variables: written(variables).replace(b"encoder/conv1/bias", b"encoder/conv1/bios"), "conv1/bias"),
    ],
)
def test_a_file_that_is_not_a_whole_whisper_is_refused_in_one_sentence(variables, tmp_path, change, told):
    (tmp_path / "model.bin").write_bytes(change(variables))
    with pytest.raises(ModelUnavailable, match=told) as raised:
        convert(tmp_path / "model.bin", tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out" / "model.safetensors").exists()
