"""A video becomes a timeline: one pass over the file, every witness's result stored as it ends, nothing done twice.

    windows   shots, and the windows that they are cut into: how the recogniser wants to be fed, the decoder
    actions   action scores: the recogniser (`analyzers.actions`)
    scene     vectors of the sampled frames: the image-text encoder (`analyzers.scene`)
    speech    voice and words: the transcriber (`analyzers.speech`)
    labels    vectors of a label list: the image-text encoder, labels, templates; no video

Each lies under a key of its own beside the hash of the video's content. The timeline is fused from them: editing a
label list decodes nothing and runs only the text encoder, and another image-text encoder leaves the actions alone.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.analysis import analyzers, assembly, domain, stages
from assistant.analysis.analyzer import AnalysisContext, Analyzer, FileStream, Finding, WindowAnalyzer
from assistant.analysis.analyzers import subtitles
from assistant.analysis.analyzers.scene import SceneAnalyzer
from assistant.analysis.analyzers.speech import choose_track
from assistant.analysis.analyzers.subtitles import written
from assistant.analysis.scheduler import ObservedWindow, Witness, observe_windows
from assistant.analysis.stages import ResultStage, Visual, WindowRecord
from assistant.analysis.windows import Windows, window_plan
from assistant.core.progress import CancelCheck, Progress, Report, never, silent
from assistant.core.timeline import Absence, Observation, Shot, Span, Timeline, Video
from assistant.errors import Cancelled, ModelFailed
from assistant.media.audio import AudioBuffer, SoundTrack, preferred, sound_tracks
from assistant.media.damage import Damage, as_sentence
from assistant.media.video import Picture, read
from assistant.store import stage_key

logger = logging.getLogger(__name__)

MOST_WINDOWS = 8  # that go to the models at once
LEAST_FRAME_SIZE = 240  # pixels of the shorter edge, so that keyframes can be read by people
EVEN_WINDOW_SECONDS = 10.0
NOT_ASKED_FOR = "it was not asked for"
NOT_YET = "it has not been looked at yet"
READ_INSTEAD = "its subtitles were read instead"
STILL = "a still picture"


def analyze(
    context: AnalysisContext,
    path: Path,
    video: Video,
    report: Report = silent,
    cancelled: CancelCheck = never,
    only: Collection[str] = (),
) -> Timeline:
    """The timeline of a probed video; stages that are already in the library are not run again.

    Args:
        only: the kinds of witness that are wanted; all where empty.

    Raises:
        VideoUnreadable: nothing in the file decodes.
        ModelUnavailable: weights are missing or damaged.
        Cancelled: stopped; what was finished is stored.
    """
    started = time.monotonic()
    run = _Run(context, path, video, report, cancelled, frozenset(only))
    try:
        run.begin()
        visual = run.visual()
        findings = [*run.witnesses(visual.shots), *run.losses()]
    finally:
        run.close()
    report(Progress("fusion", video.duration_seconds, video.duration_seconds))
    timeline = assembly.timeline_of(context, video, visual, findings)
    context.library.save_timeline(video.sha256, timeline)
    logger.info(
        "analyzed video=%s segments=%d seconds=%.1f saving=%s",
        video.sha256[:8],
        len(timeline.segments),
        time.monotonic() - started,
        timeline.provenance.saving,
    )
    return timeline


def made(table: Sequence[str], context: AnalysisContext) -> list[Any]:
    """The witnesses of a table, each ``module:Class``, made with the context."""
    found = []
    for line in table:
        module, _, name = line.partition(":")
        found.append(getattr(importlib.import_module(module), name)(context))
    return found


@dataclass
class _Run:
    """One analysis on its way: what is stored already, and the sound that the pass over the pictures brings along."""

    context: AnalysisContext
    path: Path
    video: Video
    report: Report
    cancelled: CancelCheck
    only: frozenset[str]

    def __post_init__(self) -> None:
        self._plan = window_plan(self.context.settings, self.context.models.clip_spec())
        self._of_windows: list[WindowAnalyzer] = [
            one
            for one in made(analyzers.WINDOW_ANALYZERS, self.context)
            # Who was made for a world of its own needs a judge of the picture, and that needs both.
            if self._is_asked(one.kind) or (domain.any_limited(self.context.models) and self._applies(one.kind))
        ]
        self._others: list[Analyzer] = made(analyzers.ANALYZERS, self.context)
        self._stored: dict[str, Sequence[Finding] | None] = {
            one.kind: stages.load_findings(self.context.library, stages.findings_key(self.path, self.video, one))
            for one in self._others
            if self._wanted(one.kind)
        }
        self._audio: AudioBuffer | None = None
        self._tracks: tuple[SoundTrack, ...] = ()
        self._chosen = False
        self._decoded = False
        self._damage = Damage()

    def begin(self) -> None:
        """Ask those who need nothing decoded, and see what the others need."""
        for one in self._others:
            if one.needs.nothing_decoded and self._to_run(one):
                self._stored[one.kind] = self._run(one)
        if self.video.has_audio and any(one.needs.sound and self._to_run(one) for one in self._others):
            self._tracks = sound_tracks(self.path)
            order = preferred(self._tracks, self.context.settings.speech.audio_track)
            self._audio = AudioBuffer(self.video, order=order)

    def close(self) -> None:
        if self._audio is not None:
            self._audio.close()

    def _wanted(self, kind: str) -> bool:
        if kind == subtitles.KIND and self.context.settings.speech.subtitles == "off":
            return False
        return not self.only or kind in self.only

    def _is_asked(self, kind: str) -> bool:
        return self._wanted(kind) and self._applies(kind)

    def _applies(self, kind: str) -> bool:
        """Whether a witness of windows can say anything: nothing is done in an image that does not move."""
        return not (kind == "actions" and self.video.is_still)

    def _to_run(self, one: Analyzer) -> bool:
        return self._wanted(one.kind) and self._stored[one.kind] is None and not self._replaced(one)

    def _replaced(self, one: Analyzer) -> bool:
        """Whether subtitles were found, and stand for what a model would hear."""
        wanted = one.kind == "speech" and self.context.settings.speech.subtitles == "instead"
        return wanted and bool(written(self._stored.get(subtitles.KIND) or ()))

    # --- the pass over the pictures ---------------------------------------------------------------------------------

    def visual(self) -> Visual:
        """Shots, windows, and what the witnesses of windows found in them."""
        if not self.video.has_picture or self._sees_nothing():
            return even_windows(self.video)
        library = self.context.library
        key = stages.windows_key(self.video, self._plan)
        keys = {one.kind: stages.results_key(self.video, one, self._plan) for one in self._of_windows}
        stored = {kind: stages.load_results(library, kept) for kind, kept in keys.items()}
        cut = stages.load_windows(library, key)
        if cut is None or any(found is None for found in stored.values()):
            cut, stored = self._observe(key, stored)
        results = {kind: found[1] for kind, found in stored.items() if found is not None}
        about = {kind: found[0] for kind, found in stored.items() if found is not None}
        foreign = domain.foreign_windows(self.context.models, Visual(*cut, results, about))
        asked = [kind for kind in results if self._wanted(kind)]
        return Visual(*cut, {kind: results[kind] for kind in asked}, {kind: about[kind] for kind in asked}, foreign)

    def _sees_nothing(self) -> bool:
        """Whether nobody was asked for whom anything is decoded."""
        return bool(self.only) and self.only <= {one.kind for one in self._others if one.needs.nothing_decoded}

    def _observe(self, key: str, stored: dict[str, Any]) -> tuple[tuple[Any, Any], dict[str, Any]]:
        """The one pass over the file: pictures to all witnesses of windows, sound to the buffer.

        What is done so far is stored now and then: with large models an hour may lie in it.
        """
        context, total = self.context, self.video.duration_seconds
        self.report(Progress("decode", 0.0, total, "loading the models"))
        frame_size = max([LEAST_FRAME_SIZE, *(one.frame_size() for one in self._of_windows)])
        about = {one.kind: one.about() for one in self._of_windows}
        witnesses = []
        for one in self._of_windows:
            found, place = stored[one.kind], stages.results_key(self.video, one, self._plan)
            stage = None if found else ResultStage(context.library, place, about[one.kind])
            witnesses.append(Witness(one, found[1] if found else (), stage))
        windows = Windows(self._plan, total)
        ready = windows.of(self._pictures(frame_size), lambda at: self.report(Progress("decode", at, total)))
        keep = _PictureKeeper(context, self.video.sha256)
        segment_of = assembly.segments_so_far(context, about, [kind for kind in about if self._wanted(kind)])
        records: list[WindowRecord] = []
        try:
            for observed in observe_windows(ready, witnesses, self._batch(frame_size), keep, self.cancelled):
                records.append(observed.record)
                self._show(segment_of, observed, len(records))
        except Cancelled:
            for witness in witnesses:
                if witness.stage is not None:
                    witness.stage.store(complete=False)
            raise
        for witness in witnesses:
            if witness.stage is not None:
                kind = witness.analyzer.kind
                stored[kind] = (about[kind], witness.stage.store(complete=True))
        stages.save_windows(context.library, key, windows.shots, records)
        return (windows.shots, tuple(records)), stored

    def _show(self, segment_of: assembly.SegmentMaker, observed: ObservedWindow, number: int) -> None:
        total = self.video.duration_seconds
        segment = segment_of(number, observed.record, observed.results)
        self.report(Progress("decode", observed.record.span.end_seconds, total, segment=segment))

    def _batch(self, frame_size: int) -> int:
        """How many windows go to the models at once."""
        models = self.context.models
        size = self._plan.window_bytes(frame_size, self.video.width / self.video.height)
        passes = models.recognizer().clips_per_pass if self._is_asked("actions") else MOST_WINDOWS
        return models.budget.windows(size, min(MOST_WINDOWS, passes))

    def _pictures(self, frame_size: int) -> Iterator[Picture]:
        self._decoded = True
        return read(
            self.path,
            self.video,
            frame_size=frame_size,
            frame_rate=self._plan.frame_rate,
            sound=self._audio,
            cancelled=self.cancelled,
            damage=self._damage,
        )

    # --- what could not be decoded ----------------------------------------------------------------------------------

    def losses(self) -> list[Finding]:
        """An absence for the picture and for the sound where parts of them could not be decoded, now or earlier."""
        library, found = self.context.library, list[Finding]()
        for what, spans in (("picture", self._damage.picture), ("sound", self._damage.sound)):
            key = stage_key(self.video.sha256, "damage", what, "", {"decoder": stages.DECODER_VERSION})
            if spans:
                stages.save_findings(library, key, [Absence(what, as_sentence(spans))])
            found += stages.load_findings(library, key) or ()
        return found

    # --- everybody else ---------------------------------------------------------------------------------------------

    def witnesses(self, shots: Sequence[Shot]) -> list[Finding]:
        """What all other witnesses found, now or earlier, and an absence for each that found no ground to stand on."""
        found: list[Finding] = []
        for one in self._others:
            stored = self._stored.get(one.kind)
            if not self._wanted(one.kind):
                found.append(Absence(one.kind, NOT_ASKED_FOR))
            elif self._replaced(one):
                found.append(Absence(one.kind, READ_INSTEAD))
            elif lacking := self._lacking(one):
                found.append(Absence(one.kind, lacking))
            else:
                found += stored if stored is not None else self._run(one, shots)
        if self.video.is_still and self._wanted("actions"):
            found.insert(0, Absence("actions", STILL))
        if self._sees_nothing():
            found.append(Absence("shots", NOT_ASKED_FOR))
        if self.only:
            names = {"actions": "actions", "scene": "descriptions"}
            found += [Absence(what, NOT_ASKED_FOR) for kind, what in names.items() if not self._wanted(kind)]
        return found

    def _run(self, one: Analyzer, shots: Sequence[Shot] = ()) -> list[Finding]:
        total = self.video.duration_seconds
        self.report(Progress(one.kind, 0.0, total, "listening" if one.needs.sound else ""))
        if one.needs.sound:
            self._decode_sound()
        stream = FileStream(self.path, self.video, shots, self._audio, self._tracks, self.cancelled)
        if one.needs.sound and self._audio is not None and self._audio.reason and self._audio.lead() is None:
            choice = stream.track_choice() if len(self._tracks) > 1 else None
            return [*([] if choice is None else [choice]), Absence(one.kind, self._audio.reason)]
        try:
            found = list(one.run(stream, self.cancelled))
        except ModelFailed as error:
            logger.warning("%s failed video=%s: %s", one.kind, self.video.sha256[:8], error)
            return [Absence(one.kind, f"failed: {error}")]
        stages.save_findings(self.context.library, stages.findings_key(self.path, self.video, one), found)
        return found

    def _lacking(self, one: Analyzer) -> str:
        """Why this witness cannot be fed with this video, empty where it can."""
        if one.needs.sound and not self.video.has_audio:
            return STILL if self.video.is_still else "no audio track"
        if one.needs.picture and not self.video.has_picture:
            return "the file holds sound alone"
        return ""

    def _decode_sound(self) -> None:
        """The pass over a file of which only the sound is wanted, unless the pictures' pass has brought it along.

        Which track is heard is then chosen once, for all witnesses.
        """
        sound = self._audio
        assert sound is not None
        if not self._decoded:
            self._decoded = True
            video, cancelled, damage = self.video, self.cancelled, self._damage
            for picture in read(
                self.path, video, frame_size=0, frame_rate=0.0, sound=sound, cancelled=cancelled, damage=damage
            ):
                self.report(Progress("decode", picture.pts_seconds, video.duration_seconds))
        if not self._chosen:
            self._chosen = True
            choose_track(sound, self.context.models.voice_detector, self.cancelled)


@dataclass(frozen=True)
class _PictureKeeper:
    context: AnalysisContext
    sha256: str

    def __call__(self, name: str, data: bytes) -> None:
        self.context.library.save_picture(self.sha256, name, data)


def early_timeline(context: AnalysisContext, video: Video) -> Timeline | None:
    """What can be told of a video before anything of it is decoded, None where that is nothing yet."""
    found: list[Finding] = []
    for one in made(analyzers.ANALYZERS, context):
        stored = None
        if one.needs.nothing_decoded:
            stored = stages.load_findings(context.library, stages.findings_key(Path(video.path), video, one))
        found += [Absence(one.kind, NOT_YET)] if stored is None else stored
    if not any(isinstance(item, Observation) for item in found):
        return None
    found += [Absence(what, NOT_YET) for what in ("actions", "descriptions", "shots")]
    return assembly.timeline_of(context, video, even_windows(video), found)


def even_windows(video: Video) -> Visual:
    """Windows of equal length over a file that has no picture, or whose picture nobody looks at."""
    total = video.duration_seconds
    count = max(1, round(total / EVEN_WINDOW_SECONDS))
    ends = [total * (index + 1) / count for index in range(count)]
    spans = [Span(start, end) for start, end in zip([0.0, *ends[:-1]], ends, strict=True)]
    return Visual((Shot(Span(0.0, total), "start"),), tuple(map(WindowRecord, spans)), {}, {})


def frame_vectors(context: AnalysisContext, timeline: Timeline) -> list[NDArray[np.float32]] | None:
    """Unit vectors of each segment's sampled frames, float32 ``[frames, D]``, or None where they are not kept."""
    if not timeline.video.has_picture:
        return None
    plan = window_plan(context.settings, context.models.clip_spec())
    stored = stages.load_results(context.library, stages.results_key(timeline.video, SceneAnalyzer(context), plan))
    vectors = [result.arrays.get("frames") for result in stored[1]] if stored else []
    found = [part for part in vectors if part is not None]
    if not found or len(found) != len(timeline.segments) or not any(s.descriptions for s in timeline.segments):
        return None
    # Of what the encoder was not made for it says nothing: nothing is like it.
    return [part if s.descriptions else 0 * part for part, s in zip(found, timeline.segments, strict=True)]


def window_vectors(context: AnalysisContext, video: Video) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """The stored vectors of an analysed video's windows: the recogniser's ``[N, D]``, and of each window's frames."""
    plan = window_plan(context.settings, context.models.clip_spec())
    found = {}
    for one in made(analyzers.WINDOW_ANALYZERS, context):
        stored = stages.load_results(context.library, stages.results_key(video, one, plan))
        assert stored is not None
        found[one.kind] = stored[1]
    embeddings = np.concatenate([result.arrays["embedding"] for result in found["actions"]])
    return embeddings, [result.arrays["frames"] for result in found["scene"]]
