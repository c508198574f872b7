"""The sound half of an analysis: where there is voice, what is said, and why nothing was heard where that is so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assistant.core.fields import checked
from assistant.core.progress import CancelCheck
from assistant.core.timeline import (
    Json,
    Span,
    Suppressed,
    Utterance,
    Word,
    span_from_json,
    utterance_from_json,
    utterance_to_json,
)
from assistant.media.audio import SAMPLE_RATE
from assistant.models.protocols import Transcriber, VoiceDetector

logger = logging.getLogger(__name__)

BLOCK_SAMPLES = 30 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Heard:
    """What the sound holds. ``absence`` is the reason why there are no words, "" where there are some."""

    speech_spans: tuple[Span, ...] = ()
    utterances: tuple[Utterance, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    language: str | None = None
    absence: str = ""

    def to_json(self) -> Json:
        return {
            "speech_spans": [[span.start_seconds, span.end_seconds] for span in self.speech_spans],
            "utterances": [utterance_to_json(item) for item in self.utterances],
            "suppressed": [
                {
                    "start_seconds": item.span.start_seconds,
                    "end_seconds": item.span.end_seconds,
                    "text": item.text,
                    "reason": item.reason,
                }
                for item in self.suppressed
            ],
            "language": self.language,
            "absence": self.absence,
        }

    @classmethod
    def from_json(cls, document: Json) -> Heard:
        found = cls(
            tuple(Span(start, end) for start, end in document["speech_spans"]),
            tuple(utterance_from_json(item) for item in document["utterances"]),
            tuple(Suppressed(span_from_json(item), item["text"], item["reason"]) for item in document["suppressed"]),
            document["language"],
            document["absence"],
        )
        return checked(found)


def listen(
    samples: NDArray[np.float32],
    duration_seconds: float,
    detector: VoiceDetector,
    transcriber: Callable[[], Transcriber],
    language: str | None,
    cancelled: CancelCheck,
) -> Heard:
    """Words of mono float32 ``[N]`` at 16 kHz whose clock is the video's; the transcriber is loaded only for voice."""
    for start in range(0, len(samples), BLOCK_SAMPLES):
        if cancelled():
            break
        detector.feed(np.asarray(samples[start : start + BLOCK_SAMPLES], dtype=np.float32))
    voiced = tuple(
        _within(span, duration_seconds) for span in detector.finish() if span.start_seconds < duration_seconds
    )
    if not voiced:
        return Heard(absence="no voice was found in the sound")
    result = transcriber().transcribe(samples, voiced, language, cancelled)
    utterances = tuple(
        _clipped(item, duration_seconds) for item in result.utterances if item.span.start_seconds < duration_seconds
    )
    absence = ""
    if not utterances:
        absence = f"voice was heard, but none of the words were sure enough ({len(result.suppressed)} set aside)"
    logger.info("listened voiced=%d utterances=%d suppressed=%d", len(voiced), len(utterances), len(result.suppressed))
    return Heard(voiced, utterances, result.suppressed, result.language, absence)


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
