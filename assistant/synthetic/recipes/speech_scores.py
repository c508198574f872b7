"""The demo pack's speech model held against sentences that it was not trained on."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assistant.synthetic.narration import SAMPLE_RATE_HZ
from assistant.synthetic.recipes.speech_data import HELD_OUT_SEEDS, Beds, Example, Sentence, mixed_example

if TYPE_CHECKING:
    import torch


def log_mel(sound: "torch.Tensor") -> "torch.Tensor":
    """Whisper's log-mel spectra ``[batch, 80, frames]``; each row is scaled by its own peak.

    ``whisper.log_mel_spectrogram`` takes one peak over the whole batch, which would tie a chunk to its neighbours.
    """
    import torch
    from whisper.audio import HOP_LENGTH, N_FFT, mel_filters

    spectrum = torch.stft(sound, N_FFT, HOP_LENGTH, window=torch.hann_window(N_FFT), return_complex=True)
    power = mel_filters(sound.device, 80) @ spectrum[..., :-1].abs() ** 2
    level = power.clamp(min=1e-10).log10()
    level = torch.maximum(level, level.amax((1, 2), keepdim=True) - 8.0)
    return (level + 4.0) / 4.0


def held_out_chunks(pairs: list[tuple[Sentence, Sentence]], count: int) -> list[Example]:
    """Chunks with voice made of held-out sentences, the same ones at every call."""
    rng, beds = np.random.default_rng(HELD_OUT_SEEDS.start), Beds(HELD_OUT_SEEDS.start)
    chunks: list[Example] = []
    while len(chunks) < count:
        example = mixed_example(pairs, beds, rng)
        if example.text:
            chunks.append(example)
    return chunks


def word_error_rate(weights: Path, pairs: list[tuple[Sentence, Sentence]], count: int) -> float:
    """Word errors per word of the saved weights on held-out chunks, decoded by Whisper's own code at 30 s."""
    import torch
    import whisper

    model = whisper.load_model(str(weights), device="cpu")
    options = whisper.DecodingOptions(language="en", without_timestamps=True, fp16=False, temperature=0.0)
    chunks = held_out_chunks(pairs, count)
    errors = words = 0
    for first in range(0, len(chunks), 8):
        batch = chunks[first : first + 8]
        sound = np.stack([np.pad(e.samples, (0, 30 * SAMPLE_RATE_HZ - len(e.samples))) for e in batch])
        with torch.no_grad():
            results = whisper.decode(model, log_mel(torch.from_numpy(sound)), options)
        for example, result in zip(batch, results, strict=True):
            wanted = example.text.split()
            errors += word_edits(wanted, result.text.lower().split())
            words += len(wanted)
    return errors / max(1, words)


def word_edits(wanted: list[str], heard: list[str]) -> int:
    """The fewest words to insert, delete or replace to turn one list into the other."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(wanted, start=1):
        previous, row[0] = row[0], i
        for j, other in enumerate(heard, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1]
