"""Colours come out as they were meant: every matrix and range, HDR beside its SDR twin, transparency over white."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from making_media import scene
from numpy.typing import NDArray

from assistant.config import Limits, load
from assistant.engine import Assistant
from assistant.media.colour import REFERENCE_WHITE, Scaler, to_sdr
from assistant.media.proxy import make_proxy
from assistant.media.video import clip_at, probe

BARS = np.array([(235, 235, 235), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 0), (0, 0, 191), (16, 16, 16)])
WEIGHTS = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114), "bt2020": (0.2627, 0.0593)}
PQ, HLG, BT2020 = 16, 18, 9


def encoded(matrix: str, *, full: bool, width: int = 448, height: int = 64) -> VideoFrame:
    """Colour bars as yuv420p of this matrix and range, without tags."""
    red_weight, blue_weight = WEIGHTS[matrix]
    rgb = np.repeat(BARS / 255, width // len(BARS), axis=0)
    luma = rgb @ np.array([red_weight, 1 - red_weight - blue_weight, blue_weight])
    blue, red = (rgb[:, 2] - luma) / (2 - 2 * blue_weight), (rgb[:, 0] - luma) / (2 - 2 * red_weight)
    rows = (
        [255 * luma, 128 + 255 * blue, 128 + 255 * red]
        if full
        else [16 + 219 * luma, 128 + 224 * blue, 128 + 224 * red]
    )
    y, u, v = (np.round(row).clip(0, 255).astype(np.uint8) for row in rows)
    planes = [np.tile(y, height), np.tile(u[::2], height // 2), np.tile(v[::2], height // 2)]
    return VideoFrame.from_ndarray(np.concatenate(planes).reshape(height * 3 // 2, width), format="yuv420p")


def shown(frame: VideoFrame) -> NDArray[np.int_]:
    """The middle of each bar as a model sees it, int ``[bars, 3]``."""
    pixels = np.asarray(Scaler(112, 16, "rgb24").scale(frame, Interpolation.AREA).to_ndarray())
    return pixels[8, 8::16].astype(int)


@pytest.mark.parametrize(("matrix", "code"), [("bt709", 1), ("bt601", 5), ("bt601", 6), ("bt2020", 9)])
@pytest.mark.parametrize(("full", "tag"), [(False, 1), (True, 2), (False, 0)])
def test_bars_of_every_matrix_and_range_have_their_colours(matrix, code, full, tag):
    frame = encoded(matrix, full=full)
    frame.colorspace, frame.color_range = code, tag
    assert np.abs(shown(frame) - BARS).max() <= 4


@pytest.mark.parametrize(
    ("width", "height", "matrix"), [(448, 64, "bt601"), (1288, 728, "bt709"), (1064, 608, "bt709")]
)
def test_a_picture_that_names_no_matrix_is_read_as_players_read_one_of_its_size(width, height, matrix):
    assert np.abs(shown(encoded(matrix, full=False, width=width, height=height)) - BARS).max() <= 4


def test_ordinary_8_bit_pictures_are_the_very_ones_that_plain_scaling_gives():
    frame = VideoFrame.from_ndarray(scene(1), format="rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709
    )
    plain = VideoReformatter().reformat(frame, width=48, height=32, format="rgb24", interpolation=Interpolation.AREA)
    ours = Scaler(48, 32, "rgb24").scale(frame, Interpolation.AREA)
    assert np.array_equal(ours.to_ndarray(), plain.to_ndarray())


def test_light_of_reference_white_is_nearly_white_and_brighter_light_is_never_darker():
    def pq(light: NDArray[np.float64]) -> NDArray[np.float64]:
        powers = (light / 10_000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * powers) / (1 + 18.6875 * powers)) ** 78.84375

    light = np.array([0.0, 20.3, 101.5, REFERENCE_WHITE, 1000.0, 10_000.0])
    greys = to_sdr(np.repeat(pq(light)[:, None], 3, axis=1), PQ, BT2020)
    assert np.allclose(greys, greys[:, :1], atol=1e-3)
    assert greys[0, 0] < 0.01
    assert greys[1:3, 0] == pytest.approx([0.1 ** (1 / 2.4), 0.5 ** (1 / 2.4)], abs=2e-3)
    assert 0.95 < greys[3, 0] < greys[4, 0] <= greys[5, 0] <= 1.0
    # Three quarters of HLG's signal are reference white (BT.2408), a little below the 203 of its definition.
    assert to_sdr(np.full((1, 3), 0.75), HLG, BT2020)[0, 0] == pytest.approx(greys[3, 0], abs=0.01)


@pytest.mark.parametrize(("transfer", "light"), [(PQ, 0.5), (HLG, 0.6)])
@pytest.mark.parametrize("target", ["rgb24", "yuv420p"])
def test_hdr_frames_are_mapped_as_the_formula_says(transfer, light, target):
    colours = np.array([(1.0, 1.0, 1.0), (1.0, 0.4, 0.4), (0.3, 0.9, 0.5), (0.5, 0.4, 1.0)]) * light
    pixels = np.ascontiguousarray(
        np.kron(np.round(colours * 65535)[None].astype(np.uint16), np.ones((64, 32, 1), np.uint16))
    )
    frame = VideoFrame.from_ndarray(pixels, format="rgb48le")
    frame.color_trc, frame.color_primaries = transfer, BT2020
    frame = frame.reformat(format="yuv420p10le", dst_colorspace=Colorspace.BT2020)
    mapped = Scaler(32, 16, target).scale(frame, Interpolation.AREA)
    seen = mapped.to_ndarray(format="rgb24")[8, 4::8].astype(int)
    assert np.abs(seen - 255 * to_sdr(colours, transfer, BT2020)).max() <= 10  # colour is stored at half size


@pytest.mark.parametrize("name", ["hdr_pq.mp4", "hdr_hlg.mp4"])
def test_hdr_looks_like_its_sdr_twin_to_models_and_in_the_browser(media: Path, tmp_path, name):
    times = [1.0, 10.0, 15.0, 19.0, 24.0, 31.0, 38.0]

    def frames(path: Path) -> NDArray[np.int_]:
        return clip_at(path, probe(path, Limits()), times, 240).frames.astype(int)

    twin, path = frames(media / "odd2" / "seed7_40s_sdr.mp4"), media / "odd2" / name
    copy = make_proxy(path, probe(path, Limits()), tmp_path / "copy.mp4")
    for seen in (frames(path), frames(copy)):
        assert np.abs(seen - twin).mean() < 5  # read as if it were SDR: 32 and 19
    with av.open(str(copy)) as container:
        tags = container.streams.video[0].codec_context
        assert (tags.colorspace, tags.color_range, tags.color_trc, tags.color_primaries) == (1, 1, 1, 1)


@pytest.mark.parametrize("name", ["hdr_pq.mp4", "hdr_hlg.mp4"])
def test_the_colours_found_in_hdr_are_those_of_the_truth(media: Path, home, name):
    events = json.loads((media / "odd2" / "seed7_40s.truth.json").read_text())["events"]
    timeline = Assistant(load(home, "demo")).analyze(media / "odd2" / name)
    found = []
    for segment in timeline.segments:
        middle = segment.span.middle_seconds
        event = next(e for e in events if e["start_seconds"] <= middle < e["end_seconds"])
        found.append(segment.descriptions[0].label.endswith(event["description"]))
    assert len(found) == 11
    assert all(found)
