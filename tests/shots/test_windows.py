"""Windows and shots cover a video without gap or overlap, whatever is shown, however long it is, at any rate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.core.timeline import Span
from assistant.media.sampling import ClipSpec, clip_spans, judge_protocol, sample_times
from assistant.shots.windows import Segmenter

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def picture(seed: int) -> np.ndarray:
    """A thumbnail of large patches, another for each seed; 0 is black."""
    if seed == 0:
        return np.zeros((36, 64, 3), np.uint8)
    rng = np.random.default_rng(seed)
    return rng.integers(30, 226, (6, 8, 3)).astype(np.uint8).repeat(6, axis=0).repeat(8, axis=1)


def covers(spans: list[Span], duration: float) -> bool:
    ends_meet = all(one.end_seconds == other.start_seconds for one, other in pairwise(spans))
    return ends_meet and spans[0].start_seconds == 0.0 and spans[-1].end_seconds == duration


@given(
    scenes=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 40)), max_size=6),
    rate=st.sampled_from([1.0, 5.0, 12.0, 25.0]),
    window=st.floats(0.5, 6),
    more=st.floats(0, 9),
    least=st.floats(0.1, 2),
)
@QUICK
def test_windows_and_shots_cover_whatever_is_shown(scenes, rate, window, more, least):
    shown = [picture(seed) for seed, count in scenes for _ in range(count)]
    duration = len(shown) / rate + more
    segmenter = Segmenter(window, duration, min_shot_seconds=least)
    spans: list[Span] = []
    for index, thumbnail in enumerate(shown):
        spans += segmenter.feed(index / rate, thumbnail)
    spans += segmenter.finish()
    if duration == 0:
        assert spans == segmenter.shots == []
        return
    assert covers(spans, duration)
    assert covers([shot.span for shot in segmenter.shots], duration)
    assert all(0 < span.seconds <= 1.5 * window + 1e-6 for span in spans)
    assert segmenter.shots[0].transition == "start"
    edges = {shot.span.start_seconds for shot in segmenter.shots}
    assert edges <= {span.start_seconds for span in spans}, "no window crosses the border of a shot"


@given(times=st.lists(st.floats(0, 30), min_size=1, max_size=40, unique=True))
@QUICK
def test_pictures_at_any_times_are_taken(times):
    segmenter = Segmenter(2.0, 30.0)
    spans = [span for at in sorted(times) for span in segmenter.feed(at, picture(int(at) % 3))]
    assert covers(spans + segmenter.finish(), 30.0)


@pytest.mark.parametrize(("window", "duration"), [(0.0, 5.0), (-1.0, 5.0), (2.0, -0.1)])
def test_a_window_without_length_or_a_video_of_less_than_none_is_refused(window, duration):
    with pytest.raises(ValueError, match=r"a window of .* s in a video of .* s"):
        Segmenter(window, duration)


# Which frames of a window are looked at

SPANS = st.tuples(st.floats(0, 100), st.floats(0.01, 60)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))


@given(span=SPANS, count=st.integers(1, 64))
@QUICK
def test_sample_times_lie_evenly_inside(span, count):
    times = sample_times(span, count)
    assert len(times) == count
    assert span.start_seconds < times[0]
    assert times[-1] < span.end_seconds
    steps = np.diff(times)
    assert np.allclose(steps, span.seconds / count)


@given(span=SPANS, frames=st.integers(1, 32).map(lambda n: 2 * n), rate=st.floats(0.5, 30), clips=st.integers(1, 6))
@QUICK
def test_clips_lie_inside_their_window_in_order_and_are_as_long_as_the_protocol_where_there_is_room(
    span, frames, rate, clips
):
    spec = ClipSpec(frames, rate, 64)
    found = clip_spans(span, spec, clips)
    assert len(found) == clips
    for clip in found:
        assert clip.seconds == pytest.approx(min(spec.seconds, span.seconds), abs=1e-6)
        assert clip.start_seconds >= span.start_seconds - 1e-6
        assert clip.end_seconds <= span.end_seconds + 1e-6
    assert all(a.start_seconds <= b.start_seconds + 1e-9 for a, b in pairwise(found))


@given(span=SPANS, distinct=st.integers(0, 64))
@QUICK
def test_a_protocol_that_was_not_kept_says_why_and_one_that_was_says_nothing(span, distinct):
    spec = ClipSpec(16, 4.0, 64)
    judged = judge_protocol(span, spec, distinct)
    kept = span.seconds >= 3.0 and distinct >= 12
    assert (judged.reason == "") == kept
    assert judged.frames_per_second == pytest.approx(distinct / min(4.0, span.seconds))
