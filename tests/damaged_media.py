"""Damaged media with fixed seeds, and a process of its own that puts each through every entry that decodes.

    python tests/damaged_media.py FOLDER FIRST COUNT

FOLDER holds the whole files in ``whole``. A JSON line a case comes out on standard output, so that the parent knows
which case a native crash belongs to.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from fractions import Fraction
from pathlib import Path

import numpy as np
from making_media import scene, tone, write

KINDS = ("flips", "truncation", "splice", "noise", "lengths")
PROXY_EVERY, ANALYSIS_EVERY = 4, 8
SEED = 7


def write_whole(folder: Path, real: Path | None, most_bytes: int) -> list[Path]:
    """Whole files of several kinds: generated ones, and links to the real ones of at most ``most_bytes``."""
    folder.mkdir(parents=True)
    frames = [scene(1)] * 8 + [scene(2)] * 8
    for name, codec, sound, rate in (
        ("a.mp4", "libx264", "aac", 16_000),
        ("b.mkv", "libx264", "libopus", 48_000),
        ("c.webm", "libvpx-vp9", "libopus", 48_000),
        ("d.ts", "libx264", "mp2", 48_000),
        ("e.avi", "mpeg4", "mp3", 16_000),
        ("f.flv", "libx264", "aac", 44_100),
    ):
        write(folder / name, frames, [tone(0.6, rate=rate)], codec=codec, sound_codec=sound, sound_rate=rate)
    write(folder / "g.mp3", sounds=[tone(0.6)], sound_codec="mp3")
    for name, codec, kind in (
        ("h.h264", "libx264", "h264"),
        ("i.m2v", "mpeg2video", "mpeg2video"),
        ("j.mxf", "mpeg2video", "mxf"),
        ("k.nut", "mpeg4", "nut"),
        ("l.ivf", "libvpx", "ivf"),
        ("m.y4m", "wrapped_avframe", "yuv4mpegpipe"),
        ("n.mjpeg", "mjpeg", "mjpeg"),
    ):
        write(folder / name, frames, codec=codec, format=kind, prepare=_at_25(codec))
    for name, codec, kind in (("o.wv", "wavpack", "wv"), ("p.tta", "tta", "tta"), ("q.au", "pcm_s16be", "au")):
        write(folder / name, sounds=[tone(0.6)], sound_codec=codec, format=kind)
    for path in sorted((real / "odd").iterdir()) if real else ():
        if 0 < path.stat().st_size <= most_bytes:
            (folder / path.name).symlink_to(path)
    return sorted(folder.iterdir())


def _at_25(codec: str):
    def prepare(stream) -> None:
        stream.codec_context.time_base = Fraction(1, 25)
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"

    return prepare


def damaged(whole: list[Path], case: int) -> tuple[bytes, str]:
    """The content of a case and its name; the same for the same files."""
    rng = np.random.default_rng([SEED, case])
    source, kind = whole[case % len(whole)], KINDS[case // len(whole) % len(KINDS)]
    content = bytearray(source.read_bytes())
    size = len(content)
    if kind == "flips":
        for place in rng.integers(0, size, int(2 ** rng.uniform(0, 9))):
            content[place] ^= 1 << int(rng.integers(8))
    elif kind == "truncation":
        del content[int(rng.integers(1, size)) :]
    elif kind == "splice":
        other = whole[int(rng.integers(len(whole)))].read_bytes()
        head = int(2 ** rng.uniform(2, 13))
        content = bytearray(other[:head]) + content[head if rng.random() < 0.5 else 0 :]
    elif kind == "noise":
        start, length = int(rng.integers(size)), int(2 ** rng.uniform(2, 12))
        piece = rng.bytes(length) if rng.random() < 0.5 else bytes(length)
        content[start : start + length] = piece
    else:  # numbers in the headers, where sizes and counts stand
        for place in rng.integers(0, min(size, 4096), 3):
            content[place : place + 4] = [b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4)][int(rng.integers(3))]
    return bytes(content), f"{case}:{source.name}:{kind}"


def put_through(path: Path, folder: Path, *, proxy: bool) -> str:
    """``seen``, or the line that says why the file cannot be used."""
    from assistant.config import Limits
    from assistant.errors import InputUnusable
    from assistant.media.audio import AudioBuffer
    from assistant.media.proxy import make_proxy
    from assistant.media.video import Damage, clip_at, probe, read

    try:
        video = probe(path, Limits())
        with AudioBuffer(video, folder) as audio_buffer:
            for picture in read(path, video, frame_size=32, frame_rate=5.0, sound=audio_buffer, damage=Damage()):
                assert picture.pts_seconds >= 0.0
            samples = audio_buffer.samples()
            assert samples is None or bool(np.isfinite(samples).all())
        if video.has_picture:
            clip_at(path, video, [0.0, video.duration_seconds / 2, video.duration_seconds], 32)
        if proxy:
            make_proxy(path, video, folder / "proxy.mp4")
    except InputUnusable as error:
        return str(error)
    return "seen"


def analysis(path: Path, engine) -> str:
    """``seen`` where the whole analysis gives a timeline without gaps, or the line that says why not."""
    from assistant.errors import InputUnusable

    try:
        timeline = engine.analyze(path)
    except InputUnusable as error:
        return str(error)
    assert timeline.segments[0].span.start_seconds == 0.0
    assert timeline.segments[-1].span.end_seconds == timeline.video.duration_seconds
    return "seen"


def peak_bytes(reset: bool = False) -> int:
    """The most memory that this process held since the last reset; 0 where the system does not tell."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def main(folder: Path, first: int, count: int) -> None:
    import torch

    from assistant.config import load
    from assistant.engine import Assistant
    from assistant.jobs.worker.limits import resident_bytes

    torch.set_num_threads(1)
    mine = folder / f"from-{first}"
    mine.mkdir()
    engine = Assistant(load(mine / "home", "demo"))
    whole = sorted((folder / "whole").iterdir())
    seen = 0
    for case in range(first, first + count):
        content, name = damaged(whole, case)
        path = mine / f"hurt{whole[case % len(whole)].suffix}"
        path.write_bytes(content)
        peak_bytes(reset=True)
        before, began, error, told, analysed = resident_bytes(), time.perf_counter(), "", "", ""
        seconds = growth = 0.0
        try:
            told = put_through(path, mine, proxy=case % PROXY_EVERY == 0)
            seconds, growth = time.perf_counter() - began, peak_bytes() - before
            seen += told == "seen"
            # In one half only: the other process never loads a model.
            if told == "seen" and seen % ANALYSIS_EVERY == 0 and case % 200 < 100:
                analysed = analysis(path, engine)
        except BaseException:
            error = traceback.format_exc()
        whole_seconds = time.perf_counter() - began
        line = {"name": name, "told": told, "analysed": analysed, "error": error, "seconds": seconds, "growth": growth}
        line |= {"whole_seconds": whole_seconds}
        os.write(1, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
