"""Timelines made from a truth without any model: a perfect one, and one with the mistakes that recognisers make."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.fusion import Evidence, Vocabulary, fuse
from assistant.core.timeline import Provenance, Shot, Span, Timeline, Utterance, Video
from assistant.synthetic.truth import Event, Truth
from assistant.synthetic.vocabulary import ACTIONS, COLORS, DAYS, NUMBERS, SHAPES, description

ACTION_LABELS = tuple(ACTIONS)
DESCRIPTION_LABELS = tuple(description(color, shape) for color in COLORS for shape in SHAPES)
_WORD_CLASSES: tuple[tuple[str, ...], ...] = (COLORS, SHAPES, NUMBERS, DAYS)


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each thing goes wrong, from 0 to 1, and how segments are cut."""

    wrong_action: float = 0.06
    wrong_description: float = 0.05
    missed_word: float = 0.03
    misheard_word: float = 0.04
    window_seconds: float = 3.2
    boundary_seconds: float = 0.04  # how far a cut may be off
    none_below: float = 0.4


def perfect_timeline(truth: Truth) -> Timeline:
    """The timeline of recognisers that never err: one segment an event, each sentence as it was said."""
    seen = [
        Evidence(
            span=event.span,
            action_scores=_scores(ACTION_LABELS, event.action, 0.96),
            description_scores=_scores(DESCRIPTION_LABELS, event.description, 0.96),
            keyframe_seconds=event.span.middle_seconds,
        )
        for event in truth.events
    ]
    said = [Utterance(event.speech_span, event.speech) for event in truth.events if event.speech and event.speech_span]
    return _timeline(truth, [event.span for event in truth.events], seen, said, none_below=0.0)


def noisy_timeline(truth: Truth, rng: random.Random, rates: Rates = Rates()) -> Timeline:
    """The timeline of recognisers that err at these rates; long scenes are cut into windows as the pipeline does."""
    shots = _jittered(truth, rng, rates.boundary_seconds)
    seen: list[Evidence] = []
    said: list[Utterance] = []
    for event, shot in zip(truth.events, shots, strict=True):
        for window in _windows(shot, rates.window_seconds):
            seen.append(_noisily_seen(event, window, rng, rates))
        if event.speech and event.speech_span and (heard := _misheard(event.speech, rng, rates)):
            said.append(Utterance(event.speech_span, heard, no_speech_probability=rng.uniform(0.0, 0.3)))
    return _timeline(truth, shots, seen, said, rates.none_below)


def _timeline(
    truth: Truth, shots: Sequence[Span], seen: Sequence[Evidence], said: Sequence[Utterance], none_below: float
) -> Timeline:
    vocabulary = Vocabulary(
        actions=ACTION_LABELS,
        descriptions=DESCRIPTION_LABELS,
        none_below=none_below,
        action_model="truth",
        description_model="truth",
    )
    return Timeline(
        video=Video(
            path=f"world-{truth.seed}.mp4",
            sha256=hashlib.sha256(f"world {truth.seed}".encode()).hexdigest(),
            duration_seconds=truth.duration_seconds,
            width=truth.width,
            height=truth.height,
            frame_rate=truth.frame_rate,
            has_audio=True,
        ),
        segments=fuse(seen, said, vocabulary),
        shots=tuple(Shot(span, event.entry) for span, event in zip(shots, truth.events, strict=True)),
        speech_spans=tuple(event.speech_span for event in truth.events if event.speech_span),
        absences=(),
        provenance=Provenance(pack="truth", actions={"model": "truth"}, descriptions={"model": "truth"}),
    )


def _scores(labels: tuple[str, ...], best: str, score: float) -> NDArray[np.float32]:
    """A softmax with this best label, the rest shared unevenly among the others, float32 ``[labels]``."""
    draws = random.Random(best)
    rest = np.array([draws.random() ** 3 for _ in labels])
    rest[labels.index(best)] = 0.0
    scores = rest / rest.sum() * (1.0 - score)
    scores[labels.index(best)] = score
    result: NDArray[np.float32] = scores.astype(np.float32)
    return result


def _jittered(truth: Truth, rng: random.Random, most_seconds: float) -> list[Span]:
    edges = [event.span.start_seconds for event in truth.events[1:]]
    moved = [0.0, *(edge + rng.uniform(-most_seconds, most_seconds) for edge in edges), truth.duration_seconds]
    return [Span(start, end) for start, end in pairwise(moved)]


def _windows(shot: Span, window_seconds: float) -> list[Span]:
    windows = []
    start = shot.start_seconds
    while shot.end_seconds - start >= 1.5 * window_seconds:
        windows.append(Span(start, start + window_seconds))
        start += window_seconds
    return [*windows, Span(start, shot.end_seconds)]


def _noisily_seen(event: Event, window: Span, rng: random.Random, rates: Rates) -> Evidence:
    action, action_score = event.action, rng.uniform(0.6, 0.99)
    if rng.random() < rates.wrong_action:
        action = rng.choice([label for label in ACTION_LABELS if label != event.action])
        action_score = rng.uniform(0.3, 0.7)
    looks, looks_score = event.description, rng.uniform(0.7, 0.99)
    if rng.random() < rates.wrong_description:
        # What is mistaken keeps its colour or its shape more often than not.
        near = [label for label in DESCRIPTION_LABELS if len(set(label.split()) & set(looks.split())) == 1]
        looks, looks_score = rng.choice(near), rng.uniform(0.4, 0.75)
    return Evidence(
        span=window,
        action_scores=_scores(ACTION_LABELS, action, action_score),
        description_scores=_scores(DESCRIPTION_LABELS, looks, looks_score),
        keyframe_seconds=window.middle_seconds,
    )


def _misheard(sentence: str, rng: random.Random, rates: Rates) -> str:
    heard = []
    for word in sentence.split():
        draw = rng.random()
        if draw < rates.missed_word:
            continue
        if draw < rates.missed_word + rates.misheard_word:
            alike = next((words for words in _WORD_CLASSES if word in words), ("the", "now", "see"))
            word = rng.choice([other for other in alike if other != word])
        heard.append(word)
    return " ".join(heard)
