"""Wide and bright colours brought to what screens and models expect: BT.709 of ordinary brightness.

HDR video stores light as PQ (SMPTE ST 2084) or HLG (ARIB STD-B67) with the primaries of BT.2020. Read as if it were
ordinary video it is pale and wrong in hue. Here it becomes light, the light's primaries become those of BT.709, what is
brighter than paper is rolled off, and the rest is shown as BT.1886 says. Reference white lies at 203 cd/m2 (BT.2408).
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

# Code points of ITU-T H.273.
_PQ, _HLG = 16, 18
_BT2020, _DISPLAY_P3 = 9, 12
_UNSPECIFIED = 2
_WITH_ALPHA = ("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8")

REFERENCE_WHITE = 203.0  # cd/m2 of paper in HDR (BT.2408)
_HLG_PEAK, _HLG_GAMMA = 1000.0, 1.2  # the display for which HLG is graded (BT.2100)
_DISPLAY_GAMMA = 2.4  # BT.1886
# Up to here light is kept as it is, above it is rolled off so that the brightest light is white.
_SHOULDER = 0.8
# Linear light of these primaries to that of BT.709, both with the white of D65 (from the chromaticities of H.273).
_TO_BT709 = {
    _BT2020: ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730)),
    _DISPLAY_P3: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
}
_GRID = 49  # of the look-up cube; the transfer functions are smooth, and between its points it is interpolated


def is_hdr(frame: VideoFrame) -> bool:
    """Whether this frame stores light as PQ or HLG."""
    return int(frame.color_trc) in (_PQ, _HLG)


def to_sdr(pixels: NDArray[np.floating], transfer: int, primaries: int) -> NDArray[np.float32]:
    """Values 0..1 of BT.709 and BT.1886, float32 ``[..., 3]``, of PQ or HLG values 0..1.

    Args:
        transfer, primaries: code points of H.273; HDR that names no primaries has those of BT.2020.
    """
    light = _light(np.asarray(pixels, dtype=np.float32), transfer)
    matrix = _TO_BT709.get(_BT2020 if primaries == _UNSPECIFIED else primaries)
    if matrix is not None:
        light = np.maximum(light @ np.array(matrix, dtype=np.float32).T, 0.0)
    # All three channels by the same factor: hues stay.
    peak = light.max(axis=-1, keepdims=True)
    room = 1.0 - _SHOULDER
    rolled = np.where(peak <= _SHOULDER, peak, _SHOULDER + room * (1.0 - np.exp(-(peak - _SHOULDER) / room)))
    light *= rolled / np.maximum(peak, 1e-6)
    sdr: NDArray[np.float32] = np.clip(light, 0.0, 1.0) ** np.float32(1.0 / _DISPLAY_GAMMA)
    return sdr


def _light(values: NDArray[np.float32], transfer: int) -> NDArray[np.float32]:
    """What a display shows, as a share of reference white."""
    if transfer == _PQ:
        powers = np.maximum(values, 0.0) ** (1.0 / 78.84375)
        base = np.maximum(powers - 0.8359375, 0.0) / (18.8515625 - 18.6875 * powers)
        light = base ** (1.0 / 0.1593017578125) * (10_000.0 / REFERENCE_WHITE)
        return np.asarray(light, dtype=np.float32)
    # HLG: back to the light of the scene, then to that of the display, whose gamma acts on luminance (BT.2100).
    bright = (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12.0
    scene = np.where(values <= 0.5, values**2 / 3.0, bright).astype(np.float32)
    luminance = scene @ np.array((0.2627, 0.6780, 0.0593), dtype=np.float32)
    gain = np.maximum(luminance, 1e-6) ** np.float32(_HLG_GAMMA - 1.0)
    shown: NDArray[np.float32] = scene * gain[..., None] * np.float32(_HLG_PEAK / REFERENCE_WHITE)
    return shown


class Scaler:
    """Brings one video's frames to one size and pixel format, in ordinary colours, what is transparent over white."""

    def __init__(self, width: int, height: int, pixel_format: str) -> None:
        """``pixel_format``: ``rgb24``, or ``yuv420p``, which comes with the matrix of BT.709 and limited range."""
        self._width, self._height, self._format = width, height, pixel_format
        # One reformatter a target: each keeps its own scaling context between frames.
        self._reformatter = VideoReformatter()
        self._mapper: _ToneMapper | None = None

    def scale(self, frame: VideoFrame, how: Interpolation, threads: int = 1) -> VideoFrame:
        """The frame in this scaler's size and format."""
        if is_hdr(frame):
            if self._mapper is None or not self._mapper.takes(frame):
                self._mapper = _ToneMapper(frame, self._width, self._height, self._format, how)
            return self._mapper.map(frame)
        if is_transparent(frame):
            frame = over_white(frame)
        options: dict[str, Any] = {}
        if self._format != "rgb24":
            options = {"dst_colorspace": Colorspace.ITU709, "dst_color_range": ColorRange.MPEG}
        if not frame.format.is_rgb and frame.colorspace == _UNSPECIFIED and _is_large(frame):
            options["src_colorspace"] = Colorspace.ITU709
        return self._reformatter.reformat(
            frame,
            width=self._width,
            height=self._height,
            format=self._format,
            interpolation=how,
            threads=threads,
            **options,
        )


def is_transparent(frame: VideoFrame) -> bool:
    """Whether the frame's pixels may be transparent."""
    return frame.format.name.startswith(_WITH_ALPHA)


def over_white(frame: VideoFrame) -> VideoFrame:
    """An opaque rgb24 frame: what lies behind transparent pixels is white, as on a page."""
    pixels = np.asarray(frame.to_ndarray(format="rgba"), dtype=np.uint8)
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = (pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    opaque = VideoFrame.from_ndarray(np.ascontiguousarray(mixed.astype(np.uint8)), format="rgb24")
    opaque.pts, opaque.time_base = frame.pts, frame.time_base
    return opaque


def _is_large(frame: VideoFrame) -> bool:
    """Whether a picture that names no matrix has that of BT.709: players take it for HD from these sizes on."""
    return frame.width >= 1280 or frame.height > 576


class _ToneMapper:
    """Scales HDR frames and maps their colours, by libavfilter and a look-up cube: in a tenth of what arrays take."""

    def __init__(self, frame: VideoFrame, width: int, height: int, pixel_format: str, how: Interpolation) -> None:
        self._kind = _kind_of(frame)
        cube = _cube(int(frame.color_trc), int(frame.color_primaries))
        matrix = {9: "bt2020", 1: "bt709", 2: "bt2020"}.get(int(frame.colorspace), "bt601")
        extent = "full" if frame.color_range == ColorRange.JPEG else "limited"
        graph = Graph()
        graph.threads = 1
        chain = [
            graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base or Fraction(1, 1000),
            ),
            graph.add(
                "scale", f"{width}:{height}:flags={str(how.name).lower()}:in_color_matrix={matrix}:in_range={extent}"
            ),
            graph.add("format", "gbrp16le"),
            graph.add("lut3d", f"file={cube}:interp=tetrahedral"),
            graph.add("scale", "out_color_matrix=bt709:out_range=limited" if pixel_format != "rgb24" else "iw:ih"),
            graph.add("format", pixel_format),
            graph.add("buffersink"),
        ]
        for one, other in pairwise(chain):
            one.link_to(other)
        graph.configure()
        self._graph = graph

    def takes(self, frame: VideoFrame) -> bool:
        return self._kind == _kind_of(frame)

    def map(self, frame: VideoFrame) -> VideoFrame:
        self._graph.push(frame)
        mapped = self._graph.pull()
        assert isinstance(mapped, VideoFrame)
        return mapped


def _kind_of(frame: VideoFrame) -> tuple[Any, ...]:
    tags = (int(frame.color_trc), int(frame.color_primaries), int(frame.colorspace), int(frame.color_range))
    return (frame.width, frame.height, frame.format.name, *tags)


@lru_cache(maxsize=8)
def _cube(transfer: int, primaries: int) -> Path:
    """A file with `to_sdr` on a grid, as libavfilter reads it; it goes when the process ends."""
    steps = np.linspace(0.0, 1.0, _GRID, dtype=np.float32)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    values = to_sdr(np.stack([red, green, blue], axis=-1), transfer, primaries).reshape(-1, 3)
    folder = Path(tempfile.mkdtemp(prefix="colours-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / f"{transfer}-{primaries}.cube"
    with path.open("w", encoding="ascii") as file:
        file.write(f"LUT_3D_SIZE {_GRID}\n")
        np.savetxt(file, values, fmt="%.5f")
    return path
