"""The open_clip backend against open_clip itself, with a tiny random checkpoint on disk; label lists and templates."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from tiny_language_model import write_tokenizer

from assistant.errors import ModelUnavailable, PromptInvalid
from assistant.models.scene import labels
from assistant.models.scene.labels import LabelSet, read_labels, read_templates, zero_shot
from assistant.models.scene.openclip import OpenClipEncoder, stored_logit_scale
from assistant.synthetic.vocabulary import COLORS, SHAPES, description

MODEL = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
MEAN_STD = {"mean": [0.481, 0.457, 0.408], "std": [0.268, 0.261, 0.275]}


def write_checkpoint(folder: Path, suffix: str = ".safetensors", **preprocess) -> Path:
    """A tiny random model as open_clip's repositories on the hub hold it."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": MODEL, "preprocess_cfg": {**MEAN_STD, **preprocess}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    if suffix == ".safetensors":
        save_file(state, folder / "open_clip_model.safetensors")
    else:
        torch.save(state, folder / f"open_clip_model{suffix}")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def image_text_encoder(folder):
    return OpenClipEncoder(folder, "cpu")


TIMM = {"timm_model_name": "resnet10t", "timm_pool": "avg", "timm_proj": "linear", "image_size": 64}
OTHERS = {
    "towers of its own": {"custom_text": True},
    "a vision tower of timm": {"custom_text": True, "vision_cfg": TIMM},
    "a text decoder": {
        "custom_text": True,
        "vision_cfg": {**MODEL["vision_cfg"], "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
        "text_cfg": {**MODEL["text_cfg"], "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {"width": 32, "context_length": 77, "heads": 2, "layers": 1, "vocab_size": 49408},
    },
    "a tokenizer of its own": {
        "custom_text": True,
        "text_cfg": {
            **MODEL["text_cfg"],
            "hf_tokenizer_name": "somewhere/else",
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "pool_type": "last",
            "no_causal_mask": True,
        },
    },
}


@pytest.mark.parametrize("other", OTHERS)
def test_models_of_other_kinds_embed_as_open_clip_embeds_them(tmp_path, other):
    import open_clip
    import torch
    from safetensors.torch import save_file

    config = {"model_cfg": {**MODEL, **OTHERS[other]}, "preprocess_cfg": MEAN_STD}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    write_tokenizer(tmp_path)
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{tmp_path}", load_weights=False, pretrained_text=False).eval()
    save_file(
        {name: value.clone().contiguous() for name, value in model.state_dict().items()},
        tmp_path / "open_clip_model.safetensors",
    )
    found = OpenClipEncoder(tmp_path, "cpu")
    frames, texts = frames_of(), ["A red circle!", "nothing at all"]
    prepared = found.framing.normalized(found.framing.square(frames))
    with torch.inference_mode():
        words = model.encode_text(open_clip.get_tokenizer(f"local-dir:{tmp_path}")(texts), normalize=True)
        images = model.encode_image(prepared, normalize=True)
    np.testing.assert_allclose(found.embed_texts(texts), words.numpy(), atol=1e-5)
    np.testing.assert_allclose(found.embed_frames(frames), images.numpy(), atol=1e-5)


def frames_of(seed: int = 0, count: int = 5, height: int = 60, width: int = 90) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, height // 10, width // 10, 3), dtype=np.uint8)
    return coarse.repeat(10, axis=1).repeat(10, axis=2)


@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
@pytest.mark.parametrize(("height", "width"), [(60, 90), (90, 60), (32, 32), (20, 30), (50, 310)])
def test_frames_are_prepared_as_the_models_own_transform_prepares_them(tmp_path, mode, height, width):
    import open_clip
    import torch
    from PIL import Image

    folder = write_checkpoint(tmp_path, resize_mode=mode)
    _, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    image_text_encoder = OpenClipEncoder(folder, "cpu")
    frames = frames_of(height=height, width=width)
    theirs = torch.stack([transform(Image.fromarray(frame)) for frame in frames])
    ours = image_text_encoder.framing.normalized(image_text_encoder.framing.square(frames))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5)


def test_frames_and_texts_embed_as_open_clip_embeds_them(image_text_encoder, folder):
    import open_clip
    import torch
    from PIL import Image

    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    frames, texts = frames_of(1, count=20), ["a door", "a red circle"]
    with torch.inference_mode():
        images = model.eval().encode_image(torch.stack([transform(Image.fromarray(f)) for f in frames]), normalize=True)
        words = model.encode_text(tokenizer(texts), normalize=True)
    np.testing.assert_allclose(image_text_encoder.embed_texts(texts), words.numpy(), atol=1e-5)
    np.testing.assert_allclose(image_text_encoder.embed_frames(frames), images.numpy(), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(image_text_encoder.embed_frames(frames), axis=1), 1.0, atol=1e-5)
    assert image_text_encoder.logit_scale == pytest.approx(float(model.logit_scale.detach().exp()))
    assert stored_logit_scale(folder) == pytest.approx(image_text_encoder.logit_scale)
    assert image_text_encoder.size == 32
    assert image_text_encoder.embed_texts([]).shape == (0, 32)


def test_half_precision_agrees_with_single_precision(image_text_encoder, folder):
    half = OpenClipEncoder(folder, "cpu", "bfloat16")
    frames = frames_of(2)
    assert (half.embed_frames(frames) * image_text_encoder.embed_frames(frames)).sum(axis=1).min() > 0.99
    assert (half.embed_texts(["a cat"]) * image_text_encoder.embed_texts(["a cat"])).sum() > 0.99


def test_read_only_frames_are_taken(image_text_encoder):
    frames = frames_of(3)
    frames.flags.writeable = False
    assert image_text_encoder.embed_frames(frames).shape == (5, 32)


@pytest.mark.parametrize("suffix", [".bin", ".pt"])
def test_pickled_weights_load_as_plain_tensors(tmp_path, image_text_encoder, suffix):
    found = OpenClipEncoder(write_checkpoint(tmp_path, suffix), "cpu")
    np.testing.assert_allclose(found.embed_texts(["a cat"]), image_text_encoder.embed_texts(["a cat"]), atol=1e-6)


def test_pickled_code_is_refused(tmp_path):
    import torch

    folder = write_checkpoint(tmp_path)
    (folder / "open_clip_model.safetensors").unlink()
    torch.save({"state_dict": Path("somewhere")}, folder / "open_clip_model.pt")
    with pytest.raises(ModelUnavailable, match="plain tensors"):
        OpenClipEncoder(folder, "cpu")


def test_a_folder_without_weights_is_refused_instead_of_answering_at_random(tmp_path):
    folder = write_checkpoint(tmp_path)
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match="holds no weights"):
        OpenClipEncoder(folder, "cpu")


def test_weights_of_another_model_are_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = write_checkpoint(tmp_path)
    weights = load_file(folder / "open_clip_model.safetensors")
    weights.pop("visual.proj")
    save_file(weights, folder / "open_clip_model.safetensors")
    with pytest.raises(ModelUnavailable, match=r"visual\.proj"):
        OpenClipEncoder(folder, "cpu")


def test_loading_leaves_the_root_logger_as_it_was(folder):
    root = logging.getLogger()
    before = root.level
    OpenClipEncoder(folder, "cpu")
    assert root.level == before


def test_labels_are_averaged_over_the_templates_in_embedding_space(image_text_encoder):
    templates = ("{}", "a photo of a {}")
    matrix = zero_shot(image_text_encoder, ("cat", "red door"), templates)
    mean = image_text_encoder.embed_texts(["red door", "a photo of a red door"]).mean(axis=0)
    np.testing.assert_allclose(matrix[1], mean / np.linalg.norm(mean), atol=1e-6)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(LabelSet(("x",), ("cat", "red door"), templates).matrix(image_text_encoder), matrix)


def test_the_lists_that_come_with_the_app_are_valid():
    assert labels.available() == ["everyday", "world"]
    assert read_labels("world") == tuple(description(color, shape) for color in COLORS for shape in SHAPES)
    assert 150 <= len(read_labels("everyday")) <= 260
    assert 6 <= len(read_templates()) <= 10
    both = LabelSet.load(("world", "everyday"))
    assert len(both.labels) == len(read_labels("world")) + len(read_labels("everyday"))


def test_comments_empty_lines_and_a_byte_order_mark_are_left_out(tmp_path):
    (tmp_path / "mine.txt").write_bytes("\ufeff# mine\r\n\r\n a  red\tdoor \r\nKatze mit Hut\r\n".encode())
    assert read_labels("mine", tmp_path) == ("a red door", "Katze mit Hut")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has 0 labels"),
        ("# only a comment\n", "has 0 labels"),
        ("one\n", "has 1 labels"),
        ("cat\ndog\nCat\n", "line 1 and again in line 3"),
        ("cat\nd\x07og\n", "line 2 .* control characters"),
        ("cat\nd\u200bog\n", "line 2 .* control characters"),
        ("cat\n" + "x" * 121 + "\n", "line 2 .* 121 characters"),
        ("\n".join(f"label {n}" for n in range(2001)), "2,001 labels"),
    ],
)
def test_a_label_list_that_cannot_be_used_says_where_and_why(tmp_path, text, complaint):
    (tmp_path / "mine.txt").write_text(text)
    with pytest.raises(PromptInvalid, match=complaint):
        read_labels("mine", tmp_path)


def test_a_list_that_is_not_text_or_not_there_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "mine.txt").write_bytes(b"\xff\xfe\x00cat")
    with pytest.raises(PromptInvalid, match="UTF-8"):
        read_labels("mine", tmp_path)
    for name in ("yours", "../mine", "mine/../mine", ""):
        with pytest.raises(PromptInvalid, match="choose one of mine"):
            read_labels(name, tmp_path)
    with pytest.raises(PromptInvalid, match="no label list is chosen"):
        LabelSet.load((), tmp_path)


@pytest.mark.parametrize("template", ["a photo", "a {} and {}", "a {x} {}", "a {} {"])
def test_a_template_needs_the_place_of_the_label_exactly_once(tmp_path, template):
    (tmp_path / "templates.txt").write_text(f"{{}}\n{template}\n")
    with pytest.raises(PromptInvalid, match="line 2"):
        read_templates(tmp_path)


def test_a_text_without_its_padding_has_the_vector_that_it_has_with_it(tmp_path):
    import open_clip
    import torch
    from open_clip.transformer import Transformer
    from torch.nn.modules.module import register_module_forward_hook

    folder = write_checkpoint(tmp_path)
    texts = ["red circle", "a green bar on the left, seen from far away", "x"]
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(texts)
    lengths = []
    hook = register_module_forward_hook(
        lambda module, given, result: lengths.append(result.shape[1]) if isinstance(module, Transformer) else None
    )
    try:
        short = OpenClipEncoder(folder, "cpu").embed_texts(texts)
        with torch.inference_mode():
            whole = model.eval().encode_text(tokens, normalize=True).numpy()
    finally:
        hook.remove()
    assert lengths == [int(tokens.argmax(dim=-1).max()) + 1, 77]
    np.testing.assert_allclose(short, whole, atol=1e-5)


def test_a_text_that_fills_the_context_is_computed_whole(tmp_path):
    image_text_encoder = OpenClipEncoder(write_checkpoint(tmp_path), "cpu")
    (one, other) = image_text_encoder.embed_texts([" ".join(["word"] * 100), "word"])
    assert one.shape == other.shape == (32,)
    assert not np.allclose(one, other)
