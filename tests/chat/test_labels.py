"""Every label of the real label sets, quoted as what a segment's models found, is supported; a wrong one is not."""

from __future__ import annotations

import random

import pytest
from conftest import ROOT

from assistant.chat.verify import check
from assistant.core.prompts import read_lines
from assistant.core.timeline import (
    ActionScore,
    Description,
    Provenance,
    Segment,
    Shot,
    Span,
    Timeline,
    Utterance,
    Video,
)

SSV2 = ROOT.parent / "shared" / "chatbench" / "ssv2_labels.txt"
EVERYDAY = read_lines("labels/everyday.txt")
ACTIONS = (
    'At 0:12 the action is "{label}". [S3]',
    "S3 shows {label}. [S3]",
    "{label} [S3]",
    "The best action label is {label} with 61 %. [S3]",
    "The recogniser calls it “{label}”. [S3]",
)
SCENES = (
    'At 0:12 the scene looks like "{label}". [S3]',
    "S3 shows {label}. [S3]",
    "{label} [S3]",
    "The best description is {label}, with a score of 0.52. [S3]",
    "A picture of “{label}” is seen. [S3]",
)


def ssv2_labels() -> list[str]:
    if not SSV2.exists():
        pytest.skip("the label list lies in ../shared, which is not here")
    return [line for line in SSV2.read_text(encoding="utf-8").splitlines() if line.strip()]


def timeline(action: str, scene: str) -> Timeline:
    """Five segments of five seconds; the third has these labels, and somebody speaks in it of something else."""
    rows = [
        ("Moving part of something", "office"),
        ("Holding something", "city street"),
        (action, scene),
        ("Showing something to the camera", "beach"),
        ("Moving something up", "kitchen"),
    ]
    segments = tuple(
        Segment(
            place,
            Span(5.0 * (place - 1), 5.0 * place),
            (ActionScore(one, 0.61), ActionScore("Touching (without moving) part of something", 0.05)),
            (Description(other, 0.52), Description("table", 0.04)),
            (Utterance(Span(5.0 * place - 4, 5.0 * place - 1), "We will see about the budget on Friday."),),
        )
        for place, (one, other) in enumerate(rows, 1)
    )
    video = Video("a.mp4", "0" * 64, 25.0, 640, 360, 25.0, True)
    spoken = tuple(segment.utterances[0].span for segment in segments)
    return Timeline(video, segments, (Shot(Span(0, 25), "start"),), spoken, (), Provenance("standard"))


def judged(label: str, phrasing: str, of: Timeline) -> list[str]:
    return [claim.verdict for claim in check(phrasing.format(label=label), of)]


@pytest.mark.parametrize("phrasing", ACTIONS)
def test_each_action_label_is_supported_where_it_is_the_best(phrasing):
    lost = [label for label in ssv2_labels() if judged(label, phrasing, timeline(label, "garden")) != ["supported"]]
    assert not lost


@pytest.mark.parametrize("phrasing", SCENES)
def test_each_everyday_label_is_supported_where_it_is_the_best(phrasing):
    lost = [
        label for label in EVERYDAY if judged(label, phrasing, timeline("Holding something", label)) != ["supported"]
    ]
    assert not lost


@pytest.mark.parametrize("phrasing", ACTIONS)
def test_a_wrong_action_label_in_its_place_is_not_supported(phrasing):
    labels, rng = ssv2_labels(), random.Random(7)
    wrong = [(label, rng.choice([other for other in labels if other != label])) for label in labels for _ in range(3)]
    passed = [(top, told) for top, told in wrong if "supported" in judged(told, phrasing, timeline(top, "garden"))]
    assert len(passed) <= 0.03 * len(wrong), passed


@pytest.mark.parametrize("phrasing", SCENES)
def test_a_wrong_everyday_label_in_its_place_is_not_supported(phrasing):
    rng = random.Random(8)
    wrong = [
        (label, rng.choice([other for other in EVERYDAY if other != label])) for label in EVERYDAY for _ in range(3)
    ]
    passed = [
        (top, told) for top, told in wrong if "supported" in judged(told, phrasing, timeline("Holding something", top))
    ]
    assert len(passed) <= 0.03 * len(wrong), passed
