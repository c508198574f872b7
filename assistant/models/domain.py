"""What a pack's models were made for: whether they may speak about what they are shown.

A classifier has no label for "none of my business": trained on a generated world it names a shape in any picture, and
is sure of it. So a pack may hold the weights of a judge of the embeddings that its models compute anyway. It has seen
the pack's own world and pictures out of chance alone, and says which of the two a window is like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.models.packs import checkpoints

FILE = "domain.safetensors"
Vectors = NDArray[np.float32]
_FIELDS = ("mean", "scale", "linear", "hidden", "hidden_bias", "out", "thresholds")


@dataclass(frozen=True)
class Domain:
    """A judge of windows, by the recogniser's embedding and the image-text encoder's vectors of its frames.

    A small network reads both; a linear judge stands in where there are the frames alone. float32 throughout.

    Args:
        mean, scale: of the features ``[Da + Ds]``, the recogniser's first.
        linear: ``[Ds + 1]``, the last is its constant.
        hidden, hidden_bias, out: of the network, ``[F, H]``, ``[H]``, ``[H + 1]``.
        thresholds: of the network, and of the linear judge, ``[2]``; a score above it is foreign.
    """

    mean: Vectors
    scale: Vectors
    linear: Vectors
    hidden: Vectors
    hidden_bias: Vectors
    out: Vectors
    thresholds: Vectors

    def scores(self, embeddings: Vectors, frames: Sequence[Vectors]) -> Vectors:
        """How foreign each window is, float32 ``[N]``; from 0 on it is.

        Args:
            embeddings: the recogniser's, float32 ``[N, Da]``.
            frames: for each window the unit vectors of its frames, float32 ``[frames, Ds]``.
        """
        scene = np.stack([part.mean(axis=0) for part in frames])
        features = (np.concatenate([embeddings, scene], axis=1) - self.mean) / self.scale
        hidden = np.maximum(features @ self.hidden + self.hidden_bias, 0.0)
        scores: Vectors = hidden @ self.out[:-1] + self.out[-1] - self.thresholds[0]
        return scores.astype(np.float32)

    def scene_scores(self, frames: Sequence[Vectors]) -> Vectors:
        """The same where no recogniser of the pack has looked: by the frames alone, which is less sure."""
        scores: Vectors = self._linear(np.stack([part.mean(axis=0) for part in frames])) - self.thresholds[1]
        return scores.astype(np.float32)

    def _linear(self, scene: Vectors) -> Vectors:
        width = scene.shape[1]
        found: Vectors = (scene - self.mean[-width:]) / self.scale[-width:] @ self.linear[:-1] + self.linear[-1]
        return found

    def save(self, path: Path) -> None:
        """Write it; the network's many numbers in half of their length."""
        from safetensors.numpy import save_file

        numbers: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _FIELDS}
        numbers["hidden"] = self.hidden.astype(np.float16)
        # The file holds bytes as they lie: of a transposed matrix they would be another one.
        save_file({name: np.ascontiguousarray(value) for name, value in numbers.items()}, path)


def load_domain(pack: Path) -> Domain | None:
    """The judge that lies in a pack's folder; None: its models may speak about anything.

    Raises:
        ModelUnavailable: damaged.
    """
    path = pack / FILE
    if not path.is_file():
        return None
    from safetensors.numpy import load_file

    checkpoints.check_safetensors(path)
    found = load_file(path)
    if set(found) != set(_FIELDS):
        raise checkpoints.damaged(pack, f"{FILE} holds other weights than a judge's")
    return Domain(**{name: found[name].astype(np.float32) for name in _FIELDS})
