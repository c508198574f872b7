"""Files that are small and claim to be huge, made from bytes; and a process that measures what each costs.

    python tests/media_bombs.py FILE ...

prints two JSON lines a file, for looking into it and for reading it through: what was told, seconds, and by how many
bytes memory grew at most. Without FILE every bomb is made and measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from damaged_media import peak_bytes
from making_media import scene, tone, write

TEN_HOURS = 36_000


def _patched(path: Path, changes: Callable[[bytearray], None]) -> Path:
    content = bytearray(path.read_bytes())
    changes(content)
    path.write_bytes(content)
    return path


def _announced_in_the_box(path: Path) -> Path:
    """MP4 whose sample description says 65535 x 65535; the pictures are small."""

    def change(content: bytearray) -> None:
        at = content.index(b"avc1", content.index(b"stsd"))
        content[at + 28 : at + 32] = b"\xff\xff\xff\xff"

    return _patched(write(path, [scene(1)] * 5), change)


def _resized(content: bytearray, before: bytes, size: bytes) -> None:
    """Write ``size`` behind each place where ``before`` stands."""
    at = content.find(before)
    assert at > 0
    while at > 0:
        begin = at + len(before)
        content[begin : begin + len(size)] = size
        at = content.find(before, begin + len(size))


def _vp8(path: Path) -> Path:
    """WebM whose container says 96 x 64 and whose VP8 key frame says 16383 x 16383."""
    film = write(path, [scene(1)] * 2, codec="libvpx")
    return _patched(film, lambda content: _resized(content, b"\x9d\x01\x2a", (16383).to_bytes(2, "little") * 2))


def _full_range(stream) -> None:
    stream.pix_fmt = "yuvj420p"
    stream.codec_context.time_base = Fraction(1, 25)


def _jpeg(path: Path) -> Path:
    """AVI of JPEG pictures whose own headers say 65500 x 65500."""
    film = write(path, [scene(1)] * 3, codec="mjpeg", prepare=_full_range)
    size = (65500).to_bytes(2, "big") * 2
    return _patched(film, lambda content: _resized(content, b"\xff\xc0\x00\x11\x08", size))


def _true_giant(path: Path) -> Path:
    """MP4 of real JPEG pictures of 8192 x 8192, all grey."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width = stream.height = 8192
        stream.pix_fmt = "yuvj420p"
        frame = av.VideoFrame(8192, 8192, "yuvj420p")
        for plane in frame.planes:
            plane.update(b"\x80" * plane.buffer_size)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _grows(path: Path) -> Path:
    """Matroska of five small JPEG pictures and then one of 8192 x 8192."""
    small = write(path.with_name("small.avi"), [scene(1)] * 5, codec="mjpeg", prepare=_full_range)
    giant = _true_giant(path.with_name("giant.mp4"))
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        stream.codec_context.color_range = 2
        number = 0
        for source in (small, giant):
            with av.open(str(source)) as file:
                for read in file.demux(video=0):
                    if read.size:
                        packet = av.Packet(bytes(read))
                        packet.pts = packet.dts = 40 * number
                        packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, 1000), True, stream
                        container.mux(packet)
                        number += 1
    return path


def _ten_hours(path: Path) -> Path:
    """MP4 of two seconds whose every header says ten hours."""

    def change(content: bytearray) -> None:
        for box, scale, duration in ((b"mvhd", 12, 16), (b"mdhd", 12, 16), (b"tkhd", None, 20)):
            at = content.find(box)
            while at > 0:
                unit = int.from_bytes(content[at + 4 + scale : at + 8 + scale], "big") if scale else 1000
                content[at + 4 + duration : at + 8 + duration] = (TEN_HOURS * unit).to_bytes(4, "big")
                at = content.find(box, at + 4)

    return _patched(write(path, [scene(1)] * 50, [tone(2.0)]), change)


def _two_pictures_ten_hours_apart(path: Path) -> Path:
    return write(path, [scene(1), scene(2)], times=[0.0, float(TEN_HOURS)])


def _two_pictures_five_hours_apart(path: Path) -> Path:
    return write(path, [scene(1), scene(2)], times=[0.0, TEN_HOURS / 2])


def _sound_five_hours_late(path: Path) -> Path:
    return write(path, [scene(1)] * 5, [tone(0.5)], sound_start=TEN_HOURS / 2)


def long_4k(path: Path, seconds: int = 363) -> Path:
    """WebM of 3840 x 2160, one picture a second, always the same few bytes: about 1 MB."""
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx-vp9", rate=1)
        stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuv420p"
        stream.codec_context.options = {"cpu-used": "8", "deadline": "realtime"}
        grey = np.full((2160, 3840, 3), 90, np.uint8)
        first = [*stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")), *stream.encode(None)]
        content = bytes(first[0])
        for second in range(seconds):
            packet = av.Packet(content)
            packet.pts = packet.dts = second * 1000
            packet.time_base, packet.duration = Fraction(1, 1000), 1000
            packet.is_keyframe, packet.stream = True, stream
            container.mux(packet)
    return path


def _short_4k(path: Path) -> Path:
    return long_4k(path, 40)


def _sound_ten_hours_late(path: Path) -> Path:
    return write(path, [scene(1)] * 5, [tone(0.5)], sound_start=float(TEN_HOURS))


def _many_tracks(path: Path) -> Path:
    return write(path, [scene(1)] * 5, [tone(0.2)] * 40)


BOMBS: dict[str, Callable[[Path], Path]] = {
    "announced_65535.mp4": _announced_in_the_box,
    "vp8_16383.webm": _vp8,
    "jpeg_65500.avi": _jpeg,
    "true_8192.mp4": _true_giant,
    "header_10h.mp4": _ten_hours,
    "apart_10h.mp4": _two_pictures_ten_hours_apart,
    "apart_5h.mp4": _two_pictures_five_hours_apart,
    "late_sound_5h.mp4": _sound_five_hours_late,
    "late_sound_10h.mp4": _sound_ten_hours_late,
    "tracks_40.mp4": _many_tracks,
    "4k_40s.webm": _short_4k,
    "grows_to_8192.mkv": _grows,
}


def cost(path: Path, entry: str) -> dict[str, object]:
    """What was told of the file, in how many seconds, and how much memory grew meanwhile."""
    from assistant.config import Limits
    from assistant.errors import InputUnusable
    from assistant.jobs.worker.limits import resident_bytes
    from assistant.media.audio import AudioBuffer
    from assistant.media.video import probe, read

    peak_bytes(reset=True)
    before, began = resident_bytes(), time.perf_counter()
    try:
        video = probe(path, Limits())
        told = f"{video.duration_seconds:.1f} s of {video.width} x {video.height}"
        if entry == "read":
            with AudioBuffer(video, path.parent) as audio_buffer:
                seen = sum(1 for _ in read(path, video, frame_size=256, frame_rate=5.0, sound=audio_buffer))
                told += f", {seen} pictures"
    except InputUnusable as error:
        told = f"refused: {error}"
    seconds, growth = time.perf_counter() - began, peak_bytes() - before
    return {"name": path.name, "entry": entry, "told": told, "seconds": seconds, "growth": growth}


def measure_all() -> None:
    """Make every bomb, and measure each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for name, make in {**BOMBS, "4k_363s.webm": long_4k}.items():
            path = make(Path(folder) / name)
            print(f"{name}, {path.stat().st_size} bytes", flush=True)
            subprocess.run([sys.executable, __file__, str(path)], check=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    for argument in sys.argv[1:]:
        for entry in ("probe", "read"):
            print(json.dumps(cost(Path(argument), entry)), flush=True)
    if len(sys.argv) == 1:
        measure_all()
