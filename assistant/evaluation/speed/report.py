"""The ``bench/1`` document as a table for people, and its ratios held against stored ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from assistant.core.documents import Json
from assistant.errors import InputUnusable

# A ratio within one run moves by a few percent on a machine with other work; a real loss of speed is larger.
LARGEST_FALL = 0.15


def table(document: Json) -> str:
    """Lines for a terminal: each video with each side, and where the time went."""
    return "\n".join(_lines(document))


def falls(document: Json, stored: Json) -> list[str]:
    """One sentence for each stored ratio that this run misses by more than `LARGEST_FALL`."""
    found = []
    for side, videos in stored["ratios"].items():
        for name, before in videos.items():
            now = document["ratios"].get(side, {}).get(name)
            if now is None:
                found.append(f"{side}, {name}: not measured")
            elif now < before * (1 - LARGEST_FALL):
                found.append(f"{side}, {name}: {now:.2f} times as fast as the straightforward script, was {before:.2f}")
    return found


def stored_ratios(path: Path, weights: str) -> Json:
    """What an earlier run of these weights kept.

    Raises:
        InputUnusable: there is no such file, or it holds nothing of these weights.
    """
    try:
        kept: Json = json.loads(path.read_text(encoding="utf-8"))[weights]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputUnusable(f"{path} holds no ratios of {weights}", "write them with --keep") from error
    return kept


def keep_ratios(path: Path, document: Json) -> None:
    """Store this run's ratios beside those of other weights."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    ratios = {
        side: {name: round(value, 2) for name, value in videos.items()} for side, videos in document["ratios"].items()
    }
    kept[document["weights"]] = {"machine": document["machine"]["processor"], "ratios": ratios}
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _lines(document: Json) -> Iterator[str]:
    machine, medians = document["machine"], document["medians"]
    bfloat16 = "with bfloat16" if machine["bfloat16"] else "without bfloat16"
    memory = f"{machine['memory'] / 2**30:.0f} GiB"
    yield f"{machine['processor']}, {machine['cores']} cores {bfloat16}, {memory}, torch {machine['torch']}"
    yield f"weights: {document['weights']}; medians of {document['rounds']} rounds"
    names = list(next(iter(medians.values()))["videos"])
    for name in names:
        yield ""
        yield from _video(name, document)
    if len(names) > 1:
        yield ""
        yield f"all {len(names)} together"
        for side, median in medians.items():
            ratio = document["ratios"].get(side, {}).get("all")
            yield f"  {side:16} {median['total']:8.1f} s" + (f"   {ratio:.2f} times as fast" if ratio else "")
    yield ""
    for side, median in medians.items():
        yield f"{side:16} loading {median['stages']['load']:.1f} s, {_memory(median['memory'])}"


def _video(name: str, document: Json) -> Iterator[str]:
    medians = document["medians"]
    ours = next((median["videos"][name] for median in medians.values() if "duration" in median["videos"][name]), None)
    yield name + (f" ({ours['duration']:.1f} s, {ours['width']}x{ours['height']})" if ours else "")
    yield f"  {'':16} {'all':>8} {'decode':>8} {'actions':>8} {'scene':>8} {'speech':>8} {'rest':>8}   speed  ratio"
    for side, median in medians.items():
        video = median["videos"][name]
        stages = seconds_by_stage(video)
        cells = " ".join(f"{value:8.1f}" for value in (video["total"], *stages.values()))
        speed = f"{ours['duration'] / video['total']:6.2f}x" if ours else ""
        ratio = document["ratios"].get(side, {}).get(name)
        yield f"  {side:16} {cells} {speed} {f'{ratio:5.2f}' if ratio else '':>6}"
        if "forwards" in video:
            inside = sum(video["forwards"].values()) / video["total"]
            first = video["first_segment"] / video["total"]
            yield f"  {'':16} inside the models {inside:.0%}; first segment after {first:.0%}"


def seconds_by_stage(video: Json) -> dict[str, float]:
    """Seconds of each stage of one video on one side.

    This program decodes while the models compute, so its decoding is what the same pass takes alone, and does not add
    up with the others; the rest is what lies in no model.
    """
    if "seconds" in video:
        parts = {
            stage: float(video["seconds"].get(stage, 0.0)) for stage in ("decode", "actions", "descriptions", "speech")
        }
        return {**parts, "rest": max(0.0, video["total"] - sum(parts.values()))}
    forwards = video["forwards"]
    parts = {stage: float(forwards.get(stage, 0.0)) for stage in ("actions", "descriptions", "speech")}
    return {"decode": video["decode_alone"], **parts, "rest": max(0.0, video["total"] - sum(forwards.values()))}


def _memory(memory: Json) -> str:
    peak = f"at most {memory['peak'] / 1e9:.2f} GB of memory"
    if "weights" not in memory:
        return peak
    above = (memory["peak_of_analysis"] - memory["weights"]) / 1e6
    return f"{peak}; {above:.0f} MB above the weights while it analyses"
