"""Why the words of a transcriber are not believed: each gate gives its reason with the number that decided.

Whisper writes sentences for silence, music and noise. The first three gates and their limits are those of the
Whisper paper (Radford et al. 2022, arXiv:2212.04356, section 4.5); the others catch what those let through.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

_BARE = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class GateLimits:
    """Beyond which figure words are not believed."""

    no_speech_probability: float = 0.6
    average_logprob: float = -1.0
    compression_ratio: float = 2.4
    # Fast speech has about 25 letters a second; a loop or an invented credit has many more.
    letters_per_voiced_second: float = 32.0
    letters_free: int = 12


@dataclass(frozen=True, slots=True)
class Draft:
    """What a decoder wrote for one chunk or sentence, with its own figures, and how long the voice lasted."""

    text: str
    voiced_seconds: float
    no_speech_probability: float
    average_logprob: float


def reason_to_suppress(draft: Draft, limits: GateLimits) -> str:
    """Why these words are not believed, "" where they are."""
    if not any(letter.isalnum() for letter in draft.text):
        return "voice without recognisable words"
    if (
        draft.no_speech_probability > limits.no_speech_probability
        and draft.average_logprob < 0.5 * limits.average_logprob
    ):
        return f"probably no speech (probability {draft.no_speech_probability:.2f})"
    if draft.average_logprob < limits.average_logprob:
        return f"words too uncertain (average log-probability {draft.average_logprob:.2f})"
    if (ratio := compression_ratio(draft.text)) > limits.compression_ratio:
        return f"text repeats itself (compression ratio {ratio:.1f})"
    if loop := repeated_words(draft.text):
        return f"text repeats itself ({loop!r} again and again)"
    most_letters = limits.letters_free + limits.letters_per_voiced_second * draft.voiced_seconds
    if len(draft.text) > most_letters:
        return f"{len(draft.text)} letters are more than {draft.voiced_seconds:.1f} s of voice can hold"
    return ""


def compression_ratio(text: str) -> float:
    """How many times smaller the text becomes when it is compressed; over 2.4 it is mostly repetition."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def repeated_words(text: str) -> str:
    """The words that come back to back so often that no one says so, "" where there are none.

    One word six times, two words five times, or a longer phrase four times in a row.
    """
    words = text.lower().split()
    found = _loop(words)
    return " ".join(words[found[0] : found[0] + found[2]]) if found else ""


def reasons_by_sentence(sentences: Sequence[Draft], limits: GateLimits) -> list[str]:
    """Why each sentence of a chunk is not believed, "" where it is: one loop does not take its neighbours with it.

    Each draft has the sentence's own voice and certainty. Where together they are more than the voice can hold, or as a
    whole still repeat themselves, none is believed.
    """
    reasons = [reason_to_suppress(sentence, limits) for sentence in sentences]
    while loop := _loop([word for _, word in _left(sentences, reasons)]):
        words = _left(sentences, reasons)
        first, last, length = loop
        phrase = " ".join(word for _, word in words[first : first + length])
        for place in {place for place, _ in words[first:last]}:
            reasons[place] = f"text repeats itself ({phrase!r} again and again)"
    left = [sentence for sentence, reason in zip(sentences, reasons, strict=True) if not reason]
    if len(left) > 1:
        text = " ".join(sentence.text for sentence in left)
        if (ratio := compression_ratio(text)) > limits.compression_ratio:
            return [reason or f"text repeats itself (compression ratio {ratio:.1f})" for reason in reasons]
    return reasons


def _left(sentences: Sequence[Draft], reasons: Sequence[str]) -> list[tuple[int, str]]:
    """The words that are still believed, each with the number of its sentence."""
    return [
        (place, _BARE.sub("", word))
        for place, (sentence, reason) in enumerate(zip(sentences, reasons, strict=True))
        if not reason
        for word in sentence.text.lower().split()
        if _BARE.sub("", word)
    ]


def _loop(words: Sequence[str]) -> tuple[int, int, int] | None:
    """From which to which word the same phrase comes again and again, and how many words it has."""
    for length in range(1, max(1, len(words) // 4) + 1):
        often = {1: 6, 2: 5}.get(length, 4)
        for first in range(len(words) - length * often + 1):
            phrase = words[first : first + length]
            last = first
            while words[last : last + length] == phrase:
                last += length
            if last - first >= length * often:
                return first, last, length
    return None
