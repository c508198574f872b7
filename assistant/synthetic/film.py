"""Generated videos as files: H.264 and AAC in an mp4, written frame by frame, with what is true of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from assistant.core.documents import Json
from assistant.core.files import replaced
from assistant.errors import LibraryUnusable
from assistant.synthetic.narration import SAMPLE_RATE_HZ
from assistant.synthetic.questions import ask_about
from assistant.synthetic.render import render
from assistant.synthetic.script import Part, Script, spoken, truth_of, write_script
from assistant.synthetic.truth import Truth

_FRAMES_AT_ONCE = 16


def make(out: Path, seed: int, seconds: float = 40.0, truth_path: Path | None = None) -> Truth:
    """The truth of the video that is now at ``out`` (and of ``truth_path``, where one is given).

    Raises:
        ValueError: shorter than a second.
        LibraryUnusable: a file cannot be written.
        AssistantError: espeak-ng cannot speak.
    """
    truth = write_video(out, seed, seconds)
    if truth_path is not None:
        try:
            truth_path.parent.mkdir(parents=True, exist_ok=True)
            truth_path.write_text(to_text(truth.to_json()), encoding="utf-8")
        except OSError as error:
            raise LibraryUnusable(f"{truth_path.name} cannot be written: {error}", "choose another place") from error
    return truth


def write_video(path: Path, seed: int, seconds: float = 40.0) -> Truth:
    """The truth of the video of this seed, which is now at ``path``.

    The same seed and length give the same truth, and on one machine the same bytes. Memory stays flat over the length.

    Raises:
        ValueError: shorter than a second.
        LibraryUnusable: the file cannot be written.
        AssistantError: espeak-ng cannot speak.
    """
    script = write_script(seed, seconds)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as unfinished:
            _encode(script, unfinished)
    except OSError as error:
        raise LibraryUnusable(f"{path.name} cannot be written: {error}", "choose another place") from error
    return _with_questions(truth_of(script))


def truth_for(seed: int, seconds: float = 40.0) -> Truth:
    """What `write_video` would give, without the video."""
    return _with_questions(truth_of(write_script(seed, seconds)))


def frames_of(script: Script) -> Iterator[NDArray[np.uint8]]:
    """The frames of the video one after the other, uint8 ``[height, width, 3]``."""
    count = round(Fraction(script.seconds).limit_denominator(10**9) * script.frame_rate)
    times = np.array([float(index / script.frame_rate) for index in range(count)])
    # A boundary is a frame's time written as a float: half a frame of tolerance puts each frame on its own side.
    slack = 0.5 / float(script.frame_rate)
    edges = np.searchsorted(times, [part.span.start_seconds - slack for part in script.parts] + [np.inf])
    for index, part in enumerate(script.parts):
        before = script.parts[index - 1] if index else None
        after = script.parts[index + 1] if index + 1 < len(script.parts) else None
        own = times[edges[index] : edges[index + 1]]
        for first in range(0, len(own), _FRAMES_AT_ONCE):
            yield from _pictures(script, own[first : first + _FRAMES_AT_ONCE], part, before, after)


def frame_at(script: Script, seconds: float) -> NDArray[np.uint8]:
    """The picture at any time of the video, uint8 ``[height, width, 3]``, without painting those before it."""
    index = max(index for index, part in enumerate(script.parts) if part.span.start_seconds <= seconds)
    before = script.parts[index - 1] if index else None
    after = script.parts[index + 1] if index + 1 < len(script.parts) else None
    picture: NDArray[np.uint8] = _pictures(script, np.array([seconds]), script.parts[index], before, after)[0]
    return picture


def _pictures(
    script: Script, times: NDArray[np.float64], part: Part, before: Part | None, after: Part | None
) -> NDArray[np.uint8]:
    """The frames at times inside one part, with its share of the transitions on both sides, ``[T, H, W, 3]``."""
    frames = _shown(script, part, times)
    if part.entry_seconds:
        _soften(script, frames, times, part, before, part)
    if after is not None and after.entry_seconds:
        _soften(script, frames, times, after, after, part)
    return frames


def _soften(
    script: Script, frames: NDArray[np.uint8], times: NDArray[np.float64], entering: Part, other: Part | None, own: Part
) -> None:
    """Mix ``other`` (the neighbour) or black into the frames near the start of ``entering``, in place."""
    distance = np.abs(times - entering.span.start_seconds) / (entering.entry_seconds / 2)
    near = np.flatnonzero(distance < 1.0)
    if not len(near):
        return
    if entering.entry == "fade":
        weights, mixed = distance[near], np.zeros_like(frames[near])
    else:
        assert other is not None
        weights, mixed = 0.5 + 0.5 * distance[near], _shown(script, other, times[near])
    weights = weights[:, None, None, None].astype(np.float32)
    blend = weights * frames[near] + (1.0 - weights) * mixed
    frames[near] = (blend + 0.5).astype(np.uint8)


def _shown(script: Script, part: Part, times: NDArray[np.float64]) -> NDArray[np.uint8]:
    own_times = np.array([part.scene_time(seconds) for seconds in times])
    return render(part.scene, own_times, script.width, script.height)


def _encode(script: Script, path: Path) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video, audio = _streams(container, script)
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=script.audio_rate_hz)
        sounded = 0.0
        waiting = iter(script.parts)
        for index, picture in enumerate(frames_of(script)):
            while index / script.frame_rate >= sounded:
                part = next(waiting)
                _write_sound(container, audio, resampler, sound_of(script, part), part.span.start_seconds)
                sounded = part.span.end_seconds
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, 1 / script.frame_rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for late in (*resampler.resample(None), None):
            container.mux(audio.encode(late))


def _streams(container: OutputContainer, script: Script) -> tuple[VideoStream, AudioStream]:
    # One thread: with several, the same seed need not give the same bytes.
    settings = {
        "crf": str(script.crf),
        "preset": script.preset,
        "g": str(max(1, round(script.keyframe_seconds * script.frame_rate))),
        "threads": "1",
    }
    video = container.add_stream("libx264", rate=script.frame_rate, options=settings)
    video.width, video.height, video.pix_fmt = script.width, script.height, "yuv420p"
    video.codec_context.time_base = 1 / script.frame_rate
    audio = container.add_stream("aac", rate=script.audio_rate_hz, layout="mono")
    audio.bit_rate = script.audio_bits_per_second
    return video, audio


def _write_sound(
    container: OutputContainer,
    audio: AudioStream,
    resampler: av.AudioResampler,
    samples: NDArray[np.float32],
    start_seconds: float,
) -> None:
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate = SAMPLE_RATE_HZ
    frame.pts, frame.time_base = round(start_seconds * SAMPLE_RATE_HZ), Fraction(1, SAMPLE_RATE_HZ)
    for resampled in resampler.resample(frame):
        container.mux(audio.encode(resampled))


def _with_questions(truth: Truth) -> Truth:
    return replace(truth, questions=ask_about(truth))


def to_text(document: Json) -> str:
    """A document as it is written to a file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def sound_of(script: Script, part: Part) -> NDArray[np.float32]:
    """The sound while the part is on, mono float32 ``[samples]`` at 16 kHz; parts join without a gap."""
    first = round(part.span.start_seconds * SAMPLE_RATE_HZ)
    count = round(part.span.end_seconds * SAMPLE_RATE_HZ) - first
    draws = np.random.default_rng((script.seed, first))
    samples = _bed(script, first, count, draws)
    if part.noise_loudness > 0:
        samples += part.noise_loudness * _ends_softened(_hiss(draws, count))
    if part.line is not None:
        voice = spoken(part.line.text, part.line.voice)
        start = round(part.line.span.start_seconds * SAMPLE_RATE_HZ) - first
        voice = voice[: max(0, count - start)]
        samples[start : start + len(voice)] += part.line.loudness * voice
    return np.clip(samples, -0.98, 0.98).astype(np.float32)


def _bed(script: Script, first: int, count: int, draws: np.random.Generator) -> NDArray[np.float64]:
    """What sounds under everything; a hum goes on through the cuts."""
    if script.bed == "silence":
        return np.zeros(count)
    if script.bed == "hiss":
        return script.bed_loudness * _hiss(draws, count)
    turn = 2 * math.pi * script.hum_hz / SAMPLE_RATE_HZ * (first + np.arange(count))
    hum = np.sin(turn) + 0.5 * np.sin(2 * turn + 0.7) + 0.25 * np.sin(3 * turn + 1.9)
    return script.bed_loudness / math.sqrt(0.5 * (1 + 0.25 + 0.0625)) * hum


def _hiss(draws: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Noise of root mean square 1, bright or dull."""
    width = int(draws.integers(1, 6))
    noise = np.convolve(draws.standard_normal(count + width - 1), np.ones(width) / math.sqrt(width), mode="valid")
    return noise[:count]


def _ends_softened(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    ramp = np.minimum(1.0, np.arange(len(noise)) / (0.2 * SAMPLE_RATE_HZ))
    return noise * ramp * ramp[::-1]
