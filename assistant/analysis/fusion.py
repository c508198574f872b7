"""What the models said, put together: late fusion into segments. Scores of different models are never averaged."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.core.timeline import ActionScore, Description, Segment, Span, Utterance

WORD = re.compile(r"[\w']+")


@dataclass(frozen=True)
class Evidence:
    """What the two visual models said of one segment.

    Args:
        action_scores: softmax over all labels of the recogniser, float32 ``[labels]``; None where it did not run.
        description_scores: zero-shot softmax over the label list, float32 ``[list]``; None where it did not run.
        out_of_protocol: the reason, "" where the protocol was kept.
        out_of_domain: why models that ran say nothing of it, "" where they do.
        frame_seconds: presentation times of the frames that the recogniser saw.
        same_as: index of the earlier segment whose scores these are, since this one shows the same again.
    """

    span: Span
    action_scores: NDArray[np.float32] | None = None
    description_scores: NDArray[np.float32] | None = None
    out_of_protocol: str = ""
    out_of_domain: str = ""
    keyframe_seconds: float | None = None
    frame_seconds: tuple[float, ...] = ()
    same_as: int | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The labels behind the scores, and the gate below which none of the actions fits."""

    actions: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    none_below: float = 0.0
    kept_actions: int = 5
    kept_descriptions: int = 5
    action_model: str = ""
    description_model: str = ""


def pool_frames(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """One score per label from the scores of several frames: the mean over the surer half of the frames.

    A frame in which the thing is not there yet, or blurred, spreads its probability and would only dilute the rest.

    Args:
        scores: zero-shot softmax, float32 ``[frames, labels]``, rows sum to 1.
    """
    surest = np.argsort(-scores.max(axis=1), kind="stable")[: max(1, (len(scores) + 1) // 2)]
    pooled: NDArray[np.float32] = scores[surest].mean(axis=0)
    return pooled


def fuse(evidence: Sequence[Evidence], utterances: Sequence[Utterance], vocabulary: Vocabulary) -> tuple[Segment, ...]:
    """The segments of a timeline, with ids from 1; each utterance goes to the segment that holds most of it."""
    said = assign(utterances, [item.span for item in evidence])
    return tuple(segment_of(index + 1, item, said.get(index, ()), vocabulary) for index, item in enumerate(evidence))


def segment_of(segment_id: int, evidence: Evidence, utterances: Sequence[Utterance], vocabulary: Vocabulary) -> Segment:
    """One segment with its best labels and its flags, each flag with the sentence that explains it."""
    actions = _best(
        ActionScore, evidence.action_scores, vocabulary.actions, vocabulary.kept_actions, vocabulary.action_model
    )
    descriptions = _best(
        Description,
        evidence.description_scores,
        vocabulary.descriptions,
        vocabulary.kept_descriptions,
        vocabulary.description_model,
    )
    notes: dict[str, str] = {}
    if actions and actions[0].score < vocabulary.none_below:
        notes["none_of_my_labels"] = f"none of the {len(vocabulary.actions)} actions fits well: " + _apart(
            actions[0].score, vocabulary.none_below
        )
    if evidence.out_of_domain:
        notes["out_of_domain"] = evidence.out_of_domain
    if evidence.out_of_protocol:
        notes["out_of_protocol"] = evidence.out_of_protocol
    if disagreement := _disagreement(actions, descriptions, utterances, vocabulary):
        notes["models_disagree"] = disagreement
    if evidence.same_as is not None:
        notes["shared_result"] = (
            f"shows the same as segment {evidence.same_as + 1}, and takes over what was found there"
        )
    return Segment(
        id=segment_id,
        span=evidence.span,
        actions=actions,
        descriptions=descriptions,
        utterances=tuple(utterances),
        keyframe_seconds=evidence.keyframe_seconds,
        flags=tuple(notes),
        notes=notes,
        frame_seconds=evidence.frame_seconds,
    )


def assign(utterances: Sequence[Utterance], spans: Sequence[Span]) -> Mapping[int, tuple[Utterance, ...]]:
    """Index of a span -> the utterances that lie mostly in it, in order of time; the spans follow one another."""
    found: dict[int, list[Utterance]] = {}
    starts, ends = [span.start_seconds for span in spans], [span.end_seconds for span in spans]
    for utterance in sorted(utterances, key=lambda item: item.span.start_seconds):
        first, last = bisect_right(ends, utterance.span.start_seconds), bisect_left(starts, utterance.span.end_seconds)
        overlaps = [span.overlap_seconds(utterance.span) for span in spans[first:last]]
        if overlaps and max(overlaps) > 0:
            found.setdefault(first + int(np.argmax(overlaps)), []).append(utterance)
        elif spans:  # sound that runs on after the last picture belongs to the last segment
            found.setdefault(min(first, len(spans) - 1), []).append(utterance)
    return {index: tuple(items) for index, items in found.items()}


def _best(
    kind: type,
    scores: NDArray[np.float32] | None,
    labels: Sequence[str],
    kept: int,
    model: str,
) -> tuple:
    if scores is None:
        return ()
    order = np.argsort(-scores, kind="stable")[:kept]
    return tuple(kind(labels[index], float(scores[index]), model) for index in order)


def _apart(best: float, needed: float) -> str:
    """Both numbers with as many digits as show that they differ."""
    digits = next((n for n in range(2, 6) if f"{best:.{n}f}" != f"{needed:.{n}f}"), 6)
    return f"best {best:.{digits}f}, needed {needed:.{digits}f}"


def _disagreement(
    actions: Sequence[ActionScore],
    descriptions: Sequence[Description],
    utterances: Sequence[Utterance],
    vocabulary: Vocabulary,
) -> str:
    """A sentence where the words spoken name another label of the list than the picture shows, else ""."""
    said = {word.lower() for utterance in utterances for word in WORD.findall(utterance.text)}
    if not said or not descriptions:
        return ""
    seen = {item.label for item in descriptions[:2]}
    top = set(WORD.findall(descriptions[0].label.lower()))
    for label in vocabulary.descriptions:
        words = {word for word in WORD.findall(label.lower()) if len(word) > 2}
        if len(words) > 1 and words <= said and label not in seen and not top <= said:
            return f'the words spoken name "{label}", the picture looks like "{descriptions[0].label}"'
    return ""
