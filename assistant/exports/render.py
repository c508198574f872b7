"""A timeline as a file for other programs and people: JSON, CSV, SRT, VTT, Markdown, one self-contained HTML page."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any

from assistant.core.corrections import PERSON
from assistant.core.plaintext import escaped_markdown, one_line
from assistant.core.timeline import Answer, Observation, Segment, Timeline, clock, length
from assistant.core.transcript import cues, texts_by_segment

FORMATS = ("json", "csv", "srt", "vtt", "md", "html")
MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "md": "text/markdown",
    "html": "text/html",
}
CSV_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_MARK = re.compile(r" ?\[S(\d{1,6})\]")
# Players take tags and braces in SRT for markup, and the format has no way to escape them.
_NO_MARKUP = str.maketrans("<>{}", "‹›()")


@dataclass(frozen=True)
class Material:
    """Everything that an export may show of one video.

    Args:
        picture: file name in the library (``keyframe-3.jpg``) -> JPEG bytes, or None where there is none.
        summaries: segment id -> its summary; 0 is the whole video.
        why: segment id -> the text of its explanation.
        paths: whether the JSON names where files lie on this machine; a file that is passed on should not.
    """

    name: str
    timeline: Timeline
    picture: Callable[[str], bytes | None] = lambda _: None
    conversation: Sequence[Answer] = ()
    summaries: dict[int, str] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)
    paths: bool = False


def render(material: Material, kind: str) -> bytes:
    """The export as bytes, UTF-8; CSV with a byte order mark.

    Raises:
        ValueError: a format that is not one of `FORMATS`.
    """
    makers: dict[str, Callable[[Material], str]] = {
        "json": _json,
        "csv": _csv,
        "srt": _srt,
        "vtt": _vtt,
        "md": _markdown,
        "html": _html,
    }
    if kind not in makers:
        raise ValueError(f"no export called {kind!r}; there are {', '.join(FORMATS)}")
    # Excel takes a CSV for the machine's old encoding unless a byte order mark says UTF-8.
    return makers[kind](material).encode("utf-8-sig" if kind == "csv" else "utf-8", "replace")


def _json(material: Material) -> str:
    document = material.timeline.to_json()
    if not material.paths:
        document["video"]["path"] = _last_part(one_line(material.name))
        document["provenance"] = _without_paths(document["provenance"])
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _without_paths(value: Any) -> Any:
    """The same, where every text that is an absolute path keeps its last part only."""
    if isinstance(value, dict):
        return {name: _without_paths(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_paths(item) for item in value]
    is_path = isinstance(value, str) and (value.startswith(("/", "~", "file:")) or PureWindowsPath(value).is_absolute())
    return _last_part(value) if is_path else value


def _last_part(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _csv(material: Material) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        (
            *("id", "start_seconds", "end_seconds", "action", "action_score"),
            *("description", "description_score", "words", "flags", "observations"),
        )
    )
    segments = material.timeline.segments
    observed = material.timeline.observed_by_segment()
    for segment, words, seen in zip(segments, texts_by_segment(segments), observed, strict=True):
        action, looks = segment.action, segment.description
        writer.writerow(
            [
                segment.id,
                f"{segment.span.start_seconds:.3f}",
                f"{segment.span.end_seconds:.3f}",
                _cell(action.label if action else ""),
                f"{action.score:.4f}" if action else "",
                _cell(looks.label if looks else ""),
                f"{looks.score:.4f}" if looks else "",
                _cell(words),
                " ".join(segment.flags),
                _cell("; ".join(map(_observed, seen))),
            ]
        )
    return out.getvalue()


def _observed(item: Observation) -> str:
    """One observation in a line: its kind, what it is, how sure; what is written there is not sure or unsure."""
    sure = "" if item.text and item.score == 1.0 else f" {100 * item.score:.0f} %"
    return f"{item.kind}: {one_line(item.name)}{sure}"


def _cell(text: str) -> str:
    """Text that a spreadsheet shows and does not run as a formula."""
    return "'" + text if text.startswith(CSV_FORMULA_STARTS) else text


def _subtitle_time(seconds: float, comma: str) -> str:
    milliseconds = round(max(0.0, seconds) * 1000)
    rest, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds_part = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds_part:02d}{comma}{milliseconds:03d}"


def _cue(text: str) -> str:
    return one_line(text).replace("-->", "→")


def _srt(material: Material) -> str:
    blocks = []
    for number, cue in enumerate(cues(material.timeline.segments), 1):
        times = f"{_subtitle_time(cue.span.start_seconds, ',')} --> {_subtitle_time(cue.span.end_seconds, ',')}"
        lines = "\n".join(_cue(line).translate(_NO_MARKUP) for line in cue.lines)
        blocks.append(f"{number}\n{times}\n{lines}\n")
    return "\n".join(blocks)


def _vtt(material: Material) -> str:
    blocks = ["WEBVTT\n"]
    for cue in cues(material.timeline.segments):
        times = f"{_subtitle_time(cue.span.start_seconds, '.')} --> {_subtitle_time(cue.span.end_seconds, '.')}"
        lines = "\n".join(html.escape(_cue(line), quote=False) for line in cue.lines)
        blocks.append(f"{times}\n{lines}\n")
    return "\n".join(blocks)


def _plain(text: str) -> str:
    """Text in which Markdown sees nothing but text."""
    return escaped_markdown(one_line(text))


def _times(item: Segment | Observation) -> str:
    return f"{clock(item.span.start_seconds, 1)}-{clock(item.span.end_seconds, 1)}"


def _markdown(material: Material) -> str:
    timeline = material.timeline
    lines = [f"# {_plain(material.name)}", ""]
    lines += [
        f"{length(timeline.video.duration_seconds)} · {len(timeline.segments)} segments · {_plain(_speaker(timeline))}",
        "",
    ]
    if whole := material.summaries.get(0):
        lines += [_plain(_timed(whole, timeline)), ""]
    for absence in timeline.absences:
        lines += [f"*No {_plain(absence.what)}: {_plain(absence.reason)}*", ""]
    lines += ["| # | time | action | scene | speech |", "|---|---|---|---|---|"]
    for segment, words in zip(timeline.segments, texts_by_segment(timeline.segments), strict=True):
        cells = [_scored(segment.action), _scored(segment.description), words]
        lines.append(f"| {segment.id} | {_times(segment)} | " + " | ".join(_plain(cell) for cell in cells) + " |")
    if timeline.observations:
        lines += ["", "| time | observation |", "|---|---|"]
        lines += [f"| {_times(item)} | {_plain(_observed(item))} |" for item in timeline.observations]
    if material.conversation:
        lines += ["", "## Questions", ""]
        for answer in material.conversation:
            lines += [f"**{_plain(answer.question)}**", "", _plain(_timed(answer.text, timeline)), ""]
            lines += [line for notice in answer.notices for line in (f"*{_plain(notice)}*", "")]
    return "\n".join(lines) + "\n"


def _timed(text: str, timeline: Timeline) -> str:
    """A text of ours with the time of each ``[S3]`` in its place; a mark that leads nowhere goes."""
    return _MARK.sub(lambda mark: f" ({time})" if (time := _time_of(mark[1], timeline)) else "", text)


def _linked(text: str, timeline: Timeline) -> str:
    """The same as HTML, where each time leads to its segment."""
    plain, *marked = _MARK.split(text)
    out = html.escape(plain)
    for number, rest in zip(marked[::2], marked[1::2], strict=True):
        time = _time_of(number, timeline)
        out += (f' <a href="#s{int(number)}">{time}</a>' if time else "") + html.escape(rest)
    return out


def _time_of(number: str, timeline: Timeline) -> str:
    segment = timeline.segment(int(number))
    return clock(segment.span.start_seconds) if segment else ""


def _scored(score: object) -> str:
    label, value = getattr(score, "label", ""), getattr(score, "score", 0.0)
    sure = "(corrected)" if getattr(score, "model", "") == PERSON else f"{100 * value:.0f} %"
    return f"{label} {sure}" if label else ""


def _speaker(timeline: Timeline) -> str:
    return f"{_without_paths(timeline.provenance.pack)} pack"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
article {{ display: grid; grid-template-columns: 200px 1fr; gap: 16px; padding: 16px 0; border-top: 1px solid #8884; }}
img {{ width: 200px; border-radius: 6px; }} h2 {{ font-size: 1rem; margin: 0 0 4px; }} p {{ margin: 4px 0; }}
meter {{ width: 8rem; vertical-align: middle; }} .quiet {{ opacity: .75; }}
@media (max-width: 560px) {{ article {{ grid-template-columns: 1fr; }} }}
</style></head><body><h1>{title}</h1><p class="quiet">{facts}</p>
{body}
</body></html>
"""


def _html(material: Material) -> str:
    timeline, escape = material.timeline, html.escape
    parts = []
    if whole := material.summaries.get(0):
        parts.append(f"<p>{_linked(whole, timeline)}</p>")
    parts += [f"<p class=quiet>No {escape(a.what)}: {escape(a.reason)}.</p>" for a in timeline.absences]
    rows = zip(timeline.segments, texts_by_segment(timeline.segments), timeline.observed_by_segment(), strict=True)
    parts += [_html_segment(material, segment, words, seen) for segment, words, seen in rows]
    if material.conversation:
        parts.append("<h1>Questions</h1>")
        for answer in material.conversation:
            parts.append(f"<h2>{escape(answer.question)}</h2><p>{_linked(answer.text, timeline)}</p>")
            parts += [f"<p class=quiet>{escape(notice)}</p>" for notice in answer.notices]
    facts = f"{length(timeline.video.duration_seconds)} · {len(timeline.segments)} segments · {_speaker(timeline)}"
    return PAGE.format(title=escape(material.name), facts=escape(facts), body="\n".join(parts))


def _html_segment(material: Material, segment: Segment, words: str, seen: Sequence[Observation]) -> str:
    escape = html.escape
    data = material.picture(f"keyframe-{segment.id}.jpg")
    image = ""
    if data:
        encoded = base64.b64encode(data).decode("ascii")
        image = f'<img alt="keyframe of segment {segment.id}" src="data:image/jpeg;base64,{encoded}">'
    lines = [f"<h2>Segment {segment.id} · {_times(segment)}</h2>"]
    lines += [
        f'<p><meter min="0" max="1" value="{score.score:.3f}"></meter> {escape(_scored(score))}</p>'
        for score in segment.actions[:3]
    ]
    if segment.description:
        lines.append(f"<p>scene: {escape(_scored(segment.description))}</p>")
    if words:
        lines.append(f"<p>speech: “{escape(words)}”</p>")
    lines += [f"<p>{escape(_observed(item))}</p>" for item in seen]
    lines += [f"<p class=quiet>{escape(note)}</p>" for note in segment.notes.values()]
    for title, texts in (("summary", material.summaries), ("why", material.why)):
        if text := texts.get(segment.id):
            lines.append(f"<p>{title}: {_linked(text, material.timeline)}</p>")
    return f"<article id=s{segment.id}><div>{image}</div><div>{''.join(lines)}</div></article>"
