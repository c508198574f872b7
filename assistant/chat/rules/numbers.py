"""Numbers in an answer held against the timeline: counts, scores and lengths."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.chat.rules.facts import Facts
from assistant.chat.rules.matching import found_runs
from assistant.chat.rules.questions import topic_of
from assistant.chat.rules.times import clock_times, durations
from assistant.chat.rules.words import NUMBERS, REPEATS, number
from assistant.core.timeline import EvidenceKind, Verdict

Judgement = tuple[Verdict, EvidenceKind, str]

_WORDS = "|".join(sorted((*NUMBERS, *REPEATS), key=len, reverse=True))
_QUOTED = re.compile(r"[“\"„«][^“”\"„«»]{1,400}[”\"“»]")
_MARK = re.compile(r"\[S\d{1,9}\]")
_SCORE = re.compile(r"(?<![\d.:])([01]\.\d{1,3})(?![\d:])|(?<![\d.])(\d{1,3}(?:\.\d)?)\s?(?:%|percent)")
_LENGTH = re.compile(
    r"(?<![\d:.])(?:\d+(?:\.\d+)?|an?|half an?|" + _WORDS + r")[\s-]*(?:hours?|minutes?|mins?|seconds?|secs?)\b",
    re.IGNORECASE,
)
_CLOCK_LENGTH = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})? (?:minutes|hours)\b")
_COUNT = re.compile(
    rf"(?<![\w.:])(\d{{1,6}}|{_WORDS})(?![\w.:]\w)(?:\s+(?:different|separate|distinct|more))?(?:\s+(\w+))?",
    re.IGNORECASE,
)
_COUNTED_NOUNS = ("time", "scene", "shot", "segment", "cut", "event", "sentence")
_WHOLE = ("segment", "segments", "cut", "cuts", "shot", "shots", "scene", "scenes", "event", "events")


def judge_numbers(sentence: str, parts: Sequence[Sequence[int]], facts: Facts) -> Judgement | None:
    """The verdict on the numbers of a sentence whose marked parts are ``parts``; None where it states none."""
    text = _MARK.sub(" ", _QUOTED.sub(" ", sentence))
    ids = [found for part in parts for found in part]
    if not ids:
        return None
    checked = False
    for match in _SCORE.finditer(text):
        checked = True
        if not _is_score(float(match.group(1) or float(match.group(2)) / 100), ids, facts):
            return "contradicted", "timeline", f"{match.group(0)} is no score there"
    text = _SCORE.sub(" ", text)
    for match in _LENGTH.finditer(text):
        if clock_times(text[max(0, match.start() - 12) : match.end()]):
            continue
        checked = True
        if not _is_length(durations(match.group(0))[0], parts, ids, facts):
            return "contradicted", "timeline", f"it does not last {match.group(0).strip()}"
    text = _LENGTH.sub(" ", _CLOCK_LENGTH.sub(" ", text))
    for match in _COUNT.finditer(text):
        value = number(match.group(1).lower())
        if value is None or _part_of_label(match.group(1), ids, facts):
            continue
        checked = True
        if not _is_count(value, match.group(2) or "", text, parts, facts):
            return "contradicted", "timeline", f"the count {match.group(1)} does not agree with the timeline"
    return ("supported", "timeline", "") if checked else None


def _is_score(value: float, ids: Sequence[int], facts: Facts) -> bool:
    segments = [facts.seen[found - 1].segment for found in ids]
    scores = [item.score for segment in segments for item in segment.actions]
    scores += [item.score for segment in segments for item in segment.descriptions]
    return any(abs(score - value) <= 0.0051 for score in scores)


def _is_length(seconds: float, parts: Sequence[Sequence[int]], ids: Sequence[int], facts: Facts) -> bool:
    """Whether some marked stretch, all of them together or from first to last, lasts about so long."""
    spans = {found: facts.seen[found - 1].segment.span for found in ids}
    lengths = [spans[max(part)].end_seconds - spans[min(part)].start_seconds for part in [*parts, ids] if part]
    lengths.append(sum(span.seconds for span in spans.values()))
    return any(abs(length - seconds) <= max(0.6, 0.1 * length) for length in lengths)


def _is_count(value: int, noun: str, text: str, parts: Sequence[Sequence[int]], facts: Facts) -> bool:
    ids = [found for part in parts for found in part]
    chosen = [facts.seen[found - 1] for found in dict.fromkeys(ids)]
    if noun.lower() in _WHOLE and _is_whole_count(value, noun.lower(), ids, facts):
        return True
    if "more" in text.lower() and value:
        return True
    counts = {len(parts), len(facts.runs(chosen)), len({one.shot for one in chosen})}
    words = " ".join(one.segment.words for one in chosen).lower().split()
    if not noun.lower().startswith(_COUNTED_NOUNS) and value in {number(word) for word in words}:
        return True
    if value not in counts:
        # "3 times: the word ... [S2]": one sentence may hold a word twice.
        return noun.lower().startswith("time") and value <= len(words) and value > len(parts) and "said" in text.lower()
    topic = topic_of(re.sub(r"^.*?:", "", text) if ":" in text else text)
    if not topic.phrases or len(parts) > 1:
        return True
    return len(found_runs(facts, topic, facts.seen)) in (value, 0)


def _is_whole_count(value: int, noun: str, ids: Sequence[int], facts: Facts) -> bool:
    inside = [one for one in facts.seen if min(ids) <= one.id <= max(ids)]
    shots = len({one.shot for one in inside})
    if noun.startswith("segment"):
        return value == len(inside)
    if noun.startswith("cut"):
        return value == shots - 1 or (value == shots and inside[0].shot > 0)
    if noun.startswith("event"):
        return value == len(facts.runs(inside))
    return value == shots


def _part_of_label(word: str, ids: Sequence[int], facts: Facts) -> bool:
    """ "two" in the label "two people talking" is no count."""
    labels = [label for found in ids for label in (*facts.seen[found - 1].descriptions, facts.seen[found - 1].action)]
    words = " ".join(label.text.lower() for label in labels if label is not None).split()
    return word.lower() in words or word.lower() in ("one", "once") or word.lower() == "a"
