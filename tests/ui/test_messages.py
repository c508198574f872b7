"""What is said of a file that cannot be used: what it is, which limit it exceeds, and something that can be done."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from conftest import SAMPLE
from media_bombs import BOMBS
from PIL import Image

from assistant.config import Limits
from assistant.errors import InputUnusable
from assistant.media.probe import probe


def said(path, limits=None):
    with pytest.raises(InputUnusable) as caught:
        probe(path, limits or Limits())
    return str(caught.value).replace(path.name, "FILE")


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        (Limits(max_bytes=2000), r"FILE is \d+\.\d [kM]B, the limit is 2\.0 kB; cut it shorter"),
        (Limits(max_seconds=5.0), r"FILE is \d+(\.\d)? seconds long, the limit is 5 seconds; cut it shorter"),
        (
            Limits(max_pixels=1000),
            r"FILE has pictures of 480 x 270 pixels \(0\.13 million\), the limit is 0\.001 million; scale it down",
        ),
    ],
)
def test_a_limit_is_named_in_units_that_people_use(limits, wanted):
    assert re.search(wanted, said(SAMPLE, limits)), said(SAMPLE, limits)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_picture_is_taken_whole_and_called_a_damaged_picture_where_it_is_cut_short(tmp_path, kind):
    """Still pictures were refused once; now one is a video of one segment, whatever its name says."""
    out = io.BytesIO()
    Image.fromarray(np.full((40, 60, 3), 128, np.uint8)).save(out, kind)
    path = tmp_path / "holiday.mp4"
    path.write_bytes(out.getvalue())
    video = probe(path, Limits())
    assert (video.width, video.height, video.has_audio) == (60, 40, False)
    path.write_bytes(out.getvalue()[: len(out.getvalue()) // 2])
    assert "picture" in said(path)
    assert "damaged" in said(path)


@pytest.mark.parametrize("brand", [b"heic", b"avif", b"mif1"])
def test_a_telephone_s_picture_is_called_a_picture_and_not_a_damaged_video(tmp_path, brand):
    path = tmp_path / "IMG_0001.mov"
    path.write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1" + brand + bytes(300))
    assert re.search(r"FILE is a (HEIC )?picture", said(path))
    assert "JPEG or PNG" in said(path)


@pytest.mark.parametrize("bomb", ["jpeg_65500.avi", "true_8192.mp4", "vp8_16383.webm"])
def test_pictures_that_the_decoder_refuses_for_their_size_are_told_so(tmp_path, bomb):
    line = said(BOMBS[bomb](tmp_path / bomb))
    assert "its pictures are too large" in line
    assert "4K or less" in line
