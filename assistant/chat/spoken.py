"""Answers from words: what was said, and text or sounds that other witnesses found, quoted at their own times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from assistant.chat.compose import Reply, known, quote, quotes, tell
from assistant.chat.evidence import Evidence, Hit, says
from assistant.chat.lines import Line
from assistant.chat.understand import Asked
from assistant.chat.words import Term, numbers_in, tokens
from assistant.core.prompts import changed, read_lines
from assistant.core.timeline import Span

# What a line must reach to stand as the answer, and to be named as the nearest thing that was said: the share of the
# question's weight that its words cover, or the cosine of MiniLM. Chosen on half of the development questions.
COVERED, COVERED_ALONE, ALIKE = 0.62, 0.6, 0.52
NEAR_COVERED, NEAR_ALIKE = 0.28, 0.33
# From which likelihood on a reranker's word makes the nearest lines the answer; below which it makes an answer the
# nearest lines only, and nearest lines none. On the held-out transcripts 0.93 of what is told as the answer is right
# with them, 0.92 without; and it is told in 0.42 of the questions, in 0.29 without.
CONFIRMED, DOUBTED, DENIED = 0.9, 0.35, 0.05
_MOST_LINES = 3
_MOST_WRITTEN = 30
_WRITTEN = ("email", "address", "phone")
IN_WORDS = ("speech", "subtitles", "text", "caption")  # the kinds of lines that are sentences
_TYPES = ("number", "reason", "day", "lasts", "name")


def absent(asked: Asked, evidence: Evidence) -> Reply | None:
    """Why there are no words to search, None where there are some."""
    if evidence.speech:
        return None
    return no_words(asked, evidence)


def no_words(asked: Asked, evidence: Evidence) -> Reply:
    """That nothing was said, or that nobody listened, with the reason that the timeline gives."""
    reason = next((a.reason for a in evidence.timeline.absences if a.what.startswith("speech")), "")
    video = evidence.timeline.video
    if not video.has_audio:
        return Reply(tell(asked.language, "no_voice", reason=reason or "no audio track"), "not_in_video")
    if not evidence.timeline.provenance.speech or re.search(
        r"fail|weights|not run|missing|skipped|switched off", reason
    ):
        return Reply(tell(asked.language, "not_heard", reason=reason or "no speech model ran"), "not_looked_at")
    return Reply(tell(asked.language, "no_voice", reason=reason or "no voice was found"), "not_in_video")


def said_at(asked: Asked, evidence: Evidence) -> Reply:
    """What is said at a moment or in a stretch: every line whose own time touches it."""
    if (nothing := absent(asked, evidence)) is not None:
        return nothing
    span = asked.within()
    lines = list(evidence.speech) if span is None else lines_in(evidence, span)
    if not lines:
        return Reply(tell(asked.language, "silent_then"), "not_in_video")
    if span is None and "first" in asked.forms:
        lines = lines[:1]
    elif span is None and "last" in asked.forms:
        lines = lines[-1:]
    elif span is None:
        return Reply(f"{tell(asked.language, 'said')} {quotes(spread(lines, 6))}")
    if span is not None and span.seconds == 0 and len(lines) == 1:
        at = evidence.timeline.segment_at(min(span.start_seconds, evidence.duration_seconds))
        return Reply(quote(lines[0], at.id if at is not None and at.id in lines[0].segment_ids else None))
    return Reply(quotes(lines if len(lines) <= 12 else spread(lines, 12)))


def lines_in(evidence: Evidence, span: Span, kinds: Sequence[str] = ("speech",)) -> list[Line]:
    """The lines whose time touches a stretch; at a moment the one being spoken."""
    lines = [line for line in evidence.lines if line.kind in kinds]
    if span.seconds == 0:
        # The times of words are known to a few tenths of a second.
        slack = 0.25
        here = [line for line in lines if line.span.contains(span.start_seconds)]
        return here or [
            line
            for line in lines
            if line.span.start_seconds - slack <= span.start_seconds <= line.span.end_seconds + slack
        ]
    return [line for line in lines if line.span.overlap_seconds(span) > min(0.3, line.span.seconds / 2)]


def content(asked: Asked, evidence: Evidence, kinds: Sequence[str] = IN_WORDS) -> Reply | None:
    """The lines that answer a question about what is said; None where nothing comes near."""
    found = lines_for(asked, evidence, kinds)
    if found is None and asked.follows and asked.near:
        found = _onward(asked, evidence, kinds), False
    if found is None or not found[0]:
        return None
    lines, sure = found
    if not sure and _STATE.search(asked.text) and "told" not in asked.forms:
        return None  # "Is the door open?": words that only come near say nothing about it
    lead = ""
    if lines[0].kind == "text":
        lead = tell(asked.language, "on_screen" if sure else "nearest_on_screen")
    elif not sure:
        lead = tell(asked.language, "nearest")
    elif _EXISTS.search(asked.text) and "said" not in asked.forms:
        lead = tell(asked.language, "only_said")
        wanted = set(asked.terms)
        lines = [line for line in lines if wanted & set(line.terms)] or lines[:1]
    elif missing := _missing_type(asked, evidence, lines):
        lead = tell(asked.language, f"no_type_{missing}")
    return Reply(f"{lead} {quotes(lines)}".strip(), nearest=not sure)


def lines_for(asked: Asked, evidence: Evidence, kinds: Sequence[str] = IN_WORDS) -> tuple[list[Line], bool] | None:
    """The lines nearest to a question, the best first, and whether they answer it; None where nothing comes near."""
    span = asked.within()
    allowed = None if span is None else {line.place for line in lines_in(evidence, span, kinds)}

    def within(line: Line) -> bool:
        return line.kind in kinds and (allowed is None or line.place in allowed)

    if asked.quoted and not any(_plainly(asked.quoted) in _plainly(line.text) for line in evidence.lines):
        return None
    terms = asked.said_terms or asked.people
    hits = evidence.search(asked.question, terms, within=within, near=asked.near)
    if not hits:
        return None
    if not asked.terms and not asked.near:
        return ([hit.line for hit in hits[:6]], True) if allowed is not None else None
    if asked.follows and len(asked.terms) <= 1 and hits[0].covered < COVERED and hits[0].alike < ALIKE:
        return _onward(asked, evidence, kinds), True
    strength = _strength(hits[0], asked, evidence)
    if strength == "none":
        # A short stretch was asked for: what is said there is all that can answer.
        short = allowed is not None and 0 < len(allowed) <= 6
        return ([evidence.lines[place] for place in sorted(allowed or ())], True) if short else None
    passage = _passage(asked, evidence, hits, strength)
    strength = _reread(asked, evidence, passage, strength)
    return None if strength == "none" else (passage, strength == "sure")


def _reread(asked: Asked, evidence: Evidence, lines: Sequence[Line], strength: str) -> str:
    """The strength after a reranker has read the lines beside the question: it sees what only shares words."""
    if evidence.reranker is None or not lines:
        return strength
    question = f"{asked.before} {asked.question}" if asked.before else asked.question
    likely = max(evidence.relevance(question, lines))
    if strength == "sure":
        return "sure" if likely >= DOUBTED else "near"
    return "sure" if likely >= CONFIRMED else "near" if likely >= DENIED else "none"


def observed(asked: Asked, evidence: Evidence, kinds: Sequence[str]) -> Reply | None:
    """What another witness found there: text that is to be read, sounds; None where it found nothing."""
    there = [line for line in evidence.lines if line.kind in kinds]
    if not there:
        return None
    if (found := content(asked, evidence, kinds)) is not None:
        return found
    ids = {found for term in asked.seen_terms for found in evidence.showing([term])}
    return Reply(quotes(([line for line in there if ids & set(line.segment_ids)] or there)[:6]))


def written(asked: Asked, evidence: Evidence) -> Reply | None:
    """What is to be read in the picture: at a time, of the kind or with the words asked for; None: nobody can tell."""
    lines = [line for line in evidence.lines if line.kind == "text"]
    if not lines:
        reason = next((a.reason for a in evidence.timeline.absences if a.what == "text"), "")
        if reason:
            return Reply(tell(asked.language, "not_read", reason=reason), "not_looked_at")
        looked = bool(evidence.timeline.provenance.text.get("looked"))
        return Reply(tell(asked.language, "nothing_written"), "not_in_video") if looked else None
    span = asked.within()
    if span is not None:
        lines = lines_in(evidence, span, ("text",))
    forms = [name for name in _WRITTEN if cue(f"asks_{name}", "en").search(asked.text)]
    if forms:
        lines = [line for line in lines if any(cue(name, "en").search(line.text) for name in forms)]
    elif span is None and asked.terms:
        own = [line for line in lines if any(says(line.terms, term) for term in asked.seen_terms)]
        ids = {found for term in asked.seen_terms for found in evidence.showing([term])}
        lines = own or [line for line in lines if ids & set(line.segment_ids)] or lines
    if not lines:
        return Reply(tell(asked.language, "nothing_written_so"), "not_in_video")
    return Reply(f"{tell(asked.language, 'on_screen')} {quotes(lines[:_MOST_WRITTEN])}")


def verbatim(asked: Asked, evidence: Evidence) -> Reply | None:
    """The lines that hold every word of what is asked about; None without one."""
    hits = [hit for hit in evidence.search(asked.question, asked.terms, most=4) if hit.exact >= 0.95]
    return content(asked, evidence) if hits else None


_STATE = re.compile(r"^(?:so |and |but )?(?:is|are|was|were|ist|sind|war|está|es) (?!there\b|it\b|that\b)")
_EXISTS = re.compile(r"^(?:is|are|was|were) there\b|\b(?:do|can|could) (?:we|you|i|one) see\b|^(?:gibt es|hay)\b")


def _plainly(text: str) -> str:
    return " ".join(tokens(text))


def _onward(asked: Asked, evidence: Evidence, kinds: Sequence[str]) -> list[Line]:
    """What is said from the last place of the conversation on: where "and what did she do about it?" is answered."""
    start = max(asked.near)
    lines = [line for line in evidence.lines if line.kind in kinds and line.segment_id >= start]
    return lines[:5]


def _strength(hit: Hit, asked: Asked, evidence: Evidence) -> str:
    """How far a line answers: "sure", "near" or "none"."""
    unknown = [term for term in asked.terms if not evidence.knows(term)]
    weights = {term: evidence.weight(term) for term in asked.terms}
    share_unknown = sum(weights[term] for term in unknown) / (sum(weights.values()) or 1.0)
    if asked.near and hit.score > 0.3:
        return "sure" if hit.covered >= NEAR_COVERED or hit.alike >= NEAR_ALIKE or not asked.terms else "near"
    if (hit.covered >= COVERED and hit.exact >= 0.34) or hit.exact >= COVERED_ALONE or hit.alike >= ALIKE:
        if "yes_no" in asked.forms and "said" in asked.forms and hit.exact < 0.8:
            return "near"
        return "sure" if share_unknown < 0.3 or hit.alike >= ALIKE + 0.17 else "near"
    if hit.covered >= NEAR_COVERED or hit.alike >= NEAR_ALIKE:
        return "near"
    return "none"


def _passage(asked: Asked, evidence: Evidence, hits: Sequence[Hit], strength: str) -> list[Line]:
    """The best line, with what belongs to it: rivals nearly as good, an answer behind a question."""
    best = hits[0].line
    speech = evidence.lines
    chosen = [best]
    full = [hit.line for hit in hits if hit.exact >= 0.95]
    if (
        full
        and (len(asked.terms) > 1 or "said" in asked.forms)
        and not {"number", "reason", "day", "lasts", "how"} & asked.forms
    ):
        # What is said about it goes on in the same breath.
        behind = [line for one in full for line in speech[one.place + 1 : one.place + 3]]
        breath = [line for line in behind if line.segment_id in {one.segment_id for one in full}]
        return list(dict.fromkeys([*full[:_MOST_LINES], *breath]))[: _MOST_LINES + 1]
    many = _parts(asked)
    most = _MOST_LINES + (2 if "list" in asked.forms else 0) + (many - 1)
    for hit in hits[1:]:
        close = abs(hit.line.place - best.place) <= 2
        if len(chosen) < most and hit.score >= (0.62 if close or many > 1 else 0.78) * hits[0].score:
            chosen.append(hit.line)
    wanted = [form for form in _TYPES if form in asked.forms]
    around = [best.place + step for step in (1, -1, 2, -2)]
    if best.text.rstrip().endswith("?"):
        around = [best.place + 1, best.place + 2, best.place - 1]
        chosen += [speech[place] for place in around[:2] if place < len(speech)]
    for form in wanted:
        if not any(gives(form, line.text, evidence.language) for line in chosen):
            more = [
                speech[p] for p in around if 0 <= p < len(speech) and gives(form, speech[p].text, evidence.language)
            ]
            chosen += more[:1]
    if strength == "near" or asked.near or {"reason", "how", "yes_no"} & asked.forms:
        chosen += [speech[place] for place in (best.place + 1, best.place - 1) if 0 <= place < len(speech)]
    # "That's for next week": what "that" is was said before.
    place = best.place
    while place > 0 and place > best.place - 2 and _LEANING.search(speech[place].text):
        place -= 1
        chosen.append(speech[place])
    if {"quote", "reason", "how"} & asked.forms:
        # What was meant goes on behind a short sentence.
        place = best.place + 1
        while place < min(len(speech), best.place + 4) and len(speech[place].terms) <= 3:
            chosen.append(speech[place])
            place += 1
        chosen += speech[place : place + 1]
    if {"when", "day"} & asked.forms:
        chosen += _later_dates(evidence, chosen, best)
    unique = list(dict.fromkeys(line for line in chosen if line.kind == best.kind))
    return unique[: most + 3]


def _later_dates(evidence: Evidence, chosen: Sequence[Line], best: Line) -> list[Line]:
    """The date near a line, and the last two lines that name one of its kind: plans are changed while people talk."""
    dates = cue("day", evidence.language)
    near = [line for line in evidence.lines[best.place : best.place + 4] if dates.search(line.text)]
    named = {word.lower() for line in (*chosen, *near[:1]) for word in dates.findall(line.text)}
    later = [
        line
        for line in evidence.lines[best.place + 1 :]
        if numbers_in(line.text, evidence.language) and named & {word.lower() for word in dates.findall(line.text)}
    ]
    return [*near[:1], *later[-2:]]


_LEANING = re.compile(
    r"^(?:(?:that|this|it|they|he|she|those|these|and|but|so|because|not|yes|no)\b|(?:\S+\s*){1,3}$)", re.IGNORECASE
)


def _parts(asked: Asked) -> int:
    """How many things a question asks at once."""
    joints = re.findall(
        r"\b(?:and|und|y)\b[^,?]{0,12}\b(?:what|which|who|how|when|where|why|do|does|is|was|wie|wer|wann|wo|warum|qué|quién|cuándo)\b",
        asked.text,
    )
    return 1 + min(2, len(joints))


def _missing_type(asked: Asked, evidence: Evidence, lines: Sequence[Line]) -> str:
    """What was asked for and none of the lines gives: "number", "reason", "day" or "name"; "" where all is there."""
    for form in ("number", "day"):
        if form in asked.forms and not any(gives(form, line.text, evidence.language) for line in lines):
            return form
    asks_name = re.search(r"\b(?:name|named|called|heißt|nombre|llama)\b", asked.text)
    if asks_name and not any(gives("name", line.text, evidence.language) for line in lines):
        return "name"
    return ""


def gives(form: str, text: str, language: str) -> bool:
    if form == "number":
        return bool(numbers_in(text, language)) or bool(re.search(r"\bone\b|\bhalf\b", text.lower()))
    if form == "day" and numbers_in(text, language):
        return True
    return bool(cue(form, language).search(text))


def mentions(asked: Asked, evidence: Evidence, topic: Sequence[Term]) -> Reply:
    """Whether something is said: every line that holds all of the topic's words."""
    if (nothing := absent(asked, evidence)) is not None:
        return nothing
    span = asked.within()
    words = [line for line in evidence.lines if line.kind in ("speech", "subtitles")]
    lines = words if span is None else lines_in(evidence, span, ("speech", "subtitles"))
    holding = [hit.line for hit in evidence.search(asked.question, topic, most=40) if hit.exact >= 0.8]
    holding = [line for line in holding if line in lines]
    if holding:
        lead = f"{tell(asked.language, 'yes')}: " if "yes_no" in asked.forms else ""
        return Reply(lead + quotes(sorted(holding, key=lambda line: line.place)[:4]))
    key = "not_said_then" if span is not None else "not_said"
    return Reply(tell(asked.language, key), "not_in_video")


def spread(lines: Sequence[Line], most: int) -> list[Line]:
    """At most so many lines, evenly spread."""
    if len(lines) <= most:
        return list(lines)
    return [lines[round(place * (len(lines) - 1) / (most - 1))] for place in range(most)]


def uncertain(asked: Asked, evidence: Evidence) -> Reply:
    """The answer where neither words nor labels hold what was asked for: which absence it is, and what is known."""
    language = asked.language
    if not evidence.speech:
        nothing = no_words(asked, evidence)
        if "said" in asked.forms or nothing.outcome == "not_looked_at":
            return nothing
        return Reply(tell(language, "nothing_seen") + known(evidence, asked.near, language), "cannot_tell")
    if language != evidence.language and not evidence.embedder:
        return Reply(f"{tell(language, 'neither')} {tell(language, 'not_foreign')}", "cannot_tell")
    if "said" in asked.forms:
        return Reply(tell(language, "not_said"), "not_in_video")
    if not evidence.label_words:
        return _unseen(asked, evidence)
    return Reply(tell(language, "neither"), "cannot_tell" if "yes_no" in asked.forms else "not_in_video")


def _unseen(asked: Asked, evidence: Evidence) -> Reply:
    """That nothing is said of it, where there is no label to search: there may be a picture that nobody looked at."""
    made = evidence.timeline.provenance
    not_said = tell(asked.language, "not_said")
    if evidence.timeline.video.has_picture and made.actions.get("looked") is made.descriptions.get("looked") is False:
        return Reply(f"{not_said} {tell(asked.language, 'not_watched')}", "not_looked_at")
    return Reply(not_said, "not_in_video")


def cue(name: str, language: str) -> re.Pattern[str]:
    path = f"words/{language}/cues.txt"
    return _cues(path, changed(path))[name]


@lru_cache(maxsize=8)
def _cues(path: str, changed_ns: int) -> dict[str, re.Pattern[str]]:
    parts = (line.partition(" = ") for line in read_lines(path))
    return {name.strip(): re.compile(pattern.strip()) for name, _, pattern in parts}
