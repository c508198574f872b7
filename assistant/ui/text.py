"""Text from outside on its way into a page: shown as the characters it is made of, never as markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from assistant.core.plaintext import BIDI, escaped_markdown, one_line
from assistant.core.timeline import Citation, Span, Timeline, clock

_CITATION = re.compile(r"\[S(\d{1,6})\]")
_HALF_CITATION = re.compile(r"\[S?\d{0,6}$")


def shown_name(name: str, limit: int = 80) -> str:
    """A file name as it can be shown, shortened in its middle."""
    name = one_line(name) or "unnamed video"
    if len(name) <= limit:
        return name
    tail = limit // 3
    return f"{name[: limit - tail - 1]}…{name[-tail:]}"


def markdown(text: str) -> str:
    """Markdown that renders as exactly this text; lines stay lines."""
    lines = [
        BIDI.sub("", "".join(c for c in line if c == "\t" or unicodedata.category(c) != "Cc"))
        for line in text.replace("\r\n", "\n").split("\n")
    ]
    return "  \n".join(escaped_markdown(line).strip() for line in lines)


# Sentences are written for the terminal as well; on a page the same thing is done by a press.
_PULL = r"python -m assistant models pull"
_SPOKEN = [
    (re.compile(pattern), words)
    for pattern, words in (
        (rf"run python -m assistant models verify, then {_PULL}", "get it again on the page Models"),
        (r",? or (?:run|train it with:?) python -m assistant train \w+", ""),
        (r"(?:run|fetch one with:) python -m assistant train \w+", "get a pack on the page Models"),
        (
            r"(?:; |,? or )?(?:(?:and )?run |fetch one with: )?"
            rf"{_PULL}(?: --(?:pack|kind) \w+)?(?: again)?(?: to go on)?",
            ", get it on the page Models",
        ),
        (r",? or name a folder with --from(?: as docs/packs\.md says)?", ""),
        (r",? (?:laid out )?as docs/packs\.md says", ""),
        (r"run (?:the same command|it) again(?: to go on)?", "try again"),
        (
            r"(?:,? or )?choose another (?:folder with )?--home(?: or ASSISTANT_HOME)?",
            ", start with another folder",
        ),
        (r", with --home or ASSISTANT_HOME", " where the app is started"),
        (r"allow more with --memory, or choose a smaller pack.*", "choose a smaller pack on the page Models"),
        (r"leave --pack or --kind out", "choose another"),
        (r"\.venv/bin/python -m pip install[^;]*", "make install"),
        (r"<urlopen error ([^>]*)>", r"\1"),
        (r"\[(?:Errno|WinError) -?\d+\] ", ""),
        (r"(?:Temporary failure in name resolution|Name or service not known)", "the network cannot be reached"),
        (r"(?:No address associated with hostname|Network is unreachable)", "the network cannot be reached"),
    )
]


def in_words(text: str) -> str:
    """A sentence of an error as the page says it: no commands, no options, no numbers of the system."""
    for pattern, words in _SPOKEN:
        text = pattern.sub(words, text)
    return re.sub(" +(?=[ ,])", "", text).strip(" ,;")


def time_link(span: Span, segment_id: int | None = None) -> str:
    """A place in the video as a link that the player listens for."""
    target = f"#t={span.start_seconds:.3f}" + (f"&s={segment_id}" if segment_id is not None else "")
    return f"[{clock(span.start_seconds)}]({target})"


def with_citations(text: str, timeline: Timeline, cited: Sequence[Citation] = (), *, streaming: bool = False) -> str:
    """An answer as markdown: its text escaped, each ``[S3]`` a link to the moment, or marked as unresolved.

    Args:
        cited: the answer's own places; the video may have been divided otherwise when it was given.
    """
    if streaming:
        text = _HALF_CITATION.sub("", text)
    places = {citation.segment_id: citation.span for citation in cited}
    return _replace(text, lambda number: _place(number, timeline, places.get(number)))


def _replace(text: str, place: Callable[[int], str]) -> str:
    parts, at = [], 0
    for match in _CITATION.finditer(text):
        parts += [markdown(text[at : match.start()]), place(int(match[1]))]
        at = match.end()
    parts.append(markdown(text[at:]))
    return _joined(parts)


def _joined(parts: list[str]) -> str:
    out = ""
    for part in parts:
        glue = " " if out and part and not out[-1].isspace() and part[0] not in " .,;:!?\\)" else ""
        out += glue + part
    return out


def _place(number: int, timeline: Timeline, span: Span | None = None) -> str:
    segment = timeline.segment(number)
    if span is not None and (segment is None or segment.span != span):
        here = timeline.segment_at(span.start_seconds)
        return time_link(span, here.id if here is not None else None)
    return time_link(segment.span, number) if segment else f"(no segment {number})"
