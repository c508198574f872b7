"""Answers held against their evidence: marks become places in the video, sentences become claims with a verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assistant.chat.sentences import split_sentences
from assistant.chat.verification.absence import says_missing
from assistant.chat.verification.verifier import ClaimVerifier, LayeredVerifier
from assistant.core.timeline import Citation, Claim, Timeline, Verdict

MARK = re.compile(r"\[\s*S(?:egment)?\s*(\d{1,9})\s*\]", re.IGNORECASE)
# "[S1, S2]" and "[S1-S3]" as language models like to write them.
_MARK_GROUP = re.compile(r"\[\s*(S\s*\d{1,9}(?:\s*(?:,|;|and|-|–|to)\s*S?\s*\d{1,9})+)\s*\]", re.IGNORECASE)
_RANGE = re.compile(r"\[S(\d{1,9})\]\s*(?:to|-|–|through)\s*\[S(\d{1,9})\]")
LIKER_BY = 1.0  # standard deviations
_WORST: tuple[Verdict, ...] = ("contradicted", "unsupported", "not_checkable", "supported")
_LONGEST_RANGE = 400


@dataclass(frozen=True)
class Statement:
    """One sentence of an answer with the segments that it marks."""

    text: str
    ids: tuple[int, ...]


def tidy_marks(text: str) -> str:
    """The text with every mark written as ``[S12]``, one mark a segment."""

    def apart(match: re.Match[str]) -> str:
        inner = match.group(1)
        if dash := re.fullmatch(r"S\s*(\d+)\s*(?:-|–|to)\s*S?\s*(\d+)", inner, re.IGNORECASE):
            return f"[S{int(dash.group(1))}] to [S{int(dash.group(2))}]"
        return " ".join(f"[S{int(number)}]" for number in re.findall(r"\d+", inner))

    return MARK.sub(lambda match: f"[S{int(match.group(1))}]", _MARK_GROUP.sub(apart, text))


def marks(text: str) -> tuple[int, ...]:
    """The ids that a text marks, in order, each once; "[S2] to [S5]" marks all from 2 to 5."""
    found: list[int] = []
    place = 0
    for match in _RANGE.finditer(text):
        found += [int(mark) for mark in MARK.findall(text[place : match.start()])]
        first, last = int(match.group(1)), int(match.group(2))
        found += range(first, last + 1) if first <= last <= first + _LONGEST_RANGE else [first, last]
        place = match.end()
    found += [int(mark) for mark in MARK.findall(text[place:])]
    return tuple(dict.fromkeys(found))


def resolve(
    text: str, timeline: Timeline, shown_ids: Collection[int] | None = None
) -> tuple[tuple[Citation, ...], tuple[int, ...]]:
    """The places that the marks of a text point at, and the ids that point nowhere.

    Args:
        shown_ids: the segments that the answerer was shown; None: all. An id outside them is unresolved, since
            nobody can cite what they have not seen.
    """
    citations: list[Citation] = []
    unresolved: list[int] = []
    if shown_ids is not None:
        shown_ids = {*shown_ids, *_between(text, shown_ids)}
    for found in marks(text):
        segment = timeline.segment(found)
        if segment is None or (shown_ids is not None and found not in shown_ids):
            unresolved.append(found)
        else:
            citations.append(Citation(found, segment.span))
    return tuple(citations), tuple(unresolved)


def _between(text: str, shown_ids: Collection[int]) -> set[int]:
    """The ids inside "[S1] to [S9]" where both ends were shown, as the line of a chapter shows them."""
    found: set[int] = set()
    for match in _RANGE.finditer(text):
        first, last = int(match.group(1)), int(match.group(2))
        if first in shown_ids and last in shown_ids and first <= last <= first + _LONGEST_RANGE:
            found.update(range(first, last + 1))
    return found


def statements(text: str) -> tuple[Statement, ...]:
    """The sentences of a text; marks right behind a sentence belong to it."""
    found: list[Statement] = []
    for part in split_sentences(text):
        bare = MARK.sub("", part).strip(" \t-*•;,.")
        if bare or not found:
            if part.strip():
                found.append(Statement(part.strip(), marks(part)))
        else:
            whole = f"{found[-1].text} {part.strip()}"
            found[-1] = Statement(whole, marks(whole))
    return tuple(found)


def says_not_found(text: str) -> bool:
    """Whether an answer says that the video does not hold it, and cites nothing."""
    return not marks(text) and says_missing(text)


def check(
    text: str,
    timeline: Timeline,
    shown_ids: Collection[int] | None = None,
    *,
    question: str = "",
    verifier: ClaimVerifier | None = None,
) -> tuple[Claim, ...]:
    """One claim a sentence with its verdict and, where a question is given, whether it answers it.

    A sentence without a mark counts as unsupported, unless it is about the video itself or says that the video does
    not hold something and the timeline agrees.
    """
    verifier = verifier or LayeredVerifier()
    claims: list[Claim] = []
    for statement in statements(tidy_marks(text)):
        _, unresolved = resolve(statement.text, timeline, shown_ids)
        usable = tuple(found for found in statement.ids if found not in unresolved)
        judged = verifier.verify(statement.text, question, timeline, usable)
        verdict, reason = judged.verdict, judged.reason
        if unresolved:
            gone = ", ".join(f"S{found}" for found in unresolved)
            verdict, reason = worst(verdict, "unsupported"), f"{gone} is not among the segments shown"
        claims.append(Claim(statement.text, verdict, usable, judged.evidence, reason, judged.answers_question))
    return tuple(claims)


def verify_answer(
    question: str,
    text: str,
    timeline: Timeline,
    shown_ids: Collection[int] | None = None,
    verifier: ClaimVerifier | None = None,
) -> tuple[Claim, ...]:
    """The claims of an answer, each held against the evidence and against the question."""
    return check(text, timeline, shown_ids, question=question, verifier=verifier)


def whole(claims: Sequence[Claim], text: str) -> Claim:
    """The claims of several sentences as one: as bad as the worst, and an answer if any of them is one."""
    if len(claims) == 1:
        return replace(claims[0], text=text)
    if not claims:
        return Claim(text, "not_checkable", (), "timeline", "it says nothing")
    chosen = min(claims, key=lambda claim: _WORST.index(claim.verdict))
    relevant = [claim.answers_question for claim in claims if claim.answers_question is not None]
    ids = tuple(dict.fromkeys(found for claim in claims for found in claim.segment_ids))
    return replace(chosen, text=text, segment_ids=ids, answers_question=any(relevant) if relevant else None)


def rescored(claims: Sequence[Claim], similarity: Callable[[str], NDArray[np.float32]]) -> tuple[Claim, ...]:
    """The claims that rules could not judge, held against the pictures: supported where the cited ones fit best.

    CLIP may confirm what no rule contradicts; it never overrules a rule. A sentence is confirmed when each cited
    segment is more like it than `LIKER_BY` standard deviations above the mean of the whole video.

    Args:
        similarity: of a text to each segment, float32 ``[segments]``, segment ids counting from 1.
    """
    found: list[Claim] = []
    for claim in claims:
        if claim.verdict != "not_checkable" or not claim.segment_ids:
            found.append(claim)
            continue
        scores = similarity(MARK.sub("", claim.text).strip())
        spread = float(scores.std())
        cited = [float(scores[i - 1]) for i in claim.segment_ids if i <= len(scores)]
        if spread > 0 and cited and min(cited) >= float(scores.mean()) + LIKER_BY * spread:
            reason = "the pictures of the cited segments fit it better than those of the rest"
            claim = replace(claim, verdict="supported", evidence="descriptions", reason=reason)
        found.append(claim)
    return tuple(found)


def worst(*verdicts: Verdict) -> Verdict:
    return min(verdicts, key=_WORST.index)


def supported_share(claims: Sequence[Claim]) -> float:
    """The share of claims that the evidence supports, in 0..1; 1 where nothing is claimed."""
    return sum(claim.verdict == "supported" for claim in claims) / len(claims) if claims else 1.0
