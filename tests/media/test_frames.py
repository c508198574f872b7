"""Frames as small arrays: their size, which way is up, and no work for a picture that stays."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from making_media import scene, write
from PIL import Image

from assistant.analysis.windows import WindowPlan, Windows
from assistant.config import Limits
from assistant.media import frames as converting
from assistant.media.frames import FrameConverter, Orientation, display_size, shrunk_size, strip
from assistant.media.sampling import ClipSpec
from assistant.media.video import probe, read

LARGE, SMALL = (2880, 1632), (320, 180)


def plain(size, luma=16, spot=None, pixel_format="yuv420p"):
    """A frame of one grey, with one brighter pixel where ``spot`` says."""
    frame = av.VideoFrame(*size, pixel_format)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    for index, plane in enumerate(frame.planes):
        rows = np.full((plane.height, plane.line_size), luma if index == 0 else 128, np.uint8)
        if index == 0 and spot is not None:
            rows[spot] = 235
        plane.update(rows.tobytes())
    return frame


@pytest.fixture
def work(monkeypatch):
    """How often frames are converted and compared."""
    counts = {"thumbnail": 0, "upright": 0, "compared": 0}

    def counting(name, function):
        def call(*arguments, **options):
            counts[name] += 1
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(FrameConverter, "thumbnail", counting("thumbnail", FrameConverter.thumbnail))
    monkeypatch.setattr(FrameConverter, "upright", counting("upright", FrameConverter.upright))
    monkeypatch.setattr(converting, "is_same", counting("compared", converting.is_same))
    return counts


# A picture that stays


def test_a_large_picture_that_stays_is_converted_once_and_compared_only_where_that_may_save_a_conversion(work):
    converter = FrameConverter(Orientation(), *LARGE, 64)
    found = [converter.both(plain(LARGE), upright=index % 5 == 0) for index in range(20)]
    assert work["upright"] == 1
    assert work["compared"] == 3
    assert len({id(thumbnail) for thumbnail, _ in found}) == 1
    assert len({id(upright) for _, upright in found if upright is not None}) == 1
    assert [upright is not None for _, upright in found] == [index % 5 == 0 for index in range(20)]


def test_a_small_picture_that_stays_is_converted_once(work):
    converter = FrameConverter(Orientation(), *SMALL, 64)
    for index in range(20):
        converter.both(plain(SMALL), upright=index % 5 == 0)
    assert (work["thumbnail"], work["upright"]) == (1, 1)


@pytest.mark.parametrize("size", [LARGE, SMALL])
def test_what_changes_in_a_single_pixel_is_another_picture(size, work):
    """Of a large frame no thumbnail shows it."""
    converter = FrameConverter(Orientation(), *size, 64)
    spots = (None, (1001 % size[1], 7), None)
    first, changed, back = (converter.both(plain(size, spot=spot), upright=True)[1] for spot in spots)
    assert work["upright"] == 3
    np.testing.assert_array_equal(first, back)
    np.testing.assert_array_equal(changed, FrameConverter(Orientation(), *size, 64).upright(plain(size, spot=spots[1])))


def test_a_change_between_two_wanted_pictures_leaves_no_old_picture_behind(work):
    converter = FrameConverter(Orientation(), *LARGE, 64)
    first = converter.both(plain(LARGE), upright=True)[1]
    converter.both(plain(LARGE, luma=200), upright=False)
    later = converter.both(plain(LARGE, luma=100), upright=True)[1]
    assert work["upright"] == 2
    assert later.mean() > first.mean() + 50


def test_a_large_transparent_picture_that_stays_is_laid_over_white_once(work):
    converter = FrameConverter(Orientation(), *LARGE, 64)
    for _ in range(4):
        thumbnail, upright = converter.both(plain(LARGE, pixel_format="yuva420p"), upright=True)
    assert (work["thumbnail"], work["upright"]) == (1, 1)
    assert thumbnail.shape == (36, 64, 3)
    assert upright.shape[0] == 64


def test_a_minute_of_black_costs_one_conversion_and_one_window_for_the_models(tmp_path, work):
    black = np.zeros((96, 160, 3), np.uint8)
    path = write(tmp_path / "black.mp4", [black] * 600, rate=10)
    video = probe(path, Limits())
    plan = WindowPlan(ClipSpec(16, 5.0, 64), 1, 4, 0.4, 3.2)
    pictures = read(path, video, frame_size=64, frame_rate=plan.frame_rate)
    windows = list(Windows(plan, video.duration_seconds).of(pictures, lambda _: None))
    assert (work["thumbnail"], work["upright"]) == (1, 1)
    assert len(windows) >= 18
    assert [window.same_as for window in windows] == [None] + [0] * (len(windows) - 1)


def test_a_still_image_as_a_video_costs_a_conversion_for_each_time_its_pixels_change(tmp_path, work):
    path = write(tmp_path / "still.mkv", [scene(3, 192, 128)] * 300, rate=10, codec="ffv1")
    video = probe(path, Limits())
    pictures = list(read(path, video, frame_size=64, frame_rate=15.0))
    assert len(pictures) == 300
    assert (work["thumbnail"], work["upright"]) == (1, 1)


# The strip below a segment


def test_a_strip_shows_every_frame_in_its_place():
    frames = [np.full((48, 64, 3), level, np.uint8) for level in (10, 10, 120, 120, 120, 230)]
    sheet = np.asarray(Image.open(io.BytesIO(strip(frames, height=24))))
    assert sheet.shape == (24, 6 * 32, 3)
    levels = [int(sheet[:, 32 * n + 8 : 32 * n + 24].mean()) for n in range(6)]
    assert levels == pytest.approx([10, 10, 120, 120, 120, 230], abs=3)


def test_a_strip_of_equal_frames_shrinks_one_of_them(monkeypatch):
    resized = []
    shrink = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda self, size: resized.append(size) or shrink(self, size))
    strip([np.zeros((48, 64, 3), np.uint8)] * 16)
    assert len(resized) == 1


def test_a_strip_of_very_wide_frames_stays_within_what_jpeg_can_hold():
    sheet = Image.open(io.BytesIO(strip([np.zeros((32, 3840, 3), np.uint8)] * 16)))
    assert sheet.width <= 65_500


# Shape and size


@pytest.mark.parametrize(
    ("width", "height", "aspect", "transposed", "shown"),
    [
        (1920, 1080, None, False, (1920, 1080)),
        (1920, 1080, None, True, (1080, 1920)),
        (720, 576, Fraction(16, 11), False, (1047, 576)),
        (1440, 1080, Fraction(4, 3), True, (1080, 1920)),
        (720, 576, Fraction(10_000, 1), False, (720, 576)),  # nobody means that
    ],
)
def test_a_picture_is_shown_upright_and_with_square_pixels(width, height, aspect, transposed, shown):
    assert display_size(width, height, aspect, Orientation(transposed)) == shown


def test_a_frame_keeps_its_shape_and_a_strip_of_a_video_is_squeezed():
    assert shrunk_size(1920, 1080, 240) == (427, 240)
    assert shrunk_size(1080, 1920, 240) == (240, 427)
    assert shrunk_size(3840, 32, 256) == (1536, 256)


@pytest.mark.parametrize(
    ("orientation", "degrees", "corner"),
    [
        (Orientation(), 0, (0, 0)),
        (Orientation(flipped_x=True, flipped_y=True), 180, (1, 2)),
        (Orientation(transposed=True, flipped_x=True), 90, (0, 1)),
        (Orientation(transposed=True, flipped_y=True), 270, (2, 0)),
    ],
)
def test_turning_a_frame_puts_its_first_pixel_where_a_player_shows_it(orientation, degrees, corner):
    frame = np.zeros((2, 3, 3), np.uint8)
    frame[0, 0] = 255
    turned = orientation.apply(frame)
    assert orientation.rotation_degrees == degrees
    assert turned[corner].tolist() == [255, 255, 255]
    assert turned.flags.c_contiguous
    assert orientation.is_upright == (degrees == 0)
