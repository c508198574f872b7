"""How good explanations are, measured where the deciding moment and place are known: on the generated world."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.core.documents import Json
from assistant.core.progress import never
from assistant.core.timeline import Span
from assistant.explain.measure import GRID, MOST_MOMENTS, Measured, Passes, measure
from assistant.explain.perturb import Frames, freeze, moments
from assistant.media.sampling import Clip, clip_spans, sample_times
from assistant.models.protocols import ClipClassifier
from assistant.synthetic.render import render
from assistant.synthetic.scenes import Scene, box, sample_scene

OPPOSITES = {"moving left": "moving right", "moving right": "moving left"}
TOP_SHARE = 0.25
RENDERED_HEIGHT = 240


@dataclass(frozen=True)
class Case:
    """One clip whose deciding moment and place are known. ``cells`` is bool ``[rows, columns]``: where the thing is."""

    scene: Scene
    crops: Frames
    shifted: Frames
    moment: int
    cells: NDArray[np.bool_]


def moment_cases(model: ClipClassifier, first_seed: int, count: int) -> Iterator[Case]:
    """Clips in which something appears or vanishes at a known moment and place."""
    for seed in range(first_seed, first_seed + count):
        rng = random.Random(seed)
        scene = sample_scene(rng, action=rng.choice(("appearing", "vanishing")))
        times = _times(scene, model)
        assert scene.moment_seconds is not None
        parts = moments(len(times), model.tubelet, MOST_MOMENTS)
        # The change shows between two frames; it belongs to the moment of the first frame that shows it.
        first_after = int(np.searchsorted(times, scene.moment_seconds))
        moment = next(
            index for index, part in enumerate(parts) if part.start <= min(first_after, len(times) - 1) < part.stop
        )
        seen_at = scene.moment_seconds + (0.4 if scene.action == "appearing" else -0.4)
        yield Case(
            scene, _crops(scene, model, times), _crops(scene, model, times + 0.2), moment, _cells(scene, seen_at)
        )


def direction_cases(model: ClipClassifier, first_seed: int, count: int) -> Iterator[tuple[Scene, Frames]]:
    """Clips in which something moves left or right."""
    for seed in range(first_seed, first_seed + count):
        rng = random.Random(seed)
        scene = sample_scene(rng, action=rng.choice(tuple(OPPOSITES)))
        yield scene, _crops(scene, model, _times(scene, model))


def check(model: ClipClassifier, first_seed: int, count: int, report: Callable[[str], None] = lambda _: None) -> Json:
    """The figures of ``count`` clips: shares in 0..1, and what an explanation costs in forward passes' time."""
    hits = {"moment": 0, "place": 0, "faithful": 0, "deletion": 0, "insertion": 0}
    costs, firsts = [], []
    for number, case in enumerate(moment_cases(model, first_seed, count), 1):
        result, seconds, first = _timed(model, case)
        one = _one_pass(model, case.crops)
        costs.append(seconds / one)
        firsts.append(first / one)
        hits["moment"] += _among_top(result.temporal, [case.moment])
        hits["place"] += _among_top(result.grid.ravel(), [int(i) for i in np.flatnonzero(case.cells)])
        hits["faithful"] += result.faithfulness.better_than_random
        hits["deletion"] += result.faithfulness.deletion_auc < result.faithfulness.random_deletion_auc
        hits["insertion"] += result.faithfulness.insertion_auc > result.faithfulness.random_insertion_auc
        if number % 20 == 0:
            report(f"{number} of {count} clips explained")
    return {
        "clips": count,
        "moment_in_top_quarter": hits["moment"] / count,
        "place_in_top_quarter": hits["place"] / count,
        "deletion_better_than_random": hits["deletion"] / count,
        "insertion_better_than_random": hits["insertion"] / count,
        "verdict_better_than_random": hits["faithful"] / count,
        "passes_time": float(np.median(costs)),
        "first_picture_passes_time": float(np.median(firsts)),
        **_directions(model, first_seed, count),
        **_stillness(model, first_seed, min(count, 20)),
    }


def _directions(model: ClipClassifier, first_seed: int, count: int) -> Json:
    """How often a clip that is recognised as moving left or right is taken for the opposite when reversed."""
    recognised = flipped = 0
    for scene, crops in direction_cases(model, first_seed + 10_000, count):
        forward, backward = model.square_logits(np.stack([crops, crops[::-1]]))
        if model.labels[int(forward.argmax())] == scene.action:
            recognised += 1
            flipped += model.labels[int(backward.argmax())] == OPPOSITES[scene.action]
    return {"direction_clips": recognised, "directions_flip": flipped / max(1, recognised)}


def _stillness(model: ClipClassifier, first_seed: int, count: int) -> Json:
    """The share of frozen clips whose label no control changes."""
    unchanged = 0
    for case in moment_cases(model, first_seed + 20_000, count):
        still = freeze(case.crops)
        passes = Passes(model, never, lambda done: None)
        measure(passes, still, still, 0)
        labels = {int(passes.logits[name].argmax()) for name in ("clip", "reversed", "frozen", "shuffled")}
        unchanged += len(labels) == 1
    return {"still_clips_unchanged": unchanged / count}


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Spearman's rho of two importance maps, -1..1; 0 where one of them is flat."""
    ranks = [
        np.argsort(np.argsort(values.ravel(), kind="stable"), kind="stable").astype(float) for values in (one, other)
    ]
    centred = [rank - rank.mean() for rank in ranks]
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float((centred[0] @ centred[1]) / np.sqrt((centred[0] @ centred[0]) * (centred[1] @ centred[1])))


def sanity(trained: ClipClassifier, randomised: ClipClassifier, first_seed: int, count: int) -> Json:
    """What is left of explanations when the classifier's weights are random (Adebayo et al. 2018, arXiv:1810.03292)."""
    correlations, refusals = [], 0
    for case in moment_cases(trained, first_seed, count):
        label = trained.labels.index(case.scene.action)
        ours, theirs = (
            measure(Passes(model, never, lambda done: None), case.crops, case.shifted, label)
            for model in (trained, randomised)
        )
        both = (rank_correlation(ours.temporal, theirs.temporal), rank_correlation(ours.grid, theirs.grid))
        correlations.append(float(np.mean(both)))
        refusals += not theirs.faithfulness.better_than_random
    return {"rank_correlation": float(np.mean(correlations)), "not_better_than_random": refusals / count}


def _timed(model: ClipClassifier, case: Case) -> tuple[Measured, float, float]:
    """The measurement, its seconds, and the seconds until the moments of one direction could be drawn."""
    firsts: list[float] = []
    label = model.labels.index(case.scene.action)
    started = time.perf_counter()
    passes = Passes(model, never, lambda done: firsts.append(time.perf_counter() - started))
    result = measure(passes, case.crops, case.shifted, label)
    return result, time.perf_counter() - started, firsts[0]


def _one_pass(model: ClipClassifier, crops: Frames) -> float:
    """Seconds of one forward pass of one clip, the quicker of two."""
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        model.square_logits(crops[None])
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _among_top(values: NDArray[np.floating], wanted: list[int]) -> bool:
    """Whether one of the wanted entries is among the top quarter of all."""
    count = max(1, round(TOP_SHARE * values.size))
    return bool(set(np.argsort(-values, kind="stable")[:count].tolist()) & set(wanted))


def _times(scene: Scene, model: ClipClassifier) -> NDArray[np.float64]:
    (span,) = clip_spans(Span(0.0, scene.duration_seconds), model.spec, 1)
    return np.array(sample_times(span, model.spec.num_frames))


def _crops(scene: Scene, model: ClipClassifier, times: NDArray[np.float64]) -> Frames:
    width = round(RENDERED_HEIGHT * scene.aspect)
    return model.crops(Clip(render(scene, times, width, RENDERED_HEIGHT), times))


def _cells(scene: Scene, seconds: float) -> NDArray[np.bool_]:
    """The places of the grid that hold the middle of the thing at this time (the whole frame is seen, squashed)."""
    left, top, right, bottom = box(scene, seconds)
    rows, columns = GRID
    mask = np.zeros(GRID, bool)
    row = min(rows - 1, max(0, int(0.5 * (top + bottom) * rows)))
    column = min(columns - 1, max(0, int(0.5 * (left + right) * columns)))
    mask[row, column] = True
    return mask
