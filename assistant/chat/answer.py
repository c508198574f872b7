"""One question about one video: evidence, an answer as it comes, its marks resolved, its claims checked."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from assistant.chat.compose import safe
from assistant.chat.conversation import Turned, build_prompt
from assistant.chat.evidence import WORDS_ALONE, Evidence, evidence_of
from assistant.chat.followups import Exchange
from assistant.chat.overview import suggested
from assistant.chat.plan import reply
from assistant.chat.retrieval import Similarity
from assistant.chat.spoken import DOUBTED
from assistant.chat.verification.verifier import ClaimVerifier, LayeredVerifier
from assistant.chat.verify import marks, rescored, resolve, says_not_found, tidy_marks, verify_answer
from assistant.chat.words import language_of
from assistant.config import Limits, Settings
from assistant.core.plaintext import PlainStream, one_line, plain_text
from assistant.core.progress import CancelCheck, never
from assistant.core.timeline import Answer, Claim, Timeline
from assistant.errors import ContextExceeded, ModelUnavailable, QuestionUnusable
from assistant.models.protocols import ChatModel, GenerationOptions, TextModels

EXTRACTIVE = "extractive"
TRIES = 3  # of a prompt that turns out to be too long

__all__ = ["EXTRACTIVE", "Similarity", "Turn", "answer", "suggestions", "usable_question"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turn:
    """One finished exchange of a conversation."""

    question: str
    answer: Answer


def suggestions(timeline: Timeline, reads: TextModels = WORDS_ALONE) -> list[str]:
    """First questions about a video, each tried: the rules answer it from this video."""
    evidence = evidence_of(timeline, reads)
    return suggested(evidence, lambda text: reply(text, evidence))


def answer(
    question: str,
    timeline: Timeline,
    *,
    history: Sequence[Turn] = (),
    model: ChatModel | None = None,
    similarity: Similarity | None = None,
    settings: Settings,
    reads: TextModels = WORDS_ALONE,
    missing: ModelUnavailable | None = None,
    cancelled: CancelCheck = never,
) -> Iterator[str | Answer]:
    """Pieces of an answer as they come; the last item is the whole, checked `Answer`, which replaces the pieces.

    Where the language model fails, or nothing that it said can be supported, the extractive answerer speaks and a
    notice says so.

    Args:
        model: None: the extractive answerer alone.
        similarity: text -> similarity of each segment's picture, float32 ``[segments]``.
        reads: find by meaning and judge the sentences; without them words and rules do.
        missing: why the model that would have answered is not there.

    Raises:
        QuestionUnusable: empty or too long.
    """
    question = usable_question(question, settings.limits)
    evidence = evidence_of(timeline, reads)
    verifier = LayeredVerifier(reads.entailment, reranker=reads.reranker)
    without = partial(_without_model, question, evidence, history, verifier)
    if model is None:
        yield from _told(_noted(without(), _unanswered(missing)))
        return
    pieces: list[str] = []
    try:
        shown_ids = yield from _written(question, timeline, history, model, similarity, settings, cancelled, pieces)
    except ModelUnavailable as error:
        logger.warning("the language model failed: %s", error.what)
        yield from _told(_noted(without(), _unanswered(error)))
        return
    stopped = cancelled()
    made = _checked(question, "".join(pieces), timeline, shown_ids, model.name, settings, similarity, verifier)
    if made is not None:
        notices = ("Stopped before the end.",) if stopped else ()
        yield _noted(made, notices)
    elif stopped:
        wrote = model.name if pieces else EXTRACTIVE
        yield Answer(question, "", found=False, model=wrote, notices=("Stopped before the end.",))
    else:
        notice = "Nothing that the language model said could be supported. This answer was put together without it."
        yield from _told(_noted(without("".join(pieces)), (notice,)))


def _written(
    question: str,
    timeline: Timeline,
    history: Sequence[Turn],
    model: ChatModel,
    similarity: Similarity | None,
    settings: Settings,
    cancelled: CancelCheck,
    pieces: list[str],
) -> Generator[str, None, frozenset[int]]:
    """What the model says, harmless to show, and as it is in `pieces`; returns the ids of the segments it was shown."""
    options = GenerationOptions(settings.chat.answer_tokens, timeout_seconds=settings.chat.timeout_seconds)
    turns = [_turned(turn) for turn in history]
    for left in reversed(range(TRIES)):
        prompt = build_prompt(
            question, timeline, turns, model,
            evidence_tokens=settings.chat.evidence_tokens,
            answer_tokens=settings.chat.answer_tokens,
            similarity=similarity,
        )  # fmt: skip
        harmless = PlainStream()
        try:
            for piece in model.stream(prompt.messages, options, cancelled):
                pieces.append(piece)
                yield harmless.feed(piece)
            yield harmless.rest()
            break
        except ContextExceeded:  # the model has learned how much it holds: with less evidence it fits
            if pieces or not left:
                raise
    return prompt.shown_ids


def _unanswered(error: ModelUnavailable | None) -> tuple[str, ...]:
    if error is None:
        return ()
    return (f"The language model did not answer ({error}). This answer was put together without it.",)


def usable_question(question: str, limits: Limits) -> str:
    """The question without superfluous white space.

    Raises:
        QuestionUnusable: empty or too long.
    """
    text = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in question).split())
    if not any(c.isalnum() for c in text):
        raise QuestionUnusable("the question is empty", "ask something about the video, such as “What happens in it?”")
    if len(question) > limits.max_question_characters:
        raise QuestionUnusable(
            f"the question has {len(question)} characters, more than {limits.max_question_characters}",
            "shorten it",
        )
    return text


def _without_model(
    question: str,
    evidence: Evidence,
    history: Sequence[Turn],
    verifier: ClaimVerifier,
    draft: str = "",
) -> Answer:
    """What the rules say, checked like any answer; ``draft`` is what a model had said instead."""
    timeline = evidence.timeline
    made = reply(question, evidence, _exchanges(history))
    citations, unresolved = resolve(made.text, timeline)
    claims = verify_answer(question, made.text, timeline, verifier=verifier) if made.found else ()
    if made.computed:
        claims = tuple(_read_out(claim) for claim in claims)
    if made.nearest:
        # The quotations are true; that they come nearest is a guess, and no answer.
        claims = tuple(replace(claim, answers_question=False) for claim in claims)
    likely = {} if made.nearest else _read_again(claims, question, history, evidence)
    claims = tuple(_to_the_point(claim, likely) for claim in claims)
    return Answer(
        question,
        made.text,
        citations if made.found else (),
        claims,
        unresolved,
        found=made.found,
        model=EXTRACTIVE,
        notices=_words_read(timeline) if "\u201c" in made.text else (),
        draft=clean(draft) if draft else "",
        outcome=made.outcome,
    )


def _words_read(timeline: Timeline) -> tuple[str, ...]:
    """That the words are those of subtitles, where nobody's ears found any."""
    read = timeline.provenance.subtitles
    if not read.get("stand_for_speech"):
        return ()
    return (f"The words are those of the subtitles ({one_line(str(read['track']['source']))}).",)


def _read_out(claim: Claim) -> Claim:
    """A sentence that code filled in from the timeline: it needs no place in the video to be borne out."""
    if claim.verdict not in ("unsupported", "not_checkable"):
        return claim
    return replace(claim, verdict="supported", evidence="timeline", reason="read out of the timeline")


def _read_again(
    claims: Sequence[Claim], question: str, history: Sequence[Turn], evidence: Evidence
) -> dict[str, float]:
    """How likely each line that the claims quote answers the question, alone or behind the one before it."""
    text = " ".join(claim.text for claim in claims)
    lines = [line for line in evidence.lines if len(line.text) > 3 and safe(line.text) in text]
    if evidence.reranker is None or not lines:
        return {}
    likely = evidence.relevance(question, lines)
    if history:
        behind = evidence.relevance(f"{history[-1].question} {question}", lines)
        likely = [max(pair) for pair in zip(likely, behind, strict=True)]
    return {safe(line.text): value for line, value in zip(lines, likely, strict=True)}


def _to_the_point(claim: Claim, likely: Mapping[str, float]) -> Claim:
    """A statement of an answer without a model claims to answer, too: true words beside the point support nothing."""
    read = [value for text, value in likely.items() if text in claim.text]
    if read and max(read) >= DOUBTED and claim.answers_question is not None:
        claim = replace(claim, answers_question=True)
    if claim.verdict != "supported" or claim.answers_question is not False:
        return claim
    return replace(claim, verdict="not_checkable", reason="it is there; whether it answers the question is not sure")


def _told(made: Answer) -> Iterator[str | Answer]:
    """An answer that is there at once, as if it came in pieces."""
    yield made.text
    yield made


def _exchanges(history: Sequence[Turn]) -> list[Exchange]:
    return [
        Exchange(turn.question, tuple(c.segment_id for c in turn.answer.citations), turn.answer.found)
        for turn in history
    ]


def _checked(
    question: str,
    raw: str,
    timeline: Timeline,
    shown_ids: frozenset[int],
    model: str,
    settings: Settings,
    similarity: Similarity | None = None,
    verifier: ClaimVerifier | None = None,
) -> Answer | None:
    """The model's answer with its verdicts; None where nothing of it can stand."""
    text = clean(raw)
    if not text:
        return None
    claims = verify_answer(question, text, timeline, shown_ids, verifier)
    if says_not_found(text):
        refusal = next(claim for claim in claims if says_not_found(claim.text))
        return Answer(question, refusal.text, (), _refusal_claims([refusal]), found=False, model=model)
    _, unresolved = resolve(text, timeline, shown_ids)
    # The rules read English: of an answer in another language, to a question in one, only the marks are checked.
    unread = language_of(question) != "en" and language_of(text) != "en"
    if unread:
        claims = tuple(_unread(claim) for claim in claims)
    elif similarity is not None:
        claims = rescored(claims, similarity)
    kept = [claim for claim in claims if claim.verdict in ("supported", "not_checkable") and claim.segment_ids]
    if not any(claim.verdict == "supported" for claim in kept) and not (unread and kept):
        return None
    shown = " ".join(claim.text for claim in kept) if settings.chat.withhold_unsupported else text
    citations, _ = resolve(shown, timeline, shown_ids)
    notices = ("The check of statements reads English only: here only the places were checked.",) if unread else ()
    draft = text if shown != text else ""
    return Answer(question, shown, citations, claims, unresolved, model=model, notices=notices, draft=draft)


def _unread(claim: Claim) -> Claim:
    if claim.verdict == "supported" or not claim.segment_ids:
        return claim
    return replace(claim, verdict="not_checkable", reason="the check reads English only")


def _refusal_claims(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    return tuple(
        Claim(c.text, "not_checkable", (), c.evidence, "it says that the video does not hold it")
        if c.verdict == "unsupported"
        else c
        for c in claims
    )


def clean(text: str) -> str:
    """What a language model said, as plain text with its marks written one way."""
    return plain_text(tidy_marks(text))


def _turned(turn: Turn) -> Turned:
    return Turned(turn.question, turn.answer.text, marks(turn.answer.text))


def _noted(made: Answer, notices: tuple[str, ...]) -> Answer:
    return replace(made, notices=(*made.notices, *notices)) if notices else made
