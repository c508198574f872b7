"""What every backend for actions must keep, whatever its architecture: one suite over tiny random checkpoints."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLE
from packs_at_hand import write_pack

from assistant.config import load
from assistant.engine import Assistant
from assistant.errors import ModelUnavailable
from assistant.media.sampling import Clip
from assistant.models import registry
from assistant.models.protocols import ClipClassifier
from assistant.ui.view import desk_view

LABELS = ("opening a door", "closing a door", "pouring water")
SIZE, FRAMES = 64, 8
COMMON = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "initializer_range": 0.3,
    "id2label": dict(enumerate(LABELS)),
    "label2id": {label: number for number, label in enumerate(LABELS)},
}
SMALL = {**COMMON, "image_size": SIZE, "num_frames": FRAMES, "intermediate_size": 64}


def vjepa2(folder):
    from transformers import VJEPA2Config, VJEPA2ForVideoClassification, VJEPA2VideoProcessor

    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    config = VJEPA2Config(
        **COMMON, **predictor, crop_size=SIZE, frames_per_clip=FRAMES, num_pooler_layers=1, mlp_ratio=2.0
    )
    VJEPA2ForVideoClassification(config).save_pretrained(folder)
    VJEPA2VideoProcessor(crop_size={"height": SIZE, "width": SIZE}).save_pretrained(folder)


def videomae(folder):
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessor

    VideoMAEForVideoClassification(VideoMAEConfig(**SMALL, patch_size=16)).save_pretrained(folder)
    crop = {"height": SIZE, "width": SIZE}
    VideoMAEImageProcessor(size={"shortest_edge": SIZE}, crop_size=crop).save_pretrained(folder)


def timesformer(folder):
    from transformers import TimesformerConfig, TimesformerForVideoClassification, VideoMAEImageProcessor

    TimesformerForVideoClassification(TimesformerConfig(**SMALL, patch_size=16)).save_pretrained(folder)
    crop, mean, std = {"height": SIZE, "width": SIZE}, [0.45, 0.45, 0.45], [0.225, 0.225, 0.225]
    VideoMAEImageProcessor(
        size={"shortest_edge": SIZE}, crop_size=crop, image_mean=mean, image_std=std
    ).save_pretrained(folder)


def vivit(folder):
    from transformers import VivitConfig, VivitForVideoClassification, VivitImageProcessor

    VivitForVideoClassification(VivitConfig(**SMALL, tubelet_size=[2, 16, 16])).save_pretrained(folder)
    crop = {"height": SIZE, "width": SIZE}
    VivitImageProcessor(size={"shortest_edge": 72}, crop_size=crop).save_pretrained(folder)


BACKENDS = {"vjepa2": vjepa2, "videomae": videomae, "timesformer": timesformer, "vivit": vivit}


@pytest.fixture(scope="module", params=BACKENDS)
def folder(request, tmp_path_factory):
    import torch

    made = tmp_path_factory.mktemp(request.param) / "actions"
    made.mkdir()
    torch.manual_seed(3)
    BACKENDS[request.param](made)
    (made / "clip_spec.json").write_text(json.dumps({"frames_per_second": 4.0, "none_below": 0.4}))
    return made


@pytest.fixture(scope="module")
def recognizer(folder):
    return registry.backend("actions", folder)(folder, "cpu")


def clip_of(seed=0, frames=FRAMES, height=90, width=130):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (frames, height // 10, width // 10, 3), dtype=np.uint8)
    return Clip(coarse.repeat(10, 1).repeat(10, 2), np.arange(frames) / 4.0)


def reference(folder, clip):
    """Logits of transformers' own model, fed by transformers' own processor."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForVideoClassification, AutoVideoProcessor

    own = any((folder / name).is_file() for name in ("video_preprocessor_config.json", "processor_config.json"))
    processor = (AutoVideoProcessor if own else AutoImageProcessor).from_pretrained(folder)
    inputs = processor(list(clip.frames), return_tensors="pt")
    model = AutoModelForVideoClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model(**inputs).logits[0].numpy()


def test_it_says_how_it_wants_to_be_fed_with_and_without_loading(recognizer, folder):
    pack = replace(registry.catalog.folder_pack(folder.parent), name="x")
    spec = registry.clip_spec_of(pack)
    assert spec == recognizer.spec
    assert (spec.num_frames, spec.frames_per_second, spec.size) == (FRAMES, 4.0, SIZE)
    assert recognizer.labels == LABELS
    assert recognizer.none_below == 0.4
    assert recognizer.frame_size >= SIZE
    assert recognizer.clips_per_pass >= 1


def test_one_clip_and_one_view_equal_the_forward_pass_of_transformers(recognizer, folder):
    clip = clip_of(1)
    (found,) = recognizer.recognize([[clip]])
    np.testing.assert_allclose(found.logits, reference(folder, clip), atol=2e-3)
    assert found.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert found.embedding.ndim == 1


def test_a_batch_of_segments_gives_what_each_gives_alone(recognizer):
    segments = [[clip_of(1)], [clip_of(2), clip_of(3)], [clip_of(4)]]
    together = recognizer.recognize(segments)
    for segment, found in zip(segments, together, strict=True):
        (alone,) = recognizer.recognize([segment])
        np.testing.assert_allclose(found.probabilities, alone.probabilities, atol=1e-5)


def test_a_segment_without_clips_or_with_another_number_of_frames_is_refused(recognizer):
    with pytest.raises(ValueError, match="at least one clip"):
        recognizer.recognize([[]])
    with pytest.raises(ValueError, match=f"reads {FRAMES} frames, not 4"):
        recognizer.recognize([[clip_of(frames=4)]])


def test_it_can_be_experimented_on(recognizer):
    assert isinstance(recognizer, ClipClassifier)
    clip = clip_of(5)
    crops = recognizer.crops(clip)
    assert crops.shape == (FRAMES, SIZE, SIZE, 3)
    assert FRAMES % recognizer.tubelet == 0
    logits = recognizer.square_logits(np.stack([crops, crops[::-1]]))
    np.testing.assert_allclose(logits[0], recognizer.recognize([[clip]])[0].logits, atol=1e-4)
    assert logits.shape == (2, len(LABELS))


def test_saving_work_changes_no_result_of_a_clip_this_small(recognizer):
    segments = [[clip_of(6)]]
    plain, saved = recognizer.recognize(segments)[0], recognizer.recognize(segments, save_work=True)[0]
    np.testing.assert_allclose(plain.probabilities, saved.probabilities, atol=1e-5)


def test_a_folder_without_a_frame_rate_is_refused_rather_than_guessed(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "clip_spec.json").unlink()
    with pytest.raises(ModelUnavailable, match="how many frames a second"):
        registry.backend("actions", copy)(copy, "cpu")


def test_analyze_explain_and_the_page_work_with_it(folder, tmp_path):
    pack = write_pack(tmp_path / "pack")
    shutil.rmtree(pack / "actions")
    shutil.copytree(folder, pack / "actions")
    engine = Assistant(load(tmp_path / "home", str(pack), {}))
    timeline = engine.analyze(SAMPLE)
    assert {segment.action.label for segment in timeline.segments} <= set(LABELS)
    assert timeline.provenance.actions["num_frames"] == FRAMES
    explanation = engine.explain(timeline.video.sha256, 1)
    assert len(explanation.temporal) > 1
    assert explanation.label == timeline.segments[0].action.label
    assert desk_view(timeline)["segments"][0]["actions"][0]["label"] in LABELS
    engine.library.close()


def test_another_architecture_is_refused_with_what_there_is(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "resnet3d"}))
    with pytest.raises(ModelUnavailable, match=r"resnet3d.*no backend here reads.*videomae"):
        registry.backend("actions", tmp_path)
