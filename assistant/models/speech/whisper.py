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
from assistant.core.timeline import Span, Suppressed, Utterance
from assistant.errors import Cancelled as Stopped
from assistant.errors import InputUnusable, ModelFailed
from assistant.models.protocols import Transcription
from assistant.models.speech.alignment import AlignedWord, align
from assistant.models.speech.chunks import Chunk, chunk_of, chunk_samples, pack_chunks, unsure_spans
from assistant.models.speech.gates import Draft, GateLimits, compression_ratio, reason_to_suppress
from assistant.models.speech.languages import PieceLanguages, divided, joined, probabilities_by_piece, stretches
from assistant.models.speech.passages import Passage, read
from assistant.models.speech.sentences import judge, sentences_of, told
from assistant.models.speech.whisper_checkpoint import (
    WINDOW_SECONDS,
    DecodingOptions,
    identity,
    knows_alignment,
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

# With less voice behind a cut there is no word behind it.
LEAST_VOICE_SECONDS = 0.3
FEATURES_BYTES = 512 * 1000**2


class WhisperTranscriber:
    """Writes down what is said in voiced spans, and keeps what it does not believe with the reason.

    Args:
        path: a ``.pt`` file in Whisper's own format, or a folder that holds one (and perhaps a ``config.json``).
        device: where to compute, as torch names it.
        precision: ``float32``, ``bfloat16`` or ``float16``. Half precision is used for the encoder, where the time
            goes; the small decoder stays in float32, in which Whisper's decoding code wants its features.
        word_times: also give each word its time, by Whisper's alignment (one more pass of the decoder, all words at
            once), and judge each sentence by its own certainty; where it is known which heads follow the time.
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
        word_times: bool = True,
        decoding: DecodingOptions | None = None,
        limits: GateLimits | None = None,
        features_bytes: int = FEATURES_BYTES,
    ) -> None:
        path = Path(path)
        self.name, self.revision = identity(path)
        self.decoding = decoding or read_decoding_options(path)
        self.limits = limits or read_limits(path)
        self.word_times = word_times and knows_alignment(weights_file(path))
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
        sure = sorted(speech, key=lambda span: span.start_seconds)
        # A model of single sentences is not asked what it makes of music.
        unsure = unsure_spans(samples, sure) if self.decoding.timestamps else []
        voiced = sorted([*sure, *unsure], key=lambda span: span.start_seconds)
        packed = pack_chunks(
            voiced,
            samples,
            max_seconds=min(WINDOW_SECONDS, self.decoding.max_chunk_seconds),
            join_gap_seconds=self.decoding.join_gap_seconds,
            padding_seconds=self.decoding.padding_seconds,
        )
        chunks = [chunk_of(chunk.span, sure, unsure) for chunk in packed]
        if not chunks:
            return Transcription((), (), None)
        found: list[Utterance | Suppressed] = []
        decoded = 0
        try:
            with self._lock, torch.inference_mode(), _stopping(self._model, cancelled):
                heard: dict[Chunk, torch.Tensor] = {}
                usual = language or self._detect_language(chunks, samples, heard, voiced)
                # With the language where it is settled; what a chunk leaves over joins the end.
                waiting = [(chunk, language or ("" if self.is_multilingual else usual)) for chunk in chunks]
                while waiting:
                    batch, waiting = waiting[: self._batch_size()], waiting[self._batch_size() :]
                    decoded += len(batch)
                    features = self._features([chunk for chunk, _ in batch], samples, heard)
                    waiting = [*waiting, *self._transcribe_batch(batch, features, (sure, unsure), usual, found)]
        except RuntimeError as error:
            raise ModelFailed(
                f"the speech model {self.name} failed: {error}", "choose a smaller model or set the device to cpu"
            ) from error
        found.sort(key=lambda item: item.span.start_seconds)
        utterances = tuple(item for item in found if isinstance(item, Utterance))
        suppressed = tuple(item for item in found if isinstance(item, Suppressed))
        logger.info(
            "transcribed chunks=%d utterances=%d suppressed=%d seconds=%.1f",
            *(decoded, len(utterances), len(suppressed), time.monotonic() - started),
        )
        return Transcription(utterances, suppressed, usual if utterances else None)

    def _transcribe_batch(
        self,
        batch: Sequence[tuple[Chunk, str]],
        features: torch.Tensor,
        kinds: tuple[Sequence[Span], Sequence[Span]],
        usual: str,
        found: list[Utterance | Suppressed],
    ) -> list[tuple[Chunk, str]]:
        """Put what is said in these chunks into ``found``; what must be decoded on its own comes back.

        Args:
            kinds: the spans with voice, and those that may have it.
        """
        voiced = sorted([*kinds[0], *kinds[1]], key=lambda span: span.start_seconds)
        later: list[tuple[Chunk, str]] = []
        ready: dict[str, list[int]] = {}
        for place, (chunk, language) in enumerate(batch):
            parts = [(chunk.span, language)] if language else self._stretches(chunk, features[place], voiced, usual)
            if len(parts) == 1:
                ready.setdefault(parts[0][1], []).append(place)
            else:
                later += [(chunk_of(span, *kinds), spoken) for span, spoken in parts]
        for language, places in ready.items():
            chunks = [batch[place][0] for place in places]
            results = self._decode(features[places], chunks, language)
            for place, chunk, result in zip(places, chunks, results, strict=True):
                rest = self._write(chunk, features[place], result, language, kinds[0], voiced, found)
                if rest is not None and sum(one.overlap_seconds(rest) for one in voiced) >= LEAST_VOICE_SECONDS:
                    later.append((chunk_of(rest, *kinds), language))
        return later

    def _stretches(
        self, chunk: Chunk, features: torch.Tensor, voiced: Sequence[Span], usual: str
    ) -> list[tuple[Span, str]]:
        """The chunk in stretches of one language each."""
        found: list[tuple[Span, str]] = []
        for span, spoken in stretches(self._by_piece(chunk, features, voiced), usual):
            brief = [] if spoken == usual else self._by_piece(chunk, features, voiced, span)
            found += divided(brief, spoken, usual) if len(brief) > 1 else [(span, spoken)]
        return joined(found)

    def _by_piece(
        self, chunk: Chunk, features: torch.Tensor, voiced: Sequence[Span], part: Span | None = None
    ) -> PieceLanguages:
        """The pieces of the chunk, or of a part of it, with their probabilities of each language."""
        return probabilities_by_piece(self._model, self._tokenizer("en"), features, chunk.span, voiced, part)

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
        self,
        chunks: Sequence[Chunk],
        samples: NDArray[np.float32],
        heard: dict[Chunk, torch.Tensor],
        voiced: Sequence[Span] = (),
    ) -> str:
        """The most probable language of the three longest chunks together; English where the model knows only that.

        The features of those chunks are left in ``heard``, so that nothing goes through the encoder twice.
        """
        if not self.is_multilingual:
            return "en"
        longest = sorted(chunks, key=lambda chunk: (-chunk.voiced_seconds, -chunk.unsure_seconds))[:3]
        features = self._listen([chunk_samples(chunk, samples) for chunk in longest])
        heard.update(zip(longest, features, strict=True))
        total: dict[str, float] = {}
        for chunk, feature in zip(longest, features, strict=True):
            # By pieces: of a chunk with two languages the whole may be taken for a third.
            pieces = self._by_piece(chunk, feature, voiced)
            if len({max(each, key=lambda code: each[code]) for _, each in pieces}) > 1:
                pieces = self._by_piece(chunk, feature, voiced, chunk.span)
            for piece, each in pieces:
                for code, probability in each.items():
                    total[code] = total.get(code, 0.0) + piece.seconds * probability
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
                if results[index] is None or self._is_better(result, results[index]):
                    results[index] = result
            # Where no voice was found, uncertain words are no reason to try on.
            waiting = [n for n in waiting if chunks[n].voiced_seconds > 0 and self._wants_another_try(results[n])]
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

    def _is_better(self, result: DecodingResult, before: DecodingResult) -> bool:
        """Whether a later try is worth more; at a high temperature all may be made up."""
        loops, looped = (compression_ratio(each.text) > self.limits.compression_ratio for each in (result, before))
        return loops < looped or (loops == looped and result.avg_logprob > before.avg_logprob)

    def _write(
        self,
        chunk: Chunk,
        features: torch.Tensor,
        result: DecodingResult,
        language: str,
        sure: Sequence[Span],
        voiced: Sequence[Span],
        found: list[Utterance | Suppressed],
    ) -> Span | None:
        """Put the chunk's words into ``found``, believed or suppressed; what of it must be decoded anew comes back."""
        tokenizer = self._tokenizer(language)
        reading = read(result.tokens, tokenizer.timestamp_begin, tokenizer.eot, chunk.span)
        no_speech = min(1.0, max(0.0, float(result.no_speech_prob)))
        whole = Draft(
            result.text.strip(), chunk.voiced_seconds + chunk.unsure_seconds, no_speech, float(result.avg_logprob)
        )
        written = [
            sentence
            for passage, words in self._aligned(reading.passages, features, language, chunk, voiced)
            for sentence in sentences_of(passage, words, tokenizer)
        ]
        reasons = judge(written, whole, self.limits, sure) or [reason_to_suppress(whole, self.limits)]
        if all(reasons) and len(set(reasons)) == 1 and reading.goes_on_at is None:
            found.append(Suppressed(chunk.span, whole.text, reasons[0]))
            return None
        found.extend(told(written, reasons, language, no_speech))
        return None if reading.goes_on_at is None else Span(reading.goes_on_at, chunk.span.end_seconds)

    def _aligned(
        self,
        passages: Sequence[Passage],
        features: torch.Tensor,
        language: str,
        chunk: Chunk,
        voiced: Sequence[Span],
    ) -> Iterator[tuple[Passage, list[AlignedWord]]]:
        """The passages, each with its words."""
        words: list[AlignedWord] = []
        if self.word_times:
            tokens = [token for passage in passages for token in passage.tokens]
            words = align(self._model, self._tokenizer(language), features, tokens, chunk.span, voiced)
        for passage in passages:
            taken = count = 0
            while taken < len(words) and count < len(passage.tokens):
                count += words[taken].token_count
                taken += 1
            yield passage, words[:taken]
            words = words[taken:]

    def _tokenizer(self, language: str) -> Any:
        return tokenizer(self.is_multilingual, self._model.num_languages, language)


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
