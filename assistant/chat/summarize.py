"""Summaries of a video: each segment, chapters, the whole; every sentence cited and checked like an answer."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from assistant.chat.answer import EXTRACTIVE, TRIES, clean
from assistant.chat.chapters import Chapter, chapters
from assistant.chat.compose import capital, picture, pictures, quotes, tell
from assistant.chat.evidence import Evidence, evidence_of
from assistant.chat.overview import telling
from assistant.chat.retrieval import render_segment
from assistant.chat.verify import check
from assistant.config import Settings
from assistant.core import documents, prompts
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck, never
from assistant.core.timeline import Claim, Span, Timeline
from assistant.errors import Cancelled as StoppedByPerson
from assistant.errors import ContextExceeded, ModelFailed, ModelUnavailable
from assistant.models.protocols import ChatModel, GenerationOptions, Message

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]

_SCENES_IN_CHAPTER = 6
_TEMPLATE_TOKENS = 24


@dataclass(frozen=True, slots=True)
class SummaryPart:
    """A few sentences about the segments ``first_id`` to ``last_id``, with the verdict on each sentence."""

    first_id: int
    last_id: int
    span: Span
    text: str
    claims: tuple[Claim, ...]
    model: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole video, its chapters (one where it is short) and each of its segments."""

    schema: ClassVar[str] = "summary/1"

    whole: SummaryPart
    chapters: tuple[SummaryPart, ...]
    segments: tuple[SummaryPart, ...]
    model: str
    notices: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """The document ``summary/1``."""
        return {**documents.dump(self), "text": self.whole.text}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Summary:
        """Read ``summary/1``.

        Raises:
            ValueError: another schema, a missing field or a field of the wrong kind.
        """
        return documents.load(cls, document)


def summarize(
    timeline: Timeline,
    *,
    model: ChatModel | None = None,
    settings: Settings,
    progress: Progress | None = None,
    missing: ModelUnavailable | None = None,
    cancelled: CancelCheck = never,
) -> Summary:
    """The summary of a timeline; segments always from their own labels and words, chapters and whole by the model
    where there is one. Where it fails or says what cannot be supported, the composed text stands, with a notice.

    Args:
        progress: called with the number of parts done and of all parts.
        missing: why the model that would have written it is not there.

    Raises:
        Cancelled: stopped by the person.
    """
    evidence = evidence_of(timeline)
    found = chapters(evidence)
    segments = tuple(_segment_part(evidence, one.id) for one in timeline.segments)
    composed = [_chapter_part(evidence, chapter) for chapter in found]
    whole = _whole_part(evidence)
    if model is None or not timeline.segments:
        return Summary(whole, tuple(composed), segments, EXTRACTIVE, _unwritten(missing))
    return _by_model(evidence, composed, whole, segments, _Writer(model, settings, cancelled), progress)


@dataclass(frozen=True)
class _Writer:
    """A language model with what it needs to write one part."""

    model: ChatModel
    settings: Settings
    cancelled: CancelCheck

    @property
    def room_tokens(self) -> int:
        fixed = self.model.count_tokens(prompts.fill("summarize", evidence="", what="")) + 2 * _TEMPLATE_TOKENS
        return min(
            self.settings.chat.evidence_tokens, self.model.context_tokens - self.settings.chat.answer_tokens - fixed
        )

    def write(self, lines: Sequence[str], what: str) -> str:
        """What the model makes of these lines, or of as many as fit."""
        options = GenerationOptions(
            self.settings.chat.answer_tokens, timeout_seconds=self.settings.chat.timeout_seconds
        )
        for left in reversed(range(TRIES)):
            if self.cancelled():
                raise StoppedByPerson()
            prompt = prompts.fill("summarize", evidence=_within(lines, self), what=what)
            try:
                text = "".join(self.model.stream([Message("user", prompt)], options, self.cancelled))
                break
            except ContextExceeded:  # the model has learned how much it holds
                if not left:
                    raise
        if self.cancelled():
            raise StoppedByPerson()
        return clean(text)


def _by_model(
    evidence: Evidence,
    composed: Sequence[SummaryPart],
    whole: SummaryPart,
    segments: tuple[SummaryPart, ...],
    writer: _Writer,
    progress: Progress | None,
) -> Summary:
    """Map: each chapter from its segments. Reduce: the whole from the chapters."""
    notices: list[str] = []
    parts: list[SummaryPart] = []
    total = len(composed) + 1
    try:
        if writer.room_tokens < 64:
            raise ModelFailed(
                f"the context of {writer.model.name} is too small for a summary",
                "choose a language model with a longer context",
            )
        for place, part in enumerate(composed):
            lines = [render_segment(evidence.timeline.segments[i - 1]) for i in range(part.first_id, part.last_id + 1)]
            text = writer.write(lines, "this part of the video")
            parts.append(_written(evidence, part, text, writer.model.name))
            if progress is not None:
                progress(place + 1, total)
        if len(parts) == 1:
            last = SummaryPart(
                whole.first_id, whole.last_id, whole.span, parts[0].text, parts[0].claims, parts[0].model
            )
        else:
            text = writer.write([part.text for part in parts], "the whole video")
            last = _written(evidence, whole, text, writer.model.name)
        if progress is not None:
            progress(total, total)
    except ModelUnavailable as error:
        logger.warning("the language model failed in a summary: %s", error.what)
        notices += _unwritten(error)
        parts += composed[len(parts) :]
        last = whole
    if any(part.model == EXTRACTIVE for part in (*parts, last)) and not notices:
        notices.append("Where the language model said what cannot be supported, the text was put together without it.")
    wrote = any(part.model != EXTRACTIVE for part in (*parts, last))
    return Summary(last, tuple(parts), segments, writer.model.name if wrote else EXTRACTIVE, tuple(notices))


def _unwritten(error: ModelUnavailable | None) -> tuple[str, ...]:
    if error is None:
        return ()
    return (f"The language model did not finish ({error}). The rest was put together without it.",)


def _within(lines: Sequence[str], writer: _Writer) -> str:
    """The lines that fit into the budget, evenly spread where not all do."""
    costs = [writer.model.count_tokens(line + "\n") for line in lines]
    step = max(1, math.ceil(sum(costs) / max(1, writer.room_tokens)))
    kept: list[str] = []
    used = 0
    for line, cost in zip(lines[::step], costs[::step], strict=True):
        if used + cost > writer.room_tokens:
            break
        kept.append(line)
        used += cost
    return "\n".join(kept)


def _written(evidence: Evidence, composed: SummaryPart, text: str, model: str) -> SummaryPart:
    """The model's text with what the evidence does not support taken out; the composed text where nothing is left."""
    allowed = range(composed.first_id, composed.last_id + 1)
    kept = [claim for claim in check(text, evidence.timeline, allowed) if claim.verdict == "supported"]
    if not kept:
        return composed
    shown = " ".join(claim.text for claim in kept)
    return SummaryPart(composed.first_id, composed.last_id, composed.span, shown, tuple(kept), model)


def _segment_part(evidence: Evidence, segment_id: int) -> SummaryPart:
    shown = picture(evidence, segment_id, "en") or "nothing recognised"
    text = f"{capital(shown)} [S{segment_id}]."
    said = [line for line in evidence.speech if line.segment_id == segment_id]
    if said:
        text += f" {tell('en', 'said_there')} {quotes(said)}"
    return _part(evidence, segment_id, segment_id, text)


def _chapter_part(evidence: Evidence, chapter: Chapter) -> SummaryPart:
    return _part(evidence, chapter.first_id, chapter.last_id, _told(evidence, chapter.ids, 3, _SCENES_IN_CHAPTER))


def _whole_part(evidence: Evidence) -> SummaryPart:
    count = len(evidence.timeline.segments)
    if not count:
        return SummaryPart(0, 0, Span(0.0, evidence.duration_seconds), "Nothing was seen or heard.", (), EXTRACTIVE)
    return _part(evidence, 1, count, _told(evidence, range(1, count + 1), 6, 10))


def _told(evidence: Evidence, ids: Sequence[int], lines: int, scenes: int) -> str:
    """A stretch in its own words and its occurrences in order, evenly thinned where there are many."""
    said = [line for line in evidence.speech if line.segment_id in set(ids)]
    parts = [f"{tell('en', 'said')} {quotes(telling(evidence, said, lines))}"] if said else []
    shown = pictures(evidence, ids, "en", max(2, scenes - len(parts) * lines))
    return " ".join([shown, *parts]).strip() or "Nothing was recognised."


def _part(evidence: Evidence, first: int, last: int, text: str) -> SummaryPart:
    span = Span(evidence.segment(first).span.start_seconds, evidence.segment(last).span.end_seconds)
    return SummaryPart(first, last, span, text, check(text, evidence.timeline), EXTRACTIVE)
