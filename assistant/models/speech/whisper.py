"""Speech to text with Whisper (Radford et al. 2022, arXiv:2212.04356) from a local file: any published size or ours."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.core.progress import CancelCheck, never
from assistant.core.timeline import Span, Suppressed, Utterance, Word
from assistant.errors import Cancelled as Stopped
from assistant.errors import InputUnusable, ModelFailed
from assistant.models.protocols import Transcription
from assistant.models.speech.chunks import Chunk, chunk_samples, pack_chunks
from assistant.models.speech.gates import Draft, GateLimits, compression_ratio, reason_to_suppress
from assistant.models.speech.whisper_checkpoint import (
    WINDOW_SECONDS,
    DecodingOptions,
    identity,
    load,
    read_decoding_options,
    read_limits,
    tokenizer,
    weights_file,
)

if TYPE_CHECKING:
    import torch
    from whisper.decoding import DecodingResult
    from whisper.model import Whisper

__all__ = ["DecodingOptions", "WhisperTranscriber", "identity"]

logger = logging.getLogger(__name__)

TIMESTAMP_SECONDS = 0.02
FEATURES_BYTES = 512 * 1000**2


class WhisperTranscriber:
    """Writes down what is said in voiced spans, and keeps what it does not believe with the reason.

    Args:
        path: a ``.pt`` file in Whisper's own format, or a folder that holds one (and perhaps a ``config.json``).
        device: where to compute, as torch names it.
        precision: ``float32``, ``bfloat16`` or ``float16``. Half precision is used for the encoder, where the time
            goes; the small decoder stays in float32, in which Whisper's decoding code wants its features.
        word_times: also give each word its time, by Whisper's alignment (costs about one more pass).
        features_bytes: what the cross attention's keys and values of one batch may take.

    Raises:
        ModelUnavailable: the file is missing or damaged.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: str = "cpu",
        precision: str = "float32",
        word_times: bool = False,
        decoding: DecodingOptions | None = None,
        limits: GateLimits | None = None,
        features_bytes: int = FEATURES_BYTES,
    ) -> None:
        path = Path(path)
        self.name, self.revision = identity(path)
        self.decoding = decoding or read_decoding_options(path)
        self.limits = limits or read_limits(path)
        self.word_times = word_times
        self._features_bytes = features_bytes
        self._device, self._precision = device, precision
        self._model = load(weights_file(path), device, precision)
        self._lock = threading.Lock()

    @property
    def is_multilingual(self) -> bool:
        return bool(self._model.is_multilingual)

    def transcribe(
        self,
        samples: NDArray[np.float32],
        speech: Sequence[Span],
        language: str | None = None,
        cancelled: CancelCheck = never,
    ) -> Transcription:
        """Words within the voiced spans of mono float32 ``[N]`` at 16 kHz; times on the samples' clock.

        Args:
            language: a code such as ``en``; None detects it, from the longest chunks.

        Raises:
            Cancelled: ``cancelled`` turned true; it is asked before every layer.
            InputUnusable: a language that this checkpoint does not know.
            ModelFailed: the model broke, out of memory for one.
        """
        import torch

        self._check_language(language)
        started = time.monotonic()
        chunks = pack_chunks(
            speech,
            samples,
            max_seconds=min(WINDOW_SECONDS, self.decoding.max_chunk_seconds),
            join_gap_seconds=self.decoding.join_gap_seconds,
            padding_seconds=self.decoding.padding_seconds,
        )
        if not chunks:
            return Transcription((), (), None)
        utterances: list[Utterance] = []
        suppressed: list[Suppressed] = []
        try:
            with self._lock, torch.inference_mode(), _stopping(self._model, cancelled):
                heard: dict[Chunk, torch.Tensor] = {}
                spoken = language or self._detect_language(chunks, samples, heard)
                for first in range(0, len(chunks), self._batch_size()):
                    batch = chunks[first : first + self._batch_size()]
                    features = self._features(batch, samples, heard)
                    results = self._decode(features, batch, spoken)
                    for chunk, feature, result in zip(batch, features, results, strict=True):
                        self._judge(chunk, feature, result, spoken, utterances, suppressed)
        except RuntimeError as error:
            raise ModelFailed(
                f"the speech model {self.name} failed: {error}", "choose a smaller model or set the device to cpu"
            ) from error
        logger.info(
            "transcribed chunks=%d utterances=%d suppressed=%d seconds=%.1f",
            *(len(chunks), len(utterances), len(suppressed), time.monotonic() - started),
        )
        return Transcription(tuple(utterances), tuple(suppressed), spoken if utterances else None)

    def _check_language(self, language: str | None) -> None:
        from whisper.tokenizer import LANGUAGES

        if language is not None and language not in LANGUAGES:
            raise InputUnusable(f"Whisper knows no language {language!r}", "use a code such as en, de or zh")
        if language not in (None, "en") and not self.is_multilingual:
            raise InputUnusable(
                f"the speech model {self.name} knows English alone, not {language}",
                "leave the language to be detected, or choose a pack with a multilingual model",
            )

    def _batch_size(self) -> int:
        dims = self._model.dims
        per_chunk = 2 * dims.n_text_layer * dims.n_audio_ctx * dims.n_text_state * 4
        return max(1, min(16, self._features_bytes // per_chunk))

    def _spectra(self, sounds: Sequence[NDArray[np.float32]]) -> torch.Tensor:
        """Log-mel spectra ``[chunks, mels, 3000]``, each scaled by its own peak, so that neighbours do not matter."""
        import torch
        from whisper.audio import N_SAMPLES, log_mel_spectrogram, pad_or_trim

        mels = self._model.dims.n_mels
        return torch.stack(
            [log_mel_spectrogram(pad_or_trim(torch.from_numpy(np.array(sound)), N_SAMPLES), mels) for sound in sounds]
        ).to(self._device)

    def _listen(self, sounds: Sequence[NDArray[np.float32]]) -> torch.Tensor:
        """The encoder's features, float32 ``[chunks, 1500, width]``."""
        import torch

        return self._model.encoder(self._spectra(sounds).to(getattr(torch, self._precision))).float()

    def _features(
        self, chunks: Sequence[Chunk], samples: NDArray[np.float32], heard: dict[Chunk, torch.Tensor]
    ) -> torch.Tensor:
        """The chunks' features, ``[chunks, 1500, width]``; those of ``heard`` are taken out of it, not computed."""
        import torch

        new = [chunk for chunk in chunks if chunk not in heard]
        if new:
            found = self._listen([chunk_samples(chunk, samples) for chunk in new])
            if len(new) == len(chunks):
                return found
            heard.update(zip(new, found, strict=True))
        return torch.stack([heard.pop(chunk) for chunk in chunks])

    def _detect_language(
        self, chunks: Sequence[Chunk], samples: NDArray[np.float32], heard: dict[Chunk, torch.Tensor]
    ) -> str:
        """The most probable language of the three longest chunks together; English where the model knows only that.

        The features of those chunks are left in ``heard``, so that nothing goes through the encoder twice.
        """
        if not self.is_multilingual:
            return "en"
        longest = sorted(chunks, key=lambda chunk: -chunk.voiced_seconds)[:3]
        features = self._listen([chunk_samples(chunk, samples) for chunk in longest])
        heard.update(zip(longest, features, strict=True))
        _, probabilities = self._model.detect_language(features)
        total = {code: sum(float(each[code]) for each in probabilities) for code in probabilities[0]}
        return max(total, key=lambda code: total[code])

    def _decode(self, features: torch.Tensor, chunks: Sequence[Chunk], language: str) -> list[DecodingResult]:
        """One result a chunk; what comes out repetitive or uncertain is decoded again at the next temperature."""
        import torch

        results: list[Any] = [None] * len(chunks)
        waiting = list(range(len(chunks)))
        for temperature in self.decoding.temperatures:
            options = self._options(language, temperature, max(chunks[index].span.seconds for index in waiting))
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)  # sampling at a temperature, but the same words at every run
                decoded = self._model.decode(features[waiting], options)
            for index, result in zip(waiting, decoded, strict=True):
                results[index] = result
            waiting = [index for index in waiting if self._wants_another_try(results[index])]
            if not waiting:
                break
        return results

    def _options(self, language: str, temperature: float, seconds: float) -> Any:
        from whisper.decoding import DecodingOptions

        # Nobody says 20 tokens a second: a loop in a short chunk ends there and not at Whisper's 224 tokens.
        most = min(self._model.dims.n_text_ctx // 2, 24 + int(20 * seconds))
        return DecodingOptions(
            language=language,
            temperature=temperature,
            sample_len=most,
            without_timestamps=not self.decoding.timestamps,
            fp16=False,
        )

    def _wants_another_try(self, result: DecodingResult) -> bool:
        uncertain = result.avg_logprob < self.limits.average_logprob
        if uncertain and result.no_speech_prob > self.limits.no_speech_probability:
            return False  # silence stays silence at any temperature
        return uncertain or compression_ratio(result.text) > self.limits.compression_ratio

    def _judge(
        self,
        chunk: Chunk,
        features: torch.Tensor,
        result: DecodingResult,
        language: str,
        utterances: list[Utterance],
        suppressed: list[Suppressed],
    ) -> None:
        """Put the chunk's words where they belong: believed, or suppressed with the reason."""
        text = result.text.strip()
        no_speech = min(1.0, max(0.0, float(result.no_speech_prob)))
        draft = Draft(text, chunk.voiced_seconds, no_speech, float(result.avg_logprob))
        reason = reason_to_suppress(draft, self.limits)
        if reason:
            suppressed.append(Suppressed(chunk.span, text, reason))
            return
        pieces = list(self._pieces(chunk, result.tokens))
        words = self._word_times(chunk, features, [t for _, tokens in pieces for t in tokens], language)
        for span, tokens in pieces:
            piece = self._tokenizer(language).decode(tokens).strip()
            mine, words = _first_words(words, len(tokens))
            if piece:
                timed = tuple(Word(word.span, word.text) for word, _ in mine if word.text)
                utterances.append(Utterance(span, piece, language, no_speech, timed))

    def _pieces(self, chunk: Chunk, tokens: Sequence[int]) -> Iterator[tuple[Span, list[int]]]:
        """The chunk's text tokens, divided by its timestamps where it wrote any, with their spans."""
        start_of_times = self._tokenizer("en").timestamp_begin
        end_of_text = self._tokenizer("en").eot
        start, waiting = 0.0, list[int]()
        for token in tokens:
            if token < end_of_text:
                waiting.append(token)
            elif token >= start_of_times:
                now = (token - start_of_times) * TIMESTAMP_SECONDS
                if waiting:
                    yield _within(chunk.span, start, now), waiting
                    waiting = []
                start = now
        if waiting:
            yield _within(chunk.span, start, chunk.span.seconds), waiting

    def _word_times(
        self, chunk: Chunk, features: torch.Tensor, tokens: list[int], language: str
    ) -> list[tuple[Word, int]]:
        """Each word with its time, by the alignment of Whisper's cross attention, and its number of tokens."""
        if not self.word_times:
            return []
        from whisper.timing import find_alignment

        frames = max(2, int(chunk.span.seconds * 100))
        timed = find_alignment(_Heard(self._model), self._tokenizer(language), tokens, features, frames)
        return [(Word(_within(chunk.span, float(t.start), float(t.end)), t.word.strip()), len(t.tokens)) for t in timed]

    def _tokenizer(self, language: str) -> Any:
        return tokenizer(self.is_multilingual, self._model.num_languages, language)


class _Heard:
    """The model as Whisper's alignment sees it, taking features where it expects a spectrum: nothing is heard twice."""

    def __init__(self, model: Whisper) -> None:
        self.dims, self.decoder, self.device = model.dims, model.decoder, model.device
        self.alignment_heads = model.alignment_heads

    def __call__(self, features: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        return self.decoder(tokens, features)


def _first_words(
    words: list[tuple[Word, int]], token_count: int
) -> tuple[list[tuple[Word, int]], list[tuple[Word, int]]]:
    """The words that these tokens hold, and the rest."""
    taken = seen = 0
    while taken < len(words) and seen < token_count:
        seen += words[taken][1]
        taken += 1
    return words[:taken], words[taken:]


def _within(span: Span, start: float, end: float) -> Span:
    """The part of a chunk from ``start`` to ``end`` seconds after its beginning."""
    start = min(max(0.0, start), span.seconds)
    return Span(span.start_seconds + start, span.start_seconds + min(max(start, end), span.seconds))


@contextmanager
def _stopping(model: Whisper, cancelled: CancelCheck) -> Iterator[None]:
    """Ask ``cancelled`` before every layer, since Whisper's own decoding offers no way to stop it."""

    def ask(*_: object) -> None:
        if cancelled():
            raise Stopped()

    hooks = [block.register_forward_pre_hook(ask) for part in (model.encoder, model.decoder) for block in part.blocks]
    try:
        ask()
        yield
    finally:
        for hook in hooks:
            hook.remove()
