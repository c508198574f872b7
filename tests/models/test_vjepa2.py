"""The V-JEPA 2 backend against transformers itself, with a tiny random checkpoint on disk."""

import json
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import ModelUnavailable
from assistant.media.sampling import Clip
from assistant.models.actions.vjepa2 import PUBLISHED, VJepa2Recognizer, clip_spec
from assistant.models.runtime.budget import one_ahead

LABELS = ("Opening [something]", "Closing [something]", "Pouring")
SIZE = 64


def write_checkpoint(folder: Path, seed: int = 0, **changes) -> Path:
    """A tiny random classifier with its processor, as the hub's repositories hold them."""
    import torch
    from transformers import VJEPA2Config, VJEPA2ForVideoClassification, VJEPA2VideoProcessor

    values = {
        "patch_size": 16,
        "crop_size": SIZE,
        "frames_per_clip": 8,
        "tubelet_size": 2,
        "hidden_size": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "pred_hidden_size": 24,
        "pred_num_attention_heads": 2,
        "pred_num_hidden_layers": 1,
        "num_pooler_layers": 1,
        "mlp_ratio": 2.0,
        "initializer_range": 0.3,
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: index for index, label in enumerate(LABELS)},
        **changes,
    }
    torch.manual_seed(seed)
    VJEPA2ForVideoClassification(VJEPA2Config(**values)).save_pretrained(folder)
    VJEPA2VideoProcessor(crop_size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    (folder / "clip_spec.json").write_text(json.dumps({"frames_per_second": 4.0, "none_below": 0.4}))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("vjepa2"))


@pytest.fixture(scope="module")
def recognizer(folder):
    return VJepa2Recognizer(folder, "cpu")


def clip_of(seed: int = 0, frames: int = 8, height: int = 90, width: int = 130) -> Clip:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (frames, height // 10, width // 10, 3), dtype=np.uint8)
    return Clip(coarse.repeat(10, axis=1).repeat(10, axis=2), np.arange(frames) / 4.0)


def test_it_says_how_it_wants_to_be_fed(recognizer, folder):
    assert (recognizer.spec.num_frames, recognizer.spec.frames_per_second, recognizer.spec.size) == (8, 4.0, SIZE)
    assert clip_spec(folder) == recognizer.spec
    assert recognizer.labels == LABELS
    assert recognizer.none_below == 0.4
    assert recognizer.frame_size == int(SIZE * 256 / 224)
    assert len(recognizer.revision) == 12


@pytest.mark.parametrize(("height", "width"), [(90, 130), (130, 90), (73, 73), (40, 50), (90, 300)])
def test_frames_are_prepared_exactly_as_the_processor_prepares_them(recognizer, folder, height, width):
    from transformers import VJEPA2VideoProcessor

    clip = clip_of(1, height=height, width=width)
    processor = VJEPA2VideoProcessor.from_pretrained(folder, local_files_only=True)
    theirs = processor([clip.frames], return_tensors="pt")["pixel_values_videos"][0]
    np.testing.assert_allclose(recognizer.prepare(clip).numpy(), theirs.numpy(), atol=1e-5)


def test_a_processor_that_squeezes_the_whole_frame_is_obeyed(tmp_path):
    from transformers import LlavaOnevisionVideoProcessor

    folder = write_checkpoint(tmp_path)
    processor = LlavaOnevisionVideoProcessor(
        size={"height": SIZE, "width": SIZE},
        resample=2,
        do_center_crop=False,
        image_mean=[0.5] * 3,
        image_std=[0.2] * 3,
    )
    processor.save_pretrained(folder)
    clip = clip_of(2)
    theirs = processor([clip.frames], return_tensors="pt")["pixel_values_videos"][0]
    squeezing = VJepa2Recognizer(folder, "cpu")
    np.testing.assert_allclose(squeezing.prepare(clip).numpy(), theirs.numpy(), atol=1e-5)
    one, three = squeezing.recognize([[clip]], views=1)[0], squeezing.recognize([[clip]], views=3)[0]
    np.testing.assert_allclose(one.probabilities, three.probabilities, atol=1e-6)


def test_one_clip_and_one_view_equal_the_forward_pass_of_transformers(recognizer, folder):
    import torch
    from transformers import VJEPA2ForVideoClassification

    clip = clip_of(3)
    model = VJEPA2ForVideoClassification.from_pretrained(folder, local_files_only=True).eval()
    with torch.inference_mode():
        logits = model(recognizer.prepare(clip)[None]).logits[0]
    found = recognizer.recognize([[clip]])[0]
    np.testing.assert_allclose(found.logits, logits.numpy(), atol=1e-5)
    np.testing.assert_allclose(found.probabilities, logits.softmax(-1).numpy(), atol=1e-6)
    assert found.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert found.embedding.shape == (32,)
    assert {array.dtype for array in (found.probabilities, found.logits, found.embedding)} == {np.dtype("float32")}


def test_a_batch_of_segments_gives_what_each_gives_alone(recognizer):
    segments = [[clip_of(4)], [clip_of(5), clip_of(6)], [clip_of(7)]]
    together = recognizer.recognize(segments, views=3)
    for segment, found in zip(segments, together, strict=True):
        alone = recognizer.recognize([segment], views=3)[0]
        np.testing.assert_allclose(found.probabilities, alone.probabilities, atol=1e-5)
        np.testing.assert_allclose(found.embedding, alone.embedding, atol=1e-4)


def test_clips_are_joined_before_the_pooler_and_views_averaged_after_the_softmax(recognizer, folder):
    import torch
    from transformers import VJEPA2ForVideoClassification

    # 64 x 80 pixels: the shortest edge is at the size already, so nothing is scaled
    wide = [clip_of(seed).frames[:, :SIZE, :80] for seed in (8, 9)]
    clips = [Clip(frames, np.arange(8) / 4.0) for frames in wide]
    model = VJEPA2ForVideoClassification.from_pretrained(folder, local_files_only=True).eval()
    step = (80 - SIZE) // 2
    expected = []
    with torch.inference_mode():
        for start in (0, step, 2 * step):
            views = [
                recognizer.framing.normalized(torch.from_numpy(frames[:, :, start : start + SIZE]).permute(0, 3, 1, 2))
                for frames in wide
            ]
            tokens = torch.cat([model.vjepa2.get_vision_features(view[None]) for view in views], 1)
            expected.append(model.classifier(model.pooler(tokens))[0].softmax(-1))
    found = recognizer.recognize([clips], views=3)[0]
    np.testing.assert_allclose(found.probabilities, torch.stack(expected).mean(0).numpy(), atol=1e-5)


def test_an_odd_clip_repeats_its_last_frame_and_other_counts_are_refused(recognizer):
    whole = clip_of(10)
    odd = Clip(whole.frames[:7], whole.pts_seconds[:7])
    repeated = Clip(whole.frames[[0, 1, 2, 3, 4, 5, 6, 6]], whole.pts_seconds)
    np.testing.assert_allclose(
        recognizer.recognize([[odd]])[0].logits, recognizer.recognize([[repeated]])[0].logits, atol=1e-5
    )
    with pytest.raises(ValueError, match="reads 8 frames, not 16"):
        recognizer.recognize([[clip_of(11, frames=16)]])
    with pytest.raises(ValueError, match="at least one clip"):
        recognizer.recognize([[]])


def test_the_encoder_gives_a_token_for_each_place_and_pair_of_frames(recognizer):
    assert tuple(recognizer.encode(clip_of(12)).shape) == (4, 4, 4, 32)


def test_logits_of_prepared_clips_equal_their_recognition(recognizer):
    import torch

    clips = [clip_of(seed) for seed in (13, 14)]
    logits = recognizer.logits(torch.stack([recognizer.prepare(clip) for clip in clips]))
    for clip, row in zip(clips, logits, strict=True):
        np.testing.assert_allclose(row, recognizer.recognize([[clip]])[0].logits, atol=1e-5)


def test_half_precision_agrees_with_single_precision(recognizer, folder):
    half = VJepa2Recognizer(folder, "cpu", "bfloat16")
    clip = clip_of(15)
    single = recognizer.recognize([[clip]])[0].probabilities
    found = half.recognize([[clip]])[0].probabilities
    assert half.precision == "bfloat16"
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, single, atol=0.05)


def test_a_checkpoint_without_a_trained_classifier_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = write_checkpoint(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if not k.startswith("classifier")}, folder / "model.safetensors")
    with pytest.raises(ModelUnavailable, match="random"):
        VJepa2Recognizer(folder, "cpu")


def test_weights_that_end_too_early_are_refused_with_the_command_that_mends_them(tmp_path):
    folder = write_checkpoint(tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelUnavailable, match="models verify"):
        VJepa2Recognizer(folder, "cpu")


def test_a_model_that_is_not_here_names_the_command_that_fetches_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match="models pull"):
        VJepa2Recognizer("facebook/vjepa2-vitl-fpc16-256-ssv2", "cpu")


def test_a_folder_without_a_known_frame_rate_is_refused_rather_than_guessed(tmp_path):
    folder = write_checkpoint(tmp_path)
    (folder / "clip_spec.json").unlink()
    with pytest.raises(ModelUnavailable, match=r"clip_spec\.json"):
        VJepa2Recognizer(folder, "cpu")


def test_each_published_probe_has_its_own_rate():
    rates = {name: protocol.frames_per_second for name, protocol in PUBLISHED.items()}
    assert rates == {
        "vjepa2-vitl-fpc16-256-ssv2": 3.0,
        "vjepa2-vitg-fpc64-384-ssv2": 6.0,
        "vjepa2-vitl-fpc32-256-diving48": 15.0,
        "vjepa2-vitg-fpc32-384-diving48": 15.0,
    }


def test_a_hub_repository_in_the_cache_is_found_by_its_name(tmp_path, monkeypatch):
    repository = tmp_path / "models--someone--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc123")
    write_checkpoint(repository / "snapshots" / "abc123")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    found = VJepa2Recognizer("someone/tiny", "cpu")
    assert (found.name, found.revision) == ("someone/tiny", "abc123")


def test_recognising_leaves_the_thread_in_the_mode_it_was_in(recognizer):
    import torch

    modes = []

    class Watched(list):
        """A segment that notes the mode in which its clips are asked for."""

        def __iter__(self):
            modes.append(torch.is_inference_mode_enabled())
            return super().__iter__()

    count = 2 * recognizer.clips_per_pass
    assert len(recognizer.recognize([Watched([clip_of()]) for _ in range(count)], save_work=True)) == count
    assert modes == [False] * count
    assert not torch.is_inference_mode_enabled()


def test_what_a_gpu_shall_compute_next_is_asked_for_before_a_result_is_given_out():
    asked = []
    ahead = one_ahead(asked.append(number) or number for number in range(4))
    seen = [(number, len(asked)) for number in ahead]
    assert seen == [(0, 2), (1, 3), (2, 4), (3, 4)]
