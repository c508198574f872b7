"""``check VIDEO|TIMELINE.json "SENTENCE [S3]"``: is this true of the video, and does it answer the question?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from assistant.chat.verification.verifier import ClaimVerifier, LayeredVerifier
from assistant.chat.verify import verify_answer, whole
from assistant.cli.common import Commands, Stop, command, emit, engine_for, read_json, read_timeline, timeline_of
from assistant.config import Settings
from assistant.core.timeline import Claim, Json, Timeline, Verdict, clock
from assistant.errors import InputUnusable
from assistant.models.registry import entailment_model, reranker

_IN_WORDS: dict[Verdict, str] = {
    "supported": "supported",
    "unsupported": "not supported",
    "contradicted": "contradicted",
    "not_checkable": "cannot be checked",
}


def add(commands: Commands) -> None:
    sub = command(commands, "check", run, "is a sentence true of the video, and does it answer?", out=True)
    sub.add_argument("video", metavar="VIDEO|TIMELINE.json", type=Path)
    sub.add_argument("sentence", metavar="SENTENCE", nargs="?", help='with its marks, as in "A door opens. [S3]"')
    sub.add_argument("--question", default="", help="the question that the sentence is to answer")
    sub.set_defaults(wrong_usage=sub.error)
    sub.add_argument("--claims", metavar="FILE", type=Path, help='many: [{"id", "question", "text"}, ...]')


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    asked = _asked(options)
    given = options.video.suffix.lower() == ".json"
    timeline = read_timeline(options.video) if given else timeline_of(engine_for(settings), options.video, stop)
    verifier = LayeredVerifier(entailment_model(), reranker=reranker())
    judged = [(item, check_text(item["text"], item["question"], timeline, verifier)) for item in asked]
    document = {"schema": "claims/1", "claims": [claim_json(item["id"], claim) for item, claim in judged]}
    if not emit(document, options.json):
        for item, claim in judged:
            _tell(item, claim, timeline, many=options.claims is not None)
    return 0


def check_text(text: str, question: str, timeline: Timeline, verifier: ClaimVerifier | None = None) -> Claim:
    """A text of one or more sentences as one claim: as bad as the worst of them."""
    return whole(verify_answer(question, text, timeline, verifier=verifier), text)


def claim_json(identity: Any, claim: Claim) -> Json:
    """One claim as it stands in ``claims/1``."""
    return {
        "id": identity,
        "text": claim.text,
        "verdict": claim.verdict,
        "answers_question": claim.answers_question,
        "segment_ids": list(claim.segment_ids),
        "evidence": claim.evidence,
        "reason": claim.reason,
    }


def _tell(item: Json, claim: Claim, timeline: Timeline, *, many: bool) -> None:
    beside = "" if claim.answers_question is not False else ", but it does not answer the question"
    print(f"{item['id']}: " if many else "", f"{_IN_WORDS[claim.verdict]}{beside}: {claim.reason}", sep="")
    for number in claim.segment_ids:
        span = timeline.segments[number - 1].span
        print(f"  [S{number}] {clock(span.start_seconds, 1)}-{clock(span.end_seconds, 1)}")


def _asked(options: argparse.Namespace) -> list[Json]:
    if (options.sentence is None) == (options.claims is None):
        options.wrong_usage('give either "SENTENCE [S3]" or --claims FILE.json')
    if options.claims is None:
        return [{"id": "1", "question": options.question, "text": options.sentence}]
    remedy = 'write [{"id", "question", "text"}, ...]'
    found = read_json(options.claims, remedy)
    if not isinstance(found, list) or not all(
        isinstance(one, dict) and isinstance(one.get("text"), str) for one in found
    ):
        raise InputUnusable(f"{options.claims.name} is no list of claims", remedy)
    return [
        {"id": one.get("id", str(place)), "question": str(one.get("question") or options.question), "text": one["text"]}
        for place, one in enumerate(found, 1)
    ]
