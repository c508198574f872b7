"""Sentences about segments in the evidence's own words, each with its marks ``[S3]``; times are never written here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from assistant.chat.rules.facts import SURE_ACTION, SURE_DESCRIPTION, Run, Said, Seen
from assistant.chat.rules.words import stem, tokens

_NO_ARTICLE = re.compile(
    r"^(?:an?|the|some|two|three|four|several|many|no|people|someone|somebody|something)\b|(?:[^s]s|people|water|snow|grass|sand|rain|text|food|fire|smoke)$"
)
_NUMBER_NAMES = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_MARKS_SHOWN = 3


def mark(ids: Sequence[int]) -> str:
    """The marks of these segments: all of a few, else the first and the last."""
    unique = list(dict.fromkeys(ids))
    if len(unique) <= _MARKS_SHOWN:
        return " ".join(f"[S{found}]" for found in unique)
    return f"[S{unique[0]}] to [S{unique[-1]}]"


def with_article(label: str) -> str:
    """The label as it stands after "there is": ``a red circle``; labels that need no article are left alone."""
    label = safe(label)
    if not label or _NO_ARTICLE.search(label.lower()):
        return label
    return f"{'an' if label[0].lower() in 'aeiou' else 'a'} {label}"


def picture(one: Seen) -> str:
    """What is seen and done in a segment, hedged where the models were unsure: ``a red circle, moving left``."""
    looks, deed = look(one), action(one)
    if looks and deed:
        return f"{looks}, {deed}"
    if looks:
        return f"{looks}, action unknown" if one.segment.actions else looks
    return deed or ("an unknown thing, action unknown" if one.segment.actions else "nothing recognised")


def look(one: Seen) -> str:
    best = one.segment.description
    if best is None:
        return ""
    hedge = "perhaps " if best.score < SURE_DESCRIPTION else ""
    return hedge + with_article(best.label)


def action(one: Seen) -> str:
    best = one.segment.action
    if one.action is None or best is None:
        return ""
    hedge = "probably " if best.score < SURE_ACTION else ""
    text = safe(one.action.text)
    return hedge + (f"the {text}" if text.lower().startswith("camera ") else text)


def run_sentence(run: Run) -> str:
    """An occurrence with its marks; where the action changes while the look stays, each action with its own."""
    parts: list[list[Seen]] = [[run.first]]
    for one in run.seen[1:]:
        if one.action == parts[-1][-1].action:
            parts[-1].append(one)
        else:
            parts.append([one])
    told = [f"{picture(run.first)} {mark([one.id for one in parts[0]])}"]
    told += [f"then {action(part[0]) or 'action unknown'} {mark([one.id for one in part])}" for part in parts[1:3]]
    return ", ".join(told)


def quoted(one: Said) -> str:
    """The words of an utterance in quotation marks, with nothing in them that could pass for a mark."""
    return f"\u201c{safe(one.text)}\u201d"


def said_sentence(one: Said) -> str:
    return f"{quoted(one)} [S{one.segment_id}]"


def joined(parts: Sequence[str], last: str = "and") -> str:
    """The parts as a list in a sentence."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}" if len(parts) > 2 else f"{parts[0]} {last} {parts[1]}"


def listed(parts: Sequence[str]) -> str:
    """Parts that hold commas themselves, kept apart by semicolons."""
    return "; ".join(parts)


def count_word(count: int) -> str:
    return _NUMBER_NAMES[count] if count < len(_NUMBER_NAMES) else str(count)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def safe(text: str, most: int = 300) -> str:
    """Untrusted words for a sentence of ours: no brackets, quotation marks, markup or line breaks, and not endless."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c if c.isprintable() else " " for c in text)  # line breaks, bidirectional and zero-width controls
    text = re.sub(r"[\[\]<>{}`\"“”„«»|\\*_#$~]", " ", text.replace("://", " ").replace("www.", "www "))
    text = re.sub(r"(?i)\b(javascript|data|vbscript|mailto):", r"\1 ", text)
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"


def echo(text: str) -> str:
    """What was asked for, in the question's own words, cleaned: only words, and not too many of them."""
    return " ".join(tokens(safe(text))[:12])


def plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def same_word(one: str, other: str) -> bool:
    return stem(one.lower()) == stem(other.lower())
