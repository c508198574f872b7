"""Frames become the square that a model wants: its size, its middle or all of it, its numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.models.runtime.framing import Framing, from_open_clip, from_processor

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
QUICK = settings(max_examples=40, deadline=None, derandomize=True)
EDGES = st.integers(1, 90)


def framing(fit="shortest", edge=16, size=16, **changes) -> Framing:
    return Framing(fit, edge, size, changes.pop("interpolation", "bilinear"), MEAN, STD, **changes)


def frames(height: int, width: int, count: int = 2) -> np.ndarray:
    """Frames whose red grows downwards and whose green grows to the right."""
    picture = np.zeros((count, height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    picture[..., 1] = np.linspace(0, 255, width, dtype=np.uint8)[None]
    picture[..., 2] = 77
    return picture


@given(height=EDGES, width=EDGES, resampler=st.sampled_from(["torch", "pillow"]))
@QUICK
def test_a_frame_of_any_shape_becomes_the_square(height, width, resampler):
    for fit in ("shortest", "squash", "longest"):
        found = framing(fit, resampler=resampler).square(frames(height, width))
        assert tuple(found.shape) == (2, 3, 16, 16)
        assert str(found.dtype) == "torch.uint8"


def test_the_shortest_edge_is_scaled_and_the_middle_cut_out():
    square = framing().square(frames(16, 48))[0].numpy()
    green = square[1, 8]
    assert green[0] > 70
    assert green[-1] < 185
    assert square[0, 0].max() < 10
    assert square[0, -1].min() > 245


def test_a_squashed_frame_is_seen_whole():
    square = framing("squash").square(frames(16, 48))[0].numpy()
    assert square[1, 8, 0] < 20
    assert square[1, 8, -1] > 235


@pytest.mark.parametrize(("height", "width"), [(8, 32), (32, 8)])
def test_a_frame_by_its_longest_edge_is_padded_on_both_sides_alike(height, width):
    square = framing("longest", fill=9).square(frames(height, width))[0].numpy()
    rows, columns = (slice(0, 6), slice(None)) if height < width else (slice(None), slice(0, 6))
    assert (square[:, rows, columns] == 9).all()
    assert (square[:, ::-1, ::-1][:, rows, columns] == 9).all()
    assert (square[2, 7:9, 7:9] == 77).all()


def test_a_frame_of_the_right_size_is_not_touched():
    picture = frames(16, 16)
    np.testing.assert_array_equal(framing().square(picture).numpy(), picture.transpose(0, 3, 1, 2))


def test_read_only_frames_are_taken():
    picture = np.frombuffer(frames(16, 16).tobytes(), np.uint8).reshape(2, 16, 16, 3)
    assert not picture.flags.writeable
    assert framing().square(picture).shape == (2, 3, 16, 16)


@pytest.mark.parametrize(("height", "width"), [(16, 48), (48, 16)])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_several_views_reach_from_edge_to_edge_of_the_longer_side(height, width, count):
    views = framing(edge=20).views(frames(height, width), count)
    assert [tuple(view.shape) for view in views] == [(2, 3, 16, 16)] * count
    channel = 1 if width > height else 0
    means = [float(view[:, channel].float().mean()) for view in views]
    assert means == sorted(means)
    assert means[0] < 60
    assert means[-1] > 195


def test_one_view_is_the_square_and_a_squashed_frame_has_no_more():
    picture = frames(16, 48)
    assert len(framing().views(picture, 1)) == len(framing("squash").views(picture, 3)) == 1


def test_numbers_are_normalised_as_the_model_says():
    import torch

    crops = torch.full((1, 3, 16, 16), 128, dtype=torch.uint8)
    found = framing().normalized(crops)[0, :, 0, 0].tolist()
    assert found == pytest.approx([(128 / 255 - m) / s for m, s in zip(MEAN, STD, strict=True)], abs=1e-5)


# What the settings of a processor say

PROCESSOR = {"size": {"shortest_edge": 292}, "crop_size": {"height": 256, "width": 256}, "image_mean": [0.5] * 3}


def test_a_processor_that_crops_is_read():
    found = from_processor(PROCESSOR | {"image_std": [0.25] * 3, "resample": 3}, 224)
    assert (found.fit, found.edge, found.size, found.interpolation) == ("shortest", 292, 256, "bicubic")
    assert found.mean == pytest.approx((0.5,) * 3)
    assert found.std == pytest.approx((0.25,) * 3)
    assert found.resampler == "torch"


def test_without_settings_the_usual_ones_hold_for_the_models_own_size():
    found = from_processor({}, 224)
    assert (found.fit, found.edge, found.size, found.interpolation) == ("shortest", 256, 224, "bilinear")
    assert found.mean == pytest.approx((0.485, 0.456, 0.406))


def test_a_processor_that_squashes_and_one_that_scales_in_its_own_way_are_read():
    squash = from_processor({"size": {"height": 224, "width": 224}, "do_center_crop": False}, 224)
    assert (squash.fit, squash.size) == ("squash", 224)
    vivit = {"image_processor_type": "VivitImageProcessor", "rescale_factor": 1 / 127.5, "offset": True}
    found = from_processor(vivit | {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}, 224)
    assert found.resampler == "pillow"
    # Bytes become -1..1 first, and are normalised once more.
    assert (1.0 - found.mean[0]) / found.std[0] == pytest.approx((1.0 - 0.5) / 0.5)
    assert (0.0 - found.mean[0]) / found.std[0] == pytest.approx((-1.0 - 0.5) / 0.5)


def test_a_processor_that_does_not_normalise_leaves_what_it_does_not_touch():
    found = from_processor({"do_normalize": False, "do_rescale": False}, 224)
    assert (255 / 255 - found.mean[0]) / found.std[0] == pytest.approx(255.0)
    one = from_processor({"size": 112, "crop_size": 112, "image_mean": 0.5, "image_std": 0.5}, 224)
    assert (one.edge, one.size, one.mean) == (112, 112, pytest.approx((0.5,) * 3))


@pytest.mark.parametrize(
    "config",
    [
        {"size": {"height": 224, "width": 320}},
        {"size": {"shortest_edge": 224}, "do_center_crop": False},
        {"size": {"longest_edge": 224}},
        {"resample": 99},
        {"resample": "cubic"},
        {"resample": None},
        {"rescale_factor": 0},
        {"rescale_factor": -1},
        {"rescale_factor": 40.0},
        {"image_mean": [0.5, 0.5]},
        {"image_std": ["a", "b", "c"]},
    ],
)
def test_a_processor_that_is_not_understood_is_refused(config):
    with pytest.raises(ValueError, match=r".+"):
        from_processor(config, 224)


CLIP = {"size": [224, 224], "mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}


def test_the_settings_of_a_clip_model_are_read():
    found = from_open_clip(CLIP)
    assert (found.fit, found.edge, found.size, found.interpolation) == ("shortest", 224, 224, "bicubic")
    assert (found.mean, found.resampler, found.fill) == ((0.48, 0.46, 0.41), "pillow", 0)
    assert from_open_clip(CLIP | {"size": 256, "interpolation": "bilinear"}).interpolation == "bilinear"
    assert from_open_clip(CLIP | {"resize_mode": "longest", "fill_color": 3}).fill == 3
    assert from_open_clip(CLIP | {"interpolation": "random"}).interpolation == "bicubic"


@pytest.mark.parametrize("change", [{"size": [224, 336]}, {"mean": [0.1, 0.2]}, {"std": ["a"] * 3}, {"size": []}])
def test_settings_of_a_clip_model_that_are_not_understood_are_refused(change):
    with pytest.raises(ValueError, match=r".+"):
        from_open_clip(CLIP | change)
