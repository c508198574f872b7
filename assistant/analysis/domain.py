"""Out of domain is said: where a pack was made for a world of its own, its words about anything else are not shown.

A window is judged by the vectors that the pack's own models computed of it (`models.domain`), a whole video by its
windows, and sound without a picture by how sure the transcriber was. Nothing is run anew for it: results stay stored
as they are, and the same video looked at with other models says what those see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from assistant.analysis.analyzer import Finding, WindowResult
from assistant.analysis.stages import Visual
from assistant.core.timeline import Absence, Suppressed, Utterance
from assistant.models.packs.catalog import WITNESSES, Kind
from assistant.models.registry import Models

# Kind of witness -> kind of model, for the two that look at windows.
LOOKING: Mapping[str, Kind] = {"actions": "actions", "scene": "descriptions"}
# Of the time of a video: from this share of foreign windows on, the others are taken for mistakes of the judge.
FOREIGN_SHARE = 1 / 3
# Up to this share, a window that is not foreign beyond doubt is taken for a mistake of the judge in its turn. Of
# windows of generated videos that nothing was set by 0.988 score below 0 and all below 2; of real ones 0.9 above 3.
MISTAKEN_SHARE, DOUBTFUL = 1 / 8, 3.0
# What a video of one window is held against, which has no others to ask: of 600 generated clips of tuning seeds 0.99
# lie below, 0.995 below 0.
ALONE = -0.66
# Of the voiced time that was decoded: a transcriber that was made for these voices is sure of nearly all of it.
BELIEVED_SHARE = 0.5
SHAPES_ONLY = "the demo models know generated shapes only, and did not look at this"
IN_THIS_WINDOW = f"{SHAPES_ONLY} part"
WORDS_BEFORE = "; said in it:"  # how the speech witness goes on from the lead's length to its words


def limited(models: Models, kind: Kind) -> bool:
    """Whether this kind's model was made for a world of its own."""
    return models.domain(kind) is not None


def any_limited(models: Models) -> bool:
    """Whether the picture has to be judged: then both visual models look, whoever was asked for."""
    return any(limited(models, kind) for kind in WITNESSES)


def foreign_windows(models: Models, visual: Visual) -> tuple[bool, ...]:
    """For each window whether it is foreign to the pack's world; empty where nobody was made for one.

    The judge lives on what the image-text encoder of the pack sees; without it all is taken for foreign.
    """
    if not any_limited(models) or not visual.results:
        return ()
    count = range(len(visual.windows))
    scores = np.array([how_foreign(models, {k: found[i] for k, found in visual.results.items()}) for i in count])
    if len(scores) == 1:
        return (bool(scores[0] > ALONE),)
    seconds = np.array([window.span.seconds for window in visual.windows])
    share = seconds[scores > 0].sum() / max(seconds.sum(), 1e-9)
    if share > FOREIGN_SHARE:
        return (True,) * len(scores)
    return tuple(bool(score > (DOUBTFUL if share <= MISTAKEN_SHARE else 0)) for score in scores)


def how_foreign(models: Models, results: Mapping[str, WindowResult]) -> float:
    """How foreign one window is to the world that the pack's models were made for; above 0 it is."""
    domain = models.domain("descriptions")
    if domain is None or "scene" not in results:
        return float("inf")
    frames = [results["scene"].arrays["frames"]]
    if "actions" not in results or not limited(models, "actions"):
        return float(domain.scene_scores(frames)[0])
    return float(domain.scores(results["actions"].arrays["embedding"], frames)[0])


def believable(models: Models, results: Mapping[str, WindowResult], foreign: bool) -> dict[str, WindowResult]:
    """What may be said of a window: a pack that was not made for it says nothing."""
    if not foreign:
        return dict(results)
    return {kind: result for kind, result in results.items() if not limited(models, LOOKING[kind])}


def heard(models: Models, findings: Sequence[Finding], picture: Sequence[bool]) -> list[Finding]:
    """The findings without the words of a transcriber that was not made for this sound; an absence in their place.

    Args:
        picture: `foreign_windows`, empty where there is no picture.
    """
    if not limited(models, "speech"):
        return list(findings)
    sure = sum(item.span.seconds for item in findings if isinstance(item, Utterance))
    unsure = sum(item.span.seconds for item in findings if isinstance(item, Suppressed))
    foreign = bool(picture) and all(picture)
    if not foreign and (picture or sure >= BELIEVED_SHARE * (sure + unsure)):
        return list(findings)
    kept: list[Finding] = []
    for item in findings:
        if isinstance(item, Absence) and WORDS_BEFORE in item.reason:
            item = replace(item, reason=item.reason.split(WORDS_BEFORE)[0])
        if not isinstance(item, Utterance | Suppressed):
            kept.append(item)
    if sure + unsure:
        kept = [item for item in kept if not (isinstance(item, Absence) and item.what == "speech")]
        kept.append(Absence("speech", not_looked_at(models, "speech")))
    return kept


def absences(models: Models, kinds: Sequence[str], foreign: Sequence[bool]) -> list[Absence]:
    """An absence for each kind of witness that did not look at a video that is foreign to its world as a whole."""
    if not foreign or not all(foreign):
        return []
    found = [LOOKING[kind] for kind in kinds if limited(models, LOOKING[kind])]
    return [Absence(kind, not_looked_at(models, kind)) for kind in found]


def not_looked_at(models: Models, kind: Kind) -> str:
    """That a kind of model did not look, and what would."""
    offer = models.offer(kind)
    listened = (
        SHAPES_ONLY.replace("shapes", "voices").replace("look at", "listen to") if kind == "speech" else SHAPES_ONLY
    )
    return f"{listened} video" + (f"; not here yet: {offer}" if offer else "")
