"""The model alone on claims about timelines: thresholds chosen on some videos, figures on others.

``python -m assistant.training.verifier.claims FOLDER --model MODEL [--tune NAME ... [--keep]]`` reads
NAME.timeline.json and NAME.claims.json. The evidence of a claim is what a checker would hand over: the segments that it
cites, else those that the words of question and claim are nearest to.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.models.protocols import Entailment, EntailmentModel, Statement

LINES = 4  # segments handed over where a claim cites none
_STEPS = [round(0.3 + 0.05 * step, 2) for step in range(14)]


@dataclass(frozen=True, slots=True)
class Claim:
    """``answers``: whether a true claim answers its question."""

    video: str
    statement: Statement
    supported: bool
    answers: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which probability on a claim counts as supported, and as an answer to its question."""

    supported: float
    answers: float


def segment_line(segment: dict[str, Any]) -> list[str]:
    """The lines of evidence of one segment of a ``timeline/1`` document: labels, words, text."""
    lines = []
    for kind, name in (("action", "actions"), ("scene", "descriptions")):
        if best := segment.get(name):
            lines.append(f"{kind}: {best[0]['label']}")
    if words := _words(segment):
        lines.append(f"speech: {words}")
    return lines


def _words(segment: dict[str, Any]) -> str:
    return " ".join(utterance["text"].strip() for utterance in segment.get("utterances", ())).strip()


def read(folder: Path) -> list[Claim]:
    """All claims of a folder with their evidence."""
    found = []
    for path in sorted(folder.glob("*.claims.json")):
        video = path.name.removesuffix(".claims.json")
        timeline = json.loads((folder / f"{video}.timeline.json").read_text(encoding="utf-8"))
        for row in json.loads(path.read_text(encoding="utf-8")):
            text, question = re.sub(r"\s*\[S\d+\]", "", row["text"]), row.get("question") or ""
            cited = {int(number) for number in re.findall(r"\[S(\d+)\]", row["text"])}
            evidence = _evidence(timeline["segments"], cited, f"{question} {text}")
            found.append(
                Claim(video, Statement(tuple(evidence), question, text), row["supported"], row["answers"], row["kind"])
            )
    return found


def _evidence(segments: Sequence[dict[str, Any]], cited: set[int], asked: str) -> list[str]:
    chosen = [segment for segment in segments if segment["id"] in cited]
    if not chosen:
        stems = {word[:5] for word in re.findall(r"\w{3,}", asked.lower())}

        def nearness(segment: dict[str, Any]) -> int:
            return len(stems & {word[:5] for word in re.findall(r"\w{3,}", " ".join(segment_line(segment)).lower())})

        best = sorted(segments, key=nearness, reverse=True)[:LINES]
        chosen = sorted(best, key=lambda segment: segment["id"])
    lines = [line for segment in chosen for line in segment_line(segment)]
    return list(dict.fromkeys(lines))


def choose(claims: Sequence[Claim], judged: Sequence[Entailment]) -> Thresholds:
    """The thresholds that are right most often, an error let through counting as three true claims flagged."""

    def cost(supported: float) -> float:
        errors = sum(not c.supported and j.supported >= supported for c, j in zip(claims, judged, strict=True))
        flagged = sum(c.supported and j.supported < supported for c, j in zip(claims, judged, strict=True))
        return 3.0 * errors + flagged

    def wrong(answers: float) -> int:
        return sum(
            (j.answers or 0.0) < answers if c.answers else (j.answers or 0.0) >= answers
            for c, j in zip(claims, judged, strict=True)
            if c.supported and c.statement.question
        )

    return Thresholds(min(_STEPS, key=cost), min(_STEPS, key=wrong))


def figures(claims: Sequence[Claim], judged: Sequence[Entailment], at: Thresholds) -> dict[str, float]:
    """Shares: errors marked supported, true claims kept, relevance right."""
    pairs = list(zip(claims, judged, strict=True))
    errors = [j.supported >= at.supported for c, j in pairs if not c.supported]
    true = [j.supported >= at.supported for c, j in pairs if c.supported]
    relevance = [
        ((j.answers or 0.0) >= at.answers) == c.answers for c, j in pairs if c.supported and c.statement.question
    ]
    return {
        "claims": len(pairs),
        "errors_marked_supported": _share(errors),
        "true_kept": _share(true),
        "relevance": _share(relevance),
    }


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / max(1, len(values)), 3)


def report(model: EntailmentModel, claims: Sequence[Claim], tune: Iterable[str]) -> dict[str, Any]:
    """Thresholds chosen on the videos to tune on, and the figures there and on the others."""
    judged = model.score([claim.statement for claim in claims])
    names = set(tune)
    first = [(c, j) for c, j in zip(claims, judged, strict=True) if c.video in names]
    rest = [(c, j) for c, j in zip(claims, judged, strict=True) if c.video not in names]
    at = choose(*map(list, zip(*first, strict=True))) if first else Thresholds(0.5, 0.5)
    document: dict[str, Any] = {"thresholds": {"supported": at.supported, "answers": at.answers}}
    for name, part in (("tuned_on", first), ("others", rest)):
        if part:
            document[name] = figures([c for c, _ in part], [j for _, j in part], at)
    document["others_by_kind"] = {
        kind: [sum(j.supported >= at.supported for _, j in pairs), len(pairs)]
        for kind, group in itertools.groupby(sorted(rest, key=lambda p: p[0].kind), key=lambda p: p[0].kind)
        for pairs in [list(group)]
    }
    return document


def main(arguments: Sequence[str] | None = None) -> int:
    from assistant.models.entailment.minilm_cross_encoder import MiniLMCrossEncoder
    from assistant.models.runtime.packed_bert import CONFIG

    parser = argparse.ArgumentParser(description="the entailment model alone on claims about timelines")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tune", nargs="*", default=[])
    parser.add_argument("--keep", action="store_true", help="write the thresholds into the model's config.json")
    options = parser.parse_args(arguments)
    document = report(MiniLMCrossEncoder(options.model, device="cpu"), read(options.folder), options.tune)
    if options.keep and options.tune:
        path = options.model / CONFIG
        config = {**json.loads(path.read_text(encoding="utf-8")), "thresholds": document["thresholds"]}
        path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
