"""Which of a file's sound tracks is heard: the best-placed one that has voice."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from assistant.core.progress import CancelCheck
from assistant.media.audio import SAMPLE_RATE, AudioBuffer
from assistant.media.probe import check
from assistant.models.protocols import VoiceDetector

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
