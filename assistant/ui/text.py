"""Text from outside on its way into a page: shown as the characters it is made of, never as markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from assistant.core.plaintext import BIDI, escaped_markdown, one_line
from assistant.core.timeline import Span, Timeline, clock

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


def time_link(span: Span, segment_id: int | None = None) -> str:
    """A place in the video as a link that the player listens for."""
    target = f"#t={span.start_seconds:.3f}" + (f"&s={segment_id}" if segment_id is not None else "")
    return f"[{clock(span.start_seconds)}]({target})"


def with_citations(text: str, timeline: Timeline, *, streaming: bool = False) -> str:
    """An answer as markdown: its text escaped, each ``[S3]`` a link to the moment, or marked as unresolved."""
    if streaming:
        text = _HALF_CITATION.sub("", text)
    return _replace(text, lambda number: _place(number, timeline))


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


def _place(number: int, timeline: Timeline) -> str:
    segment = timeline.segment(number)
    return time_link(segment.span, number) if segment else f"(no segment {number})"
