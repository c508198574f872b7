"""The recogniser's data is what it claims to be; a training can stop, go on and be loaded like a published model."""

import json
import warnings

import numpy as np
import pytest
from conftest import ROOT

from assistant.errors import InputUnusable
from assistant.synthetic.recipes import clips
from assistant.synthetic.recipes.clips import (
    centred_times,
    coverage_targets,
    held_out_clip,
    training_clip,
    unknown_clip,
)
from assistant.synthetic.recipes.demo import TRAINERS, train_demo
from assistant.synthetic.recipes.torch_run import learning_rate
from assistant.synthetic.vocabulary import ACTIONS

PACK = ROOT / "assistant" / "packs" / "demo"


def test_a_clip_is_sixteen_small_frames_and_follows_from_its_number():
    one, again, other = training_clip(3, 0, 1.0), training_clip(3, 0, 1.0), training_clip(3, 1, 1.0)
    assert one.frames.shape == (16, 64, 64, 3)
    assert one.frames.dtype == np.uint8
    assert np.array_equal(one.frames, again.frames)
    assert not np.array_equal(one.frames, other.frames)


def test_every_action_comes_equally_often():
    labels = [training_clip(index, 0, 0.0).label for index in range(28)]
    assert sorted(labels) == sorted(2 * list(range(len(ACTIONS))))


def test_what_happens_at_a_moment_happens_inside_the_clip():
    for index in range(9, 14 * 12, 14):
        for number in (index, index + 1):
            clip = training_clip(number, 0, 1.0)
            moment = clip.scene.moment_seconds
            assert moment is not None
            assert clip.times_seconds[1] < moment < clip.times_seconds[-2]


def test_a_long_segment_is_sampled_about_its_middle_and_a_short_one_whole():
    long, short = centred_times(8.0), centred_times(1.6)
    assert np.allclose(np.diff(long), 0.2)
    assert long.mean() == pytest.approx(4.0)
    assert np.allclose(np.diff(short), 0.1)
    assert 0 <= short[0] < short[-1] <= 1.6


def test_coverage_targets_tell_where_the_object_is_and_whence_it_came():
    coverage = np.zeros((1, 16, 64, 64), np.float32)
    coverage[0, 0::2, 16:32, 32:40] = 1  # patch (1, 2): first its left half,
    coverage[0, 1::2, 16:32, 40:48] = 1  # then its right half
    targets = coverage_targets(coverage).reshape(8, 4, 4, 10)
    patch = targets[0, 1, 2]
    assert patch[:2] == pytest.approx([0.5, 0.5])
    assert patch[2:4] == pytest.approx([1.0, 0.0])
    assert patch[6] > 0.5
    assert abs(patch[7]) < 1e-5
    assert np.abs(np.delete(targets[0].reshape(16, 10), 6, axis=0)).max() == 0


def test_the_state_tells_direction_and_size_of_a_movement():
    moving_right, closer = list(ACTIONS).index("moving right"), list(ACTIONS).index("coming closer")
    for number in range(5):
        assert clips.held_out_clip(100_002 - 100_002 % 14 + 14 * number + moving_right).state[4, 4] > 0.1
        assert clips.held_out_clip(100_002 - 100_002 % 14 + 14 * number + closer).state[4, 6] > 0.1


def test_held_out_clips_share_no_scene_with_training():
    trained = {training_clip(index, 0, 0.0).scene for index in range(200)}
    assert not trained & {held_out_clip(100_000 + index).scene for index in range(200)}


def test_clips_without_a_fitting_word_come_in_several_kinds_and_follow_from_their_number():
    some = [unknown_clip(number, 0) for number in range(10)]
    assert {clip.shape for clip in some} == {(16, 64, 64, 3)}
    assert {clip.dtype for clip in some} == {np.dtype(np.uint8)}
    assert all(np.array_equal(clip, unknown_clip(number, 0)) for number, clip in enumerate(some))


def test_the_rate_warms_up_and_dies_down():
    rates = [learning_rate(step, 1000, 1.0) for step in range(1000)]
    assert rates[0] < 0.02
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates[-1] < 0.02


def test_an_unknown_part_of_the_pack_is_refused(tmp_path):
    with pytest.raises(InputUnusable, match="music"):
        train_demo(["music"], tmp_path, report=print)


def test_the_trainers_are_where_the_table_says():
    import importlib

    for place, _ in TRAINERS.values():
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_training_writes_a_model_that_transformers_loads_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    import torch
    from transformers import AutoModelForVideoClassification, AutoVideoProcessor

    from assistant.synthetic.recipes import actions

    monkeypatch.setattr(actions, "BATCH", 2)
    monkeypatch.setattr(actions, "_FINAL_CLIPS", 14)
    lines: list[str] = []
    figures = actions.train_actions(tmp_path / "pack", work=tmp_path / "work", steps=2, report=lines.append)
    assert 0.0 <= figures["accuracy"] <= 1.0
    again: list[str] = []
    assert actions.train_actions(tmp_path / "pack", work=tmp_path / "work", steps=2, report=again.append) == figures
    assert "going on from step 2" in again[0]

    model = AutoModelForVideoClassification.from_pretrained(tmp_path / "pack").eval()
    assert list(model.config.id2label.values()) == list(ACTIONS)
    assert model.dtype == torch.float32
    processor = AutoVideoProcessor.from_pretrained(tmp_path / "pack")
    wide = [np.full((16, 90, 160, 3), 128, np.uint8)]
    pixels = processor(wide, return_tensors="pt")["pixel_values_videos"]
    assert tuple(pixels.shape) == (1, 16, 3, 64, 64)
    with torch.inference_mode():
        assert tuple(model(pixel_values_videos=pixels).logits.shape) == (1, len(ACTIONS))


def test_training_a_image_text_encoder_writes_a_folder_that_open_clip_loads(tmp_path, monkeypatch):
    from assistant.synthetic.recipes import descriptions

    monkeypatch.setattr(descriptions, "BATCH", 4)
    monkeypatch.setattr(descriptions, "_FINAL_FRAMES", 20)
    lines: list[str] = []
    descriptions.train_descriptions(tmp_path / "pack", work=tmp_path / "work", steps=2, report=lines.append)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import open_clip
        from PIL import Image

        model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'pack'}")
        tokenizer = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'pack'}")
    assert tuple(preprocess(Image.new("RGB", (160, 90))).shape) == (3, 64, 64)
    tokens = tokenizer(["a photo of a red circle"])
    assert tuple(model.encode_text(tokens).shape) == (1, 64)
    # A word from outside the world says nothing: any two of them read the same.
    one, other = model.encode_text(tokenizer(["a red dog", "a red car"]))
    assert (one - other).abs().max() < 1e-5


def test_an_empty_frame_counts_for_no_label_of_the_image_text_encoder():
    from assistant.synthetic.recipes.descriptions import training_still
    from assistant.synthetic.scenes import visible

    still = training_still(19, 0, 0.0)
    assert not still.there
    assert still.scene.action == "appearing"
    assert training_still(18, 0, 0.0).there
    assert visible(still.scene, still.scene.duration_seconds)


@pytest.mark.skipif(not (PACK / "actions" / "model.safetensors").exists(), reason="the demo pack is not trained yet")
def test_the_shipped_recogniser_knows_the_actions_of_held_out_clips():
    from transformers import VJEPA2ForVideoClassification

    from assistant.synthetic.recipes.actions import held_out_figures

    config = json.loads((PACK / "actions" / "config.json").read_text())
    assert (config["frames_per_clip"], config["crop_size"]) == (16, 64)
    model = VJEPA2ForVideoClassification.from_pretrained(PACK / "actions")
    figures = held_out_figures(model, 140)
    assert figures["accuracy"] >= 0.9
    assert figures["unknown_refused"] >= 0.5


@pytest.mark.skipif(
    not (PACK / "descriptions" / "open_clip_model.safetensors").exists(), reason="the demo pack is not trained yet"
)
def test_the_shipped_image_text_encoder_knows_the_objects_of_held_out_frames():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import open_clip

        from assistant.synthetic.recipes.descriptions import held_out_figures

        model = open_clip.create_model(f"local-dir:{PACK / 'descriptions'}")
        tokenizer = open_clip.get_tokenizer(f"local-dir:{PACK / 'descriptions'}")
    assert held_out_figures(model, tokenizer, 300)["accuracy"] >= 0.93
