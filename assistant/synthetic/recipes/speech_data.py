"""Narrated training examples for the demo pack's speech model: spoken, mixed with noise, coded, cached."""

import io
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from assistant.core.files import replaced
from assistant.synthetic.narration import SAMPLE_RATE_HZ, sample_voice, say
from assistant.synthetic.vocabulary import any_sentence

if TYPE_CHECKING:
    import av

TRAINING_SEEDS = range(0, 100_000)
HELD_OUT_SEEDS = range(100_000, 200_000)
CODINGS = (("aac", "adts", 48_000), ("aac", "adts", 64_000), ("aac", "adts", 128_000), ("libmp3lame", "mp3", 64_000))


@dataclass(frozen=True)
class Sentence:
    """What was said and its sound, int16 ``[samples]`` at 16 kHz."""

    text: str
    samples: np.ndarray


def noise(rng: np.random.Generator, count: int) -> np.ndarray:
    """A bed of noise, hum or chords without any voice, float32 ``[count]``, of standard deviation 1."""
    kind = rng.integers(5)
    if kind < 3:  # white, pink and brown: the power falls with 0, 1 or 2 powers of the frequency
        spectrum = np.fft.rfft(rng.standard_normal(count))
        frequencies_hz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
        bed = np.fft.irfft(spectrum / np.maximum(frequencies_hz, 40.0) ** (kind / 2), count)
    else:
        seconds = np.arange(count) / SAMPLE_RATE_HZ
        base_hz = rng.uniform(45, 70) if kind == 3 else rng.uniform(150, 500)
        ratios = (1, 2, 3, 5) if kind == 3 else (1, 1.25, 1.5, 2)
        bed = sum(
            rng.uniform(0.2, 1) * np.sin(2 * np.pi * (base_hz * ratio * seconds + rng.uniform())) for ratio in ratios
        ) + 0.05 * rng.standard_normal(count)
        if kind == 4:  # a chord that is struck again and again
            beat_seconds = rng.uniform(0.3, 1.0)
            bed = bed * np.exp(-3 * (seconds % beat_seconds) / beat_seconds)
    return (bed / max(float(np.std(bed)), 1e-9)).astype(np.float32)


def coded(samples: np.ndarray, codec: str, container: str, bits_per_second: int) -> np.ndarray:
    """The samples after lossy coding and decoding: float32, as long as before, the coder's delay taken out."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = cast("av.AudioStream", output.add_stream(codec, rate=SAMPLE_RATE_HZ, layout="mono"))
        stream.bit_rate = bits_per_second
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    file.seek(0)
    with av.open(file, "r", format="aac" if container == "adts" else container) as source:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        decoded = [part for whole in source.decode(audio=0) for part in resampler.resample(whole)]
        decoded += resampler.resample(None)
    out = np.concatenate([part.to_ndarray()[0] for part in decoded]) if decoded else np.zeros(0, np.float32)
    delay = 1024 if container == "adts" else 1105
    out = out[delay : delay + len(samples)]
    return np.pad(out, (0, len(samples) - len(out))).astype(np.float32)


def spoken_pair(seed: int) -> tuple[Sentence, Sentence]:
    """Two sentences by one narrator as a recording would hold them: half noisy, two thirds lossily coded."""
    rng = random.Random(seed)
    numbers = np.random.default_rng(seed)
    voice = sample_voice(rng)
    pair = []
    for _ in range(2):
        text = any_sentence(rng)
        samples = say(text, voice) * rng.uniform(0.25, 1.0)
        if rng.random() < 0.5:
            level = float(np.std(samples)) * 10 ** (-rng.uniform(12, 40) / 20)
            samples = samples + level * noise(numbers, len(samples))
        if rng.random() < 0.67:
            samples = coded(np.clip(samples, -1, 1), *rng.choice(CODINGS))
        pair.append(Sentence(text, (np.clip(samples, -1, 1) * 32767).astype(np.int16)))
    return pair[0], pair[1]


def spoken_pairs(
    seeds: range, cache: Path, workers: int, report: Callable[[str], None]
) -> list[tuple[Sentence, Sentence]]:
    """The pair of each seed, from the cache where it is complete, else spoken now and cached."""
    sound_file, text_file = cache.with_suffix(".npy"), cache.with_suffix(".json")
    if text_file.is_file() and sound_file.is_file():
        listing = json.loads(text_file.read_text())
        if listing["seeds"] == [seeds.start, seeds.stop]:
            sound, ends = np.load(sound_file), listing["ends"]
            cuts = zip([0, *ends[:-1]], ends, strict=True)
            flat = [Sentence(text, sound[a:b]) for text, (a, b) in zip(listing["texts"], cuts, strict=True)]
            return list(zip(flat[0::2], flat[1::2], strict=True))
    pairs = []
    with ThreadPoolExecutor(workers) as pool:
        for count, pair in enumerate(pool.map(spoken_pair, seeds), start=1):
            pairs.append(pair)
            if count % 500 == 0:
                report(f"spoke {count} of {len(seeds)} pairs of sentences")
    flat = [sentence for pair in pairs for sentence in pair]
    ends = np.cumsum([len(sentence.samples) for sentence in flat]).tolist()
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.save(sound_file, np.concatenate([sentence.samples for sentence in flat]))
    listing = {"seeds": [seeds.start, seeds.stop], "ends": ends, "texts": [sentence.text for sentence in flat]}
    with replaced(text_file) as unfinished:
        unfinished.write_text(json.dumps(listing))
    return pairs


@dataclass(frozen=True)
class Example:
    """One chunk as voice activity detection would cut it: float32 ``[samples]``; the text is empty without voice."""

    text: str
    samples: np.ndarray


class Beds:
    """A store of beds of noise to cut from, since making them is slower than a training step can wait for."""

    def __init__(self, seed: int, count: int = 60, seconds: float = 20.0) -> None:
        rng = np.random.default_rng([seed, count])
        self._beds = [noise(rng, int(seconds * SAMPLE_RATE_HZ)) for _ in range(count)]

    def cut(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """A random stretch of a random bed, float32 ``[count]``."""
        bed = self._beds[rng.integers(len(self._beds))]
        first = rng.integers(len(bed) - count)
        return bed[first : first + count]


def mixed_example(
    pairs: list[tuple[Sentence, Sentence]], beds: Beds, rng: np.random.Generator, pair_share: float = 0.35
) -> Example:
    """A chunk of one or two sentences, or none, at a random level over a random bed, with room before and after."""
    kind = rng.random()
    if kind < 0.05:
        bed = beds.cut(rng, int(rng.uniform(0.5, 4.0) * SAMPLE_RATE_HZ)) * rng.uniform(0.0, 0.1)
        return Example("", np.clip(bed, -1, 1))
    pair = pairs[rng.integers(len(pairs))]
    chosen = [pair[rng.integers(2)]] if kind < 1.0 - pair_share else list(pair if rng.random() < 0.5 else pair[::-1])
    parts = [np.zeros(int(rng.uniform(0.0, 0.4) * SAMPLE_RATE_HZ), np.float32)]
    for sentence in chosen:
        parts.append(sentence.samples.astype(np.float32) / 32768.0)
        parts.append(np.zeros(int(rng.uniform(0.1, 0.8) * SAMPLE_RATE_HZ), np.float32))
    parts[-1] = parts[-1][: int(rng.uniform(0.0, 0.4) * SAMPLE_RATE_HZ)]
    samples = np.concatenate(parts) * rng.uniform(0.15, 1.0)
    if rng.random() < 0.4:  # a slightly other speed and pitch
        count = int(len(samples) * rng.uniform(0.94, 1.06))
        samples = np.interp(np.linspace(0, len(samples) - 1, count), np.arange(len(samples)), samples)
    if rng.random() < 0.5:
        samples = samples + beds.cut(rng, len(samples)) * np.std(samples) * 10 ** (-rng.uniform(8, 40) / 20)
    return Example(" ".join(sentence.text for sentence in chosen), np.clip(samples, -1, 1).astype(np.float32))
