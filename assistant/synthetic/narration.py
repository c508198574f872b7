"""Spoken sentences for the generated world, through the espeak-ng program."""

import random
import subprocess
from dataclasses import dataclass

import numpy as np

from assistant.errors import AssistantError

SAMPLE_RATE_HZ = 16_000
VOICES = (
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-us+f2",
    "en-us+m3",
    "en-us+f5",
    "en-gb+f4",
    "en-gb+m1",
)
WORDS_PER_MINUTE = (120, 180)
PITCHES = (25, 75)


@dataclass(frozen=True)
class Voice:
    """One narrator: an espeak-ng voice with its speed and its pitch (0 to 99)."""

    name: str
    words_per_minute: int
    pitch: int


def sample_voice(rng: random.Random) -> Voice:
    """One narrator drawn from the voices, speeds and pitches that the world uses."""
    return Voice(rng.choice(VOICES), rng.randint(*WORDS_PER_MINUTE), rng.randint(*PITCHES))


def say(sentence: str, voice: Voice, timeout_seconds: float = 30.0) -> np.ndarray:
    """The sentence spoken by the voice: float32 ``[samples]`` at 16 kHz, within -1 to 1.

    The same sentence and voice give the same samples on one version of espeak-ng.

    Raises:
        AssistantError: espeak-ng is missing, knows no such voice, or does not answer in time.
    """
    command = ["espeak-ng", "-v", voice.name, "-s", str(voice.words_per_minute), "-p", str(voice.pitch)]
    try:
        # The sentence travels on standard input, so that one beginning with "-" is never read as an option.
        done = subprocess.run(
            [*command, "--stdin", "--stdout"], input=sentence.encode(), capture_output=True, timeout=timeout_seconds
        )
    except FileNotFoundError as error:
        raise AssistantError(
            "the speech program espeak-ng is not installed",
            "install it (Debian and Ubuntu: apt install espeak-ng, macOS: brew install espeak-ng)",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise AssistantError(
            f"espeak-ng did not finish within {timeout_seconds:g} seconds", "run it again with a shorter sentence"
        ) from error
    if done.returncode != 0 or b"data" not in done.stdout[:64]:
        reason = done.stderr.decode(errors="replace").strip() or "no sound came back"
        raise AssistantError(
            f"espeak-ng could not speak as {voice.name!r}: {reason}", "check that espeak-ng and its voices are complete"
        )
    return _samples_at_16_khz(done.stdout)


def _samples_at_16_khz(wav: bytes) -> np.ndarray:
    """The sound of a mono 16-bit WAV stream, float32 ``[samples]`` at 16 kHz.

    The lengths in the header are placeholders, since espeak-ng writes to a pipe; only rate and start are used.
    """
    rate_hz = int.from_bytes(wav[24:28], "little")
    start = wav.index(b"data") + 8
    body = wav[start : start + (len(wav) - start) // 2 * 2]
    samples = np.frombuffer(body, "<i2").astype(np.float32) / 32768.0
    if rate_hz == SAMPLE_RATE_HZ or not len(samples):
        return samples
    common = int(np.gcd(rate_hz, SAMPLE_RATE_HZ))
    step_in, step_out = rate_hz // common, SAMPLE_RATE_HZ // common
    # A whole number of steps makes the change of rate exact: cut the spectrum at the new Nyquist frequency.
    steps = -(-len(samples) // step_in) + 1
    spectrum = np.fft.rfft(samples, steps * step_in)
    count_out = steps * step_out
    kept = np.fft.irfft(spectrum[: count_out // 2 + 1], count_out) * (step_out / step_in)
    wanted = round(len(samples) * SAMPLE_RATE_HZ / rate_hz)
    return np.clip(kept[:wanted], -1.0, 1.0).astype(np.float32)
