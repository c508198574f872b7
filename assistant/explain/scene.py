"""Why a segment was described as it was: which frame, and which word of the label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.core.documents import Json
from assistant.core.timeline import Segment
from assistant.errors import UnknownSegment
from assistant.models.protocols import ImageTextEncoder


@dataclass(frozen=True)
class SceneExplanation:
    """Measured on the stored vectors of the sampled frames.

    Args:
        frames: similarity (cosine) of each sampled frame to the label, -1..1.
        words: how far the mean similarity falls when this word is left out of the label.
    """

    segment_id: int
    label: str
    frames: tuple[float, ...]
    words: tuple[tuple[str, float], ...]

    def to_json(self) -> Json:
        return {
            "segment_id": self.segment_id,
            "label": self.label,
            "frames": list(self.frames),
            "words": [{"word": word, "fall": fall} for word, fall in self.words],
        }


def explain_scene(
    segment: Segment, frames: NDArray[np.float32], image_text_encoder: ImageTextEncoder
) -> SceneExplanation:
    """Which frame and which word carry the best description of a segment.

    Args:
        frames: unit vectors of the sampled frames, float32 ``[frames, D]``.

    Raises:
        UnknownSegment: the segment has no description.
    """
    if segment.description is None:
        raise UnknownSegment(f"segment {segment.id} has no description to explain", "choose a segment with a picture")
    label = segment.description.label
    words = label.split()
    shorter = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(words))] if len(words) > 1 else []
    vectors = image_text_encoder.embed_texts([label, *shorter])
    similar = frames @ vectors.T
    falls = similar[:, 0].mean() - similar[:, 1:].mean(axis=0)
    return SceneExplanation(
        segment.id,
        label,
        tuple(float(value) for value in similar[:, 0]),
        tuple((word, float(fall)) for word, fall in zip(words, falls, strict=False)),
    )
