"""Voice activity detection with the weights that the silero-vad package carries (MIT licence, 2.3 MB)."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.core.timeline import Span
from assistant.errors import ModelUnavailable

if TYPE_CHECKING:
    import torch

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 512  # the model gives one probability for each 32 ms
CONTEXT_SAMPLES = 64  # the end of the window before, which the model sees in front of each window
REFLECTED_SAMPLES = 64
BLOCK_SAMPLES = 512 * WINDOW_SAMPLES  # about 16 s: what is held at once, however long the stream
BINS = 129
# The network was trained on ordinary levels: of speech 40 dB below them it misses 40 % of the words. Blocks that are
# quieter than this are raised to it; ordinary ones stay as they are, to the last bit.
QUIET_PEAK = 0.1
MOST_GAIN = 100.0
_PEAK_SHARE = 0.999  # a click is no level
_RAMP_SAMPLES = 4096


@dataclass(frozen=True)
class VoiceRules:
    """How probabilities become spans. The model's authors suggest 0.5 and 0.35; see `SileroVoiceDetector`."""

    starts_at: float = 0.5
    ends_below: float = 0.35
    min_silence_seconds: float = 0.2
    min_voice_seconds: float = 0.2
    padding_seconds: float = 0.05


class SileroVoiceDetector:
    """Where there is voice in one stream of sound, whatever the words.

    The network runs on blocks of windows at once, not window by window as the package's own loop does, with the
    same probabilities; only they are kept (0.5 MB for an hour), never the sound.
    """

    name = "silero-vad"

    def __init__(self, rules: VoiceRules | None = None) -> None:
        self.rules = rules or VoiceRules()
        self.revision = _package_version()
        self._network = VoiceNetwork(weights_file())
        self.reset()

    def reset(self) -> None:
        """Forget the stream, ready for another one."""
        self._waiting: list[NDArray[np.float32]] = []
        self._waiting_count = 0
        self._count = 0
        self._probabilities: list[NDArray[np.float32]] = []
        self._gain: float | None = None  # of the block before
        self._network.reset()

    def feed(self, samples: NDArray[np.float32]) -> None:
        """Take the next block of mono float32 at 16 kHz, of any length."""
        self._count += len(samples)
        self._waiting.append(np.array(samples, np.float32))
        self._waiting_count += len(samples)
        if self._waiting_count >= BLOCK_SAMPLES:
            waiting = np.concatenate(self._waiting)
            whole = len(waiting) // BLOCK_SAMPLES * BLOCK_SAMPLES
            self._run(waiting[:whole])
            self._waiting, self._waiting_count = [waiting[whole:].copy()], len(waiting) - whole

    def finish(self) -> list[Span]:
        """The voiced spans of all that was fed, in order, on the stream's clock (0 = first sample).

        The detector is then ready for another stream.
        """
        rest = np.concatenate([np.zeros(0, np.float32), *self._waiting])
        self._run(np.pad(rest, (0, -len(rest) % WINDOW_SAMPLES)))
        found = voiced_spans(np.concatenate([np.zeros(0, np.float32), *self._probabilities]), self._count, self.rules)
        self.reset()
        return found

    def _run(self, samples: NDArray[np.float32]) -> None:
        for first in range(0, len(samples), BLOCK_SAMPLES):
            block = self._raised(samples[first : first + BLOCK_SAMPLES])
            self._probabilities.append(self._network(block.reshape(-1, WINDOW_SAMPLES)))

    def _raised(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The block at an ordinary level where it is a quiet one, without a step at its beginning."""
        place = int(_PEAK_SHARE * (len(block) - 1))
        peak = float(np.partition(np.abs(block), place)[place])
        gain = min(MOST_GAIN, max(1.0, QUIET_PEAK / max(peak, 1e-9)))
        before, self._gain = self._gain or gain, gain
        if gain == before == 1.0:
            return block
        gains = np.full(len(block), gain, np.float32)
        ramp = gains[:_RAMP_SAMPLES]
        ramp[:] = np.linspace(before, gain, len(ramp), dtype=np.float32)
        return block * gains

    def detect(self, samples: NDArray[np.float32]) -> list[Span]:
        """The voiced spans of one whole recording, mono float32 ``[N]`` at 16 kHz."""
        self.reset()
        self.feed(samples)
        return self.finish()


def voiced_spans(probabilities: NDArray[np.float32], count: int, rules: VoiceRules) -> list[Span]:
    """The spans of ``count`` samples that are voiced, by their windows' probabilities float32 ``[windows]``.

    Voice begins with a window of at least ``starts_at`` and ends where ``min_silence_seconds`` of windows stay below
    ``ends_below``; what is shorter than ``min_voice_seconds`` is dropped. Spans are padded, never over a neighbour.
    """
    window_seconds = WINDOW_SAMPLES / SAMPLE_RATE_HZ
    end_seconds = count / SAMPLE_RATE_HZ
    stretches: list[tuple[float, float]] = []
    start: float | None = None
    quiet_from: float | None = None
    for index, probability in enumerate(probabilities.tolist()):
        now = index * window_seconds
        if probability >= rules.starts_at:
            start, quiet_from = (now if start is None else start), None
        elif start is not None and probability < rules.ends_below:
            quiet_from = now if quiet_from is None else quiet_from
            if now + window_seconds - quiet_from >= rules.min_silence_seconds:
                stretches.append((start, quiet_from))
                start = quiet_from = None
    if start is not None:
        stretches.append((start, end_seconds if quiet_from is None else quiet_from))
    kept = [(a, b) for a, b in stretches if b - a >= rules.min_voice_seconds]
    spans = []
    for place, (a, b) in enumerate(kept):
        before = kept[place - 1][1] if place else 0.0
        after = kept[place + 1][0] if place + 1 < len(kept) else end_seconds
        room_before = a - before if not place else (a - before) / 2
        room_after = after - b if place + 1 == len(kept) else (after - b) / 2
        start_padded = a - min(rules.padding_seconds, room_before)
        end_padded = min(end_seconds, b + min(rules.padding_seconds, room_after))
        spans.append(Span(start_padded, end_padded))
    return spans


class VoiceNetwork:
    """Silero's network over many windows at once, its memory carried from call to call.

    Layers and shapes follow the weights file: a Fourier transform as a convolution, four convolutions, one LSTM.
    """

    def __init__(self, weights_file: Path) -> None:
        import torch

        try:
            with warnings.catch_warnings():
                # The package of the current weights is TorchScript, whose loader is deprecated but works. The
                # safetensors file beside it holds the weights of an older release, with other probabilities.
                warnings.simplefilter("ignore", FutureWarning)
                weights = torch.jit.load(str(weights_file), map_location="cpu").state_dict()
            self._lstm = torch.nn.LSTM(128, 128)
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            self._lstm.load_state_dict({f"{name}_l0": weights[f"_model.decoder.rnn.{name}"] for name in names})
            self._fourier: torch.Tensor = weights["_model.stft.forward_basis_buffer"]
            layers = [f"_model.encoder.{layer}.reparam_conv" for layer in range(4)]
            self._convolutions = [(weights[f"{layer}.weight"], weights[f"{layer}.bias"]) for layer in layers]
            self._last = (weights["_model.decoder.decoder.2.weight"], weights["_model.decoder.decoder.2.bias"])
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            raise ModelUnavailable(
                "the voice detector's weights in the silero-vad package are damaged", _REINSTALL
            ) from error
        self.reset()

    def reset(self) -> None:
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._memory: Any = None

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probability of voice in each window: float32 ``[windows]`` of samples ``[windows, 512]``."""
        import torch
        from torch.nn import functional

        before = np.concatenate([self._context[None], windows[:-1, -CONTEXT_SAMPLES:]])
        self._context = windows[-1, -CONTEXT_SAMPLES:].copy()
        with torch.inference_mode():
            x = torch.from_numpy(np.concatenate([before, windows], axis=1))[:, None]
            x = functional.pad(x, (0, REFLECTED_SAMPLES), "reflect")
            x = functional.conv1d(x, self._fourier, stride=128)
            x = (x[:, :BINS] ** 2 + x[:, BINS:] ** 2).sqrt()
            for (weight, bias), stride in zip(self._convolutions, (1, 2, 2, 1), strict=True):
                x = functional.conv1d(x, weight, bias, stride=stride, padding=1).relu()
            # One vector a window remains; the windows are the LSTM's steps, in a batch of one.
            hidden, self._memory = self._lstm(x.flatten(1)[:, None], self._memory)
            voice = functional.conv1d(hidden.transpose(1, 2).relu(), *self._last)
            return voice.sigmoid().flatten().numpy()


_REINSTALL = "install it again: .venv/bin/python -m pip install --force-reinstall --no-deps silero-vad"


def weights_file() -> Path:
    """The file of weights in the package; raises `ModelUnavailable` where it is not installed."""
    # Looked up without importing the package: its import sets torch to one thread for the whole process.
    found = importlib.util.find_spec("silero_vad")
    folders = list(found.submodule_search_locations or ()) if found else []
    path = Path(folders[0], "data", "silero_vad.jit") if folders else None
    if path is None or not path.is_file():
        raise ModelUnavailable("the package silero-vad with the voice detector's weights is missing", _REINSTALL)
    return path


def _package_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("silero-vad")
    except PackageNotFoundError:
        return "unknown"
