"""Tiny media files of every kind, encoded on the spot, for what must hold where the real files are not at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from struct import pack

import av
import numpy as np
from numpy.typing import NDArray

Frames = Iterable[NDArray[np.uint8]]


def scene(seed: int, width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """A picture with places in it: large soft blocks of colour, another for each seed."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(20, 235, (4, 6, 3)).astype(np.uint8)
    return np.ascontiguousarray(np.kron(blocks, np.ones((height // 4, width // 6, 1), dtype=np.uint8)))


def tone(seconds: float, hertz: float = 440.0, rate: int = 16_000, level: float = 0.5) -> NDArray[np.float32]:
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def write(
    path: Path,
    frames: Sequence[NDArray[np.uint8]] = (),
    sounds: Sequence[NDArray[np.float32]] = (),
    *,
    rate: int = 25,
    codec: str = "libx264",
    sound_codec: str = "aac",
    sound_rate: int = 16_000,
    times: Sequence[float] | None = None,
    sound_start: float = 0.0,
    options: dict[str, str] | None = None,
    prepare: Callable[[object], None] = lambda stream: None,
    format: str | None = None,
) -> Path:
    """Write frames at their times (default: evenly) and sound tracks ``[N]`` or ``[channels, N]`` into one file."""
    with av.open(str(path), "w", format=format, options=options or {}) as container:
        video = None
        if len(frames):
            video = container.add_stream(codec, rate=rate)
            video.height, video.width = frames[0].shape[:2]
            video.pix_fmt = "yuv420p"
            video.codec_context.time_base = Fraction(1, 1000)
            prepare(video)
        tracks = []
        for samples in sounds:
            layout = "mono" if samples.ndim == 1 or len(samples) == 1 else "stereo"
            tracks.append((container.add_stream(sound_codec, rate=sound_rate, layout=layout), np.atleast_2d(samples)))
        for stream, samples in tracks:
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples), format="fltp", layout="mono" if len(samples) == 1 else "stereo"
            )
            frame.sample_rate, frame.pts, frame.time_base = (
                sound_rate,
                round(sound_start * sound_rate),
                Fraction(1, sound_rate),
            )
            resampler = av.AudioResampler(
                format=stream.codec_context.format.name,
                layout=frame.layout.name,
                rate=sound_rate,
                frame_size=1024 if sound_codec == "aac" else None,
            )
            for block in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(stream.encode(block))
            container.mux(stream.encode(None))
        for index, array in enumerate(frames):
            assert video is not None
            picture = av.VideoFrame.from_ndarray(array, format="rgb24")
            seconds = index / rate if times is None else times[index]
            picture.pts, picture.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(video.encode(picture))
        if video is not None:
            container.mux(video.encode(None))
    return path


def write_heic(path: Path, pixels: NDArray[np.uint8], main_item: bytes = b"hvc1") -> Path:
    """A still picture in H.265 as ISO 23008-12 lays it out: one item, its coded picture behind the boxes about it.

    Args:
        main_item: what kind of item is said to be the picture.
    """
    height, width = pixels.shape[:2]
    quiet = {"x265-params": "log-level=none:keyint=1"}
    film = write(
        path.with_suffix(".film.mp4"), [pixels], codec="libx265", prepare=lambda s: setattr(s, "options", quiet)
    )
    data = film.read_bytes()
    film.unlink()
    settings, coded = _box_in(data, b"hvcC"), _box_in(data, b"mdat")
    properties = _box(b"hvcC", settings) + _box(b"ispe", bytes(4) + pack(">II", width, height))
    start = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")

    def about(offset: int) -> bytes:
        place = bytes(4) + b"\x44\0" + pack(">HHHHII", 1, 1, 0, 1, offset, len(coded))
        entry = _box(b"infe", b"\2\0\0\0" + pack(">HH", 1, 0) + main_item + b"\0")
        return _box(
            b"meta",
            bytes(4)
            + _box(b"hdlr", bytes(8) + b"pict" + bytes(13))
            + _box(b"pitm", bytes(4) + pack(">H", 1))
            + _box(b"iloc", place)
            + _box(b"iinf", bytes(4) + pack(">H", 1) + entry)
            + _box(b"iprp", _box(b"ipco", properties) + _box(b"ipma", bytes(4) + pack(">IHBBB", 1, 1, 2, 0x81, 0x02))),
        )

    offset = len(start) + len(about(0)) + 8
    path.write_bytes(start + about(offset) + _box(b"mdat", coded))
    return path


def _box(name: bytes, content: bytes) -> bytes:
    return pack(">I", 8 + len(content)) + name + content


def _box_in(data: bytes, name: bytes) -> bytes:
    """The content of the first box of this name."""
    at = data.index(name)
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]


Lines = Sequence[tuple[float, float, str]]  # from, to, text in ASS
_ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,16,&Hffffff,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def write_subtitled(
    path: Path,
    tracks: Sequence[tuple[str, str, Lines]],
    *,
    seconds: float = 6.0,
    start: float = 0.0,
    step: float = 0.2,
    **metadata: str,
) -> Path:
    """A silent film with text tracks: each its codec, its language as the container writes it, and its lines.

    Args:
        step: seconds from one picture to the next.
    """
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=5)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        streams = []
        for codec, language, _ in tracks:
            stream = container.add_stream(codec)
            stream.codec_context.time_base = Fraction(1, 1000)
            stream.codec_context.subtitle_header = _ASS_HEADER
            stream.metadata.update({"language": language, **metadata})
            streams.append(stream)
        container.start_encoding()
        for number in range(round(seconds / step)):
            picture = av.VideoFrame.from_ndarray(scene(number // 15), format="rgb24")
            picture.pts, picture.time_base = round(1000 * (start + number * step)), Fraction(1, 1000)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        for stream, (_, _, lines) in zip(streams, tracks, strict=True):
            for number, (begin, end, text) in enumerate(lines):
                event = f"{number},0,Default,,0,0,0,,{text}".encode()
                lasting = round(1000 * (end - begin))
                packet = stream.codec_context.encode_subtitle(
                    av.subtitles.subtitle.SubtitleSet.create(event, 0, lasting)
                )
                packet.stream, packet.time_base = stream, Fraction(1, 1000)
                packet.pts = packet.dts = round(1000 * begin)
                packet.duration = lasting
                container.mux(packet)
    return path
