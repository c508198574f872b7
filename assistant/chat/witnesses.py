"""Answers about the models: which one said it, how sure it was, what it said beside, and what did not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from assistant.chat.compose import Reply, mark, safe, say
from assistant.chat.evidence import Evidence, says
from assistant.chat.lines import Label
from assistant.chat.seen import find
from assistant.chat.understand import Asked
from assistant.chat.words import listed_words, numbers_in


def _models(asked: Asked, evidence: Evidence) -> Reply:
    made = evidence.timeline.provenance
    names = {
        "actions": safe(str(made.actions.get("model") or "none")),
        "descriptions": safe(str(made.descriptions.get("model") or "none")),
        "speech": safe(str(made.speech.get("model") or "none")),
    }
    words = (
        ("speech", r"speech|whisper|transcri|words|voice"),
        ("actions", r"action|v-?jepa"),
        ("descriptions", r"clip|scene"),
    )
    for kind, pattern in words:
        if re.search(pattern, asked.text) and "that there" not in asked.text:
            return Reply(say(asked, "one_model", kind=kind.capitalize(), model=names[kind]))
    named = _label_asked(asked, evidence)
    if named is not None:
        by = {
            "actions": "the action recogniser (actions)",
            "descriptions": "the scene describer, CLIP (descriptions)",
        }
        return Reply(say(asked, "by", what=safe(named.text), kind=by[named.kind], model=names[named.kind]))
    return Reply(say(asked, "models", pack=safe(made.pack), **names))


def _frames(asked: Asked, evidence: Evidence) -> Reply:
    actions = evidence.timeline.provenance.actions
    rate = f", {actions['frames_per_second']:g} a second" if "frames_per_second" in actions else ""
    count = actions.get("num_frames", "unknown")
    return Reply(say(asked, "frames", model=safe(str(actions.get("model", ""))), count=count, rate=rate))


def _label_asked(asked: Asked, evidence: Evidence) -> Label | None:
    """The best-scored label that a question names."""
    wanted = [
        term for term in asked.seen_terms if any(" ".join(k) in evidence.label_words for k in (term.raw, term.shared))
    ]
    if not wanted:
        return None
    held = [
        label
        for labels in evidence.labels.values()
        for label in labels
        if any(says(label.terms, term) for term in wanted)
    ]
    return max(
        held, key=lambda label: (sum(says(label.terms, t) for t in wanted), -label.rank, label.score), default=None
    )


def _segments_meant(asked: Asked, evidence: Evidence) -> list[int]:
    """The segments that a question about scores means: by time, by number, by label, by what is said, by the talk."""
    if asked.times:
        return [found for when in asked.times for found in evidence.segments_in(when.span)]
    parts = _nth_part(asked, evidence)
    if parts:
        return parts
    wanted = [t for t in asked.seen_terms if t.text not in listed_words("scores")]
    wanted = [t for t in wanted if any(" ".join(k) in evidence.label_words for k in (t.raw, t.shared))] or wanted
    if wanted:
        ids, _ = find(evidence, wanted)
        if ids:
            return ids
        hits = evidence.search(
            asked.question, [t for t in asked.terms if t.text not in listed_words("scores")], near=asked.near, most=1
        )
        if hits and (hits[0].covered > 0.2 or hits[0].alike > 0.25):
            return list(hits[0].line.segment_ids)
    return list(asked.near) or list(range(1, len(evidence.timeline.segments) + 1))


def _nth_part(asked: Asked, evidence: Evidence) -> list[int]:
    """ "The second part", "the first segment", "the last one"."""
    match = re.search(
        r"\b(first|second|third|fourth|fifth|last|\d+(?:st|nd|rd|th)) (?:part|segment|half|piece|bit|one)\b", asked.text
    )
    if match is None:
        return []
    count = len(evidence.timeline.segments)
    number = count if match.group(1) == "last" else int((numbers_in(match.group(1)) or [1])[0])
    return [number] if 1 <= number <= count else []


def _best_of(asked: Asked, evidence: Evidence, ids: Sequence[int]) -> tuple[int, Label] | None:
    """The segment and label that a question about scores means."""
    wanted = [t for t in asked.seen_terms if t.text not in listed_words("scores")]
    kinds = (
        ["actions"]
        if "action" in asked.text or "recogni" in asked.text
        else ["descriptions"]
        if "describ" in asked.text
        else []
    )
    pairs = [(found, label) for found in ids for label in evidence.labels[found] if not kinds or label.kind in kinds]
    if not pairs:
        return None

    def fits(pair: tuple[int, Label]) -> tuple[int, int, int, float]:
        segment_id, label = pair
        unfit = label.kind == "actions" and "none_of_my_labels" in evidence.segment(segment_id).flags
        return (sum(says(label.terms, term) for term in wanted), -int(unfit), -label.rank, label.score)

    return max(pairs, key=fits)


def _score(asked: Asked, evidence: Evidence) -> Reply | None:
    ids = _segments_meant(asked, evidence)
    best = _best_of(asked, evidence, ids)
    if best is None:
        return None
    segment_id, label = best
    kind = "action recogniser" if label.kind == "actions" else "scene describer"
    text = say(asked, "score", label=safe(label.text), score=label.score, kind=kind, id=segment_id)
    note = evidence.segment(segment_id).notes.get("none_of_my_labels")
    if note and label.kind != "actions":
        text += " " + say(asked, "none_fits", note=safe(note), id=segment_id)
    if "reason" in asked.forms:
        text += " " + say(asked, "why")
    elif label.score < 0.35:
        text = f"Not very sure. {text}" if asked.language == "en" else text
    return Reply(text)


def _rival(asked: Asked, evidence: Evidence) -> Reply | None:
    ids = _segments_meant(asked, evidence)
    best = _best_of(asked, evidence, ids)
    if best is None:
        return None
    segment_id, label = best
    ranked = [one for one in evidence.labels[segment_id] if one.kind == label.kind]
    if len(ranked) < 2:
        return Reply(say(asked, "no_rival", id=segment_id))
    rivals = ", ".join(f"{safe(one.text)} ({one.score:.2f})" for one in ranked[1:3])
    return Reply(
        say(asked, "rival", best=safe(ranked[0].text), best_score=ranked[0].score, rivals=rivals, id=segment_id)
    )


def _rely(asked: Asked, evidence: Evidence) -> Reply | None:
    ids = _segments_meant(asked, evidence)
    flagged = [found for found in ids if evidence.segment(found).flags]
    best = _best_of(asked, evidence, flagged[:1] or ids)
    if best is None:
        return None
    segment_id, label = best
    notes = [
        text for flag, text in evidence.segment(segment_id).notes.items() if flag in evidence.segment(segment_id).flags
    ]
    key = "rely_less" if notes else "rely"
    return Reply(say(asked, key, note=safe("; ".join(notes)), label=safe(label.text), score=label.score, id=segment_id))


def _fit(asked: Asked, evidence: Evidence) -> Reply | None:
    wanted = [t for t in asked.terms if t.text not in listed_words("scores")]
    ids = _segments_meant(asked, evidence) if asked.times else []
    if not ids and wanted:
        hits = evidence.search(asked.question, wanted, near=asked.near, most=3)
        ids = sorted({found for hit in hits for found in hit.line.segment_ids})
    ids = ids or _segments_meant(asked, evidence)
    unfit = [found for found in ids if "none_of_my_labels" in evidence.segment(found).flags]
    if re.search(r"which seg|flag|how many|none_of|out_of|disagree", asked.text):
        every = [s.id for s in evidence.timeline.segments if "none_of_my_labels" in s.flags]
        if not every:
            return Reply(say(asked, "no_flags"))
        note = safe(evidence.segment(every[0]).notes.get("none_of_my_labels", ""))
        return Reply(say(asked, "fit_count", count=len(every), note=note, marks=mark(every)))
    if len(unfit) * 2 >= max(1, len(ids)):
        note = safe(evidence.segment(unfit[0]).notes.get("none_of_my_labels", "none of the actions fits well"))
        return Reply(say(asked, "fit_none", note=note, marks=mark(unfit)))
    told = [f"{safe(label.text)} ({label.score:.2f}) [S{i}]" for i in ids[:4] if (label := evidence.best(i, "actions"))]
    return Reply(say(asked, "fit_some", labels=", ".join(told))) if told else None


def _shared(asked: Asked, evidence: Evidence) -> Reply:
    ids = [s.id for s in evidence.timeline.segments if "shared_result" in s.flags]
    return Reply(say(asked, "shared", marks=mark(ids)) if ids else say(asked, "none_shared"))


def _label_count(asked: Asked, evidence: Evidence) -> Reply:
    made = evidence.timeline.provenance
    lists = ", ".join(str(name) for name in made.descriptions.get("label_lists") or ()) or "?"
    count, model = made.descriptions.get("labels", "?"), made.actions.get("model", "?")
    return Reply(say(asked, "label_count", labels=count, lists=safe(lists), model=safe(str(model))))


def _top_label(asked: Asked, evidence: Evidence) -> Reply | None:
    """The best labels of a place, with their scores; of the whole video the surest one."""
    ids = [found for when in asked.times for found in evidence.segments_in(when.span)] or _nth_part(asked, evidence)
    own = [term for term in asked.seen_terms if term.text not in listed_words("scores")]
    if own and not asked.times:  # "the last segment with a dog as the best guess" asks for the segment
        return _score(asked, evidence) if "score" in asked.text else None
    if not ids:
        return _score(asked, evidence)
    kinds = ("actions",) if re.search(r"action|recogni|v-?jepa", asked.text) else ("actions", "descriptions")
    told = [
        f"{safe(label.text)} ({label.score:.2f}) [S{found}]."
        for found in ids[:4]
        for kind in kinds
        for label in [one for one in evidence.labels[found] if one.kind == kind][:1]
    ]
    return Reply(" ".join(told)) if told else None


MODEL_ANSWERS: Mapping[str, Callable[[Asked, Evidence], Reply | None]] = {
    "models": _models,
    "frames": _frames,
    "score": _score,
    "rival": _rival,
    "rely": _rely,
    "fit": _fit,
    "shared": _shared,
    "label_count": _label_count,
    "top_label": _top_label,
}
