"""The one way from a question to a reply by rules: what it asks decides who answers, and what each failed to find."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from assistant.chat import about, order, seen, spoken, talk
from assistant.chat.compose import Reply, known, pictures, quotes, tell
from assistant.chat.evidence import Evidence, Hit
from assistant.chat.followups import Exchange, in_context
from assistant.chat.lines import Line
from assistant.chat.overview import overview, suggested
from assistant.chat.understand import CONTENT, SMALL_TALK, Asked, understand
from assistant.chat.words import listed_words, terms, tokens
from assistant.core.timeline import clock

# Which words an absence is told with.
_DETAILS = {
    "text_shown": "cannot_tell_text",
    "hear_sound": "cannot_tell_sound",
    "people_count": "cannot_tell_people",
    "appearance": "cannot_tell_appearance",
    "interpretation": "cannot_tell_interpretation",
}
# Which observations of other witnesses would tell what labels cannot.
_WITNESSES = {"hear_sound": ("sound",), "people_count": (), "appearance": ("caption",)}


def reply(question: str, evidence: Evidence, history: Sequence[Exchange] = ()) -> Reply:
    """What the rules answer: understood, in the context of the conversation, from the first witness that holds it."""
    asked = in_context(understand(question, evidence), history, evidence)
    for step in (_talk, _times, _video, _by_kind, _by_form, _by_parts, _by_content):
        found = step(asked, evidence)
        if found is not None:
            return found
    return spoken.uncertain(asked, evidence)


def _talk(asked: Asked, evidence: Evidence) -> Reply | None:
    """Small talk, orders to the assistant, and what has nothing to do with the video."""
    if asked.kind == SMALL_TALK:
        for key, pattern in _SMALL_TALK:
            if re.search(pattern, asked.question.lower()):
                return Reply(tell(asked.language, key), "small_talk")
        return Reply(tell(asked.language, "fine"), "small_talk")
    if asked.kind in ("injection", "out_of_scope"):
        return Reply(tell(asked.language, "out_of_scope"), "not_in_video")
    if asked.kind == "asks_help":
        questions = " ".join(suggested(evidence, lambda text: reply(text, evidence)))
        return Reply(f"{tell(asked.language, 'hello')} {questions}".strip(), "small_talk")
    return None


_SMALL_TALK = (
    ("thanks", r"\b(?:thank\w*|thx|ty|cheers|danke|dank|gracias)\b"),
    ("hello", r"\b(?:hello|hi|hey|hiya|hallo|moin|servus|guten|hola|buenas|buenos)\b"),
    ("bye", r"\b(?:bye|goodbye|ciao|tschüss|adiós|later)\b"),
)


def _times(asked: Asked, evidence: Evidence) -> Reply | None:
    """What is to be said of times that nobody can read, or that the video does not have."""
    if asked.unread_times:
        return Reply(tell(asked.language, "unread_time", time=asked.unread_times[0]), "not_in_video")
    outside = [when for when in asked.times if when.outside]
    if outside and len(outside) == len(asked.times):
        if outside[0].segment_id is not None:
            return Reply(tell(asked.language, "no_segment", count=len(evidence.timeline.segments)), "not_in_video")
        length, time = clock(evidence.duration_seconds), clock(outside[0].span.start_seconds)
        return Reply(tell(asked.language, "beyond", length=length, time=time), "not_in_video")
    return None


def _video(asked: Asked, evidence: Evidence) -> Reply | None:
    """Questions about the video itself and the models."""
    if asked.kind == "sure":
        return _sure(asked, evidence)
    return about.about(asked, evidence)


def _sure(asked: Asked, evidence: Evidence) -> Reply:
    if not asked.near:
        return Reply(tell(asked.language, "fine"), "small_talk")
    lines = [line for line in evidence.speech if line.segment_id in asked.near][:3]
    if lines:
        return Reply(f"{tell(asked.language, 'sure')} {quotes(lines)}")
    return Reply(pictures(evidence, asked.near, asked.language, 3))


def _by_kind(asked: Asked, evidence: Evidence) -> Reply | None:
    """Kinds with an answer of their own: summaries, transcripts, details that no label tells."""
    if asked.kind == "summary":
        return overview(asked, evidence)
    if asked.kind == "setting":
        return seen.setting(asked, evidence)
    if asked.kind == "transcript":
        return talk.transcript(asked, evidence)
    if asked.kind == "introduces":
        return talk.introductions(asked, evidence)
    if asked.kind == "fits_seen" and evidence.speech and evidence.label_words:
        return seen.fits(asked, evidence)
    if asked.kind == "said_or_seen":
        return seen.said_or_seen(asked, evidence)
    if asked.kind == "species":
        return _species(asked, evidence)
    if asked.kind in _DETAILS:
        return _detail(asked, evidence)
    if asked.choice is None and (found := _either(asked, evidence)) is not None:
        return found
    return None


def _species(asked: Asked, evidence: Evidence) -> Reply | None:
    """ "What animal is it?": a label under that word, or words about it; the word itself says no more."""
    wanted = asked.seen_terms
    if evidence.speech and (found := spoken.content(asked, evidence)) is not None:
        return found
    if wanted and not evidence.showing(wanted):
        return None
    known_here = known(evidence, asked.near, asked.language)
    return Reply(tell(asked.language, "cannot_tell_appearance") + known_here, "cannot_tell")


def _either(asked: Asked, evidence: Evidence) -> Reply | None:
    """ "Is it this or that?" where nothing here knows either: no guess is made between them."""
    match = _EITHER.search(asked.text)
    if match is None or "said" in asked.forms:
        return None
    options = [terms(part, asked.language) for part in match.groups()]
    if not all(options):
        return None
    if any(evidence.knows(term) for option in options for term in option):
        return seen.either(asked, evidence, options)
    return Reply(
        tell(asked.language, "cannot_tell_appearance") + known(evidence, asked.near, asked.language), "cannot_tell"
    )


_EITHER = re.compile(
    r"^(?:so |and |but )?(?:is|are|was|were|does|do|did|ist|sind|war|es|son)\b"
    r".*?(\S+) (?:or|oder|o) (?:an? |the )?(\S+)\s*\??$"
)


def _detail(asked: Asked, evidence: Evidence) -> Reply | None:
    """Details of the picture or sound: told by a witness for them, by words that say just that, else by nobody."""
    if asked.kind == "text_shown" and (found := spoken.written(asked, evidence)) is not None:
        return found
    witnesses = _WITNESSES.get(asked.kind, ())
    if (found := spoken.observed(asked, evidence, witnesses)) is not None:
        return found
    if (found := seen.attribute(asked, evidence)) is not None:
        return found
    if "told" in asked.forms and asked.kind != "text_shown":
        return None
    hits = evidence.search(asked.question, asked.terms, near=asked.near, most=1) if asked.terms else []
    if hits and _tells(asked, evidence, hits[0]):
        return spoken.content(asked, evidence)
    if asked.kind == "hear_sound" and not evidence.timeline.video.has_audio:
        return spoken.no_words(asked, evidence)
    return Reply(
        tell(asked.language, _DETAILS[asked.kind]) + known(evidence, asked.near, asked.language), "cannot_tell"
    )


def _tells(asked: Asked, evidence: Evidence, hit: Hit) -> bool:
    """Whether words tell a detail that no label does: all of it, or a colour beside what it is asked of."""
    if asked.kind == "people_count":
        return False
    if hit.exact >= 0.85 and len(asked.terms) > 1:
        return True
    beside = evidence.lines[max(0, hit.line.place - 1) : hit.line.place + 2]
    colours = {word for line in beside for word in tokens(line.text)} & listed_words("colours")
    return bool(re.search(r"\bcolou?r", asked.text)) and hit.covered >= 0.6 and bool(colours)


def _by_form(asked: Asked, evidence: Evidence) -> Reply | None:
    """Order, counts, places and moments, on whatever labels and words there are."""
    if asked.kind in ("next", "previous"):
        return order.neighbour(asked, evidence, 1 if asked.kind == "next" else -1)
    if "actions" in asked.forms and evidence.speech:
        return talk.tasks(asked, evidence)
    if asked.choice is not None and (found := order.first_of(asked, evidence)) is not None:
        return found
    if asked.choice is not None and all(asked.choice) and asked.kind == CONTENT and not evidence.embedder:
        return Reply(tell(asked.language, "premise"), "not_in_video")
    bare = not asked.terms and not asked.near
    if "said" in asked.forms and (found := _by_said(asked, evidence, bare)) is not None:
        return found
    if "happens" in asked.forms and not asked.seen_terms and not asked.near:
        return seen.happens(asked, evidence)
    if asked.times and bare and not asked.seen_terms:
        return seen.happens(asked, evidence)
    if asked.anchor is not None:
        if {"happens", "said"} & asked.forms or not asked.seen_rest:
            found = order.beside(asked, evidence)
            told_of_words = "said" in asked.forms and asked.anchor.relation != "while"
            if found is None and not told_of_words:
                known_here = [seen.term_known(evidence, term) for term in asked.anchor.terms]
                if any(known_here) and (all(known_here) or not evidence.speech):
                    return Reply(tell(asked.language, "premise"), "not_in_video")
            return found
        if "yes_no" in asked.forms and asked.anchor.relation != "while":
            return order.in_order(asked, evidence)
    return None


def _by_said(asked: Asked, evidence: Evidence, bare: bool) -> Reply | None:
    """What is said: the nth sentence, how often, of which kind, where the talk is, at a time."""
    if (found := talk.nth(asked, evidence)) is not None:
        return found
    if "often" in asked.forms and asked.terms:
        return talk.counted(asked, evidence)
    if asked.near and asked.follows and not asked.seen_terms:
        lines = [line for line in evidence.speech if line.segment_id in asked.near]
        silent = Reply(tell(asked.language, "silent_then"), "not_in_video")
        return Reply(quotes(lines[:8])) if lines else spoken.absent(asked, evidence) or silent
    if "about" not in asked.text and _only_asked(asked) and (found := talk.typed(asked, evidence)) is not None:
        return found
    return spoken.said_at(asked, evidence) if bare and not asked.anchor else None


def _by_parts(asked: Asked, evidence: Evidence) -> Reply | None:
    """Several questions in one: each is answered from words, a later one where an earlier one was."""
    if not evidence.speech or asked.times or asked.anchor:
        return None
    parts = [part for part in _PART.split(asked.text) if re.match(_OPENS, part)]
    if len(parts) < 2:
        return None
    lines: list[Line] = []
    sure = False
    near = asked.near
    for part in parts:
        own = replace(understand(part, evidence), near=near)
        found = spoken.lines_for(own, evidence) if own.terms or near else None
        if found is not None:
            lines += found[0]
            sure = sure or found[1]
            near = tuple(line.segment_id for line in found[0])
    if not lines:
        return None
    lead = "" if sure else f"{tell(asked.language, 'nearest')} "
    return Reply(lead + quotes(lines), nearest=not sure)


_OPENS = (
    r"(?:in |at |on |by |for |from |to |with )?"
    r"(?:what|which|who|whom|how|when|where|why|do|does|did|is|are|was|were|will|can|should|"
    r"was|wer|wie|wann|wo|warum|welche\w*|qué|quién|cómo|cuándo|dónde|cuánt\w+)\b"
)
_PART = re.compile(rf"(?:[,;:.?!]\s*(?:and |but |und |y )?|\b(?:and|und|y)\s+)(?={_OPENS})")


def _by_content(asked: Asked, evidence: Evidence) -> Reply | None:
    """What the question names: looked for in labels and in words, in the order in which it is likely there."""
    words = _mentioned if _asks_mention(asked) else spoken.content
    steps: list[Callable[[Asked, Evidence], Reply | None]] = [seen.shown, words]
    for_words = {
        "said",
        "reason",
        "number",
        "name",
        "lasts",
        "day",
        "quote",
    } & asked.forms and "seen" not in asked.forms
    if evidence.speech and for_words and "often" not in asked.forms:
        labels_tell = not {"said", "name", "reason", "day"} & asked.forms
        steps = [words, seen.shown] if labels_tell else [words]
    elif "said" in asked.forms and "seen" not in asked.forms:
        steps = [words]
    if {"lasts", "seen"} <= asked.forms and (found := seen.lasting(asked, evidence)) is not None:
        return found
    listed = asked.seen_terms and all(seen.term_known(evidence, term) for term in asked.seen_terms)
    if listed and not {"said", "reason"} & asked.forms:
        # Labels have words for all of it: then they, and words that say just that, decide.
        steps = [seen.shown, spoken.verbatim, seen.not_shown]
    if listed and "reason" in asked.forms and not seen.find(evidence, asked.seen_terms)[0]:
        # Why does it turn? It never does, and the labels would have said so.
        found = spoken.verbatim(asked, evidence) or seen.not_shown(asked, evidence)
        if found is not None:
            return found
    for step in steps:
        if (found := step(asked, evidence)) is not None:
            return found
    if "said" not in asked.forms and not (evidence.speech and for_words):
        return seen.not_shown(asked, evidence)
    return None


def _only_asked(asked: Asked) -> bool:
    """Whether a question names nothing but the kind of thing that it asks for: "which day?", "which numbers?"."""
    kinds = listed_words("asked", asked.language)
    return not asked.times and not asked.anchor and all(term.text in kinds for term in asked.said_terms)


def _asks_mention(asked: Asked) -> bool:
    """Whether a question is only about something being said at all."""
    return asked.kind == CONTENT and bool(_MENTION.search(asked.text)) and bool(asked.terms)


_MENTION = re.compile(
    r"\b(?:mention\w*|say anything about|says? something about|talk about|speaks? (?:about|of)|"
    r"anything (?:said )?about|word about|erwähn\w*|etwas über|mencion\w*|algo sobre)\b|"
    r"^(?:is|was|are|were) .{1,60} (?:said|mentioned|spoken of|talked about)\s*\??$"
)


def _mentioned(asked: Asked, evidence: Evidence) -> Reply | None:
    return spoken.mentions(asked, evidence, asked.terms)
