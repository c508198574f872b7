"""Sentences by hand over timelines by hand: true ones kept, wrong ones caught, those beside the question told apart."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from assistant.chat.verify import check, whole
from assistant.core.timeline import (
    ActionScore,
    Description,
    Provenance,
    Segment,
    Shot,
    Span,
    Timeline,
    Utterance,
    Video,
)

FILE = Path(__file__).with_name("statements.txt")


@dataclass(frozen=True)
class Case:
    """T true and an answer, B true but beside the question, F with one thing made wrong."""

    kind: str
    question: str
    text: str
    timeline: Timeline


def cases(text: str) -> list[Case]:
    found: list[Case] = []
    for block in re.split(r"^= ", text, flags=re.MULTILINE)[1:]:
        head, *lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        _, seconds, *more = head.split()
        rows = [line for line in lines if line.startswith("|")]
        timeline = timeline_from(rows, float(seconds), "de" if "de" in more else "en")
        for line in lines:
            if line[:2] in ("T ", "F ", "B "):
                question, sentence = line[2:].split(" => ")
                found.append(Case(line[0], question, sentence, timeline))
    return found


def timeline_from(rows: list[str], seconds: float, language: str) -> Timeline:
    segments = []
    for index, row in enumerate(rows):
        action, look, words = (part.strip() for part in row[1:].split("|"))
        span = Span(index * seconds, (index + 1) * seconds)
        said = Span(span.start_seconds + 0.3, span.end_seconds - 0.3)
        segments.append(
            Segment(
                index + 1,
                span,
                tuple(ActionScore(*one) for one in scored(action)),
                tuple(Description(*one) for one in scored(look)),
                (Utterance(said, words, language),) if words else (),
                flags=("none_of_my_labels",) if "!weak" in action else (),
            )
        )
    end = len(rows) * seconds
    video = Video("holiday.mp4", "0" * 64, end, 1280, 720, 25.0, True)
    provenance = Provenance("standard", {"model": "a"}, {"model": "b"}, {"model": "c"})
    spoken = tuple(u.span for s in segments for u in s.utterances)
    return Timeline(video, tuple(segments), (Shot(Span(0, end), "start"),), spoken, (), provenance)


def scored(text: str) -> list[tuple[str, float]]:
    return [(label, float(score)) for label, score in re.findall(r"([^;!]+?) (\d\.\d+)", text.replace("; ", ";"))]


def rates(judged: list[Case]) -> tuple[dict[str, float], list[str]]:
    """The shares of the report, and one line for each sentence that was judged wrongly."""
    count: Counter[str] = Counter()
    wrong: list[str] = []
    for case in judged:
        claim = whole(check(case.text, case.timeline, question=case.question), case.text)
        true = case.kind in "TB"
        caught = claim.verdict in ("unsupported", "contradicted")
        count["true" if true else "false"] += 1
        count["kept"] += true and claim.verdict == "supported"
        count["flagged"] += true and caught
        count["caught"] += not true and caught
        count["passed"] += not true and claim.verdict == "supported"
        if true:
            count["relevant"] += claim.answers_question is (case.kind == "T")
            if claim.answers_question is not (case.kind == "T"):
                wrong.append(f"relevance {claim.answers_question}: {case.question} {case.text}")
        if true != (claim.verdict == "supported"):
            wrong.append(f"{case.kind} {claim.verdict}: {case.text} ({claim.reason})")
    true_count, false_count = count["true"], count["false"]
    return {
        "true_kept": count["kept"] / true_count,
        "true_flagged": count["flagged"] / true_count,
        "errors_caught": count["caught"] / false_count,
        "errors_passed": count["passed"] / false_count,
        "relevance": count["relevant"] / true_count,
    }, wrong


def test_most_true_sentences_are_kept_and_most_wrong_ones_caught():
    judged = cases(FILE.read_text(encoding="utf-8"))
    assert len(judged) >= 120
    figures, wrong = rates(judged)
    print({name: round(value, 3) for name, value in figures.items()}, *wrong, sep="\n")
    assert figures["errors_caught"] >= 0.93, wrong
    assert figures["errors_passed"] <= 0.03, wrong
    assert figures["true_kept"] >= 0.88, wrong
    assert figures["true_flagged"] <= 0.08, wrong
    assert figures["relevance"] >= 0.88, wrong
