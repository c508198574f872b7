"""Images are videos too: stills last a second, animations their own time, what is transparent lies over white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from making_media import scene, write_heic
from numpy.typing import NDArray
from PIL import Image

from assistant.config import Limits, load
from assistant.engine import Assistant
from assistant.errors import VideoTooLarge, VideoUnreadable
from assistant.media.formats import EXTENSIONS, HEAD_BYTES, looks_like_media
from assistant.media.proxy import make_proxy
from assistant.media.video import clip_at, probe, read

LIMITS = Limits()
PIXELS = scene(5, 102, 68)
STILLS = {"png": {}, "jpg": {"quality": 95}, "webp": {"lossless": True}, "bmp": {}, "tiff": {}, "gif": {}, "avif": {}}


def first(path: Path) -> NDArray[np.int_]:
    video = probe(path, LIMITS)
    return clip_at(path, video, [0.0], min(video.width, video.height)).frames[0].astype(int)


def half_transparent() -> Image.Image:
    """The left half shows nothing, and has green hidden in it."""
    pixels = np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255, np.uint8)])
    pixels[:, :51] = (0, 255, 0, 0)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", STILLS)
def test_a_still_of_every_kind_is_one_picture_of_a_second(tmp_path, kind):
    path = tmp_path / f"still.{kind}"
    Image.fromarray(PIXELS).save(path, **STILLS[kind])
    video = probe(path, LIMITS)
    assert (video.width, video.height, video.duration_seconds, video.is_still) == (102, 68, 1.0, True)
    assert not video.has_audio
    assert [p.pts_seconds for p in read(path, video, frame_size=48, frame_rate=10)] == [0.0]
    assert np.abs(first(path) - PIXELS).mean() < 12
    assert looks_like_media(path.read_bytes()[:HEAD_BYTES])
    assert path.suffix in EXTENSIONS


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_a_photograph_is_upright_as_its_exif_says(tmp_path, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=exif, quality=95)
    expected = np.rot90(PIXELS, {3: 2, 6: -1, 8: 1}[turn]).astype(int)
    assert np.abs(first(tmp_path / "a.jpg") - expected).mean() < 12


def test_sixteen_bits_of_grey_are_not_cut_off(tmp_path):
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257).save(tmp_path / "a.png")
    assert np.array_equal(first(tmp_path / "a.png"), np.repeat(PIXELS[..., :1], 3, axis=2))


@pytest.mark.parametrize("kind", ["png", "webp", "gif"])
def test_what_is_transparent_is_white_whatever_colour_is_hidden_there(tmp_path, kind):
    half_transparent().save(tmp_path / f"a.{kind}", **({"lossless": True, "exact": True} if kind == "webp" else {}))
    seen = first(tmp_path / f"a.{kind}")
    assert (seen[:, :50] == 255).all()
    assert np.abs(seen[:, 52:] - PIXELS[:, 52:]).mean() < 12


@pytest.mark.parametrize("kind", ["webp", "png", "gif"])
def test_an_animation_is_a_video_with_its_own_times(tmp_path, kind):
    pictures = [Image.fromarray(scene(number, 96, 64)) for number in range(4)]
    lasting = [100, 400, 250, 500]
    pictures[0].save(tmp_path / f"a.{kind}", save_all=True, append_images=pictures[1:], duration=lasting, lossless=True)
    video = probe(tmp_path / f"a.{kind}", LIMITS)
    seen = list(read(tmp_path / f"a.{kind}", video, frame_size=64, frame_rate=100))
    assert [p.pts_seconds for p in seen] == pytest.approx([0.0, 0.1, 0.5, 0.75], abs=0.006)
    assert video.duration_seconds == pytest.approx(1.25, abs=0.02)
    assert not video.is_still
    copy = make_proxy(tmp_path / f"a.{kind}", video, tmp_path / "copy.mp4")
    assert [p.pts_seconds for p in read(copy, probe(copy, LIMITS), frame_size=64, frame_rate=100)] == pytest.approx(
        [0.0, 0.1, 0.5, 0.75], abs=0.006
    )


@pytest.mark.parametrize("name", ["alpha_vp9.webm", "animated.webp", "animated.apng"])
def test_a_transparent_video_lies_over_white_for_models_and_in_the_browser(media: Path, tmp_path, name):
    path = media / "odd2" / name
    video = probe(path, LIMITS)
    assert video.duration_seconds == pytest.approx(4.0, abs=0.05)
    copy = make_proxy(path, video, tmp_path / "copy.mp4")
    for shown in (path, copy):
        for frame in clip_at(shown, probe(shown, LIMITS), [0.0, 2.0, 3.9], 240).frames:
            assert (frame[5:20, 5:20] > 247).all()


def test_a_still_is_analysed_by_its_scene_and_says_what_is_absent(tmp_path, home):
    Image.fromarray(scene(3, 192, 128)).save(tmp_path / "photo.jpg")
    assistant = Assistant(load(home, "demo"))
    timeline = assistant.analyze(tmp_path / "photo.jpg")
    assert [(s.span.start_seconds, s.span.end_seconds) for s in timeline.segments] == [(0.0, 1.0)]
    assert timeline.segments[0].descriptions
    assert not timeline.segments[0].actions
    assert not timeline.segments[0].flags
    assert [(a.what, a.reason) for a in timeline.absences if a.what != "text"] == [
        ("actions", "a still picture"),
        ("speech", "a still picture"),
    ]
    assert timeline == assistant.analyze(tmp_path / "photo.jpg")


def test_a_photograph_of_several_pictures_is_a_still_and_motion_jpeg_is_none(tmp_path):
    pictures = [Image.fromarray(scene(number, 96, 64)) for number in range(3)]
    pictures[0].save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=pictures[1:])
    assert probe(tmp_path / "phone.jpg", LIMITS).is_still


def test_damaged_and_far_too_large_images_are_one_line(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)).save(path)
    whole = path.read_bytes()
    for kept in (20, 40, 100, len(whole) // 2):
        path.write_bytes(whole[:kept])
        with pytest.raises(VideoUnreadable, match="is a picture that is damaged; save it again"):
            probe(path, LIMITS)
    path.write_bytes(whole[:16] + (60_000).to_bytes(4, "big") * 2 + whole[24:])
    with pytest.raises((VideoTooLarge, VideoUnreadable)):
        probe(path, LIMITS)
    path.write_bytes(whole)
    with pytest.raises(VideoTooLarge, match="300 x 200"):
        probe(path, Limits(max_pixels=1000))


def test_a_damaged_heic_picture_says_what_to_do(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    with pytest.raises(VideoUnreadable, match="is a HEIC picture that cannot be decoded here; save it as JPEG or PNG"):
        probe(tmp_path / "a.heic", LIMITS)


def test_a_heic_picture_is_one_picture_of_a_second(tmp_path):
    path = write_heic(tmp_path / "photo.heic", scene(5, 192, 128))
    video = probe(path, LIMITS)
    assert (video.width, video.height, video.duration_seconds, video.is_still) == (192, 128, 1.0, True)
    assert (video.container, video.has_audio) == ("heic", False)
    assert [p.pts_seconds for p in read(path, video, frame_size=48, frame_rate=10)] == [0.0]
    assert np.abs(first(path) - scene(5, 192, 128)).mean() < 12
    assert looks_like_media(path.read_bytes()[:HEAD_BYTES])
    assert path.suffix in EXTENSIONS


def test_a_heic_picture_in_tiles_is_refused_in_one_sentence_and_its_first_tile_not_taken_for_it(tmp_path):
    path = write_heic(tmp_path / "photo.heic", scene(5, 192, 128), main_item=b"grid")
    with pytest.raises(
        VideoUnreadable, match="is a HEIC picture in tiles, which are not put together here; save it as"
    ):
        probe(path, LIMITS)


def test_a_heic_picture_over_the_limit_is_refused_before_it_is_decoded(tmp_path):
    path = write_heic(tmp_path / "photo.heic", scene(5, 192, 128))
    with pytest.raises(VideoTooLarge, match="192 x 128"):
        probe(path, Limits(max_pixels=10_000))
