"""Speech: where there is voice, what is said, and why nothing was heard where that is so."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.analyzer import AnalysisContext, Finding, Needs, Stream, Voice
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck
from assistant.core.timeline import Absence, Span, Utterance, Word
from assistant.media.audio import SAMPLE_RATE, AudioBuffer
from assistant.media.probe import check
from assistant.models.protocols import VoiceDetector
from assistant.models.speech.chunks import unsure_spans

logger = logging.getLogger(__name__)

VERSION = "5"


class SpeechAnalyzer:
    """Voice by the detector, words by the transcriber, which is loaded only for a video with voice, or with sound that
    may hide one."""

    kind = "speech"
    needs = Needs(sound=True)

    def __init__(self, context: AnalysisContext) -> None:
        self._context = context

    def key(self) -> Json:
        settings = self._context.settings.speech
        model = list(self._context.models.identity("speech"))
        track = settings.audio_track
        return {
            "model": model,
            "language": settings.language,
            "audio_track": track,
            "word_times": settings.word_times,
            "version": VERSION,
        }

    def run(self, stream: Stream, cancelled: CancelCheck) -> Iterator[Finding]:
        if (choice := stream.track_choice()) is not None:
            yield choice
        if (lead := stream.lead()) is not None:
            yield Absence("picture at first", self._lead_told(lead, cancelled))
        samples, end = stream.sound(), stream.video.duration_seconds
        voiced = self._voiced(samples, end, cancelled)
        yield from map(Voice, voiced)
        if not voiced and not unsure_spans(samples, voiced):
            yield Absence(self.kind, "no voice was found in the sound")
            return
        transcriber = self._context.models.transcriber()
        result = transcriber.transcribe(samples, voiced, self._context.settings.speech.language, cancelled)
        utterances = [_clipped(item, end) for item in result.utterances if item.span.start_seconds < end]
        yield from utterances
        yield from result.suppressed
        yield from (Voice(item.span) for item in utterances if not any(item.span.touches(one) for one in voiced))
        if not utterances and not voiced:
            yield Absence(self.kind, "no voice was found in the sound")
        elif not utterances:
            count = len(result.suppressed)
            reason = f"voice was heard, but none of the words were sure enough ({count} set aside)"
            yield Absence(self.kind, reason)
        logger.info(
            "speech voiced=%d utterances=%d suppressed=%d", len(voiced), len(utterances), len(result.suppressed)
        )

    def _voiced(self, samples: NDArray[np.float32], end_seconds: float, cancelled: CancelCheck) -> tuple[Span, ...]:
        detector = self._context.models.voice_detector()
        for start in range(0, len(samples), BLOCK_SAMPLES):
            check(cancelled)
            detector.feed(np.asarray(samples[start : start + BLOCK_SAMPLES], dtype=np.float32))
        return tuple(_within(span, end_seconds) for span in detector.finish() if span.start_seconds < end_seconds)

    def _lead_told(self, lead: NDArray[np.float32], cancelled: CancelCheck) -> str:
        """What is to be told of sound from before the picture, where the timeline begins, with the words in it."""
        seconds = len(lead) / SAMPLE_RATE
        voiced = self._voiced(lead, seconds, cancelled)
        words = ""
        if voiced:
            language = self._context.settings.speech.language
            found = self._context.models.transcriber().transcribe(lead, voiced, language, cancelled)
            words = " ".join(utterance.text for utterance in found.utterances)
        said = f'said in it: "{words}"' if words else "no words were found in it"
        return f"the sound begins {seconds:.1f} s before it, and that part lies outside the timeline; {said}"


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


BLOCK_SAMPLES = 30 * SAMPLE_RATE
# To choose among tracks, so many blocks of each, evenly spread, are enough.
_MOST_BLOCKS_COMPARED = 20
# A better-placed track is taken where it has at least this share of the most talkative one's voice: a film of few
# words keeps its own track beside a commentary that never stops, a track of hum or music does not.
_ENOUGH_VOICE = 0.2


def choose_track(audio_buffer: AudioBuffer, detector: Callable[[], VoiceDetector], cancelled: CancelCheck) -> None:
    """Let the buffer give the best-placed track that has voice; loudness says nothing, for hum and music are loud.

    Args:
        detector: asked for only where there is a choice.

    Raises:
        Cancelled: ``cancelled`` turned true.
    """
    audible = audio_buffer.audible
    if len(audible) < 2:
        return
    seconds = [_voiced_seconds(audio_buffer.samples(track), detector(), cancelled) for track in audible]
    enough = _ENOUGH_VOICE * max(seconds)
    if enough > 0:
        audio_buffer.chosen = next(t for t, voiced in zip(audible, seconds, strict=True) if voiced >= enough)


def _voiced_seconds(samples: NDArray[np.float32] | None, detector: VoiceDetector, cancelled: CancelCheck) -> float:
    """How much of a track's spread-out blocks is voice."""
    if samples is None:
        return 0.0
    starts = range(0, len(samples), BLOCK_SAMPLES)
    step = max(1, math.ceil(len(starts) / _MOST_BLOCKS_COMPARED))
    for start in starts[::step]:
        check(cancelled)
        detector.feed(np.asarray(samples[start : start + BLOCK_SAMPLES], dtype=np.float32))
    return sum(span.seconds for span in detector.finish())
