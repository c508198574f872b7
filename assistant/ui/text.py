"""Text from outside on its way into a page: shown as the characters it is made of, never as markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from assistant.core.plaintext import BIDI, escaped_markdown, one_line
from assistant.core.timeline import Citation, Segment, Span, Timeline, clock

_CITATION = re.compile(r"\[S(\d{1,6})\]")
_QUOTE = re.compile(r"[“\"]([^”\"]+)[”\"]")
LEAD_SECONDS = 0.2  # heard before the first word
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


def moment_seconds(segment: Segment, sentence: str = "") -> float:
    """Where in its segment that is which a sentence tells of: the words that it quotes, else the frame that shows most.

    A segment may begin in the black of a fade, or before the thing comes in.
    """
    for quote in _QUOTE.findall(sentence):
        wanted = _plain_words(quote)
        for utterance in segment.utterances if wanted else ():
            if " ".join(wanted[:3]) in " ".join(_plain_words(utterance.text)):
                starts = [word.span.start_seconds for word in utterance.words if _plain_words(word.text) == wanted[:1]]
                start = starts[0] if starts else utterance.span.start_seconds
                return max(segment.span.start_seconds, start - LEAD_SECONDS)
    if segment.keyframe_seconds is not None and segment.span.contains(segment.keyframe_seconds):
        return segment.keyframe_seconds
    first = min((one.span.start_seconds for one in segment.utterances), default=0.0)
    return max(segment.span.start_seconds, first - LEAD_SECONDS)


def _plain_words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def segment_link(segment: Segment, sentence: str = "") -> str:
    """The moment of a segment that a sentence tells of, as a link that the player listens for."""
    at = moment_seconds(segment, sentence)
    return time_link(Span(at, at), segment.id)


def place_link(number: int, timeline: Timeline, sentence: str = "", span: Span | None = None) -> str:
    """A cited segment as a link to the moment in it; words where there is no such segment.

    Args:
        span: the answer's own place: where the video is divided otherwise since, the link leads there.
    """
    segment = timeline.segment(number)
    if span is not None and (segment is None or segment.span != span):
        here = timeline.segment_at(span.start_seconds)
        return time_link(span, here.id if here is not None else None)
    return segment_link(segment, sentence) if segment else f"(no segment {number})"


def with_citations(text: str, timeline: Timeline, cited: Sequence[Citation] = (), *, streaming: bool = False) -> str:
    """An answer as markdown: its text escaped, each ``[S3]`` a link to the moment, or marked as unresolved.

    Args:
        cited: the answer's own places; the video may have been divided otherwise when it was given.
    """
    if streaming:
        text = _HALF_CITATION.sub("", text)
    places = {citation.segment_id: citation.span for citation in cited}
    parts, at, sentence = [], 0, ""
    for match in _CITATION.finditer(text):
        before = text[at : match.start()]
        sentence = before if before.strip() else sentence
        number = int(match[1])
        parts += [markdown(before), place_link(number, timeline, sentence, places.get(number))]
        at = match.end()
    parts.append(markdown(text[at:]))
    return _joined(parts)


def _joined(parts: list[str]) -> str:
    out = ""
    for part in parts:
        glue = " " if out and part and not out[-1].isspace() and part[0] not in " .,;:!?\\)" else ""
        out += glue + part
    return out
