import numpy as np
import pytest

from assistant.core.timeline import Span
from assistant.media.sampling import Clip, ClipSpec, FrameBuffer, clip_spans, judge_protocol, sample_times

SPEC = ClipSpec(num_frames=16, frames_per_second=4.0, size=64)


def test_times_are_the_centres_of_equal_slots():
    assert sample_times(Span(1.0, 3.0), 4) == pytest.approx([1.25, 1.75, 2.25, 2.75])


def test_one_clip_lies_in_the_middle_of_its_segment():
    (span,) = clip_spans(Span(10.0, 20.0), SPEC, 1)
    assert (span.start_seconds, span.end_seconds) == pytest.approx((13.0, 17.0))


def test_two_clips_reach_from_the_start_to_the_end():
    first, second = clip_spans(Span(10.0, 20.0), SPEC, 2)
    assert first.start_seconds == pytest.approx(10.0)
    assert second.end_seconds == pytest.approx(20.0)


def test_a_short_segment_is_sampled_whole_and_flagged():
    assert clip_spans(Span(0.0, 1.0), SPEC, 1) == [Span(0.0, 1.0)]
    assert "lasts 1.0 s" in judge_protocol(Span(0.0, 1.0), SPEC, 16).reason
    assert "only 4 different frames" in judge_protocol(Span(0.0, 4.0), SPEC, 4).reason
    assert judge_protocol(Span(0.0, 4.0), SPEC, 16).reason == ""


def frame(value):
    return np.full((4, 6, 3), value, np.uint8)


def test_the_buffer_gives_the_nearest_frames_of_the_span_and_never_of_its_neighbours():
    buffer = FrameBuffer()
    for index in range(10):
        buffer.add(index * 0.1, frame(index))
    clip = buffer.clip(Span(0.3, 0.6), [0.0, 0.44, 0.9])
    assert clip.frames[:, 0, 0, 0].tolist() == [3, 4, 5]
    assert clip.pts_seconds.tolist() == pytest.approx([0.3, 0.4, 0.5])


def test_a_segment_shorter_than_a_frame_shows_what_is_on_screen():
    buffer = FrameBuffer()
    buffer.add(0.0, frame(1))
    buffer.add(1.0, frame(2))
    assert buffer.clip(Span(0.5, 0.6), [0.55]).frames[0, 0, 0, 0] == 1


def test_the_buffer_forgets_what_was_asked_for_but_keeps_what_is_on_screen():
    buffer = FrameBuffer()
    for index in range(100):
        buffer.add(index * 0.1, frame(index))
    buffer.drop_before(5.05)
    assert len(buffer) == 50
    assert buffer.clip(Span(5.05, 5.1), [5.07]).frames[0, 0, 0, 0] == 50


def test_an_empty_buffer_has_no_clip():
    assert FrameBuffer().clip(Span(0, 1), [0.5]) is None


def test_a_clip_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        Clip(np.zeros((2, 4, 4), np.uint8), np.zeros(2))
    with pytest.raises(ValueError, match="times of shape"):
        Clip(np.zeros((2, 4, 4, 3), np.uint8), np.zeros(3))
