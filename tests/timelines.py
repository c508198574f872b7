"""Timelines written by hand for tests of the answers."""

from __future__ import annotations

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

Row = tuple[str, str, str]  # action, description, words


def timeline_of(
    rows: list[Row],
    *,
    seconds: float = 4.0,
    same_shot: tuple[int, ...] = (),
    unknown_action: tuple[int, ...] = (),
    score: float = 0.9,
    path: str = "video.mp4",
) -> Timeline:
    """One segment a row, each ``seconds`` long; the segments in ``same_shot`` (ids) go on with the shot before."""
    segments = []
    for index, (action, look, words) in enumerate(rows):
        span = Span(index * seconds, (index + 1) * seconds)
        said = Span(span.start_seconds + 0.5, span.end_seconds - 0.5)
        segments.append(
            Segment(
                id=index + 1,
                span=span,
                actions=(ActionScore(action, score), ActionScore("waving", 0.02)) if action else (),
                descriptions=(Description(look, score), Description("a beach", 0.01)) if look else (),
                utterances=(Utterance(said, words),) if words else (),
                keyframe_seconds=span.middle_seconds,
                flags=("none_of_my_labels",) if index + 1 in unknown_action else (),
            )
        )
    starts = [s for s in segments if s.id == 1 or s.id not in same_shot]
    ends = [s.span.start_seconds for s in starts[1:]] + [len(rows) * seconds]
    shots = tuple(
        Shot(Span(s.span.start_seconds, end), "start" if s.id == 1 else "cut")
        for s, end in zip(starts, ends, strict=False)
    )
    spoken = tuple(u.span for s in segments for u in s.utterances)
    video = Video(path, "0" * 64, len(rows) * seconds, 320, 240, 25.0, True)
    return Timeline(video, tuple(segments), shots, spoken, (), Provenance("test"))


SHAPES: list[Row] = [
    ("moving left", "red circle", "the red circle moves left"),
    ("rotating", "blue square", "the code is seven two"),
    ("moving right", "red square", ""),
    ("coming closer", "green star", "see you on monday"),
    ("coming closer", "green star", ""),
    ("camera panning", "white bar", "now look at the white bar"),
    ("vanishing", "yellow triangle", ""),
    ("moving left", "red circle", "we count one two three"),
    ("circling", "black star", "the black star circles around"),
    ("staying still", "purple bar", ""),
]

KITCHEN: list[Row] = [
    ("opening a drawer", "a kitchen", "first we look for a knife"),
    ("picking up a knife", "a kitchen", "be careful the dog is asleep"),
    ("cutting a tomato", "a man at a table", ""),
    ("pouring water into a glass", "a man at a table", "never use cold water"),
    ("drinking", "a man at a table", ""),
    ("closing a drawer", "a kitchen", "thank you for watching"),
]
