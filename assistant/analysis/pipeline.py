"""A video becomes a timeline: one pass over the file, every stage stored as it ends, nothing done twice.

Stages and what each is keyed by, beside the hash of the video's content:

    sights   windows, action scores, CLIP vectors of the looked-at frames: both visual models and how they were fed
    speech   voiced spans, words: transcriber, language
    labels   CLIP vectors of a label list: image_text_encoder, labels, templates (no video)

The timeline is fused from these; editing a label list therefore decodes nothing and runs only the text encoder.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.analysis import fusion
from assistant.analysis.speech import SpeechResult, listen
from assistant.analysis.visual import Sight, Watchers, WindowPlan, Windows, watch
from assistant.analysis.visual_stage import Growing, Sights, load_sights, look_vectors_of, save_sights, sound_only
from assistant.config import Settings
from assistant.core.clip import ClipSpec
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck, Progress, Report, never, silent
from assistant.core.timeline import Absence, Provenance, Timeline, Video, Work
from assistant.errors import Cancelled, ModelFailed
from assistant.media.audio import AudioBuffer
from assistant.media.video import read
from assistant.models.registry import Models
from assistant.store import Library, stage_key

logger = logging.getLogger(__name__)

# Bumped when the same file would give other windows, frames or voice than before.
DECODER_VERSION = "1"
SIGHTS_VERSION = "2"  # to be raised with every change of what the visual models are shown or compute of it
MOST_WINDOWS = 8  # that go to the models at once
LEAST_FRAME_SIZE = 240  # pixels of the shorter edge, so that keyframes can be read by people


@dataclass(frozen=True)
class AnalysisContext:
    """What an analysis works with; one per engine."""

    settings: Settings
    models: Models
    library: Library


def analyze(
    context: AnalysisContext, path: Path, video: Video, report: Report = silent, cancelled: CancelCheck = never
) -> Timeline:
    """The timeline of a probed video; stages that are already in the library are not run again.

    Raises:
        VideoUnreadable: nothing in the file decodes.
        ModelUnavailable: weights are missing or damaged.
        Cancelled: stopped; what was finished is stored.
    """
    started = time.monotonic()
    keys = _keys(context, video)
    sights = load_sights(context.library, keys.sights)
    heard = _load_heard(context.library, keys.speech) if video.has_audio else SpeechResult(absence="no audio track")
    audio_buffer = AudioBuffer(video) if heard is None else None
    try:
        if video.has_picture and sights is None:
            sights = _look(context, path, video, keys.sights, audio_buffer, report, cancelled)
            save_sights(context.library, keys.sights, sights)
        elif audio_buffer is not None:
            _run_through(path, video, audio_buffer, report, cancelled)
        if audio_buffer is not None:
            heard = _hear(context, video, audio_buffer, report, cancelled)
            if not heard.absence.startswith("failed"):
                context.library.save_stage(keys.speech, heard.to_json())
    finally:
        if audio_buffer is not None:
            audio_buffer.close()
    assert heard is not None
    report(Progress("fusion", video.duration_seconds, video.duration_seconds))
    timeline = _fuse(context, video, sights or sound_only(video), heard)
    context.library.save_timeline(video.sha256, timeline)
    logger.info(
        "analyzed video=%s segments=%d seconds=%.1f saving=%s",
        video.sha256[:8],
        len(timeline.segments),
        time.monotonic() - started,
        timeline.provenance.saving,
    )
    return timeline


def plan_of(settings: Settings, spec: ClipSpec) -> WindowPlan:
    """How windows are cut and sampled for a recogniser that wants to be fed as ``spec`` says."""
    return WindowPlan(
        spec=spec,
        clips=settings.actions.clips,
        looks=settings.descriptions.frames_per_segment,
        min_shot_seconds=settings.segments.min_shot_seconds,
        window_seconds=settings.segments.window_seconds or spec.seconds,
        save_work=settings.compute.save_work,
    )


def work_of(sights: Sights, settings: Settings) -> Work:
    """How often the visual models were asked for these windows, and how often they would have been without saving."""
    own = [sight for sight in sights.sights if sight.same_as is None]
    seen = [sight for sight in sights.sights if sight.look_embeddings is not None]
    return Work(
        windows=len(sights.sights),
        shared=len(sights.sights) - len(own),
        clips=sum(sight.clips for sight in own),
        clips_without=sum(sight.clips for sight in sights.sights),
        looks=sum(len(sight.look_embeddings) for sight in own if sight.look_embeddings is not None),
        looks_without=len(seen) * settings.descriptions.frames_per_segment,
        tokens=sum(sight.tokens for sight in own),
        tokens_without=sum(sight.tokens_without for sight in sights.sights),
    )


@dataclass(frozen=True, slots=True)
class _Keys:
    sights: str
    speech: str


def _keys(context: AnalysisContext, video: Video) -> _Keys:
    models, settings = context.models, context.settings
    plan = plan_of(settings, models.clip_spec())
    fed: Json = {
        "decoder": DECODER_VERSION,
        "plan": asdict(plan),
        "views": settings.actions.views,
        "image_text_encoder": list(models.identity("descriptions")),
        "version": SIGHTS_VERSION,
    }
    spoken: Json = {"decoder": DECODER_VERSION, "language": settings.speech.language}
    action_model, action_revision = models.identity("actions")
    speech_model, speech_revision = models.identity("speech")
    key = stage_key
    return _Keys(
        key(video.sha256, "sights", action_model, action_revision, fed),
        key(video.sha256, "speech", speech_model, speech_revision, spoken),
    )


def _look(
    context: AnalysisContext,
    path: Path,
    video: Video,
    key: str,
    audio_buffer: AudioBuffer | None,
    report: Report,
    cancelled: CancelCheck,
) -> Sights:
    """The one pass over the file: pictures to both visual models, sound to the audio_buffer.

    What is done so far is stored now and then under the stage's key: with large models an hour may lie in it.
    """
    models, settings, total = context.models, context.settings, video.duration_seconds
    report(Progress("decode", 0.0, total, "loading the models"))
    recognizer, image_text_encoder = models.recognizer(), models.image_text_encoder()
    plan = plan_of(settings, recognizer.spec)
    vocabulary, matrix = _vocabulary(context, recognizer.labels, recognizer.none_below), label_matrix(context)
    windows = Windows(plan, total)
    frame_size = frame_size_of(models)
    stream = read(
        path,
        video,
        frame_size=frame_size,
        frame_rate=plan.frame_rate,
        sound=audio_buffer,
        cancelled=cancelled,
    )

    def keep(name: str, data: bytes) -> None:
        context.library.save_picture(video.sha256, name, data)

    growing = Growing(context.library, key, recognizer.labels, recognizer.none_below)
    ready = windows.of(stream, lambda seconds: report(Progress("decode", seconds, total)))
    window_bytes = plan.window_bytes(frame_size, video.width / video.height)
    batch = models.budget.windows(window_bytes, min(MOST_WINDOWS, recognizer.clips_per_pass))
    watchers = Watchers(recognizer, image_text_encoder, settings.actions.views, batch, save_work=plan.save_work)
    try:
        for window, sight in watch(ready, watchers, keep, cancelled, growing.known):
            growing.add(sight)
            segment = fusion.segment_of(
                window.index + 1, _seen(sight, matrix, image_text_encoder.logit_scale), (), vocabulary
            )
            report(Progress("decode", window.span.end_seconds, total, segment=segment))
    except Cancelled:
        growing.store()
        raise
    return growing.whole(windows.shots)


def frame_size_of(models: Models) -> int:
    """Pixels of the shorter edge of the frames that are kept: enough for both visual models and for people."""
    return max(LEAST_FRAME_SIZE, models.recognizer().frame_size, models.image_text_encoder().frame_size)


def _run_through(path: Path, video: Video, audio_buffer: AudioBuffer, report: Report, cancelled: CancelCheck) -> None:
    """The pass over a file of which only the sound is wanted."""
    for picture in read(path, video, frame_size=0, frame_rate=0.0, sound=audio_buffer, cancelled=cancelled):
        report(Progress("decode", picture.pts_seconds, video.duration_seconds))


def _hear(
    context: AnalysisContext, video: Video, audio_buffer: AudioBuffer, report: Report, cancelled: CancelCheck
) -> SpeechResult:
    total = video.duration_seconds
    report(Progress("speech", 0.0, total, "listening"))
    samples = audio_buffer.samples()
    if samples is None:
        return SpeechResult(absence=audio_buffer.reason)
    try:
        return listen(
            samples,
            total,
            context.models.voice_detector(),
            context.models.transcriber,
            context.settings.speech.language,
            cancelled,
        )
    except ModelFailed as error:
        logger.warning("speech failed video=%s: %s", video.sha256[:8], error)
        return SpeechResult(absence=f"failed: {error}")


def label_matrix(context: AnalysisContext) -> NDArray[np.float32]:
    """Unit vectors float32 ``[labels, D]`` of the label list in use, computed once per list and image_text_encoder."""
    label_set = context.models.label_set()
    model, revision = context.models.identity("descriptions")
    key = stage_key("", "labels", model, revision, {"labels": label_set.labels, "templates": label_set.templates})
    stored = context.library.load_arrays(key)
    if stored is not None and "matrix" in stored:
        return np.asarray(stored["matrix"], dtype=np.float32)
    matrix = label_set.matrix(context.models.image_text_encoder())
    context.library.save_arrays(key, {"matrix": matrix})
    return matrix


def look_vectors(context: AnalysisContext, timeline: Timeline) -> list[NDArray[np.float32]] | None:
    """CLIP vectors of each segment's looked-at frames, float32 ``[frames, D]``, or None where they are not kept."""
    if not timeline.video.has_picture:
        return None
    vectors = look_vectors_of(context.library, _keys(context, timeline.video).sights)
    return vectors if vectors is not None and len(vectors) == len(timeline.segments) else None


def _vocabulary(context: AnalysisContext, labels: Sequence[str], none_below: float) -> fusion.Vocabulary:
    settings, label_set = context.settings, context.models.label_set()
    return fusion.Vocabulary(
        actions=tuple(labels),
        descriptions=tuple(label_set.labels),
        none_below=settings.actions.none_below if settings.actions.none_below is not None else none_below,
        kept_actions=settings.actions.kept_labels,
        kept_descriptions=settings.descriptions.kept_labels,
        action_model=context.models.identity("actions")[0],
        description_model=context.models.identity("descriptions")[0],
    )


def _seen(sight: Sight, matrix: NDArray[np.float32] | None, logit_scale: float) -> fusion.Seen:
    scores = None
    if sight.look_embeddings is not None and matrix is not None:
        logits = logit_scale * (sight.look_embeddings @ matrix.T)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = fusion.pool_frames(powers / powers.sum(axis=1, keepdims=True))
    return fusion.Seen(
        span=sight.span,
        action_scores=sight.action_scores,
        description_scores=scores,
        out_of_protocol=sight.out_of_protocol,
        keyframe_seconds=sight.keyframe_seconds,
        frame_seconds=sight.frame_seconds,
        same_as=sight.same_as,
    )


def _fuse(context: AnalysisContext, video: Video, sights: Sights, heard: SpeechResult) -> Timeline:
    matrix: NDArray[np.float32] | None = None
    scale = 1.0
    if any(sight.look_embeddings is not None for sight in sights.sights):
        matrix, scale = label_matrix(context), context.models.logit_scale()
    vocabulary = _vocabulary(context, sights.labels, sights.none_below)
    seen = [_seen(sight, matrix, scale) for sight in sights.sights]
    absences = []
    if not video.has_picture:
        absences.append(Absence("picture", "the file holds sound alone"))
    if heard.absence:
        absences.append(Absence("speech", heard.absence))
    return Timeline(
        video=video,
        segments=fusion.fuse(seen, heard.utterances, vocabulary),
        shots=sights.shots,
        speech_spans=heard.speech_spans,
        absences=tuple(absences),
        provenance=_provenance(context, heard, sights),
        suppressed=heard.suppressed,
    )


def _provenance(context: AnalysisContext, heard: SpeechResult, sights: Sights) -> Provenance:
    models, settings = context.models, context.settings
    spec, label_set = models.clip_spec(), models.label_set()
    action_model, action_revision = models.identity("actions")
    look_model, look_revision = models.identity("descriptions")
    speech_model, speech_revision = models.identity("speech")
    return Provenance(
        pack=models.pack.name,
        actions={
            "model": action_model,
            "revision": action_revision,
            "num_frames": spec.num_frames,
            "frames_per_second": spec.frames_per_second,
            "size": spec.size,
            "clips": settings.actions.clips,
            "views": settings.actions.views,
        },
        descriptions={
            "model": look_model,
            "revision": look_revision,
            "label_lists": list(label_set.names),
            "labels": len(label_set.labels),
            "frames_per_segment": settings.descriptions.frames_per_segment,
        },
        speech={"model": speech_model, "revision": speech_revision, "language": heard.language},
        saving={"on": settings.compute.save_work, **asdict(work_of(sights, settings))},
    )


def _load_heard(library: Library, key: str) -> SpeechResult | None:
    document = library.load_stage(key)
    return SpeechResult.from_json(document) if document is not None else None
