"""Many channels become one in which speech is heard: by what each channel is, and not by its number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BASS = frozenset({"LFE", "LFE2"})
_FRONT = frozenset({"FL", "FR", "DL", "DR", "FLC", "FRC"})
_ALL_ROUND = "AMBI0"  # the first ambisonic channel hears all directions alike, the others are differences
# Films put dialogue in the centre, music and effects around it: libswresample's own 0.7 : 1 : 0.7 lets music that is
# louder than the speech bury it (with 0.35 words were lost, with 0.25 none). The sides still hold what somebody put
# there, 14 dB down, where the centre is empty.
_BESIDE_CENTRE, _BEHIND_CENTRE = 0.2, 0.1
_BEHIND_FRONT = 0.5
# Correlation of left and right: a stereo mix lies above 0, an inverted channel near -1. Two bounds, so that the choice
# does not go back and forth.
_OPPOSITE_BELOW, _TOGETHER_ABOVE = -0.7, -0.3
_MEMORY_SECONDS = 1.0
# One microphone among many, or channels that cancel out: the mean is then far below the loudest. A mix of channels
# that merely differ loses a factor of two for four of them.
_LOST_SHARE = 0.25
_CLEARLY_LOUDER = 1.5
_MOST = 8.0  # full scale is 1; damaged float samples go to 1e38


def weights(names: tuple[str, ...]) -> NDArray[np.float32]:
    """How much of each channel goes into the one, float32 ``[channels]``, 1 in sum, by their names (``FL``, ``LFE``).

    Channels without known names count alike.
    """
    if _ALL_ROUND in names:
        found = np.array([name == _ALL_ROUND for name in names], dtype=np.float32)
    elif "FC" in names:
        found = np.array([_beside_centre(name) for name in names], dtype=np.float32)
    else:
        fronts = bool(_FRONT.intersection(names))
        found = np.array([_without_centre(name, fronts) for name in names], dtype=np.float32)
    if not found.any():
        found = np.ones(len(names), dtype=np.float32)
    return found / found.sum()


def _beside_centre(name: str) -> float:
    if name == "FC":
        return 1.0
    return 0.0 if name in _BASS else _BESIDE_CENTRE if name in _FRONT else _BEHIND_CENTRE


def _without_centre(name: str, fronts: bool) -> float:
    return 0.0 if name in _BASS else 1.0 if name in _FRONT or not fronts else _BEHIND_FRONT


class Downmix:
    """Mixes blocks of one stream; where left and right are each other's opposite, only the louder one is taken.

    Args:
        names: the channels' names in order.
        rate: samples a second.
    """

    def __init__(self, names: tuple[str, ...], rate: int) -> None:
        self._weights = weights(names)
        self._rate = rate
        stereo = len(names) == 2 and "LFE" not in names
        pair = [names.index(name) for name in ("FL", "FR") if name in names] if not stereo else [0, 1]
        self._pair = pair if len(pair) == 2 else None
        self._energies = np.zeros(3)  # of left, of right, of their product
        self._opposite = False
        self._kept = 0
        # Where nothing says which channel speaks, the loudest may.
        self._may_be_lost = len(names) > 2 and "FC" not in names and _ALL_ROUND not in names
        self._loudest = int(self._weights.argmax())

    def mix(self, channels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mono float32 ``[N]`` of ``[channels, N]``."""
        channels = np.clip(np.nan_to_num(channels, posinf=0.0, neginf=0.0), -_MOST, _MOST)
        if len(channels) == 1:
            return channels[0]
        factors = self._weights
        if self._pair is not None and self._is_opposite(channels[self._pair]):
            factors = factors.copy()
            kept, dropped = self._pair[self._kept], self._pair[1 - self._kept]
            factors[kept], factors[dropped] = factors[kept] + factors[dropped], 0.0
        mono: NDArray[np.float32] = factors @ channels
        if self._may_be_lost and self._is_lost(mono, channels):
            return channels[self._loudest]
        return mono

    def _is_lost(self, mono: NDArray[np.float32], channels: NDArray[np.float32]) -> bool:
        loudness = np.sqrt(np.square(channels).mean(axis=1)) * (self._weights > 0)
        best = int(loudness.argmax())
        # Stay with the channel chosen before unless another is clearly louder: no clicks from changing back and forth.
        if loudness[best] > _CLEARLY_LOUDER * loudness[self._loudest]:
            self._loudest = best
        return float(np.sqrt(np.square(mono).mean())) < _LOST_SHARE * float(loudness[best])

    def _is_opposite(self, pair: NDArray[np.float32]) -> bool:
        left, right = pair.astype(np.float64)
        forget = np.exp(-len(left) / (self._rate * _MEMORY_SECONDS))
        self._energies = forget * self._energies + (left @ left, right @ right, left @ right)
        loud = float(np.sqrt(self._energies[0] * self._energies[1]))
        if loud > 0.0:
            correlation = float(self._energies[2]) / loud
            self._opposite = correlation < (_TOGETHER_ABOVE if self._opposite else _OPPOSITE_BELOW)
            louder = int(self._energies[1] > self._energies[0])
            if self._energies[louder] > 2.0 * self._energies[1 - louder]:
                self._kept = louder
        return self._opposite
