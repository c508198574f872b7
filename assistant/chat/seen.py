"""Answers from labels: what happens when, how often, in which order, with which action, on any label list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from assistant.chat import spoken
from assistant.chat.compose import Reply, at_time, capital, known, mark, named, picture, pictures, quotes, safe, tell
from assistant.chat.evidence import Evidence, Run, says
from assistant.chat.lines import Label
from assistant.chat.understand import Asked
from assistant.chat.words import Term, listed_words, numbers_in, stem, terms
from assistant.config import PROMPTS_FOLDER

FRAME = frozenset(("bit", "thing", "stuff", "part", "one", "something", "other"))


def happens(asked: Asked, evidence: Evidence) -> Reply:
    """What is to be seen, and said, in the whole video, at a moment or in a stretch."""
    segments = evidence.timeline.segments
    if not segments or not any(s.actions or s.descriptions for s in segments):
        return (
            spoken.said_at(asked, evidence)
            if evidence.speech
            else Reply(tell(asked.language, "no_picture"), "not_in_video")
        )
    span = asked.within()
    if span is None and not asked.times:
        if "first" in asked.forms or "begin" in asked.text or "start" in asked.text:
            ids = [segments[0].id]
        elif "last" in asked.forms or asked.text.rstrip(" ?").endswith((" end", " finish")):
            ids = [segments[-1].id]
        else:
            ids = [segment.id for segment in segments]
    else:
        ids = [found for when in asked.times for found in evidence.segments_in(when.span)]
    text = pictures(evidence, ids, asked.language, 10)
    if len({picture(evidence, found, asked.language) for found in ids}) == 1 and len(ids) > 1:
        text = tell(asked.language, "same", what=text)
    if span is not None and evidence.speech and len(ids) <= 12:
        lines = spoken.spread(spoken.lines_in(evidence, span), 4)
        if lines and "seen" not in asked.forms:
            text += f" {tell(asked.language, 'said_there')} {quotes(lines)}"
    return Reply(text)


def shown(asked: Asked, evidence: Evidence) -> Reply | None:
    """The answer where labels hold all that the question names; None where they do not."""
    wanted = (*asked.people, *asked.terms)
    ids, guess = find(evidence, wanted) if wanted else ([], False)
    if not ids:
        wanted = asked.seen_terms
        ids, guess = find(evidence, wanted) if wanted else ([], False)
    if not ids:
        return None
    if span := asked.within():
        ids = [found for found in ids if found in evidence.segments_in(span)]
    if not ids:
        return None
    runs = evidence.runs(ids)
    if "lasts" in asked.forms:
        return None if guess else _lasting(asked, evidence, runs, wanted)
    if "often" in asked.forms:
        return _counted(asked, evidence, runs, wanted)
    if match := re.search(r"\b(second|third|fourth|fifth) time\b", asked.text):
        number = int(numbers_in(match.group(1))[0])
        if number > len(runs):
            return Reply(tell(asked.language, "premise"), "not_in_video")
        runs, ids = runs[number - 1 : number], list(runs[number - 1].ids)
    if "number" in asked.forms and "how many" in asked.text:
        return Reply(tell(asked.language, "cannot_tell_count") + known(evidence, ids, asked.language), "cannot_tell")
    return _shown_runs(asked, evidence, runs, ids, wanted, guess)


def _shown_runs(
    asked: Asked, evidence: Evidence, runs: list[Run], ids: list[int], wanted: Sequence[Term], guess: bool
) -> Reply:
    """The occurrences of what was asked for, or the first or last of them."""
    lead = ""
    if "yes_no" in asked.forms:
        lead = f"{tell(asked.language, 'perhaps' if guess else 'yes')}: "
    if "last" in asked.forms:
        runs = runs[-1:]
        ids = list(runs[-1].ids)[-1:] if "where" in asked.forms else list(runs[-1].ids)
    elif "first" in asked.forms:
        runs, ids = runs[:1], list(runs[0].ids)
    if {"when", "where"} & asked.forms:
        at = tell(asked.language, "at")
        told = [
            f"{at} {at_time(run.span.start_seconds)}: {naming(asked, evidence, run.ids, wanted)} {mark(run.ids)}."
            for run in _runs_of(ids, runs)[:6]
        ]
        return Reply(lead + " ".join(told))
    told = []
    for run in runs[:6]:
        name = picture(evidence, run.ids[0], asked.language)
        told.append(f"{capital(naming(asked, evidence, run.ids, wanted) if guess else name)} {mark(run.ids)}.")
    return Reply(lead + " ".join(told))


def setting(asked: Asked, evidence: Evidence) -> Reply | None:
    """Where it is and what is there, as far as labels of scenes say it."""
    span = asked.within()
    ids = [s.id for s in evidence.timeline.segments] if span is None else evidence.segments_in(span)
    best: dict[str, list[int]] = {}
    for found in ids:
        label = evidence.best(found, "descriptions")
        if label is not None:
            best.setdefault(named(label, asked.language), []).append(found)
    told = [f"{capital(text)} {mark(best[text][:3])}." for text in sorted(best, key=lambda text: -len(best[text]))[:6]]
    return Reply(" ".join(told)) if told else None


def find(evidence: Evidence, wanted: Sequence[Term]) -> tuple[list[int], bool]:
    """The segments whose labels hold all terms, and whether only a model's second guess does."""
    for asked in (tuple(wanted), *_widened(evidence, wanted)):
        if ids := evidence.showing(asked):
            return ids, False
    if ids := evidence.showing(wanted, guesses=True):
        return ids, True
    return [], False


def _widened(evidence: Evidence, wanted: Sequence[Term]) -> list[tuple[Term, ...]]:
    """The terms with a general word ("animal") in the place of each of the labels that the lists file under it."""
    found = []
    for place, term in enumerate(wanted):
        for member in _members(term.raw[-1]):
            rest = tuple(wanted[:place]) + terms(member, stop=False) + tuple(wanted[place + 1 :])
            if any(term_known(evidence, one) for one in terms(member, stop=False)):
                found.append(rest)
    return found


def term_known(evidence: Evidence, term: Term) -> bool:
    """Whether any model here has a label with this word."""
    return " ".join(term.raw) in evidence.label_words or " ".join(term.shared) in evidence.label_words


@lru_cache(maxsize=8)
def _list_terms(name: str) -> tuple[tuple[Term, ...], ...]:
    return tuple(terms(label, stop=False) for label, _ in _listed(name))


@lru_cache(maxsize=8)
def _listed(name: str) -> tuple[tuple[str, str], ...]:
    """The labels of a list with the heading (a comment) that they stand under."""
    path = PROMPTS_FOLDER / "labels" / f"{name}.txt"
    found, heading = [], ""
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                heading = line.lstrip("# ").strip().lower()
            elif line.strip():
                found.append((line.strip(), heading))
    return tuple(found)


def _members(word: str) -> list[str]:
    """The labels of the everyday list under a heading of this name, and what ``classes.txt`` files under it."""
    found = [
        label for label, heading in _listed("everyday") if heading and stem(heading) == word and " " not in heading
    ]
    path = PROMPTS_FOLDER / "words" / "en" / "classes.txt"
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, members = line.partition(":")
        if members and stem(name.strip().lower()) == word:
            found += [member.strip() for member in members.split(",")]
    return found


def _counted(asked: Asked, evidence: Evidence, runs: Sequence[Run], wanted: Sequence[Term]) -> Reply:
    count = len(runs)
    many = tell(asked.language, "once") if count == 1 else tell(asked.language, "times", count=count)
    told = "; ".join(f"{naming(asked, evidence, run.ids, wanted)} {mark(run.ids)}" for run in runs[:8])
    return Reply(f"{many}: {told}.")


def lasting(asked: Asked, evidence: Evidence) -> Reply | None:
    """How long something stays in the picture, by the words of the question that labels know."""
    wanted = tuple(term for term in asked.seen_terms if term_known(evidence, term))
    ids, _ = find(evidence, wanted) if wanted else ([], False)
    return _lasting(asked, evidence, evidence.runs(ids), wanted) if ids else None


def _lasting(asked: Asked, evidence: Evidence, runs: Sequence[Run], wanted: Sequence[Term]) -> Reply:
    """How long something is to be seen: each occurrence with its length."""
    told = [
        f"{naming(asked, evidence, run.ids, wanted)}: {round(run.span.seconds, 1):g} seconds,"
        f" {at_time(run.span.start_seconds)}\u2013{at_time(run.span.end_seconds)} {mark(run.ids)}."
        for run in runs[:6]
    ]
    return Reply(" ".join(told))


def _runs_of(ids: Sequence[int], runs: Sequence[Run]) -> list[Run]:
    kept = set(ids)
    return [Run(tuple(i for i in run.ids if i in kept), run.span) for run in runs if kept & set(run.ids)]


def naming(asked: Asked, evidence: Evidence, ids: Sequence[int], wanted: Sequence[Term]) -> str:
    """The labels of a run that say what was asked for, with their best score where the model was unsure."""
    best: dict[str, Label] = {}
    for found in ids:
        for label in evidence.labels[found]:
            named_here = any(says(label.terms, term) for term in wanted) and (label.rank == 0 or label.score >= 0.15)
            if named_here and (label.text not in best or best[label.text].score < label.score):
                best[label.text] = label
    firsts = [label for label in best.values() if label.rank == 0] or list(best.values())
    firsts = sorted(firsts, key=lambda label: -label.score)[:2]
    if not firsts:
        return picture(evidence, ids[0], asked.language)
    return ", ".join(
        named(label, asked.language) + (f" ({label.score:.2f})" if not label.sure else "") for label in firsts
    )


def not_shown(asked: Asked, evidence: Evidence) -> Reply | None:
    """That something is not seen, where the lists could say it: then the absence has ground. None where they could not.

    A list that knows washed dishes and hands still has no word for washed hands: one label must hold all that is asked
    for, or one action and one scene together.
    """
    wanted = asked.seen_terms
    if not wanted:
        return None
    what = " ".join(safe(term.text) for term in wanted)
    if any(_holds(label, wanted) for label in _every_label(evidence, "descriptions")):
        return Reply(tell(asked.language, "not_shown", what=what), "not_in_video")
    for label in _every_label(evidence, "actions"):
        rest = [term for term in wanted if not _holds(label, [term])]
        if not rest or (
            len(rest) < len(wanted) and any(_holds(d, rest) for d in _every_label(evidence, "descriptions"))
        ):
            return Reply(tell(asked.language, "not_shown_together", what=what), "not_in_video")
    return None


def _holds(label: Sequence[Term], wanted: Sequence[Term]) -> bool:
    """Whether a label says all terms in their own words, or in phrases that mean the same."""
    words = {root for term in label for root in term.raw}
    shared = {term.shared for term in label}
    return all(words.issuperset(t.raw) or (len(t.raw) > 1 and t.shared in shared) for t in wanted)


def _every_label(evidence: Evidence, kind: str) -> list[tuple[Term, ...]]:
    """The labels of a kind that the models here could have given."""
    given = {label.text: label.terms for labels in evidence.labels.values() for label in labels if label.kind == kind}
    lists = evidence.timeline.provenance.descriptions.get("label_lists") or () if kind == "descriptions" else ()
    return [*given.values(), *(label for name in lists for label in _list_terms(str(name)))]


def fits(asked: Asked, evidence: Evidence) -> Reply | None:
    """Whether the labels agree with what is said: both are looked for, and named."""
    hits = evidence.search(asked.question, asked.terms, near=asked.near, most=3)
    if not hits:
        return None
    ids = sorted({found for hit in hits[:2] for base in hit.line.segment_ids for found in (base - 1, base, base + 1)})
    ids = [found for found in ids if 1 <= found <= len(evidence.timeline.segments)]
    spoken_terms = [*asked.terms, *(term for hit in hits[:2] for term in hit.line.terms)]
    agreeing = [
        found
        for found in ids
        if any(
            says(label.terms, term)
            for label in evidence.shown(found)
            for term in spoken_terms
            if term.text not in _HOLLOW
        )
    ]
    if agreeing:
        shown = pictures(evidence, agreeing, asked.language)
        return Reply(f"{tell(asked.language, 'picture_yes')} {shown} {quotes([hits[0].line])}")
    there = pictures(evidence, list(hits[0].line.segment_ids), asked.language)
    return Reply(f"{tell(asked.language, 'picture_no')} {there} {quotes([hits[0].line])}") if there else None


_HOLLOW = frozenset(("something", "with", "into", "onto", "camera", "from", "on", "in", "up", "down", "person", "it"))


def said_or_seen(asked: Asked, evidence: Evidence) -> Reply | None:
    ids, _ = find(evidence, asked.seen_terms)
    hits = [hit.line for hit in evidence.search(asked.question, asked.terms, most=20) if hit.exact >= 0.8]
    if not ids and not hits:
        return None
    key = "both_said_seen" if ids and hits else "only_seen" if ids else "only_said"
    shown = pictures(evidence, ids, asked.language, 3) if ids else ""
    return Reply(" ".join(part for part in (tell(asked.language, key), shown, quotes(hits[:3])) if part))


def attribute(asked: Asked, evidence: Evidence) -> Reply | None:
    """ "What colour is the cup?" where the labels of its segments say it; None where no label does."""
    kinds = {"colour": "colours", "color": "colours", "shape": ""}
    asks = next((kind for kind in kinds if kind in asked.text), None)
    wanted = [term for term in (*asked.people, *asked.terms) if term.text not in listed_words("asked")]
    wanted = [term for term in wanted if term.text not in FRAME and term.text not in ("object", "objects")]
    if asks is None or not (wanted or asked.near):
        return None
    ids, guess = find(evidence, wanted) if wanted else (list(asked.near), False)
    if not ids or guess:
        return None
    values = listed_words("colours") if kinds[asks] else frozenset[str]()
    found = []
    for run in evidence.runs(ids):
        label = evidence.best(run.ids[0], "descriptions")
        words = label.text.lower().split() if label else []
        has_value = any(word in values for word in words) if values else len(words) == 2
        if label is not None and has_value:
            found.append(f"{capital(picture(evidence, run.ids[0], asked.language))} {mark(run.ids)}.")
    return Reply(" ".join(found[:4])) if found else None


def either(asked: Asked, evidence: Evidence, options: Sequence[Sequence[Term]]) -> Reply | None:
    """ "Is the cup red or blue?" where a label of the cup says one of them; None where none does."""
    both = {term for option in options for term in option}
    rest = tuple(term for term in asked.seen_terms if term not in both)
    for option in options:
        ids, guess = find(evidence, (*rest, *option))
        if ids and rest and not guess:
            return Reply(f"{capital(picture(evidence, ids[0], asked.language))} {mark(evidence.runs(ids)[0].ids)}.")
    return None
