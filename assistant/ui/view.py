"""What the player, its lanes and the segment card show of a timeline, as plain JSON for the page's components."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.core.plaintext import one_line
from assistant.core.timeline import Absence, ActionScore, Description, Observation, Segment, Timeline, Utterance
from assistant.core.transcript import Part, cues, parts_by_segment
from assistant.ui.colours import label_colour

Json = dict[str, Any]

_LOG_PROBABILITY = re.compile(r"average log-probability (-?[0-9]{1,3}(?:\.[0-9]{1,6})?)")

# Used where a segment carries a flag without a sentence of its own.
FLAG_SENTENCES = {
    "none_of_my_labels": "None of the labels fits well here.",
    "out_of_protocol": "This stretch is too short for the way the model wants to be fed, so take it with care.",
    "models_disagree": "Actions and scene do not agree here.",
    "shared_result": "The same picture again: what was found before is taken over.",
}
ABSENCE_SENTENCES = {
    "speech": "No words",
    "picture": "No picture",
    "actions": "No actions",
    "descriptions": "No scene",
}
KIND_NAMES = {
    "actions": "Actions",
    "scene": "Scene",
    "descriptions": "Scene",
    "speech": "Speech",
    "language": "Answers",
    "text": "Text",
    "sound": "Sounds",
    "object": "Objects",
}


def desk_view(timeline: Timeline, corrections: Mapping[int, Mapping[str, str]] | None = None) -> Json:
    """Everything that the desk needs of a finished timeline; texts are plain and are put in place as text only."""
    fixed = corrections or {}
    return {
        "duration": timeline.video.duration_seconds,
        "segments": _segment_views(timeline.segments, fixed),
        "captions": _captions(timeline.segments),
        "shots": [shot.span.start_seconds for shot in timeline.shots],
        "voice": [[span.start_seconds, span.end_seconds] for span in timeline.speech_spans],
        "lanes": lanes(timeline.observations),
        "absences": [absence_sentence(absence) for absence in timeline.absences],
        "suppressed": [
            {"start": item.span.start_seconds, "text": one_line(item.text), "reason": plain_reason(item.reason)}
            for item in timeline.suppressed
        ],
    }


def lanes(observations: Sequence[Observation]) -> list[Json]:
    """One lane for each kind of observation, in the order in which the kinds first appear."""
    found: dict[str, list[Json]] = {}
    for item in observations:
        bar = {
            "start": item.span.start_seconds,
            "end": item.span.end_seconds,
            "label": one_line(item.name),
            "score": round(item.score, 4),
            "colour": label_colour(item.name),
        }
        found.setdefault(item.kind, []).append(bar)
    return [{"kind": kind, "name": kind_name(kind), "items": items} for kind, items in found.items()]


def kind_name(kind: str) -> str:
    """A kind of witness as people read it: ``sound_level`` is "Sound level"."""
    return KIND_NAMES.get(kind) or one_line(kind.replace("_", " ")).capitalize()


def partial_view(segments: Sequence[Segment], duration_seconds: float) -> Json:
    """The same for an analysis that is still running: the segments that are finished."""
    return {
        "duration": duration_seconds,
        "segments": _segment_views(segments, {}),
        "captions": _captions(segments),
        "shots": [],
        "voice": [],
        "lanes": [],
        "absences": [],
        "suppressed": [],
    }


def _segment_views(segments: Sequence[Segment], fixed: Mapping[int, Mapping[str, str]]) -> list[Json]:
    spoken = parts_by_segment(segments)
    return [
        segment_view(segment, parts, fixed.get(segment.id)) for segment, parts in zip(segments, spoken, strict=True)
    ]


def segment_view(segment: Segment, spoken: Sequence[Part] = (), corrections: Mapping[str, str] | None = None) -> Json:
    """One segment: scores with colours, words, flags as sentences, what the person corrected.

    ``speech`` are the utterances listed in the segment, whole; ``spoken`` also has, in order of time, what is spoken
    here of those that are listed in another.
    """
    elsewhere = [part for part in spoken if part.utterance not in segment.utterances]
    lines = [*map(_words, segment.utterances), *map(_part, elsewhere)]
    return {
        "id": segment.id,
        "start": segment.span.start_seconds,
        "end": segment.span.end_seconds,
        "actions": [_score(score) for score in segment.actions],
        "scene": [_score(score) for score in segment.descriptions],
        "speech": [_words(utterance) for utterance in segment.utterances],
        "spoken": sorted(lines, key=lambda item: item["start"]),
        "flags": [flag_sentence(segment, flag) for flag in segment.flags],
        "unsure": "none_of_my_labels" in segment.flags,
        "keyframe": segment.keyframe_seconds,
        "frames": list(segment.frame_seconds),
        "corrected": {kind: one_line(label) for kind, label in (corrections or {}).items()},
    }


def flag_sentence(segment: Segment, flag: str) -> str:
    """Why a segment carries a flag, as a sentence."""
    note = one_line(segment.notes.get(flag, ""))
    if not note:
        return FLAG_SENTENCES.get(flag, one_line(flag.replace("_", " ")).capitalize() + ".")
    return note[0].upper() + note[1:] + ("" if note.endswith((".", "!", "?")) else ".")


def absence_sentence(absence: Absence) -> str:
    """What is not there and why, as a sentence."""
    what = ABSENCE_SENTENCES.get(absence.what, one_line(absence.what).capitalize())
    return f"{what}: {one_line(absence.reason).rstrip('.')}."


def plain_reason(reason: str) -> str:
    """Why words were not believed; the mean log-probability of a word as the share that it is, e^-0.33 = 72 %."""

    def sure(found: re.Match[str]) -> str:
        return f"each word about {100 * math.exp(min(0.0, float(found[1]))):.0f} % sure"

    return _LOG_PROBABILITY.sub(sure, one_line(reason))


def _score(score: ActionScore | Description) -> Json:
    return {"label": one_line(score.label), "score": round(score.score, 4), "colour": label_colour(score.label)}


def _words(utterance: Utterance) -> Json:
    return {
        "start": utterance.span.start_seconds,
        "end": utterance.span.end_seconds,
        "text": one_line(utterance.text),
        "language": one_line(utterance.language),
        "source": one_line(utterance.source),
    }


def _part(part: Part) -> Json:
    """Words of an utterance that is listed in another segment."""
    text = one_line(part.text)
    return {
        **_words(part.utterance),
        "start": part.span.start_seconds,
        "end": part.span.end_seconds,
        "text": ("… " if part.begins_before else "") + text + (" …" if part.goes_on else ""),
    }


def _captions(segments: Sequence[Segment]) -> list[Json]:
    """What is shown below the picture, as subtitles are divided."""
    return [
        {
            "start": cue.span.start_seconds,
            "end": cue.span.end_seconds,
            "text": one_line(cue.text),
        }
        for cue in cues(segments)
    ]
