"""Text cut into sentences: quotations, abbreviations, initials, numbers and marks stay whole."""

from __future__ import annotations

import re

_STOPS = ".!?…。！？｡؟۔।॥"
_WIDE = "。！？｡।॥"  # scripts that put no space behind a stop
_OPENING = "“„«‹「『‘(["
_CLOSING = "”»›」』’)]"
_PAIRS = {"”": "“„", "“": "„", "»": "«", "«": "»", "›": "‹", "」": "「", "』": "『"}
_MARKS = re.compile(r"(?:\s*\[S\s*\d{1,9}\](?:\s*(?:,|;|and|to|–|-)?\s*(?=\[S))?)+", re.IGNORECASE)
# Before a stop these do not end a sentence; what follows decides for those that also end one.
_ABBREVIATIONS = frozenset(
    (  # noqa: SIM905
        "mr mrs ms dr prof sr jr st mt rev gen col capt sgt lt hon pres gov fr hr bzw vgl ca dh zb usw evtl "
        "ggf nr abb art vs eg ie cf al approx no nos vol pp ed eds fig figs sec min max inc ltd co corp dept "
        "est tel ext sra srta sres dra ud uds mme mlle av avda pag dott sig ing"
    ).split()
)
_ALSO_LAST = frozenset(["etc", "inc", "ltd", "co", "corp", "jr", "sr", "usw", "am", "pm"])
_STARTERS = frozenset(
    (  # noqa: SIM905
        "The A An It He She They We I You This That These Those There Then But And So If When While In At On "
        "After Before No Yes Now What Who Why How Er Sie Es Wir Ich Der Die Das Dann El La Los Ella Il Elle"
    ).split()
)
_DOTTED = re.compile(r"(?:\b[^\W\d_]\.)+$")  # "e.g.", "U.S.", "J."
_BULLET = re.compile(r"^\s*(?:\d{1,3}|[a-zA-Z])$")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in order, none empty; marks such as ``[S3]`` behind a stop belong to its sentence."""
    parts: list[str] = []
    for line in re.split(r"\n+", text):
        parts += _of_line(line)
    return parts


def _of_line(line: str) -> list[str]:
    parts: list[str] = []
    start = place = 0
    open_quotes: list[str] = []
    while place < len(line):
        character = line[place]
        _follow_quotes(line, place, open_quotes)
        place += 1
        if character not in _STOPS:
            continue
        run = place
        while run < len(line) and line[run] in _STOPS:
            run += 1
        end = _behind_closing(line, run, open_quotes)
        if _ends(line, start, place - 1, run, end, bool(open_quotes)):
            if marks := _MARKS.match(line, end):
                end = marks.end()
            parts.append(line[start:end].strip())
            start = end
        place = max(place, end if not open_quotes else run)
    parts.append(line[start:].strip())
    return [part for part in parts if part]


def _follow_quotes(line: str, place: int, open_quotes: list[str]) -> None:
    character = line[place]
    if character == '"':
        if open_quotes and open_quotes[-1] == '"':
            open_quotes.pop()
        elif '"' in line[place + 1 :]:
            open_quotes.append('"')
    elif open_quotes and open_quotes[-1] in _PAIRS.get(character, ""):
        open_quotes.pop()
    elif character in "“„«‹「『" and any(close in line[place + 1 :] for close in _closers(character)):
        open_quotes.append(character)


def _closers(character: str) -> str:
    return {"“": "”", "„": "“”", "«": "»", "‹": "›", "「": "」", "『": "』"}[character]


def _behind_closing(line: str, place: int, open_quotes: list[str]) -> int:
    """The place behind quotation marks and brackets that close right behind a stop."""
    while place < len(line):
        character, quoted = line[place], open_quotes[-1] if open_quotes else ""
        if character not in _CLOSING and not (character == '"' == quoted) and not (character == "“" and quoted == "„"):
            break
        _follow_quotes(line, place, open_quotes)
        place += 1
    return place


def _ends(line: str, start: int, stop: int, run: int, end: int, inside: bool) -> bool:
    if inside:
        return False
    rest = line[end:]
    if line[stop] in _WIDE:
        return not rest.startswith(("，", "、", "と"))
    marked = _MARKS.match(rest)
    if marked:
        rest = rest[marked.end() :]
        if rest.lstrip()[:1] in (",", ";", ":"):
            return False
    if rest and not rest[0].isspace():
        return False  # 3.5, 0:07.2, example.org
    following = rest.lstrip()
    closed = end > run
    if not following or re.search(r"\[S\d{1,9}\]\s*$", line[start:stop]):
        return True  # a mark before the stop ends a statement, whatever follows
    first = following.lstrip("“„«‹\"'(¿¡ ")[:1]
    if first.islower() and (closed or line[stop] in "….?!"):
        return bool(marked) and not closed and line[stop] not in "…" and not _shortened(line, start, stop, first)
    if run - stop > 1 or line[stop] != ".":
        return True  # "...", "?!"
    return closed or not _shortened(line, start, stop, first)


def _shortened(line: str, start: int, stop: int, first: str) -> bool:
    """Whether the full stop belongs to an abbreviation, an initial or the number of a list."""
    before = line[start:stop]
    if _BULLET.match(before):
        return True
    word = re.search(r"([^\W_]+)$", before)
    if not word:
        return False
    last = word.group(1)
    follows = re.match(r"[\s\W]*([^\W_]+)(\.?)", line[stop + 1 :])
    fresh = bool(follows) and follows.group(1) in _STARTERS and not follows.group(2)  # type: ignore[union-attr]
    if dotted := _DOTTED.search(line[start : stop + 1]):
        if len(dotted.group(0)) > 2:  # "e.g.", "U.S.", "p.m."
            return not (first.isupper() and fresh)
        if last.isupper():  # an initial stands before a name; "vitamin C. It ..." does not
            return not fresh
    low = last.lower()
    if low in ("no", "nr", "fig", "art", "vol", "pp", "sec", "min", "max", "ca", "ed", "st"):
        return first.isdigit() or (low == "st" and first.isupper())
    if low in _ALSO_LAST:
        return not first.isupper()
    return low in _ABBREVIATIONS
