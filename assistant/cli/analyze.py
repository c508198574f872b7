"""``analyze VIDEO``: the timeline of a video."""

from __future__ import annotations

import argparse

from assistant.analysis.analyzers import known_kinds
from assistant.cli.common import Commands, Stop, command, emit, engine_for, say, timeline_of
from assistant.config import Settings
from assistant.core.documents import Json
from assistant.core.plaintext import one_line
from assistant.core.timeline import Segment, Timeline, clock
from assistant.core.transcript import texts_by_segment, track_name


def add(commands: Commands) -> None:
    sub = command(commands, "analyze", run, "the timeline of a video", video=True, out=True)
    sub.add_argument(
        "--only", metavar="KINDS", type=_kinds, default=(), help=f"run these alone, of {','.join(known_kinds())}"
    )


def _kinds(text: str) -> tuple[str, ...]:
    """The kinds of witness in a list with commas.

    Raises:
        argparse.ArgumentTypeError: one of them is none.
    """
    given = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [kind for kind in given if kind not in known_kinds()]
    if unknown or not given:
        raise argparse.ArgumentTypeError(f"no witness called {', '.join(unknown) or 'nothing'}")
    return given


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    timeline = timeline_of(engine_for(settings), options.video, stop, options.only)
    for notice in [*_track_notices(timeline), *_subtitle_notices(timeline)]:
        say(notice)
    if emit(timeline.to_json(), options.json):
        return 0
    for segment, words in zip(timeline.segments, texts_by_segment(timeline.segments), strict=True):
        print(_line(segment, words))
    for item in timeline.observations:
        place = f"{clock(item.span.start_seconds, 1)}-{clock(item.span.end_seconds, 1)}"
        sure = "" if item.text and item.score == 1.0 else f" {100 * item.score:.0f} %"
        print(f"{place}  {item.kind}: {one_line(item.name)}{sure}")
    for absence in timeline.absences:
        print(f"no {absence.what}: {absence.reason}")
    return 0


def _line(segment: Segment, words: str) -> str:
    """One segment for a person: its place, best action, best description, the words spoken in it and flags."""
    action, scene = segment.action, segment.description
    parts = [f"[S{segment.id}] {clock(segment.span.start_seconds, 1)}-{clock(segment.span.end_seconds, 1)}"]
    parts.append(f"{action.label} {100 * action.score:.0f} %" if action else "-")
    parts.append(f"{scene.label} {100 * scene.score:.0f} %" if scene else "-")
    if words:
        parts.append(f'"{words}"')
    if segment.flags:
        parts.append(f"({', '.join(segment.flags)})")
    return "  ".join(parts)


def _track_notices(timeline: Timeline) -> list[str]:
    """Which sound track was heard where there are several, and how to hear another."""
    heard, others = timeline.provenance.speech.get("track"), timeline.provenance.speech.get("other_tracks")
    if not heard or not others:
        return []
    rest = ", ".join(track_name(track) for track in others)
    return [f"heard sound track {track_name(heard)}; not heard: {rest} (--audio-track N hears another)"]


def _subtitle_notices(timeline: Timeline) -> list[str]:
    """Which subtitles were read, and which were not."""
    track, others = timeline.provenance.subtitles.get("track"), timeline.provenance.subtitles.get("other_tracks")
    if not track:
        return []
    rest = f"; not read: {', '.join(map(_subtitles, others))}" if others else ""
    return [f"read the subtitles of {_subtitles(track)}{rest}"]


def _subtitles(track: Json) -> str:
    about = ", ".join(str(track[key]) for key in ("language", "title") if track.get(key))
    return one_line(f"{track['source']} ({about})" if about else str(track["source"]))
