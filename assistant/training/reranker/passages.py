"""Questions, and lines of a transcript with their neighbours that answer them or do not."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from assistant.models.protocols import Passage
from assistant.training.verifier import alterations, retelling
from assistant.training.verifier.figures import share, told_apart
from assistant.training.verifier.material import Transcript

# How often a question is put without marks, in small letters, or with two letters exchanged.
_BARE, _SMALL, _SLIP = 0.2, 0.3, 0.1
# Where a wrong line is taken from: near the right one, from those that share a word with the question, or anywhere.
_NEAR, _ALIKE = 0.3, 0.4

Asked = tuple[str, Passage, float]  # a question, a passage, and whether it answers

# Probability that each passage answers its question.
Judge = Callable[[Sequence[tuple[str, Passage]]], Sequence[float]]


def spoken(transcript: Transcript) -> list[str]:
    """The lines as they are judged, with the name of who says them where it is known."""
    return [f"{line.speaker}: {line.text}" if line.speaker else line.text for line in transcript.lines]


class Passages:
    """An endless stream of questions, passages and whether they answer, the same for the same seed."""

    def __init__(self, transcripts: Sequence[Transcript], seed: int) -> None:
        self._transcripts = list(transcripts)
        self._weights = [float(len(transcript.facts)) for transcript in self._transcripts]
        self._rng = random.Random(seed)

    def __iter__(self) -> Iterator[Asked]:
        while True:
            transcript = self._rng.choices(self._transcripts, self._weights)[0]
            yield from self._asked(transcript)

    def _asked(self, transcript: Transcript) -> Iterator[Asked]:
        """A question with one line that answers it and two that do not; sometimes one that nothing answers."""
        rng = self._rng
        if transcript.unanswered and rng.random() < 0.25:
            question, nearest = rng.choice(transcript.unanswered)
            wrong = [nearest, rng.randrange(len(transcript.lines))]
            right: list[int] = []
        else:
            fact = rng.choice(transcript.facts)
            question = rng.choice(fact.questions)
            right = [fact.lines[0] if rng.random() < 0.7 else rng.choice(fact.lines)]
            wrong = list(dict.fromkeys(self._wrong(transcript, fact.lines, question) for _ in range(2)))
            if fact.near and rng.random() < 0.2:
                question, wrong, right = fact.near, right, []
        texts = self._heard(transcript)
        question = typed(question, rng)
        if rng.random() < 0.35 and (names := retelling.names_in(transcript)):
            question, *texts = alterations.rename([question, *texts], names, rng)
        for place, answers in (*((p, 1.0) for p in right), *((p, 0.0) for p in wrong)):
            yield question, Passage.at(texts, place), answers

    def _wrong(self, transcript: Transcript, right: Sequence[int], question: str) -> int:
        rng = self._rng
        free = [place for place in range(len(transcript.lines)) if place not in right]
        chance = rng.random()
        if chance < _NEAR:
            middle = rng.choice(list(right))
            free.sort(key=lambda place: abs(place - middle))
            return rng.choice(free[:4])
        if chance < _NEAR + _ALIKE:
            asked = _stems(question)
            free.sort(key=lambda place: -len(asked & _stems(transcript.lines[place].text)))
            return rng.choice(free[:3])
        return rng.choice(free)

    def _heard(self, transcript: Transcript) -> list[str]:
        """The lines, sometimes with the slips of a transcriber, sometimes without who says them."""
        rng = self._rng
        texts = spoken(transcript) if rng.random() < 0.5 else [line.text for line in transcript.lines]
        if rng.random() < 0.3:
            texts = [alterations.as_heard(text, transcript.language, rng) for text in texts]
        return texts


def typed(question: str, rng: random.Random) -> str:
    """A question as people type it."""
    if rng.random() < _BARE:
        question = re.sub(r"[?¿.,!]", "", question)
    if rng.random() < _SMALL:
        question = question.lower()
    if rng.random() < _SLIP and len(question) > 12:
        place = rng.randrange(2, len(question) - 2)
        if question[place : place + 2].isalpha():
            question = question[:place] + question[place + 1] + question[place] + question[place + 2 :]
    return question


def _stems(text: str) -> set[str]:
    return {word[:5] for word in re.findall(r"\w{4,}", text.lower())}


def held_out(judge: Judge, transcripts: Iterable[Transcript]) -> dict[str, Any]:
    """How often the likeliest line is a right one, and how well questions that nothing answers are told apart."""
    first: dict[str, list[bool]] = {}
    among_three: list[bool] = []
    answered: list[float] = []
    unanswered: list[float] = []
    for transcript in transcripts:
        texts = spoken(transcript)
        passages = [Passage.at(texts, place) for place in range(len(texts))]

        def best(question: str, passages: Sequence[Passage] = passages) -> list[tuple[float, int]]:
            scores = judge([(question, one) for one in passages])
            return sorted(((score, place) for place, score in enumerate(scores)), reverse=True)

        for fact in transcript.facts:
            for question in fact.questions:
                ranked = best(question)
                first.setdefault(transcript.language, []).append(ranked[0][1] in fact.lines)
                among_three.append(any(place in fact.lines for _, place in ranked[:3]))
                answered.append(ranked[0][0])
        unanswered += [best(question)[0][0] for question, _ in transcript.unanswered]
    return {
        "questions": len(answered),
        "right_line_first": share([hit for hits in first.values() for hit in hits]),
        **{f"right_line_first_{language}": share(hits) for language, hits in sorted(first.items())},
        "right_line_among_three": share(among_three),
        "unanswered": len(unanswered),
        "answered_told_apart": told_apart(answered, unanswered) if unanswered else None,
    }
