"""The experiments behind an explanation, and what they cost: 40 forward passes of one clip, batched.

    1   the clip itself
    14  nested holds: everything before, or after, each moment stands still (7 + 7 for 8 moments)
    3   controls: reversed, frozen, shuffled
    9   places: each block of 2 x 2 neighbouring places of a 4 x 4 grid is held still at its mean
    6   deletion and insertion in the order of the measured importance, up to three quarters of the places
    6   the same in two opposite random orders
    1   the window shifted by a quarter

Occluding one moment alone would tell little: a model that has seen "before" and "after" still knows that something
appeared. Holding everything up to a moment, and then one moment more, asks what that moment adds; the two directions
are averaged, as in a Shapley value of which only the two orders in time are taken (Shapley 1953; RISE, Petsiuk et al.
2018, arXiv:1806.07421, for deletion and insertion).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.analysis.analyzer import AnalysisContext
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck, Progress, Report, never, silent
from assistant.core.timeline import ActionScore, Segment, Span, Timeline
from assistant.errors import Cancelled, UnknownSegment, VideoUnreadable
from assistant.explain import perturb
from assistant.explain.document import Control, Explanation, Faithfulness, Moment
from assistant.explain.words import in_words, verdict
from assistant.media.sampling import Clip
from assistant.media.video import clip_at
from assistant.models.protocols import ClipClassifier
from assistant.store import Correction, stage_key

logger = logging.getLogger(__name__)

VERSION = "2"
PASSES = 40
MOST_MOMENTS = 8
GRID = (4, 4)
BATCH = 8
HIDDEN_SHARES = (0.25, 0.5, 0.75)
RIVALS = 5
# Areas are averages of a probability. A difference under this is within what two random orders differ by themselves.
MARGIN = 0.03
SHIFT_SHARE = 0.25
TIE_WEIGHT = 0.01


@dataclass
class Passes:
    """Runs perturbed clips through the model in batches, keeps the logits by name, and stops where it is told to.

    Logits of an earlier run that was stopped are taken over, so that nothing is measured twice.
    """

    model: ClipClassifier
    cancelled: CancelCheck
    report: Callable[[int], None]
    logits: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def run(self, clips: Mapping[str, perturb.Frames]) -> None:
        """Measure each named clip, frames uint8 ``[T, S, S, 3]``, that was not measured before."""
        waiting = [name for name in clips if name not in self.logits]
        for first in range(0, len(waiting), BATCH):
            if self.cancelled():
                raise Cancelled("the explanation was stopped", "ask again to go on where it stopped")
            names = waiting[first : first + BATCH]
            measured = self.model.square_logits(np.stack([clips[name] for name in names]))
            self.logits.update(zip(names, measured, strict=True))
            self.report(len(self.logits))

    def probability(self, name: str, label: int) -> float:
        return float(_softmax(self.logits[name])[label])

    def log_odds(self, name: str, label: int) -> float:
        """ln(p / (1 - p)) of the label, from the logits, so that it does not saturate."""
        logits = self.logits[name].astype(float)
        others = np.delete(logits, label)
        peak = others.max()
        return float(logits[label] - peak - np.log(np.exp(others - peak).sum()))

    def top(self, name: str, label: int) -> Control:
        probabilities = _softmax(self.logits[name])
        best = int(np.argmax(probabilities))
        return Control(self.model.labels[best], float(probabilities[best]), float(probabilities[label]))


def explain(
    context: AnalysisContext,
    timeline: Timeline,
    segment: Segment,
    label: str | None = None,
    report: Report = silent,
    cancelled: CancelCheck = never,
) -> Explanation:
    """Why ``label`` (default: the best) was predicted for this segment; measured once, then read from the library.

    Raises:
        UnknownSegment: a segment without actions, or a label that the recogniser does not know.
        VideoUnreadable: the file is no longer there.
        Cancelled: stopped; the passes that were done are kept.
    """
    if segment.action is None or not segment.frame_seconds:
        raise UnknownSegment(
            f"segment {segment.id} has no actions to explain", "choose a segment with a moving picture"
        )
    path = Path(timeline.video.path)
    if not path.is_file():
        raise VideoUnreadable(f"{path.name} is no longer where it was", "put the file back, or analyse it again")
    model = context.models.recognizer()
    if not isinstance(model, ClipClassifier):
        raise UnknownSegment(f"{model.name} cannot be asked why", "choose another model for actions")
    wanted = label or segment.action.label
    if wanted not in model.labels:
        raise UnknownSegment(f"the recogniser has no label {wanted!r}", f"choose one of its {len(model.labels)} labels")
    index = model.labels.index(wanted)
    span = segment.span
    fed = {"version": VERSION, "span": [span.start_seconds, span.end_seconds], "frames": list(segment.frame_seconds)}
    key = stage_key(timeline.video.sha256, "explain", model.name, model.revision, fed)

    total = float(PASSES)
    passes = Passes(
        model,
        cancelled,
        lambda done: report(Progress("explain", float(done), total, f"experiment {done} of {total:.0f}")),
        dict(context.library.load_arrays(key) or {}),
    )
    clip = clip_at(path, timeline.video, segment.frame_seconds, model.frame_size)
    shifted = clip_at(path, timeline.video, _shifted(segment), model.frame_size)
    try:
        measured = measure(passes, model.crops(clip), model.crops(shifted), index)
    finally:
        if passes.logits:
            context.library.save_arrays(key, passes.logits)
    return _document(context, timeline, segment, model, index, passes, measured, clip)


@dataclass(frozen=True)
class Measured:
    """The numbers of one clip and label: importance per moment ``[M]``, per place ``[rows, columns]``, the curves."""

    moments: tuple[slice, ...]
    temporal: NDArray[np.float64]
    grid: NDArray[np.float32]
    faithfulness: Faithfulness


def measure(passes: Passes, crops: perturb.Frames, shifted: perturb.Frames, label: int) -> Measured:
    """All experiments on one clip, in the order in which a page can show them: moments first."""
    parts = perturb.moments(len(crops), passes.model.tubelet, MOST_MOMENTS)
    passes.run({"clip": crops, **{f"before{i}": perturb.hold_before(crops, parts[i]) for i in range(1, len(parts))}})
    passes.run({f"after{i}": perturb.hold_after(crops, parts[i]) for i in range(len(parts) - 1)})
    passes.run(
        {
            "reversed": perturb.reverse(crops),
            "frozen": perturb.freeze(crops),
            "shuffled": perturb.shuffle(crops),
            "shifted": shifted,
        }
    )
    masks = perturb.windows(*GRID)
    passes.run({f"place{i}": perturb.cover(crops, mask) for i, mask in enumerate(masks)})
    grid = _grid(passes, masks, label)
    return Measured(tuple(parts), _temporal(passes, len(parts), label), grid, _curves(passes, crops, grid, label))


def _temporal(passes: Passes, count: int, label: int) -> NDArray[np.float64]:
    """What each moment adds to the log-odds, averaged over the two directions of time, float64 ``[count]``."""
    whole, still = passes.log_odds("clip", label), passes.log_odds("frozen", label)
    before = [whole, *(passes.log_odds(f"before{i}", label) for i in range(1, count)), still]
    after = [still, *(passes.log_odds(f"after{i}", label) for i in range(count - 1)), whole]
    return np.array([0.5 * (before[i] - before[i + 1]) + 0.5 * (after[i + 1] - after[i]) for i in range(count)])


def _grid(passes: Passes, masks: Sequence[perturb.Hidden], label: int) -> NDArray[np.float32]:
    """Fall of the log-odds for the cover that hurts most among those that reach a place, float32 ``[rows, columns]``.

    A place belongs to covers that reach what matters and to others that miss it; a mean would punish it for the
    latter. Among places of one cover, the mean over all their covers decides, with little weight.
    """
    whole = passes.log_odds("clip", label)
    falls = np.array([whole - passes.log_odds(f"place{index}", label) for index in range(len(masks))])
    reaching = np.array([mask.ravel() for mask in masks]).T
    most = np.array([falls[row].max() for row in reaching])
    mean = np.array([falls[row].mean() for row in reaching])
    return (most + TIE_WEIGHT * mean).reshape(GRID).astype(np.float32)


def _curves(passes: Passes, crops: perturb.Frames, grid: NDArray[np.float32], label: int) -> Faithfulness:
    """Deletion and insertion in the measured order, against two random orders of which one is the other reversed."""
    ours = [int(i) for i in np.argsort(-grid.ravel(), kind="stable")]
    random = [int(i) for i in np.random.default_rng(0).permutation(grid.size)]
    counts = [round(share * grid.size) for share in HIDDEN_SHARES]
    orders = {"best": ours, "worst": ours[::-1], "random": random, "reversed_random": random[::-1]}
    covered = {
        f"{name}{count}": perturb.cover(crops, perturb.hide_first(order, count, GRID))
        for name, order in orders.items()
        for count in counts
    }
    passes.run(covered)
    shares = np.array([0.0, *HIDDEN_SHARES])

    def area(order: str) -> float:
        names = ["clip", *(f"{order}{count}" for count in counts)]
        return float(np.trapezoid([passes.probability(name, label) for name in names], shares) / shares[-1])

    # Showing the best places first is covering the worst first, read from the other end.
    deletion, insertion = area("best"), area("worst")
    chance = 0.5 * (area("random") + area("reversed_random"))
    better = deletion < chance - MARGIN and insertion > chance + MARGIN
    return Faithfulness(deletion, insertion, chance, chance, better)


def _shifted(segment: Segment) -> list[float]:
    """The frames' times moved by a quarter of the clip to the side where the segment has room."""
    times = np.array(segment.frame_seconds)
    step = SHIFT_SHARE * (times[-1] - times[0]) / 2
    room_after = segment.span.end_seconds - times[-1]
    room_before = times[0] - segment.span.start_seconds
    moved = times + min(step, room_after) if room_after >= room_before else times - min(step, room_before)
    return [float(value) for value in np.maximum(moved, 0.0)]


def _document(
    context: AnalysisContext,
    timeline: Timeline,
    segment: Segment,
    model: ClipClassifier,
    label: int,
    passes: Passes,
    measured: Measured,
    clip: Clip,
) -> Explanation:
    probabilities = _softmax(passes.logits["clip"])
    order = [int(i) for i in np.argsort(-probabilities) if int(i) != label][:RIVALS]
    moments = tuple(
        Moment(span, float(value))
        for span, value in zip(_spans(measured.moments, clip, segment.span), measured.temporal, strict=True)
    )
    controls = {name: passes.top(name, label) for name in ("reversed", "frozen", "shuffled", "shifted")}
    agreement = _agreement(segment, context.library.corrections(timeline.video.sha256))
    explanation = Explanation(
        segment_id=segment.id,
        label=model.labels[label],
        score=float(probabilities[label]),
        rivals=tuple(ActionScore(model.labels[i], float(probabilities[i]), model.name) for i in order),
        temporal=moments,
        grid=tuple(tuple(float(value) for value in row) for row in measured.grid),
        controls=controls,
        faithfulness=measured.faithfulness,
        agreement=agreement,
        sampling_report=_sampling_report(timeline, segment, model.none_below),
        text="",
        passes=PASSES,
        notes=(verdict(measured.faithfulness),),
    )
    return in_words(explanation, segment)


def _spans(parts: Sequence[slice], clip: Clip, whole: Span) -> list[Span]:
    """The stretch of video behind each moment: from half-way to the frame before to half-way to the frame after."""
    times = clip.pts_seconds
    edges = [float(times[0])]
    edges += [float(0.5 * (times[part.start - 1] + times[part.start])) for part in parts[1:]]
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    edges.append(float(times[-1]) + step)
    clipped = [min(max(edge, whole.start_seconds), whole.end_seconds) for edge in edges]
    return [Span(start, max(start, end)) for start, end in pairwise(clipped)]


def _agreement(segment: Segment, corrections: Sequence[Correction]) -> Json:
    scene = segment.description
    mine = [item for item in corrections if item.kind == "action"]
    return {
        "descriptions": {"label": scene.label, "score": scene.score} if scene else None,
        "speech": segment.words or None,
        "conflict": segment.notes.get("models_disagree"),
        "corrections": len(mine),
        "corrected_here": [item.label for item in mine if item.segment_id == segment.id],
    }


def _sampling_report(timeline: Timeline, segment: Segment, none_below: float) -> Json:
    """How this clip was fed, against what the recogniser was trained with."""
    fed = timeline.provenance.actions
    distinct = len(set(segment.frame_seconds))
    covered = segment.frame_seconds[-1] - segment.frame_seconds[0] if distinct > 1 else 0.0
    return {
        "trained_with": {key: fed.get(key) for key in ("num_frames", "frames_per_second", "size", "clips", "views")},
        "fed_with": {
            "num_frames": distinct,
            "frames_per_second": round((distinct - 1) / covered, 3) if covered > 0 else 0.0,
            "clips": fed.get("clips"),
            "views": fed.get("views"),
        },
        "out_of_protocol": segment.notes.get("out_of_protocol"),
        "none_of_my_labels": segment.notes.get("none_of_my_labels"),
        "none_below": none_below,
    }


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(float) - float(logits.max()))
    result: NDArray[np.float64] = powers / powers.sum()
    return result
