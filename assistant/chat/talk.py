"""Answers over a whole talk: who speaks, who is to do what, how often a word is said, the nth sentence."""

from __future__ import annotations

import itertools
import re

from assistant.chat.compose import Reply, quote, quotes, tell
from assistant.chat.evidence import Evidence
from assistant.chat.lines import Line
from assistant.chat.spoken import absent, cue, gives, lines_in, spread
from assistant.chat.understand import Asked
from assistant.chat.words import numbers_in


def transcript(asked: Asked, evidence: Evidence) -> Reply:
    """Everything that is said, or as much as an answer can hold."""
    if (nothing := absent(asked, evidence)) is not None:
        return nothing
    span = asked.within()
    lines = list(evidence.speech) if span is None else lines_in(evidence, span)
    if not lines:
        return Reply(tell(asked.language, "silent_then"), "not_in_video")
    return Reply(quotes(lines[:60]))


def introductions(asked: Asked, evidence: Evidence) -> Reply:
    """Who speaks, as far as the speakers say it themselves."""
    if (nothing := absent(asked, evidence)) is not None:
        return nothing
    lines = [line for line in evidence.speech if cue("introduces", evidence.language).search(line.text)]
    speakers = sorted({line.speaker for line in evidence.speech if line.speaker})
    if speakers and not lines:
        firsts = [next(line for line in evidence.speech if line.speaker == one) for one in speakers]
        return Reply(quotes(firsts))
    if lines:
        return Reply(quotes(lines[:3]))
    return Reply(tell(asked.language, "introduce_none"), "cannot_tell")


def tasks(asked: Asked, evidence: Evidence) -> Reply:
    """Who is to do what: the speakers' own recapitulation where there is one, else what they promise and ask."""
    if (nothing := absent(asked, evidence)) is not None:
        return nothing
    language = evidence.language
    lines = list(evidence.speech)
    recaps = [line.place for line in lines if cue("recap", language).search(line.text)]
    if recaps:
        start = recaps[-1]
        chosen = [line for line in lines if start < line.place <= start + 9][:8]
        pause = next((i for i, (a, b) in enumerate(itertools.pairwise(chosen)) if _apart(a, b) > 6), None)
        chosen = chosen[: pause + 1] if pause is not None else chosen
        named = [line for line in chosen if set(line.terms) & set(asked.terms)]  # "what does Kim have to do?"
        return Reply(f"{tell(asked.language, 'recap')} {quotes(named or chosen)}")
    chosen = [line for line in lines if cue("commitment", language).search(line.text)]
    if not chosen:
        return Reply(tell(asked.language, "not_said"), "not_in_video")
    return Reply(f"{tell(asked.language, 'recap')} {quotes(spread(chosen, 8))}")


def counted(asked: Asked, evidence: Evidence) -> Reply:
    """How often a word is said."""
    if (nothing := absent(asked, evidence)) is not None:
        return nothing
    wanted = asked.said_terms
    keys = {term.raw for term in wanted}
    lines = [line for line in evidence.speech if keys <= {term.raw for term in line.terms}]
    count = sum(min(sum(term.raw == key for term in line.terms) for key in keys) for line in lines)
    if not count:
        return Reply(tell(asked.language, "not_said"), "not_in_video")
    many = tell(asked.language, "once") if count == 1 else tell(asked.language, "times", count=count)
    return Reply(f"{many}. {quotes(lines[:8])}")


def typed(asked: Asked, evidence: Evidence) -> Reply | None:
    """ "Which day is mentioned?": every line that names one."""
    form = next((form for form in ("day", "number", "name") if form in asked.forms), None)
    cues = {"day": lambda text: bool(cue("day", evidence.language).search(text))}
    fits = cues.get(form or "", lambda text: bool(form) and gives(str(form), text, evidence.language))
    lines = [line for line in evidence.speech if fits(line.text)]
    return Reply(quotes(lines[:5])) if lines and len(lines) <= 8 else None


def nth(asked: Asked, evidence: Evidence) -> Reply | None:
    """ "Repeat the second sentence."."""
    match = re.search(
        r"\b(first|second|third|fourth|fifth|last) (?:sentence|thing (?:that is |that was )?said|words?)\b", asked.text
    )
    if match is None or not evidence.speech:
        return None
    place = -1 if match.group(1) == "last" else int((numbers_in(match.group(1)) or [1])[0]) - 1
    return Reply(quote(evidence.speech[place])) if place < len(evidence.speech) else None


def _apart(one: Line, other: Line) -> float:
    return other.span.start_seconds - one.span.end_seconds
