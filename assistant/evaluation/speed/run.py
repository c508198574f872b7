"""Both sides on the same videos with the same weights, alternating, each run in a process of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.config import ROOT
from assistant.core.documents import Json
from assistant.core.progress import CancelCheck, never
from assistant.errors import Cancelled, InputUnusable, ModelFailed
from assistant.evaluation.speed.side import machine
from assistant.evaluation.speed.weights import Weights, folder_of
from assistant.models.packs.catalog import PACKS

SCRIPT = ROOT / "bench" / "straightforward.py"
SIDES = ("straightforward", "saving off", "saving on")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: at least three rounds make a median that means something.

    Raises:
        InputUnusable: no videos, or one that is not there.
    """

    videos: tuple[Path, ...]
    weights: Weights
    rounds: int = 3
    sides: tuple[str, ...] = SIDES

    def __post_init__(self) -> None:
        for video in self.videos:
            if not video.is_file():
                raise InputUnusable(f"there is no file {video}", "name videos that are there")
        if not self.videos or self.rounds < 1:
            raise InputUnusable("nothing to run", "name a video, and at least one round")


def run(plan: Plan, say: Say, cancelled: CancelCheck = never) -> Json:
    """The ``bench/1`` document: every run as it was, the medians, and the ratios between the sides.

    Raises:
        ModelFailed: a side broke; its last line says why.
        Cancelled: stopped between two runs.
    """
    pack = folder_of(plan.weights, say)
    runs: dict[str, list[Json]] = {side: [] for side in plan.sides}
    for number in range(plan.rounds):
        # Every other round goes backwards, so that no side always runs on a machine that the same other one warmed.
        for side in plan.sides if number % 2 == 0 else tuple(reversed(plan.sides)):
            if cancelled():
                raise Cancelled
            say(f"round {number + 1} of {plan.rounds}: {side} ...")
            runs[side].append(_run_side(side, plan, pack))
            say(f"  {sum(video['total'] for video in runs[side][-1]['videos']):.1f} s")
    return document(plan, runs)


def document(plan: Plan, runs: dict[str, list[Json]]) -> Json:
    """Medians and ratios over the runs of each side."""
    medians = {side: medians_of(found) for side, found in runs.items()}
    return {
        "schema": "bench/1",
        "machine": machine(),
        "weights": plan.weights,
        "rounds": plan.rounds,
        "medians": medians,
        "ratios": ratios(medians),
        "runs": runs,
    }


def ratios(medians: dict[str, Json]) -> Json:
    """How many times as fast each side is as the straightforward script, per video and over all of them."""
    slow = medians.get("straightforward")
    found: Json = {}
    for side, median in medians.items():
        if slow is None or side == "straightforward":
            continue
        for name, video in median["videos"].items():
            found.setdefault(side, {})[name] = slow["videos"][name]["total"] / video["total"]
        found[side]["all"] = slow["total"] / median["total"]
    return found


def _run_side(side: str, plan: Plan, pack: Path) -> Json:
    videos = map(str, plan.videos)
    if side == "straightforward":
        command = [sys.executable, str(SCRIPT), str(pack), *videos]
    else:
        name = plan.weights if plan.weights in PACKS else str(pack)
        command = [sys.executable, "-m", "assistant.evaluation.speed.side", name, *videos]
        command += ["--no-saving"] if side == "saving off" else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
    try:
        out, complaints = child.communicate()
    except BaseException:
        child.kill()
        child.wait()
        raise
    if child.returncode != 0:
        last = (complaints.strip().splitlines() or ["no word why"])[-1]
        raise ModelFailed(
            f"the side '{side}' of the bench broke: {last}", "run its command alone to see the whole error"
        )
    result: Json = json.loads(out.strip().splitlines()[-1])
    return result


def medians_of(found: Sequence[Json]) -> Json:
    """The median of each number over the runs of one side."""
    videos: dict[str, Any] = {}
    for index, video in enumerate(found[0]["videos"]):
        same = [run["videos"][index] for run in found]
        videos[video["video"]] = _median(same)
    merged = _median([{key: value for key, value in run.items() if key != "videos"} for run in found])
    return {**merged, "total": sum(video["total"] for video in videos.values()), "videos": videos}


def _median(same: Sequence[Any]) -> Any:
    """Numbers become their median, dictionaries are gone into, anything else stays as the first run had it."""
    first = same[0]
    if isinstance(first, dict):
        return {key: _median([one[key] for one in same if key in one]) for key in first}
    if isinstance(first, (int, float)) and not isinstance(first, bool):
        return statistics.median(same)
    return first
