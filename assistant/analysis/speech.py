"""The sound half of an analysis: where there is voice, what is said, and why nothing was heard where that is so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assistant.core import documents
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck
from assistant.core.timeline import Span, Suppressed, Utterance, Word
from assistant.media.audio import SAMPLE_RATE
from assistant.models.protocols import Transcriber, VoiceDetector

logger = logging.getLogger(__name__)

BLOCK_SAMPLES = 30 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class SpeechResult:
    """What the sound holds. ``absence`` is the reason why there are no words, "" where there are some."""

    speech_spans: tuple[Span, ...] = ()
    utterances: tuple[Utterance, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    language: str | None = None
    absence: str = ""

    def to_json(self) -> Json:
        return documents.dump(self)

    @classmethod
    def from_json(cls, document: Json) -> SpeechResult:
        return documents.load(cls, document)


def listen(
    samples: NDArray[np.float32],
    duration_seconds: float,
    detector: VoiceDetector,
    transcriber: Callable[[], Transcriber],
    language: str | None,
    cancelled: CancelCheck,
) -> SpeechResult:
    """Words of mono float32 ``[N]`` at 16 kHz whose clock is the video's; the transcriber is loaded only for voice."""
    for start in range(0, len(samples), BLOCK_SAMPLES):
        if cancelled():
            break
        detector.feed(np.asarray(samples[start : start + BLOCK_SAMPLES], dtype=np.float32))
    voiced = tuple(
        _within(span, duration_seconds) for span in detector.finish() if span.start_seconds < duration_seconds
    )
    if not voiced:
        return SpeechResult(absence="no voice was found in the sound")
    result = transcriber().transcribe(samples, voiced, language, cancelled)
    utterances = tuple(
        _clipped(item, duration_seconds) for item in result.utterances if item.span.start_seconds < duration_seconds
    )
    absence = ""
    if not utterances:
        absence = f"voice was heard, but none of the words were sure enough ({len(result.suppressed)} set aside)"
    logger.info("listened voiced=%d utterances=%d suppressed=%d", len(voiced), len(utterances), len(result.suppressed))
    return SpeechResult(voiced, utterances, result.suppressed, result.language, absence)


def _within(span: Span, end_seconds: float) -> Span:
    start = max(0.0, span.start_seconds)
    return Span(start, max(start, min(span.end_seconds, end_seconds)))


def _clipped(utterance: Utterance, end_seconds: float) -> Utterance:
    words = tuple(
        Word(_within(word.span, end_seconds), word.text)
        for word in utterance.words
        if word.span.start_seconds < end_seconds
    )
    return replace(utterance, span=_within(utterance.span, end_seconds), words=words)
