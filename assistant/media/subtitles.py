"""Subtitles as cues on the video's clock: text tracks inside its container, and files that lie beside it.

libavformat takes containers and formats apart and gives every event in ASS; of that the bare text is kept, since it
comes from a stranger. A file beside the video is brought to UTF-8 before anything parses it.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.stream import Disposition

from assistant.core.plaintext import one_line
from assistant.core.progress import CancelCheck, never
from assistant.core.timeline import Span, Video
from assistant.core.transcript import Cue
from assistant.media.audio import main_sound
from assistant.media.container import DAMAGE, codec_name, listen_to, open_guarded, open_text, packets
from assistant.media.probe import check, timing
from assistant.media.sidecars import MAX_BYTES, decoded, language_code, sidecars

logger = logging.getLogger(__name__)

MOST_CUES = 20_000  # of one track: a day of talk has less
MOST_LETTERS = 2_000  # of one cue
_MOST_BYTES = 16_000  # of one event, with its markup
MOST_SECONDS = 30.0  # that a cue stays which does not say how long
_TEXT_CODECS = frozenset({"mov_text", "subrip", "srt", "webvtt", "ass", "ssa", "text"})
_DEMUXERS = {".vtt": "webvtt", ".ass": "ass", ".ssa": "ass"}  # all others: srt
_COMMENTARY = re.compile(r"comment|trivia|karaoke|lyrics", re.IGNORECASE)
# An ASS event: number, layer, style, name, three margins, effect, text.
_FIELDS_BEFORE_TEXT = 8
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}.*?(?:\{[^{}]*\\p0[^{}]*\}|$)", re.DOTALL)
_OVERRIDE = re.compile(r"\{[^{}]*\}")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,400}>")
_ASIDE = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|[♪♫#*]+|^\s*-\s*|(?<=\s)-\s+(?=[^\W\d_])")
_SPEAKER = re.compile(r"^[^\W\d_a-z][^a-z:!?]{1,30}:\s+")
# Captions that roll show a line again within this much of its end.
_ROLLING_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """Subtitles of a video as far as they can be told without reading them.

    Args:
        source: the file's name, or ``track 3`` of the container's subtitle tracks, counted from 1.
        language: ISO 639-1, "" where nothing names it.
        unread: why nobody can read them, "" where they are text.
    """

    source: str
    codec: str
    language: str = ""
    title: str = ""
    is_default: bool = False
    is_forced: bool = False
    for_deaf: bool = False
    unread: str = ""

    @property
    def described(self) -> str:
        """The track as a person is told of it: ``track 2 (de, forced)``."""
        marks = ["forced"] * self.is_forced + ["for the deaf"] * self.for_deaf
        about = ", ".join(filter(None, [self.language, one_line(self.title), *marks]))
        return f"{one_line(self.source)} ({about})" if about else one_line(self.source)


@dataclass(frozen=True, slots=True)
class Subtitles:
    """What was read of one track, in order of time, and what was not, in sentences' middles."""

    track: SubtitleTrack
    cues: tuple[Cue, ...] = ()
    losses: tuple[str, ...] = ()


def tracks_of(path: Path) -> tuple[SubtitleTrack, ...]:
    """The subtitles beside a video and in it, in this order.

    Raises:
        VideoUnreadable: the video cannot be opened.
    """
    beside = [
        SubtitleTrack(one.path.name, one.path.suffix[1:].lower(), one.language, "", True, one.is_forced, one.for_deaf)
        for one in sidecars(path)
    ]
    with open_guarded(path) as container:
        inside = [_described(number, stream) for number, stream in enumerate(container.streams.subtitles, 1)]
    return (*beside, *inside)


def spoken_language(path: Path) -> str:
    """The language that the file names for its main sound track, ISO 639-1; "" where it names none."""
    with open_guarded(path) as container:
        stream = main_sound(container)
        return language_code(str(stream.language or "")) if stream is not None else ""


def preferred(tracks: Sequence[SubtitleTrack], language: str = "") -> list[SubtitleTrack]:
    """The tracks of text, the best first: whole ones before forced ones, then in this language, then without sounds."""

    def rank(track: SubtitleTrack) -> tuple[bool, ...]:
        foreign = bool(language and track.language and track.language != language)
        aside = bool(_COMMENTARY.search(track.title))
        return (track.is_forced, aside, foreign, not track.is_default, track.for_deaf)

    return sorted((track for track in tracks if not track.unread), key=rank)


def read(path: Path, video: Video, track: SubtitleTrack, cancelled: CancelCheck = never) -> Subtitles:
    """The cues of one of the video's tracks, on the video's clock and within its length.

    Raises:
        VideoUnreadable: the video cannot be opened.
        Cancelled: ``cancelled`` turned true.
    """
    clock = timing(path, video)
    if track.source.startswith("track "):
        number, origin = int(track.source.split()[1]) - 1, clock.origin_seconds
        with open_guarded(path) as container:
            events, losses = _events(container, number, cancelled)
    else:
        # Whoever wrote them watched a player, whose clock begins with whichever track does.
        origin = clock.player_offset_seconds
        try:
            with _opened(path.with_name(track.source), track) as container:
                events, losses = _events(container, 0, cancelled)
        except (*DAMAGE, _TooLarge) as error:
            logger.debug("unreadable subtitles", exc_info=error)
            why = str(error) if isinstance(error, _TooLarge) else "it holds no subtitles that can be read"
            return Subtitles(track, (), (f"{one_line(track.source)}: {why}",))
    cues, more = _on_the_clock(events, origin, video.duration_seconds)
    if not cues and not losses and not more:
        more = ["it holds no subtitles that can be read"]
    name = one_line(track.source)
    return Subtitles(track, tuple(_tidy(cues)), tuple(f"{name}: {loss}" for loss in [*losses, *more]))


def said(text: str) -> tuple[str, str]:
    """What of a cue is spoken, and by whom where it says so in capitals: no sounds in brackets, no notes of music."""
    text = " ".join(_ASIDE.sub(" ", text).split())
    found = _SPEAKER.match(text) if not text.isupper() else None
    return (text[found.end() :], found.group(0).rstrip(": ").title()) if found else (text, "")


class _TooLarge(Exception):
    pass


@contextmanager
def _opened(path: Path, track: SubtitleTrack) -> Iterator[InputContainer]:
    """A file of subtitles, in UTF-8, as a container that libavformat takes apart."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise _TooLarge(f"it has {size / 1e6:.0f} MB, subtitles at most {MAX_BYTES / 1e6:.0f}")
    with path.open("rb") as file:
        text = decoded(file.read(MAX_BYTES), track.language).replace("\0", "")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    head = text.lstrip()[:64]
    demuxer = _DEMUXERS.get(path.suffix.lower(), "srt")
    if head.startswith(("WEBVTT", "[Script Info]")):  # what it is decides, not what it is called
        demuxer = "webvtt" if head.startswith("WEBVTT") else "ass"
    elif demuxer == "webvtt":
        demuxer = "srt"
    with open_text(text, demuxer) as container:
        yield container


def _described(number: int, stream: Any) -> SubtitleTrack:
    texts = {str(key).lower(): one_line(str(value))[:200] for key, value in stream.metadata.items()}
    codec = codec_name(stream) if stream.codec_context is not None else ""
    # What MP4 keeps at a title's place is the writer's own name mostly.
    handler = texts.get("handler_name", "")
    title = texts.get("title") or ("" if "handler" in handler.lower() else handler)
    marks = title.lower()
    return SubtitleTrack(
        source=f"track {number}",
        codec=codec,
        language=language_code(texts.get("language", "")),
        title=title,
        is_default=bool(stream.disposition & Disposition.default),
        is_forced=bool(stream.disposition & Disposition.forced) or "forced" in marks,
        for_deaf=bool(stream.disposition & Disposition.hearing_impaired) or "sdh" in marks,
        unread="" if codec in _TEXT_CODECS else f"its subtitles are no text ({codec or 'no decoder knows them'})",
    )


_Event = tuple[float, float | None, str]  # from, to where it says so, text in lines


def _events(container: InputContainer, number: int, cancelled: CancelCheck) -> tuple[list[_Event], list[str]]:
    """The events of a container's subtitle track on its own clock, and what was left out."""
    stream = container.streams.subtitles[number]
    listen_to(container, [stream])
    found: list[_Event] = []
    damaged = 0
    for place, packet in enumerate(packets(container, [stream])):
        if place % 256 == 0:
            check(cancelled)
        if packet.size == 0:
            continue
        try:
            event = _event(stream, packet)
        except DAMAGE:
            damaged += 1
            continue
        if event is not None:
            found.append(event)
        if len(found) >= MOST_CUES:
            return found, [f"only the first {MOST_CUES} of its entries were read"]
    return found, [f"{damaged} of its entries cannot be read"] if damaged else []


def _event(stream: Any, packet: Any) -> _Event | None:
    """What a packet shows, None where that is nothing."""
    shown = stream.codec_context.decode2(packet)
    if shown is None or packet.pts is None:
        return None
    texts = [bare_text(one.ass) for one in shown if getattr(one, "ass", b"")]
    text = "\n".join(part for part in texts if part)
    start = float(packet.pts * packet.time_base) + shown.start_display_time / 1000
    lasting = float((packet.duration or 0) * packet.time_base)
    return (start, start + lasting if lasting > 0 else None, text[:MOST_LETTERS]) if text else None


def bare_text(event: bytes) -> str:
    """The text of an ASS event in its lines: no styles, no places, no drawings, no markup."""
    text = event[:_MOST_BYTES].decode("utf-8", "ignore").split(",", _FIELDS_BEFORE_TEXT)[-1]
    text = _OVERRIDE.sub("", _DRAWING.sub("", text)).replace("\\h", " ")
    lines = re.split(r"\\[Nn]|\n", text)
    return "\n".join(line for part in lines if (line := one_line(_TAG.sub("", html.unescape(_TAG.sub("", part))))))


def _on_the_clock(events: Sequence[_Event], origin: float, duration: float) -> tuple[list[Cue], list[str]]:
    """The events as cues within the video, in order of time; and how many lie outside it."""
    ordered = sorted(events, key=lambda event: event[0])
    cues, outside = [], 0
    starts = [event[0] for event in ordered]
    for (start, end, text), after in zip(ordered, [*starts[1:], duration + origin], strict=False):
        until = end if end is not None else min(max(after, start), start + MOST_SECONDS)
        first, last = max(0.0, start - origin), min(duration, until - origin)
        if last > first:
            cues.append(Cue(Span(first, last), text))
        else:
            outside += 1
    told = f"{outside} of its {len(ordered)} entries lie outside the video or last no time"
    return cues, [told] if outside else []


def _tidy(cues: Sequence[Cue]) -> Iterator[Cue]:
    """Each text once, its lines made one: no layers of the same words, and of captions that roll only the new line."""
    kept: list[Cue] = []
    shown: dict[str, int] = {}  # text -> its latest place among those that are kept
    before: Cue | None = None
    for cue in cues:
        lines = cue.text.split("\n")
        if before is not None and _goes_on(before.span, cue.span):
            old = before.text.split("\n")
            repeated = next((n for n in range(min(len(old), len(lines)), 0, -1) if old[-n:] == lines[:n]), 0)
            lines = lines[repeated:] or old[-1:]
        before = cue
        text = " ".join(lines)
        latest = shown.get(text)
        if latest is not None and kept[latest].span.end_seconds >= cue.span.start_seconds - _ROLLING_SECONDS:
            span = kept[latest].span
            kept[latest] = replace(
                kept[latest], span=Span(span.start_seconds, max(span.end_seconds, cue.span.end_seconds))
            )
        elif text:
            shown[text] = len(kept)
            kept.append(Cue(cue.span, text))
    yield from kept


def _goes_on(before: Span, after: Span) -> bool:
    """Whether a cue comes right behind another, not at the same time elsewhere in the picture."""
    gap = after.start_seconds - before.end_seconds
    return before.start_seconds < after.start_seconds and gap <= _ROLLING_SECONDS
