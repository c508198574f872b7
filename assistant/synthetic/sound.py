"""The sound of a generated video, scene by scene: a voice over silence, hiss or hum."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from assistant.synthetic.narration import SAMPLE_RATE_HZ
from assistant.synthetic.script import Part, Script, spoken


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
