"""Times where one track has a gap, where all clocks jump, and where a track begins late."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from making_media import scene, tone

from assistant.config import Limits
from assistant.media.audio import AudioBuffer
from assistant.media.probe import timing
from assistant.media.proxy import make_proxy
from assistant.media.video import clip_at, probe, read

LIMITS = Limits()
JUMPING = {"flv": "flv", "ts": "mpeg2video"}
RATE, SOUND_RATE = 10, 48_000
BEEP_AT, BEEP_SECONDS = 18.0, 1.0


def write_tracks(
    path: Path,
    pictures: Sequence[float],
    sounds: Sequence[tuple[float, np.ndarray]],
    codec: str,
    moved: Callable[[float], float] = lambda seconds: seconds,
) -> Path:
    """Pictures (another scene every two seconds) and pieces of sound at their times, written side by side.

    Args:
        moved: what the container's clock shows at a time.
    """
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=RATE)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.codec_context.gop_size = RATE
        sound = container.add_stream("mp2" if path.suffix == ".ts" else "aac", rate=SOUND_RATE, layout="mono")
        tracks = heapq.merge(_pictures(video, pictures), _sounds(sound, sounds), key=lambda item: item[0])
        for seconds, packet in tracks:
            ticks = round((moved(seconds) - seconds) / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            container.mux(packet)
    return path


def _pictures(stream, times: Sequence[float]) -> Iterator[tuple[float, av.Packet]]:
    # The encoder wants an even clock; each packet is put in its place afterwards.
    for number, seconds in enumerate([*times, None]):
        frame = None
        if seconds is not None:
            frame = av.VideoFrame.from_ndarray(scene(int(seconds / 2 + 1e-6)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
        for packet in stream.encode(frame):
            seconds = times[round(float(packet.pts * packet.time_base) * RATE)]
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = round(seconds * 1000)
            yield seconds, packet


def _sounds(stream, pieces: Sequence[tuple[float, np.ndarray]]) -> Iterator[tuple[float, av.Packet]]:
    size = 1152 if stream.codec_context.name.startswith("mp2") else 1024
    places = []
    for start, samples in pieces:
        for first in range(0, len(samples) - size + 1, size):
            places.append((start + first / SOUND_RATE, samples[first : first + size]))
    planar = "p" if stream.codec_context.format.is_planar else ""
    kind = stream.codec_context.format.name
    for number, (_, samples) in enumerate([*places, (None, None)]):
        frame = None
        if samples is not None:
            data = samples if kind.startswith("flt") else (samples * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(data[None]),
                format=("flt" if kind.startswith("flt") else "s16") + planar,
                layout="mono",
            )
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, number * size, Fraction(1, SOUND_RATE)
        for packet in stream.encode(frame):
            index = max(0, round(float(packet.pts * packet.time_base) * SOUND_RATE / size))
            if index < len(places):
                packet.time_base = Fraction(1, 1000)
                packet.pts = packet.dts = round(places[index][0] * 1000)
                yield places[index][0], packet


def beep(seconds: float, at: float | None = None) -> np.ndarray:
    """Silence, with one second of tone in it."""
    sound = np.zeros(round(seconds * SOUND_RATE), np.float32)
    if at is None:
        return sound
    first = round(at * SOUND_RATE)
    sound[first : first + round(BEEP_SECONDS * SOUND_RATE)] = tone(BEEP_SECONDS, rate=SOUND_RATE)
    return sound


def evenly(start: float, end: float) -> list[float]:
    return [index / RATE for index in range(round(start * RATE), round(end * RATE))]


def beep_heard_at(path: Path) -> float:
    video = probe(path, LIMITS)
    with AudioBuffer(video) as audio_buffer:
        assert list(read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer)) == []
        samples = audio_buffer.samples()
        assert samples is not None
        return int(np.argmax(np.abs(samples) > 0.1)) / 16_000


def times_of(path: Path) -> list[float]:
    return [picture.pts_seconds for picture in read(path, probe(path, LIMITS), frame_size=32, frame_rate=1.0)]


@pytest.mark.parametrize("kind", JUMPING)
@pytest.mark.parametrize("gap", ["picture", "sound", "neither"])
def test_a_gap_in_one_track_moves_nothing(tmp_path, kind, gap):
    pictures = [*evenly(0, 4), *evenly(16, 22)] if gap == "picture" else evenly(0, 22)
    sound = [(0.0, beep(4)), (16.0, beep(6, BEEP_AT - 16))] if gap == "sound" else [(0.0, beep(22, BEEP_AT))]
    path = write_tracks(tmp_path / f"a.{kind}", pictures, sound, JUMPING[kind])
    video = probe(path, LIMITS)
    assert video.duration_seconds == pytest.approx(22.0, abs=0.2)
    assert video.frame_rate == pytest.approx(RATE, abs=0.2)
    seen = times_of(path)
    assert seen == pytest.approx(pictures, abs=0.06)
    assert beep_heard_at(path) == pytest.approx(BEEP_AT, abs=0.1)
    assert not timing(path, video).jumped
    found = clip_at(path, video, [20.5], 32)
    assert found.pts_seconds[0] == pytest.approx(20.5, abs=0.11)


@pytest.mark.parametrize("kind", JUMPING)
@pytest.mark.parametrize(("shift"), [40.0, 5000.0])
def test_where_all_clocks_leap_nothing_is_left_out_and_the_tracks_stay_together(tmp_path, kind, shift):
    path = write_tracks(
        tmp_path / f"a.{kind}",
        evenly(0, 22),
        [(0.0, beep(22, BEEP_AT))],
        JUMPING[kind],
        moved=lambda seconds: seconds if seconds < 8 else seconds + shift,
    )
    video = probe(path, LIMITS)
    assert video.duration_seconds == pytest.approx(22.0, abs=0.3)
    seen = times_of(path)
    assert len(seen) == 220
    assert max(later - earlier for earlier, later in pairwise(seen)) < 0.3
    assert beep_heard_at(path) == pytest.approx(BEEP_AT, abs=0.2)
    assert timing(path, video).jumped
    assert clip_at(path, video, [20.5], 32).pts_seconds[0] == pytest.approx(20.5, abs=0.2)


def test_recordings_joined_on_follow_one_another_and_the_tracks_stay_together(tmp_path):
    first = write_tracks(tmp_path / "a.ts", evenly(0, 10), [(0.0, beep(10))], "mpeg2video")
    other = write_tracks(tmp_path / "b.ts", evenly(0, 12), [(0.0, beep(12, BEEP_AT - 10))], "mpeg2video")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + other.read_bytes())
    assert probe(joined, LIMITS).duration_seconds == pytest.approx(22.0, abs=0.3)
    assert beep_heard_at(joined) == pytest.approx(BEEP_AT, abs=0.2)
    assert len(times_of(joined)) == 220


def test_a_gap_before_recordings_are_joined_keeps_the_tracks_together(tmp_path):
    # The first recording's picture ends early: what is joined on begins where its sound ended, in both tracks.
    first = write_tracks(tmp_path / "a.ts", evenly(0, 7), [(0.0, beep(10))], "mpeg2video")
    other = write_tracks(tmp_path / "b.ts", evenly(0, 12), [(0.0, beep(12, BEEP_AT - 10))], "mpeg2video")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + other.read_bytes())
    path_times = times_of(joined)
    start_of_other = path_times[70]
    assert beep_heard_at(joined) - start_of_other == pytest.approx(BEEP_AT - 10, abs=0.2)


def test_a_clock_that_wraps_around_goes_on(tmp_path):
    wrap = (1 << 33) / 90_000
    path = write_tracks(
        tmp_path / "a.ts",
        evenly(0, 22),
        [(0.0, beep(22, BEEP_AT))],
        "mpeg2video",
        moved=lambda seconds: wrap - 8 + seconds,
    )
    assert probe(path, LIMITS).duration_seconds == pytest.approx(22.0, abs=0.3)
    assert len(times_of(path)) == 220
    assert beep_heard_at(path) == pytest.approx(BEEP_AT, abs=0.2)


@pytest.mark.parametrize("gap", ["picture", "sound"])
def test_the_copy_for_the_browser_keeps_a_gap(tmp_path, gap):
    pictures = [*evenly(0, 4), *evenly(16, 22)] if gap == "picture" else evenly(0, 22)
    sound = [(0.0, beep(4)), (16.0, beep(6, BEEP_AT - 16))] if gap == "sound" else [(0.0, beep(22, BEEP_AT))]
    path = write_tracks(tmp_path / "a.flv", pictures, sound, "flv")
    copy = make_proxy(path, probe(path, LIMITS), tmp_path / "copy.mp4")
    assert times_of(copy)[-1] == pytest.approx(21.9, abs=0.1)
    assert beep_heard_at(copy) == pytest.approx(BEEP_AT, abs=0.1)


def test_a_gap_in_a_real_recording_moves_no_cut(media):
    path = media / "odd2" / "gap_in_picture.flv"
    video = probe(path, LIMITS)
    assert video.duration_seconds == pytest.approx(40.0, abs=0.1)
    pictures = list(read(path, video, frame_size=32, frame_rate=1.0))
    cuts = json.loads((media / "odd2" / "seed7_40s.truth.json").read_text())["cuts_seconds"]
    changes = [
        later.pts_seconds
        for earlier, later in pairwise(pictures)
        if np.abs(later.thumbnail.astype(int) - earlier.thumbnail).mean() > 8
    ]
    gap = max(pairwise(p.pts_seconds for p in pictures), key=lambda pair: pair[1] - pair[0])
    behind = [cut for cut in cuts if cut > gap[1] + 0.1]
    assert behind
    for cut in behind:
        assert min(abs(cut - change) for change in changes) < 0.1
