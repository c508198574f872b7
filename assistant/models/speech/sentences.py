"""A chunk's words in sentences, each believed or not for itself, and put together again as utterances."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from assistant.core.timeline import Span, Suppressed, Utterance, Word
from assistant.models.speech.alignment import AlignedWord
from assistant.models.speech.gates import Draft, GateLimits, reason_to_suppress, reasons_by_sentence
from assistant.models.speech.passages import Passage

_ENDS = ".!?。！？"
# Of a chunk that is too uncertain as a whole, a sentence is believed that is this much surer than the limit.
_SURER = 0.6
# A sentence has voice where the detector found it in this share of its time.
_VOICED_SHARE = 0.3
_WORDS_WITHOUT_VOICE = 4


@dataclass(frozen=True, slots=True)
class Sentence:
    """Some words of a passage, with the spaces before them.

    ``average_logprob`` is by its own tokens, None where they were not asked.
    """

    passage: Passage
    span: Span
    text: str
    words: tuple[Word, ...] = ()
    average_logprob: float | None = None


def sentences_of(passage: Passage, words: Sequence[AlignedWord], tokenizer: Any) -> list[Sentence]:
    """The passage's sentences by their marks; the passage as one where its words have no times."""
    if not words:
        text = str(tokenizer.decode(list(passage.tokens)))
        return [Sentence(passage, passage.span, text)] if text.strip() else []
    found, first = [], 0
    for last, word in enumerate(words, 1):
        if last == len(words) or word.text.rstrip("\"'”)]} ")[-1:] in tuple(_ENDS):
            found.append(_sentence(passage, words[first:last]))
            first = last
    return [sentence for sentence in found if sentence.text.strip()]


def judge(
    sentences: Sequence[Sentence], whole: Draft, limits: GateLimits, sure: Sequence[Span] | None = None
) -> list[str]:
    """Why each sentence of a chunk is not believed, "" where it is.

    Args:
        whole: the chunk's text with its figures, which stand for sentences that have none of their own.
        sure: where voice was found; words elsewhere must be surer, and more than a cry. None: everywhere.
    """
    silent = reason_to_suppress(replace(whole, text="a"), limits)
    uncertain = bool(silent) and whole.no_speech_probability <= limits.no_speech_probability
    if silent and not uncertain:
        return [silent for _ in sentences]
    letters = max(1, sum(len(sentence.text) for sentence in sentences))
    drafts = []
    for sentence in sentences:
        certainty = whole.average_logprob
        if uncertain and sentence.average_logprob is not None:
            is_sure = sentence.average_logprob >= _SURER * limits.average_logprob
            certainty = 0.0 if is_sure else min(certainty, sentence.average_logprob)
        voice = max(sentence.span.seconds, whole.voiced_seconds * len(sentence.text) / letters)
        drafts.append(Draft(sentence.text.strip(), voice, whole.no_speech_probability, certainty))
    reasons = reasons_by_sentence(drafts, limits)
    if sure is None:
        return reasons
    return [
        reason or ("" if _has_voice(sentence, sure) else _doubt(sentence, whole, limits))
        for sentence, reason in zip(sentences, reasons, strict=True)
    ]


def _has_voice(sentence: Sentence, sure: Sequence[Span]) -> bool:
    return sum(one.overlap_seconds(sentence.span) for one in sure) >= _VOICED_SHARE * sentence.span.seconds


def _doubt(sentence: Sentence, whole: Draft, limits: GateLimits) -> str:
    """Why words are not believed where the detector found no voice, "" where they are.

    Measured with base and tiny.en, 20 s of each: what they write for music, noise, cries and machines has an average
    log-probability of -0.65 or less, or fewer than four words, or repeats itself; speech under music -0.6 or more.
    """
    own = whole.average_logprob
    if sentence.average_logprob is not None:
        own = min(own, sentence.average_logprob)
    is_said = own >= _SURER * limits.average_logprob and len(set(whole.text.lower().split())) >= _WORDS_WITHOUT_VOICE
    if is_said and whole.no_speech_probability <= limits.no_speech_probability:
        return ""
    return f"no voice was found there (average log-probability {own:.2f})"


def told(
    sentences: Sequence[Sentence], reasons: Sequence[str], language: str, no_speech_probability: float
) -> Iterator[Utterance | Suppressed]:
    """The sentences as utterances, one for what is believed of a passage, and as what was not believed and why."""
    pairs = zip(sentences, reasons, strict=True)
    for (reason, _), group in groupby(pairs, key=lambda pair: (pair[1], None if pair[1] else pair[0].passage)):
        together = [sentence for sentence, _ in group]
        text = "".join(sentence.text for sentence in together).strip()
        span = Span(together[0].span.start_seconds, max(sentence.span.end_seconds for sentence in together))
        if reason:
            yield Suppressed(span, text, reason)
        else:
            words = tuple(word for sentence in together for word in sentence.words)
            yield Utterance(span, text, language, no_speech_probability, words)


def _sentence(passage: Passage, words: Sequence[AlignedWord]) -> Sentence:
    tokens = sum(word.token_count for word in words)
    logprob = sum(word.token_count * math.log(max(word.probability, 1e-9)) for word in words) / max(1, tokens)
    timed = tuple(Word(word.span, text) for word in words if (text := word.text.strip()))
    span = Span(words[0].span.start_seconds, max(word.span.end_seconds for word in words))
    return Sentence(passage, span, "".join(word.text for word in words), timed, logprob)
