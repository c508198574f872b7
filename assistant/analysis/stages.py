"""Finished work in the library: each witness's result under a key of its own, and what was done before a stop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.analyzer import Analyzer, Finding, ReadTrack, TrackChoice, Voice, WindowAnalyzer, WindowResult
from assistant.analysis.windows import WindowPlan
from assistant.core import documents
from assistant.core.documents import Json
from assistant.core.timeline import Absence, Observation, Shot, Span, Suppressed, Utterance, Video
from assistant.media.sidecars import fingerprint
from assistant.store import Library, stage_key

# Bumped when the same file would give other windows, frames or voice than before.
DECODER_VERSION = "2"
STORED_EVERY_SECONDS = 20.0
_FINDINGS: Mapping[str, type[Any]] = {
    kind.__name__: kind for kind in (Observation, Utterance, Suppressed, Voice, TrackChoice, ReadTrack, Absence)
}
# What libraries that were written by earlier versions call them.
_EARLIER_NAMES: Mapping[str, type[Any]] = {"HeardTrack": TrackChoice}


@dataclass(frozen=True, slots=True)
class WindowRecord:
    """One window of a video, whoever looks at it.

    Args:
        frame_seconds: the frames of its first clip.
        same_as: index of the earlier window that it shows again, and whose results it shares.
        clips: how many clips it has.
        keyframe_seconds: its best picture, as far as somebody chose one; else its middle.
    """

    span: Span
    frame_seconds: tuple[float, ...] = ()
    out_of_protocol: str = ""
    same_as: int | None = None
    clips: int = 0
    keyframe_seconds: float | None = None


@dataclass(frozen=True)
class Visual:
    """The visual half of one video: its shots and windows, and by kind of witness what was found in each window.

    ``about``: what each witness says once for all windows. ``foreign``: for each window whether it is foreign to the
    world that a pack was made for, empty where there is no such pack.
    """

    shots: tuple[Shot, ...]
    windows: tuple[WindowRecord, ...]
    results: Mapping[str, tuple[WindowResult, ...]]
    about: Mapping[str, Json]
    foreign: tuple[bool, ...] = ()

    def array(self, kind: str, name: str, index: int) -> NDArray[np.float32] | None:
        """What this witness found in a window, or None where it did not run or found no such thing."""
        results = self.results.get(kind)
        return results[index].arrays.get(name) if results else None


@dataclass(frozen=True, slots=True)
class _Windows:
    """The stage of the windows as it is stored."""

    shots: tuple[Shot, ...]
    windows: tuple[WindowRecord, ...]


def windows_key(video: Video, plan: WindowPlan) -> str:
    """Where a video's windows are kept."""
    return stage_key(video.sha256, "windows", "", "", {"decoder": DECODER_VERSION, "plan": asdict(plan)})


def results_key(video: Video, one: WindowAnalyzer, plan: WindowPlan) -> str:
    """Where what a witness found in each window is kept."""
    fed = {"decoder": DECODER_VERSION, "plan": asdict(plan), **one.key()}
    return stage_key(video.sha256, one.kind, "", "", fed)


def findings_key(path: Path, video: Video, one: Analyzer) -> str:
    """Where what a witness of the whole video found is kept."""
    beside = {"sidecars": fingerprint(path)} if one.needs.sidecars else {}
    return stage_key(video.sha256, one.kind, "", "", {"decoder": DECODER_VERSION, **one.key(), **beside})


def save_windows(library: Library, key: str, shots: Sequence[Shot], windows: Sequence[WindowRecord]) -> None:
    """Store how a video was cut; only when all of it is known."""
    library.save_stage(key, documents.dump(_Windows(tuple(shots), tuple(windows))))


def load_windows(library: Library, key: str) -> tuple[tuple[Shot, ...], tuple[WindowRecord, ...]] | None:
    """Shots and windows as stored, or None."""
    document = library.load_stage(key)
    if document is None:
        return None
    stored = documents.load(_Windows, document)
    return stored.shots, stored.windows


def save_findings(library: Library, key: str, findings: Iterable[Finding]) -> None:
    """Store what a witness found."""
    items = [{"type": type(item).__name__, **documents.dump(item)} for item in findings]
    library.save_stage(key, {"findings": items})


def load_findings(library: Library, key: str) -> tuple[Finding, ...] | None:
    """What a witness found when it ran, or None where it has not."""
    document = library.load_stage(key)
    if document is None:
        return None
    return tuple(documents.load(_type_of(item["type"]), item) for item in document["findings"])


def _type_of(name: str) -> type[Any]:
    return _FINDINGS.get(name) or _EARLIER_NAMES[name]


class ResultStage:
    """The results of one witness of windows, stored now and then while they are made: with large models an hour may
    lie in them.

    Args:
        key: the stage's; what an analysis that was stopped left under it is ``known``.
        about: what the witness says once for all windows.
    """

    def __init__(self, library: Library, key: str, about: Json) -> None:
        self._library, self._key, self._about = library, key, about
        self._spans: list[Span] = []
        self._results: list[WindowResult] = []
        stored = _load_results(library, key)
        self.known: Sequence[tuple[Span, WindowResult]] = stored[1] if stored else ()
        self._stored, self._stored_at = len(self.known), time.monotonic()

    def knows(self, index: int, span: Span) -> bool:
        """Whether the result of this window is there already."""
        return index < len(self.known) and self.known[index][0] == span

    def add(self, span: Span, result: WindowResult) -> None:
        """Take the next window's result, and store all so far where that is due."""
        self._spans.append(span)
        self._results.append(result)
        if time.monotonic() - self._stored_at >= STORED_EVERY_SECONDS:
            self.store(complete=False)

    def store(self, *, complete: bool) -> tuple[WindowResult, ...]:
        """Store all so far, unless that much is stored already; all so far."""
        if complete or len(self._results) > self._stored:
            _save_results(self._library, self._key, self._spans, self._results, self._about, complete)
            self._stored = len(self._results)
        self._stored_at = time.monotonic()
        return tuple(self._results)


def load_results(library: Library, key: str) -> tuple[Json, tuple[WindowResult, ...]] | None:
    """What a witness says of all windows and of each, or None where it is not there, not complete or damaged."""
    stored = _load_results(library, key)
    if stored is None or not stored[2]:
        return None
    return stored[0], tuple(result for _, result in stored[1])


def _save_results(
    library: Library, key: str, spans: Sequence[Span], results: Sequence[WindowResult], about: Json, complete: bool
) -> None:
    """The arrays of all windows lie in one array a name, one behind the other; a shared result lies there once."""
    first: dict[int, int] = {}
    owners = [first.setdefault(id(result), index) for index, result in enumerate(results)]
    own = [result if owners[index] == index else WindowResult() for index, result in enumerate(results)]
    names = sorted({name for result in own for name in result.arrays})
    arrays = {
        name: np.concatenate([r.arrays[name] for r in own if name in r.arrays]).astype(np.float32) for name in names
    }
    library.save_arrays(key, arrays)
    library.save_stage(
        key,
        {
            "complete": complete,
            "about": about,
            "windows": [
                {
                    **documents.dump(span),
                    "facts": dict(result.facts),
                    "rows": {name: len(part.arrays[name]) for name in names if name in part.arrays},
                    "owner": owner,
                }
                for span, result, part, owner in zip(spans, results, own, owners, strict=True)
            ],
        },
    )


def _load_results(library: Library, key: str) -> tuple[Json, list[tuple[Span, WindowResult]], bool] | None:
    document, arrays = library.load_stage(key), library.load_arrays(key)
    if document is None or arrays is None:
        return None
    at = dict.fromkeys(arrays, 0)
    found: list[tuple[Span, WindowResult]] = []
    for index, item in enumerate(document["windows"]):
        span = Span(item["start_seconds"], item["end_seconds"])
        if item["owner"] != index:
            found.append((span, found[item["owner"]][1]))
            continue
        own = {}
        # The arrays are stored before the document: an analysis that was stopped between the two left rows of later
        # windows, which are left alone.
        for name, rows in item["rows"].items():
            own[name] = np.asarray(arrays[name][at[name] : at[name] + rows], np.float32)
            at[name] += rows
        found.append((span, WindowResult(own, item["facts"])))
    return document["about"], found, bool(document["complete"])
