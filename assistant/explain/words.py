"""An explanation in words, by template, from the measured numbers and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assistant.core.timeline import Segment, clock
from assistant.explain.document import Explanation, Faithfulness

# A moment "decides" when it carries this share of all that the moments add together.
DECIDING_SHARE = 0.35
NOT_BETTER = "This explanation is not better than random."
ROWS = ("top", "upper middle", "lower middle", "bottom")
COLUMNS = ("left", "middle left", "middle right", "right")


def verdict(faithfulness: Faithfulness) -> str:
    """Whether the map of places stands its test, with the areas."""
    numbers = (
        f"holding the important places still first leaves {faithfulness.deletion_auc:.2f} of the score on average,"
        f" random places {faithfulness.random_deletion_auc:.2f};"
        f" showing them first gives {faithfulness.insertion_auc:.2f} against {faithfulness.random_insertion_auc:.2f}"
    )
    if faithfulness.better_than_random:
        return f"The map of places is better than random: {numbers}."
    return f"{NOT_BETTER} The map of places fails its test: {numbers}."


def in_words(explanation: Explanation, segment: Segment) -> Explanation:
    """The same explanation with its text; every number in it is one of its own."""
    sentences = [_how_sure(explanation), _moment(explanation), _place(explanation), _motion(explanation)]
    sentences += [segment.notes[name].rstrip(".").capitalize() + "." for name in segment.flags if name in segment.notes]
    sentences += [*explanation.notes, _others(explanation)]
    return replace(explanation, text=" ".join(sentence for sentence in sentences if sentence))


def _how_sure(explanation: Explanation) -> str:
    rival = explanation.rivals[0] if explanation.rivals else None
    text = f"“{explanation.label}” scored {100 * explanation.score:.0f} % in segment {explanation.segment_id}"
    if rival is None:
        return text + "."
    return f"{text}; the nearest rival is “{rival.label}” with {100 * rival.score:.0f} %."


def _moment(explanation: Explanation) -> str:
    values = np.array([moment.importance for moment in explanation.temporal])
    gain = float(np.maximum(values, 0).sum())
    if not len(values) or gain <= 0:
        return "Holding the picture still at no moment made the label less likely."
    best = explanation.temporal[int(values.argmax())]
    share = best.importance / gain
    where = f"{clock(best.span.start_seconds, 1)} to {clock(best.span.end_seconds, 1)}"
    if share >= DECIDING_SHARE:
        return f"What changes from {where} decides: it carries {100 * share:.0f} % of what the moments add."
    return f"No single moment decides; the one from {where} adds most, {100 * share:.0f} %."


def _place(explanation: Explanation) -> str:
    grid = np.array(explanation.grid)
    if grid.size == 0 or float(grid.max()) <= 0:
        return "Holding no place still made the label less likely."
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    if grid.shape != (len(ROWS), len(COLUMNS)):
        return f"Holding row {row + 1}, column {column + 1} of the picture still hurts it most."
    return f"Holding the {ROWS[row]}, {COLUMNS[column]} of the picture still hurts it most."


def _motion(explanation: Explanation) -> str:
    parts = []
    for name, said in (
        ("reversed", "played backwards"),
        ("frozen", "frozen"),
        ("shuffled", "with its frames shuffled"),
    ):
        control = explanation.controls.get(name)
        if control is None:
            continue
        same = control.label == explanation.label
        parts.append(f"{said} it {'stays' if same else 'becomes'} “{control.label}” ({100 * control.score:.0f} %)")
    if not parts:
        return ""
    text = "The clip " + ", ".join(parts)
    changed = [c for name, c in explanation.controls.items() if name != "shifted" and c.label != explanation.label]
    return f"{text}: {'the label rests on motion' if changed else 'the label does not rest on motion'}."


def _others(explanation: Explanation) -> str:
    scene, conflict = explanation.agreement.get("descriptions"), explanation.agreement.get("conflict")
    parts = []
    if scene:
        parts.append(f"The scene is “{scene['label']}” ({100 * scene['score']:.0f} %)")
    parts.append("somebody speaks in it" if explanation.agreement.get("speech") else "nothing is said in it")
    text = " and ".join(parts)
    text = text[:1].upper() + text[1:] + "."
    return f"{text} {conflict[:1].upper()}{conflict[1:]}." if conflict else text
