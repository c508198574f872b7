"""Questions that lean on the conversation: "and after that?", "the second one", "why?", "no, I meant ..."."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.chat.evidence import Evidence
from assistant.chat.understand import CONTENT, SMALL_TALK, Asked, understand
from assistant.chat.words import listed_words, numbers_in

_DEPTH = 4
_ONE = re.compile(r"\bthe (first|second|third|fourth|fifth|last|other|next|previous) (?:one|of them|of those)\b")


@dataclass(frozen=True)
class Exchange:
    """An earlier question, the segments that its answer cited, and whether it was answered."""

    question: str
    cited: tuple[int, ...] = ()
    answered: bool = True


def in_context(asked: Asked, history: Sequence[Exchange], evidence: Evidence) -> Asked:
    """The question with what it leaves out taken from the conversation; unchanged where it stands by itself."""
    # A turn that found nothing is no ground to stand on: the one before it still is.
    grounds = [turn for turn in history if turn.answered and turn.cited]
    if not history or asked.kind == SMALL_TALK:
        return asked
    last = history[-1]
    if asked.times:
        if "follow" not in asked.forms or asked.terms or asked.kind != CONTENT:
            return asked
        before = _before(last, history[:-1], evidence)  # "and at 0:09?"
        return replace(asked, kind=before.kind, forms=before.forms, terms=before.terms if before.times else ())
    near = grounds[-1].cited if grounds else ()
    short = len(asked.terms) <= 1
    leans = bool({"follow", "points", "next", "previous", "correction"} & asked.forms) or len(asked.text.split()) <= 3
    if "correction" in asked.forms:
        return _corrected(asked, last, history[:-1], evidence)
    if (match := _ONE.search(asked.text)) and len(asked.text.split()) <= 5:
        return _the_one(asked, match.group(1), near)
    if near and asked.kind in ("score", "rival", "rely", "sure") and not _own(asked):
        return replace(asked, near=near, follows=True)
    if not leans or not near:
        return asked
    if re.fullmatch(r"(?:and |but |so )?(?:why|warum|wieso|¿?por qué)\W*", asked.text) and not _spoken(near, evidence):
        return replace(asked, kind="score", near=near, follows=True)  # of a label: what the models made of it
    if asked.kind == CONTENT and short and not asked.seen_terms and {"next", "previous"} & asked.forms:
        return replace(asked, kind="next" if "next" in asked.forms else "previous", near=near, follows=True)
    if asked.kind == CONTENT and not asked.terms:
        before = _before(last, history[:-1], evidence)
        kept = asked.forms | (before.forms - {"yes_no", "follow"}) if not _asks(asked) else asked.forms
        kind = before.kind if before.kind != SMALL_TALK and not _asks(asked) else CONTENT
        asked = replace(asked, kind=kind, terms=before.terms, people=before.people, forms=kept)
    return replace(asked, near=near, follows=True, before=grounds[-1].question)


def _own(asked: Asked) -> bool:
    """Whether a question about scores names what it is about itself."""
    return any(term.text not in listed_words("scores") for term in asked.terms)


def _spoken(near: Sequence[int], evidence: Evidence) -> bool:
    return any(line.segment_id in near for line in evidence.speech)


def _asks(asked: Asked) -> bool:
    return bool({"reason", "number", "name", "when", "where", "day", "lasts", "how"} & asked.forms)


def _before(last: Exchange, history: Sequence[Exchange], evidence: Evidence) -> Asked:
    asked = understand(last.question, evidence)
    return in_context(asked, history[-_DEPTH:], evidence) if history else asked


def _corrected(asked: Asked, last: Exchange, history: Sequence[Exchange], evidence: Evidence) -> Asked:
    """ "No, I meant the oven": the question before, about something else."""
    before = _before(last, history, evidence)
    text = re.sub(r"^\W*(?:no|nope|sorry|wrong|nein|not that)\b[, ]*(?:i (?:meant|mean)\b)?", "", asked.text).strip()
    fresh = understand(text or asked.question, evidence)
    if fresh.times:
        return replace(before, times=fresh.times, question=f"{before.text} {text}", near=())
    other = [turn.cited for turn in history if turn.cited]
    if not fresh.terms and other:
        return replace(before, near=other[-1])
    return replace(
        before, terms=fresh.terms or before.terms, people=fresh.people, question=f"{before.text} {text}", near=()
    )


def _the_one(asked: Asked, which: str, near: Sequence[int]) -> Asked:
    """ "The second one": of the places that the last answer cited."""
    if not near:
        return asked
    unique = list(dict.fromkeys(near))
    number = {"last": len(unique), "other": 2, "next": 2, "previous": 1}.get(which) or int(
        (numbers_in(which) or [1])[0]
    )
    chosen = unique[min(number, len(unique)) - 1]
    return replace(asked, near=(chosen,), follows=True)
