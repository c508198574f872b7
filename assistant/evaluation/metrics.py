"""How well the whole program does on videos whose truth is known: the document ``evaluation/1``, and its measures."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Protocol

from assistant.chat.answer import EXTRACTIVE
from assistant.chat.verify import MARK, resolve, says_not_found
from assistant.config import AnswererName
from assistant.core import documents
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck, never
from assistant.core.timeline import Answer, Timeline, Work
from assistant.errors import Cancelled, InputUnusable
from assistant.evaluation.measures import (
    Errors,
    Matches,
    best_segment,
    has_word,
    label_of,
    match_times,
    points_at,
    word_errors,
    words_of,
)
from assistant.synthetic.truth import Question, Truth, read_truth

CUT_TOLERANCE_SECONDS = 0.15
FADE_TOLERANCE_SECONDS = 0.5

_WORK = tuple(item.name for item in fields(Work))


class Engine(Protocol):
    """What an evaluation needs of the program."""

    def analyze(self, path: Path) -> Timeline: ...

    def ask(self, sha256: str, question: str, *, answerer: AnswererName = "auto") -> Iterator[str | Answer]: ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one question. ``cited`` spans, of which ``cited_rightly`` overlap an event of the question.

    ``unchecked`` is the judgement on what the language model said by itself, before anything was withheld or replaced;
    None where nothing was.
    """

    question: Question
    answer: Answer
    right: bool
    cited: int
    cited_rightly: int
    unchecked: Judgement | None = None

    @property
    def first(self) -> Judgement:
        return self.unchecked or self

    @property
    def strictly_right(self) -> bool:
        """The right words, and found with a right citation, or not found where there is nothing to find."""
        if not self.question.answerable:
            return self.right and not self.answer.found
        return self.right and self.answer.found and self.cited_rightly > 0


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was counted in one video."""

    name: str
    events: int
    actions_right: int
    descriptions_right: int
    words: Errors
    cuts: Matches
    fades: int
    fades_found: int
    judgements: tuple[Judgement, ...]
    confusions: tuple[tuple[str, str], ...] = ()
    analysis_seconds: float = 0.0
    answer_seconds: float = 0.0
    misheard: tuple[tuple[str, str], ...] = field(default=())
    saving: Json = field(default_factory=dict)


def evaluate(
    folder: Path,
    assistant: Engine,
    answerer: AnswererName = "extractive",
    progress: Callable[[str], None] = lambda _: None,
    cancelled: CancelCheck = never,
) -> Json:
    """The document ``evaluation/1`` over every NAME.mp4 of the folder that has a NAME.truth.json beside it.

    Raises:
        InputUnusable: no such pair in the folder, or one that cannot be used.
        Cancelled: stopped; what was analysed is stored.
    """
    pairs = [(video, video.with_suffix(".truth.json")) for video in sorted(folder.glob("*.mp4"))]
    pairs = [(video, truth) for video, truth in pairs if truth.is_file()]
    if not pairs:
        raise InputUnusable(
            f"{folder} holds no NAME.mp4 with a NAME.truth.json beside it", "make some with the world command"
        )
    results = []
    for number, (video, truth_path) in enumerate(pairs, start=1):
        if cancelled():
            raise Cancelled
        result = measure(video, read_truth(truth_path), assistant, answerer, cancelled)
        results.append(result)
        progress(f"{number} of {len(pairs)}: {result.name} {_in_short(result)}")
    return {**report(results), "answerer": answerer}


def measure(
    video: Path, truth: Truth, assistant: Engine, answerer: AnswererName, cancelled: CancelCheck = never
) -> Result:
    """Everything that is counted in one video."""
    started = time.monotonic()
    timeline = assistant.analyze(video)
    analysed = time.monotonic()
    judgements = []
    for question in truth.questions:
        if cancelled():
            raise Cancelled
        answer = last_answer(assistant.ask(timeline.video.sha256, question.question, answerer=answerer))
        judgement = judge(question, answer, truth)
        if answer.draft:
            judgement = replace(judgement, unchecked=judge(question, unchecked(answer, timeline), truth))
        judgements.append(judgement)
    answered = time.monotonic()
    pairs = [(event, best_segment(timeline, event.span)) for event in truth.events]
    actions = [(event.action, label_of(segment, "action")) for event, segment in pairs]
    scenes = [(event.description, label_of(segment, "description")) for event, segment in pairs]
    boundaries = [shot.span.start_seconds for shot in timeline.shots[1:]]
    said = " ".join(event.speech for event in truth.events if event.speech)
    heard = " ".join(segment.words for segment in timeline.segments)
    return Result(
        name=video.stem,
        events=len(pairs),
        actions_right=sum(true == seen for true, seen in actions),
        descriptions_right=sum(true == seen for true, seen in scenes),
        words=word_errors(said, heard),
        cuts=match_times(
            [shot.span.start_seconds for shot in timeline.shots if shot.transition == "cut"],
            truth.cuts_seconds,
            CUT_TOLERANCE_SECONDS,
        ),
        fades=len(truth.fades),
        fades_found=match_times(
            boundaries, [fade.span.middle_seconds for fade in truth.fades], FADE_TOLERANCE_SECONDS
        ).matched,
        judgements=tuple(judgements),
        confusions=tuple((true, seen) for true, seen in (*actions, *scenes) if true != seen),
        analysis_seconds=analysed - started,
        answer_seconds=answered - analysed,
        misheard=((said, heard),) if words_of(said) != words_of(heard) else (),
        saving=timeline.provenance.saving,
    )


def unchecked(answer: Answer, timeline: Timeline) -> Answer:
    """The answer as the language model gave it, with every mark that points at a segment, true or not."""
    citations, _ = resolve(answer.draft, timeline)
    return replace(answer, text=answer.draft, citations=citations, found=not says_not_found(answer.draft))


def report(results: Sequence[Result]) -> Json:
    """The document ``evaluation/1`` of what was counted, pooled over all videos."""
    judgements = [judgement for result in results for judgement in result.judgements]
    unanswerable = [judgement for judgement in judgements if not judgement.question.answerable]
    answerable = [judgement for judgement in judgements if judgement.question.answerable]
    events = sum(result.events for result in results)
    words = Errors(sum(result.words.errors for result in results), sum(result.words.words for result in results))
    cuts = Matches(*(sum(getattr(result.cuts, name) for result in results) for name in ("matched", "found", "true")))
    return {
        "schema": "evaluation/1",
        "videos": len(results),
        "actions_top1": _share(sum(result.actions_right for result in results), events),
        "descriptions_top1": _share(sum(result.descriptions_right for result in results), events),
        "wer": words.rate,
        "cut_f1": cuts.f1,
        "questions": len(judgements),
        "qa_accuracy": _share_of(judgements, lambda judgement: judgement.right),
        "citation_precision": _share(sum(j.cited_rightly for j in judgements), sum(j.cited for j in judgements)),
        "false_accept_rate": _share_of(unanswerable, lambda judgement: judgement.answer.found),
        "qa_strict_accuracy": _share_of(judgements, lambda judgement: judgement.strictly_right),
        "false_reject_rate": _share_of(answerable, lambda judgement: not judgement.answer.found),
        "cited_share": _share_of(answerable, lambda judgement: judgement.cited_rightly > 0),
        "fades_found": _share(sum(r.fades_found for r in results), sum(r.fades for r in results)),
        "events": events,
        "words": words.words,
        "cuts": cuts.true,
        "fades": sum(result.fades for result in results),
        "unanswerable": len(unanswerable),
        "qa_accuracy_unchecked": _share_of(judgements, lambda judgement: judgement.first.right),
        "citation_precision_unchecked": _share(
            sum(j.first.cited_rightly for j in judgements), sum(j.first.cited for j in judgements)
        ),
        "false_accept_rate_unchecked": _share_of(unanswerable, lambda judgement: judgement.first.answer.found),
        "extractive_share": _share_of(judgements, lambda judgement: judgement.answer.model == EXTRACTIVE),
        "analysis_seconds": sum(result.analysis_seconds for result in results),
        "answer_seconds": sum(result.answer_seconds for result in results),
        "saving": {
            "on": any(result.saving.get("on", False) for result in results),
            **{name: sum(int(result.saving.get(name, 0)) for result in results) for name in _WORK},
        },
        "kinds": _by(judgements, lambda judgement: judgement.question.kind),
        "traps": _by(unanswerable, lambda judgement: judgement.question.trap),
        "confusions": [
            {"true": true, "seen": seen, "count": count}
            for (true, seen), count in Counter(pair for result in results for pair in result.confusions).most_common()
        ],
        "misheard": [{"said": said, "heard": heard} for result in results for said, heard in result.misheard],
        "wrong": [_wrong(result, j) for result in results for j in result.judgements if not j.strictly_right],
        "by_video": [_row(result) for result in results],
    }


def judge(question: Question, answer: Answer, truth: Truth) -> Judgement:
    """Whether the answer has all the words it must and none it must not, and how many of its citations hold."""
    events = [truth.events[index].span for index in question.event_indices]
    holds = [any(points_at(citation.span, event) for event in events) for citation in answer.citations]
    text = MARK.sub(" ", answer.text)  # the number of a segment is no count
    right = all(has_word(text, word) for word in question.answer_contains) and not any(
        has_word(text, word) for word in question.answer_excludes
    )
    return Judgement(question, answer, right, len(holds), sum(holds))


def last_answer(pieces: Iterable[str | Answer]) -> Answer:
    """The checked answer with which a stream of pieces ends."""
    last: str | Answer = ""
    for piece in pieces:
        last = piece
    if not isinstance(last, Answer):
        raise ValueError("a stream of answers must end with the answer itself")
    return last


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _share_of(judgements: Sequence[Judgement], holds: Callable[[Judgement], bool]) -> float:
    return _share(sum(holds(judgement) for judgement in judgements), len(judgements))


def _by(judgements: Sequence[Judgement], key: Callable[[Judgement], str]) -> Json:
    groups: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        groups[key(judgement)].append(judgement)
    return {
        name: {
            "questions": len(group),
            "accuracy": _share_of(group, lambda judgement: judgement.right),
            "strict_accuracy": _share_of(group, lambda judgement: judgement.strictly_right),
            "found": _share_of(group, lambda judgement: judgement.answer.found),
        }
        for name, group in sorted(groups.items())
    }


def _wrong(result: Result, judgement: Judgement) -> Json:
    return {
        "video": result.name,
        **documents.dump(judgement.question),
        "text": judgement.answer.text,
        "found": judgement.answer.found,
        "cited": [asdict(citation.span) for citation in judgement.answer.citations],
        "right_words": judgement.right,
    }


def _row(result: Result) -> Json:
    return {
        "name": result.name,
        "actions_top1": _share(result.actions_right, result.events),
        "descriptions_top1": _share(result.descriptions_right, result.events),
        "wer": result.words.rate,
        "cut_f1": result.cuts.f1,
        "qa_accuracy": _share_of(result.judgements, lambda judgement: judgement.right),
        "analysis_seconds": result.analysis_seconds,
    }


def _in_short(result: Result) -> str:
    row = _row(result)
    return " ".join(
        f"{name} {row[name]:.2f}" for name in ("actions_top1", "descriptions_top1", "wer", "cut_f1", "qa_accuracy")
    )
