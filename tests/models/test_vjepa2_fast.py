"""The quick V-JEPA 2 against the plain one: the same tokens, the same labels."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from test_vjepa2 import SIZE, clip_of, write_checkpoint

from assistant.analysis.windows import Windows, window_plan
from assistant.config import load
from assistant.media.probe import Limits, probe
from assistant.media.sampling import Clip
from assistant.media.video import read
from assistant.models.actions.vjepa2 import VJepa2Recognizer
from assistant.models.runtime import device as devices
from assistant.synthetic.film import write_video

DEMO = ROOT / "assistant/packs/demo/actions"
FIRST_TUNING_SEED, WINDOWS = 100_000, 300

integers = pytest.mark.skipif(not devices.uses_integers("int8", "cpu", 0), reason="this processor multiplies no bytes")


def plain_model(folder: Path, precision: str):
    """The classifier as transformers runs it."""
    import torch
    from transformers import VJEPA2ForVideoClassification

    return VJEPA2ForVideoClassification.from_pretrained(folder, dtype=getattr(torch, precision)).eval()


# Heads of 64 numbers, of which 60 are turned, and of 16, of which 12 are.
@pytest.fixture(scope="module", params=[(128, 2), (32, 2)], ids=["heads of 64", "heads of 16"])
def folder(request, tmp_path_factory):
    width, heads = request.param
    changes = {"hidden_size": width, "num_attention_heads": heads, "initializer_range": 0.1}
    return write_checkpoint(tmp_path_factory.mktemp("fast"), **changes)


@pytest.mark.parametrize("scores", [64, 300, 2**21], ids=["a row", "a few rows", "all heads together"])
def test_attention_in_blocks_is_attention(monkeypatch, scores):
    import torch

    from assistant.models.actions import vjepa2_fast

    monkeypatch.setattr(vjepa2_fast, "_SCORES", scores)
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, count, 8) for count in (13, 37, 37))
    context, _ = vjepa2_fast.attend(torch.nn.Identity(), query, key, value, None, 0.3)
    wanted = torch.nn.functional.scaled_dot_product_attention(query, key, value, scale=0.3).transpose(1, 2)
    torch.testing.assert_close(context, wanted, atol=1e-5, rtol=1e-5)


def test_attention_refuses_a_mask():
    import torch

    from assistant.models.actions.vjepa2_fast import attend

    some = torch.randn(1, 1, 4, 8)
    with pytest.raises(ValueError, match="mask"):
        attend(torch.nn.Identity(), some, some, some, torch.zeros(4, 4))


def test_in_float32_the_swapped_pieces_give_what_transformers_gives(folder):
    import torch

    from assistant.models.actions.vjepa2_fast import optimize

    model = plain_model(folder, "float32")
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():  # new models have biases of zero, which would prove nothing
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    pixels = torch.randn(2, 8, 3, SIZE, SIZE)
    with torch.inference_mode():
        tokens, logits = model.vjepa2.get_vision_features(pixels), model(pixels).logits
        optimize(model)
        torch.testing.assert_close(model.vjepa2.get_vision_features(pixels), tokens, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(model(pixels).logits, logits, atol=1e-4, rtol=1e-4)


def test_in_bfloat16_on_a_cpu_the_recogniser_is_quick_and_says_the_same(folder, monkeypatch):
    import torch

    from assistant.models.actions.vjepa2_fast import HalvesAttention

    quick, exact = VJepa2Recognizer(folder, "cpu", "bfloat16"), VJepa2Recognizer(folder, "cpu", "float32")
    called, forward = [], HalvesAttention.forward

    def counted(own, *given, **named):
        called.append(own)
        return forward(own, *given, **named)

    monkeypatch.setattr(HalvesAttention, "forward", counted)
    quick.encode(clip_of(0))
    layers = len(plain_model(folder, "float32").vjepa2.encoder.layer)
    assert len(set(called)) == layers, "every layer has the quick attention"
    exact.encode(clip_of(0))
    assert len(called) == layers
    for seed in range(3):
        found, wanted = (each.encode(clip_of(seed)).flatten(0, 2).float() for each in (quick, exact))
        assert torch.nn.functional.cosine_similarity(found, wanted, dim=-1).min() > 0.999
        one, other = (each.recognize([[clip_of(seed)]])[0].logits for each in (quick, exact))
        np.testing.assert_allclose(one, other, atol=0.05 * np.abs(other).max() + 0.05)


@integers
@pytest.mark.parametrize(("inputs", "least"), [(64, None), (256, -0.17)], ids=["about zero", "of GELU"])
def test_a_layer_in_integers_gives_within_a_hundredth_what_it_gave(inputs, least):
    import torch

    from assistant.models.runtime.int8 import Int8Linear

    torch.manual_seed(0)
    plain = torch.nn.Linear(inputs, 48).bfloat16().requires_grad_(False)
    rows = 3 * torch.randn(2, 300, inputs)
    rows = (rows if least is None else torch.nn.functional.gelu(rows)).bfloat16()
    rows[0, 0] = 0
    wanted = plain.float()(rows.float())
    found = Int8Linear(plain.bfloat16(), least)(rows).float()
    assert found.shape == wanted.shape
    assert ((found - wanted).norm(dim=-1) / wanted.norm(dim=-1)).mean() < 0.01


@integers
def test_a_layer_with_a_few_huge_activations_stays_as_it_was():
    import torch

    from assistant.models.runtime.int8 import Int8Linear, Place, settle

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 64)).bfloat16().requires_grad_(False)
    huge = model[0]
    rows = torch.randn(100, 64).bfloat16()
    rows[:, 0], huge.weight[:, 0] = 300, 1e-4
    assert settle([Place(model, "0"), Place(model, "1")], lambda: model(rows)) == 1
    assert model[0] is huge
    assert isinstance(model[1], Int8Linear)


@integers
def test_the_recogniser_in_integers_says_the_same_whatever_it_saw_before(folder):
    import torch

    quick, exact = VJepa2Recognizer(folder, "cpu", "int8"), VJepa2Recognizer(folder, "cpu", "float32")
    assert quick.precision == "int8"
    found, wanted = (each.encode(clip_of(1)).flatten(0, 2).float() for each in (quick, exact))
    assert torch.nn.functional.cosine_similarity(found, wanted, dim=-1).mean() > 0.999
    quick.encode(clip_of(2))
    assert torch.equal(quick.encode(clip_of(1)).flatten(0, 2).float(), found)


@pytest.mark.parametrize(
    ("asked", "device", "size", "processor", "expected"),
    [
        ("auto", "cpu", 10**9, True, True),
        ("auto", "cpu", 10**6, True, False),
        ("int8", "cpu", 10**6, True, True),
        ("bfloat16", "cpu", 10**9, True, False),
        ("auto", "cpu", 10**9, False, False),
        ("int8", "cuda", 10**9, True, False),
    ],
)
def test_integers_are_tried_where_they_pay(monkeypatch, asked, device, size, processor, expected):
    import torch

    monkeypatch.setattr(devices, "computes_bfloat16", lambda device: True)
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: processor, raising=False)
    assert devices.uses_integers(asked, device, size) is expected


def windows_of_generated_videos(folder: Path, recognizer: VJepa2Recognizer) -> Iterator[tuple[Clip, ...]]:
    """The clips of each window of one generated video after the other, without end, as an analysis cuts them."""
    plan = window_plan(load(folder, "demo"), recognizer.spec)
    seed = FIRST_TUNING_SEED
    while True:
        path = folder / "video.mp4"
        write_video(path, seed)
        video = probe(path, Limits())
        stream = read(path, video, frame_size=recognizer.frame_size, frame_rate=plan.frame_rate)
        for window in Windows(plan, video.duration_seconds).of(stream, lambda seconds: None):
            yield window.clips
        seed += 1


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", pytest.param("int8", marks=integers)])
def test_the_quick_demo_recogniser_gives_the_labels_of_float32(tmp_path, capsys, precision):
    exact, quick = (VJepa2Recognizer(DEMO, "cpu", each) for each in ("float32", precision))
    windows = windows_of_generated_videos(tmp_path, exact)
    pairs = [tuple(each.recognize([clips])[0] for each in (exact, quick)) for clips in islice(windows, WINDOWS)]
    same = np.mean([one.logits.argmax() == other.logits.argmax() for one, other in pairs])
    moved = np.mean([np.abs(one.probabilities - other.probabilities).max() for one, other in pairs])
    with capsys.disabled():
        print(f"\nsame first label in {same:.3f} of {len(pairs)} windows; probabilities moved by {moved:.4f}")
    assert same >= 0.99
