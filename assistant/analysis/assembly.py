"""What the witnesses found, put together: labels for vectors and scores, then segments, then the timeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from assistant.analysis import domain, fusion
from assistant.analysis.analyzer import AnalysisContext, Finding, ReadTrack, TrackChoice, Voice, WindowResult
from assistant.analysis.analyzers.subtitles import written
from assistant.analysis.stages import Visual, WindowRecord
from assistant.core.documents import Json
from assistant.core.timeline import (
    Absence,
    Observation,
    Provenance,
    Segment,
    Suppressed,
    Timeline,
    Utterance,
    Video,
    Work,
)
from assistant.models.registry import Models
from assistant.store import stage_key

SegmentMaker = Callable[[int, WindowRecord, Mapping[str, WindowResult]], Segment]


def segments_so_far(context: AnalysisContext, about: Mapping[str, Json], shown: Collection[str]) -> SegmentMaker:
    """A maker of segments from single windows, for showing them while the analysis goes on; speech is still to come.

    Args:
        about: what each witness says once for all windows; those that do not run are not in it.
        shown: the kinds of witness that were asked for.
    """
    vocabulary = _vocabulary(context, about)
    matrix, scale = _labels_of(context) if "scene" in about else (None, 1.0)

    def segment_of(number: int, record: WindowRecord, results: Mapping[str, WindowResult]) -> Segment:
        foreign = domain.any_limited(context.models) and domain.how_foreign(context.models, results) > domain.ALONE
        own = {kind: result for kind, result in results.items() if kind in shown}
        evidence = _evidence(record, domain.believable(context.models, own, foreign), matrix, scale, foreign)
        return fusion.segment_of(number, evidence, (), vocabulary)

    return segment_of


def timeline_of(context: AnalysisContext, video: Video, visual: Visual, findings: Sequence[Finding]) -> Timeline:
    """The timeline of a video from what all witnesses found."""
    matrix, scale = _labels_of(context) if visual.results.get("scene") else (None, 1.0)
    models, foreign = context.models, visual.foreign or (False,) * len(visual.windows)
    evidence = []
    for index, record in enumerate(visual.windows):
        results = {kind: found[index] for kind, found in visual.results.items()}
        shown = domain.believable(models, results, foreign[index])
        # Where nothing is of the pack's world the timeline says so once, and not in every segment.
        evidence.append(_evidence(record, shown, matrix, scale, foreign[index] and not all(foreign)))
    findings = domain.heard(models, findings, visual.foreign)
    # Where nobody heard words, those that are written stand for them; each names who it is from.
    utterances = tuple(item for item in findings if isinstance(item, Utterance)) or tuple(written(findings))
    absences = domain.absences(models, tuple(visual.results), visual.foreign)
    absences += [item for item in findings if isinstance(item, Absence)]
    if not video.has_picture:
        absences.insert(0, Absence("picture", "the file holds sound alone"))
    voiced = [item.span for item in findings if isinstance(item, Voice)]
    observations = [item for item in findings if isinstance(item, Observation)]
    return Timeline(
        video=video,
        segments=fusion.fuse(evidence, utterances, _vocabulary(context, visual.about)),
        shots=visual.shots,
        speech_spans=tuple(sorted(voiced, key=lambda span: span.start_seconds)),
        absences=tuple(absences),
        provenance=_provenance(context, utterances, visual, findings, absences),
        suppressed=tuple(item for item in findings if isinstance(item, Suppressed)),
        observations=tuple(sorted(observations, key=lambda item: (item.span.start_seconds, item.kind))),
    )


def label_matrix(context: AnalysisContext) -> NDArray[np.float32]:
    """Unit vectors float32 ``[labels, D]`` of the label list in use, computed once per list and encoder."""
    label_set = context.models.label_set()
    model, revision = context.models.identity("descriptions")
    key = stage_key("", "labels", model, revision, {"labels": label_set.labels, "templates": label_set.templates})
    stored = context.library.load_arrays(key)
    if stored is not None and "matrix" in stored:
        return np.asarray(stored["matrix"], dtype=np.float32)
    matrix = label_set.matrix(context.models.image_text_encoder())
    context.library.save_arrays(key, {"matrix": matrix})
    return matrix


def work_of(visual: Visual, frames_per_segment: int) -> Work:
    """How often the visual models were asked for these windows, and how often they would have been without saving."""
    windows = visual.windows
    own = [index for index, record in enumerate(windows) if record.same_as is None]
    actions, scene = visual.results.get("actions", ()), visual.results.get("scene", ())
    return Work(
        windows=len(windows),
        shared=len(windows) - len(own),
        clips=sum(windows[index].clips for index in own),
        clips_without=sum(record.clips for record in windows),
        frames=sum(len(scene[index].arrays["frames"]) for index in own) if scene else 0,
        frames_without=len(scene) * frames_per_segment,
        tokens=sum(actions[index].facts["tokens"] for index in own) if actions else 0,
        tokens_without=sum(result.facts["tokens_without"] for result in actions),
    )


def _labels_of(context: AnalysisContext) -> tuple[NDArray[np.float32], float]:
    return label_matrix(context), context.models.logit_scale()


def _vocabulary(context: AnalysisContext, about: Mapping[str, Json]) -> fusion.Vocabulary:
    settings, label_set = context.settings, context.models.label_set()
    actions = about.get("actions", {})
    gate = settings.actions.none_below
    return fusion.Vocabulary(
        actions=tuple(actions.get("labels", ())),
        descriptions=tuple(label_set.labels),
        none_below=gate if gate is not None else actions.get("none_below", 0.0),
        kept_actions=settings.actions.kept_labels,
        kept_descriptions=settings.descriptions.kept_labels,
        action_model=context.models.identity("actions")[0],
        description_model=context.models.identity("descriptions")[0],
    )


def _evidence(
    record: WindowRecord,
    results: Mapping[str, WindowResult],
    matrix: NDArray[np.float32] | None,
    logit_scale: float,
    foreign: bool,
) -> fusion.Evidence:
    scores = None
    if "scene" in results and matrix is not None:
        logits = logit_scale * (results["scene"].arrays["frames"] @ matrix.T)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = fusion.pool_frames(powers / powers.sum(axis=1, keepdims=True))
    return fusion.Evidence(
        span=record.span,
        action_scores=results["actions"].arrays["scores"][0] if "actions" in results else None,
        description_scores=scores,
        # The protocol is the recogniser's: without it nothing was out of it.
        out_of_protocol=record.out_of_protocol if "actions" in results else "",
        out_of_domain=domain.IN_THIS_WINDOW if foreign else "",
        keyframe_seconds=record.keyframe_seconds,
        frame_seconds=record.frame_seconds,
        same_as=record.same_as,
    )


def _tracks(findings: Sequence[Finding], kind: type[TrackChoice | ReadTrack]) -> Json:
    """Which track was heard or read, and which were not."""
    found = next((item for item in findings if isinstance(item, kind)), None)
    if found is None:
        return {"track": None, "other_tracks": []}
    return {"track": asdict(found.track), "other_tracks": [asdict(track) for track in found.others]}


def _provenance(
    context: AnalysisContext,
    utterances: Sequence[Utterance],
    visual: Visual,
    findings: Sequence[Finding],
    absences: Sequence[Absence],
) -> Provenance:
    """Who spoke; ``looked`` is false for a kind of which an absence is told."""
    models, settings = context.models, context.settings
    absent = {absence.what for absence in absences}
    spec, label_set = models.clip_spec(), models.label_set()
    action_model, action_revision = models.identity("actions")
    scene_model, scene_revision = models.identity("descriptions")
    speech_model, speech_revision = models.identity("speech")
    languages = Counter(item.language for item in utterances if item.language)
    read = _tracks(findings, ReadTrack)
    work = work_of(visual, settings.descriptions.frames_per_segment)
    return Provenance(
        pack=models.pack.name,
        actions={
            "pack": models.speaker("actions"),
            "looked": "actions" not in absent,
            "model": action_model,
            "revision": action_revision,
            "num_frames": spec.num_frames,
            "frames_per_second": spec.frames_per_second,
            "size": spec.size,
            "clips": settings.actions.clips,
            "views": settings.actions.views,
        },
        descriptions={
            "pack": models.speaker("descriptions"),
            "looked": "descriptions" not in absent,
            "model": scene_model,
            "revision": scene_revision,
            "label_lists": list(label_set.names),
            "labels": len(label_set.labels),
            "frames_per_segment": settings.descriptions.frames_per_segment,
        },
        speech={
            "pack": models.speaker("speech"),
            "looked": "speech" not in absent,
            "model": speech_model,
            "revision": speech_revision,
            "language": languages.most_common(1)[0][0] if languages else None,
            "audio_track": settings.speech.audio_track,
            **_tracks(findings, TrackChoice),
        },
        subtitles={} if read["track"] is None else {"stand_for_speech": any(u.source for u in utterances), **read},
        text=_reader(models, "text" not in absent),
        saving={"on": settings.compute.save_work, **asdict(work)},
    )


def _reader(models: Models, looked: bool) -> Json:
    """Who reads text in the picture, empty where nobody can."""
    if models.pack.location("text") is None:
        return {}
    model, revision = models.identity("text")
    return {"pack": models.speaker("text"), "looked": looked, "model": model, "revision": revision}
