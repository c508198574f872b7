"""Shared by all tests: real media where it is at hand, a library of one's own, one small timeline."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
SAMPLE = ROOT / "assistant/packs/demo/sample.mp4"


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real test files; tests that need it are skipped where it is not at hand."""
    folder = SHARED / "media"
    if not folder.is_dir():
        pytest.skip("the folder ../shared/media with real test files is not at hand")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def timeline() -> Timeline:
    """Three segments of a world-like video: a red circle moves left, a green bar rotates, a red circle vanishes."""
    video = Video("/videos/sample.mp4", "ab" * 32, 12.0, 320, 180, 25.0, True)

    def segment(number: int, action: str, looks: str, *said: Utterance) -> Segment:
        span = Span(4.0 * (number - 1), 4.0 * number)
        return Segment(
            number,
            span,
            (ActionScore(action, 0.9, "v"), ActionScore("shaking", 0.05, "v")),
            (Description(looks, 0.8, "c"), Description("blue star", 0.1, "c")),
            said,
            span.middle_seconds,
        )

    return Timeline(
        video,
        (
            segment(1, "moving left", "red circle", Utterance(Span(0.5, 2.0), "the red circle moves left")),
            segment(2, "rotating", "green bar", Utterance(Span(5.0, 6.5), "we count one two three")),
            segment(3, "vanishing", "red circle"),
        ),
        tuple(Shot(Span(4.0 * i, 4.0 * i + 4.0), "start" if i == 0 else "cut") for i in range(3)),
        (Span(0.5, 2.0), Span(5.0, 6.5)),
        (),
        Provenance("demo", {"model": "v"}, {"model": "c"}, {"model": "w"}),
    )
