"""This program's speech to text against plain ``whisper.transcribe`` with the same weights, in the same run.

    python tools/speech_table.py WEIGHTS... [--tables words inventions music quiet] [--media FOLDER] [--sounds FOLDER]

``words``: errors on recordings whose words are known. ``inventions``: words for what holds none. ``music``: errors with
music under the speech. ``quiet``: voice found at other gains and in noise (needs no weights). Seconds are of processor
time, one thread.
"""

# ruff: noqa: T201 - a program for a terminal

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from assistant.core.timeline import Span  # noqa: E402
from assistant.models.speech.silero import SileroVoiceDetector  # noqa: E402
from assistant.models.speech.whisper import WhisperTranscriber  # noqa: E402

RATE_HZ = 16_000
TABLES = ("words", "inventions", "music", "quiet")
MUSIC_DB = (5, 0, -5)
MUSIC_FILES = ("speech/jfk.flac", "speech/nasa_webb_narration.mp4")
Sound = NDArray[np.float32]


@dataclass
class Score:
    """Errors and words over several recordings, and the seconds that they took."""

    errors: int = 0
    words: int = 0
    seconds: float = 0.0
    written: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.errors / max(1, self.words)


def sound_of(path: Path) -> Sound:
    """The loudest sound track of a file, mono float32 ``[N]`` at 16 kHz."""
    tracks = []
    with av.open(str(path)) as container:
        count = len(container.streams.audio)
    for index in range(count):
        with av.open(str(path)) as container:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
            frames = [part for frame in container.decode(audio=index) for part in resampler.resample(frame)]
            frames += resampler.resample(None)
        tracks.append(np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32))
    return max(tracks, key=lambda samples: float(np.square(samples).mean()))


def music(seconds: float, seed: int = 0) -> Sound:
    """Chords with a bass and a beat."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    out = np.zeros(count)
    bar = 2 * RATE_HZ
    for first in range(0, count, bar):
        times = np.arange(min(bar, count - first)) / RATE_HZ
        root = 110.0 * 2 ** (rng.choice([0, 5, 7, 9]) / 12)
        for step, level in ((0, 0.5), (12, 0.3), (16, 0.25), (19, 0.25), (24, 0.15)):
            pitch = root * 2 ** (step / 12)
            for harmonic in range(1, 5):
                swing = np.sin(2 * np.pi * pitch * harmonic * times + rng.uniform(0, 6.28))
                out[first : first + len(times)] += level / harmonic**1.5 * swing * np.exp(-1.2 * (times % 1.0))
        beat = np.exp(-40 * (times % 0.5)) * rng.standard_normal(len(times))
        out[first : first + len(times)] += 0.3 * beat
    return (0.2 * out / np.abs(out).max()).astype(np.float32)


def non_speech(media: Path, sounds: Path | None, each: int) -> Iterator[tuple[str, Sound]]:
    """Sounds without a word, by kind."""
    rng = np.random.default_rng(5)
    times = np.arange(20 * RATE_HZ) / RATE_HZ
    white = rng.standard_normal(len(times))
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(1, np.arange(len(times) // 2 + 1)))
    pink = np.fft.irfft(spectrum, len(times))
    claps = sum(
        np.roll(np.exp(-((times % 0.9) * 60)) * rng.standard_normal(len(times)), rng.integers(16_000))
        for _ in range(30)
    )
    made = {
        "silence": np.zeros(len(times)),
        "faint noise": 1e-4 * white,
        "white noise": 0.05 * white,
        "pink noise": 0.1 * pink / np.abs(pink).max(),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * times) + 0.1 * np.sin(2 * np.pi * 100 * times),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * times),
        "applause": 0.3 * claps / np.abs(claps).max(),
    }
    for kind, samples in made.items():
        yield kind, samples.astype(np.float32)
    for seed in range(3):
        yield "music", music(20, seed)
    yield "rain", sound_of(media / "speech/no_speech_rain.mp3")
    for folder in sorted(sounds.iterdir()) if sounds is not None and sounds.is_dir() else ():
        for path in sorted(folder.glob("*.ogg"))[:each]:
            yield folder.name, sound_of(path)


class Pair:
    """Plain Whisper and ours, with the same weights."""

    def __init__(self, weights: Path) -> None:
        self.ours = WhisperTranscriber(weights)
        self.name = self.ours.name
        self.detector = SileroVoiceDetector()

    def plainly(self, samples: Sound) -> tuple[str, float, int]:
        import whisper

        started = time.process_time()
        # The same model object: what differs is the way around it.
        text = str(whisper.transcribe(self.ours._model, samples, fp16=False)["text"])
        return text, time.process_time() - started, 0

    def by_us(self, samples: Sound) -> tuple[str, float, int]:
        started = time.process_time()
        found = self.ours.transcribe(samples, self.detector.detect(samples))
        text = " ".join(utterance.text for utterance in found.utterances)
        return text, time.process_time() - started, len(found.suppressed)


def errors(reference: str, text: str) -> tuple[int, int]:
    """Word errors and words, both texts brought to one spelling by Whisper's normalizer."""
    import jiwer
    from whisper.normalizers import EnglishTextNormalizer

    normalize = EnglishTextNormalizer()
    found: Any = jiwer.process_words(normalize(reference), normalize(text))
    return found.substitutions + found.deletions + found.insertions, len(normalize(reference).split())


def compared(pair: Pair, rows: Iterator[tuple[str, Sound, str]], of: str) -> None:
    """Print a row for every recording, and the sums."""
    both = {"plain": Score(), "ours": Score()}
    print(f"\n{pair.name}: word errors {of}\n{'':42} words  plain   ours  plain s  ours s")
    for name, samples, reference in rows:
        cells = {}
        ways: dict[str, Callable[[Sound], tuple[str, float, int]]] = {"plain": pair.plainly, "ours": pair.by_us}
        for way, transcribe in ways.items():
            text, seconds, _ = transcribe(samples)
            wrong, words = errors(reference, text)
            score = both[way]
            score.errors, score.words, score.seconds = (
                score.errors + wrong,
                score.words + words,
                score.seconds + seconds,
            )
            cells[way] = (wrong, seconds, words)
        (plain, plain_s, words), (ours, ours_s, _) = cells["plain"], cells["ours"]
        print(f"{name:42} {words:5} {plain:6} {ours:6} {plain_s:8.1f} {ours_s:7.1f}", flush=True)
    plain_, ours_ = both["plain"], both["ours"]
    print(
        f"{'all':42} {plain_.words:5} {plain_.rate:6.3f} {ours_.rate:6.3f} {plain_.seconds:8.1f} {ours_.seconds:7.1f}",
        flush=True,
    )


def known(media: Path) -> Iterator[tuple[str, Sound, str]]:
    texts = json.loads((media / "references.json").read_text(encoding="utf-8"))["texts"]
    for name, reference in sorted(texts.items(), key=lambda item: len(item[1])):
        yield name, sound_of(media / name), reference


def under_music(media: Path) -> Iterator[tuple[str, Sound, str]]:
    """Speech with music under it; dB of the speech over the music."""
    texts = json.loads((media / "references.json").read_text(encoding="utf-8"))["texts"]
    for decibels in MUSIC_DB:
        for seed, name in enumerate(MUSIC_FILES):
            speech = sound_of(media / name)
            below = music(len(speech) / RATE_HZ, seed)[: len(speech)]
            level = np.sqrt(np.square(speech).mean() / np.square(below).mean()) / 10 ** (decibels / 20)
            mixed = speech[: len(below)] + (level * below).astype(np.float32)
            yield f"{name} {decibels:+} dB", (mixed / max(1.0, np.abs(mixed).max())).astype(np.float32), texts[name]


def inventions(pair: Pair, media: Path, sounds: Path | None, each: int) -> None:
    kinds: dict[str, dict[str, Score]] = {}
    held: dict[str, int] = {}
    for kind, samples in non_speech(media, sounds, each):
        row = kinds.setdefault(kind, {"plain": Score(), "ours": Score()})
        for way, transcribe in (("plain", pair.plainly), ("ours", pair.by_us)):
            text, seconds, suppressed = transcribe(samples)
            row[way].words += len(text.split())
            row[way].seconds += seconds
            if text.strip():
                row[way].written.append(text.strip())
            held[kind] = held.get(kind, 0) + suppressed
    print(f"\n{pair.name}: words written for what holds none\n{'':20} plain  ours  suppressed  plain s  ours s")
    for kind, row in kinds.items():
        plain, ours = row["plain"], row["ours"]
        print(
            f"{kind:20} {plain.words:5} {ours.words:5} {held[kind]:11} {plain.seconds:8.1f} {ours.seconds:7.1f}"
            f"  {'; '.join(ours.written)[:60]}"
        )


def quiet(media: Path) -> None:
    """How much of the voice that is found in the sound as it is, is found at other gains and in noise."""
    detector = SileroVoiceDetector()
    names = ("speech/jfk.flac", "speech/nasa_webb_narration.mp4", "speech/en_brooklyn_bridge.wav")
    print(
        f"\nvoice found again, and seconds of voice that was none before\n{'':14}{''.join(f'{n:>34}' for n in names)}"
    )
    rng = np.random.default_rng(3)
    changes: dict[str, Callable[[Sound], NDArray[np.float64]]] = {
        f"gain {gain}": lambda samples, gain=gain: np.rint(samples * gain * 32767) / 32767
        for gain in (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
    } | {
        f"noise {db:+} dB": lambda samples, db=db: (
            samples + rng.standard_normal(len(samples)) * np.sqrt(np.square(samples).mean()) / 10 ** (db / 20)
        )
        for db in (20, 10, 5, 0)
    }
    for change, apply in changes.items():
        cells = []
        for name in names:
            samples = sound_of(media / name)
            before, after = detector.detect(samples), detector.detect(apply(samples).astype(np.float32))
            again = sum(one.overlap_seconds(other) for one in before for other in after)
            cells.append(f"{again / _seconds(before):24.3f} {_seconds(after) - again:8.2f} ")
        print(f"{change:14}{''.join(cells)}", flush=True)


def _seconds(spans: list[Span]) -> float:
    return sum(span.seconds for span in spans)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", type=Path, help="files or folders of Whisper's weights")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared/media")
    parser.add_argument("--sounds", type=Path, default=ROOT.parent / "shared/realdata/sounds")
    parser.add_argument("--each", type=int, default=2, help="recordings of each class of sounds")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    if "quiet" in options.tables:
        quiet(options.media)
    for weights in options.weights:
        pair = Pair(weights)
        if "words" in options.tables:
            compared(pair, known(options.media), "on recordings whose words are known")
        if "music" in options.tables:
            compared(pair, under_music(options.media), "with music under the speech")
        if "inventions" in options.tables:
            inventions(pair, options.media, options.sounds, options.each)
    return 0


if __name__ == "__main__":
    sys.exit(main())
