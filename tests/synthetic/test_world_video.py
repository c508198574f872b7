"""Generated videos are what their truth says they are."""

import json
import random
import shutil
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from conftest import ROOT

from assistant.core.timeline import Timeline
from assistant.errors import InputUnusable, LibraryUnusable
from assistant.synthetic.film import frame_at, frames_of, make, sound_of, truth_for, write_video
from assistant.synthetic.narration import SAMPLE_RATE_HZ
from assistant.synthetic.script import Script, truth_of, write_script
from assistant.synthetic.timelines import Rates, noisy_timeline, perfect_timeline
from assistant.synthetic.truth import Truth, read_truth
from assistant.synthetic.vocabulary import ACTIONS, COLORS, SHAPES

SEEDS = range(150_300, 150_312)
pytestmark = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng, which speaks the narration, is not installed"
)


@pytest.fixture(scope="module")
def scripts() -> list[Script]:
    return [write_script(seed, 40.0) for seed in SEEDS]


@pytest.fixture(scope="module")
def truths(scripts) -> list[Truth]:
    return [truth_of(script) for script in scripts]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """One short video with a cut, its path and its truth."""
    path = tmp_path_factory.mktemp("world") / "film.mp4"
    return path, write_video(path, 150_007, 9.0)


def picture_of(script: Script, seconds: float) -> np.ndarray:
    return frame_at(script, seconds).astype(np.float32)


def test_the_events_cover_the_video_in_order_without_gap_or_overlap(truths):
    for truth in truths:
        edges = [truth.events[0].span.start_seconds, *(event.span.end_seconds for event in truth.events)]
        assert edges[0] == 0.0
        assert edges[-1] == pytest.approx(truth.duration_seconds)
        assert all(one.span.end_seconds == other.span.start_seconds for one, other in pairwise(truth.events))
        assert all(2.3 <= event.span.seconds <= 10.0 for event in truth.events)


def test_every_boundary_is_either_a_hard_cut_or_the_middle_of_a_fade(truths):
    for truth in truths:
        softly = {round(fade.span.middle_seconds, 6) for fade in truth.fades}
        boundaries = {round(event.span.start_seconds, 6) for event in truth.events[1:]}
        assert boundaries == softly | {round(cut, 6) for cut in truth.cuts_seconds}
        assert all(0.4 <= fade.span.seconds <= 0.8 for fade in truth.fades)


def test_about_a_quarter_of_the_transitions_is_soft(truths):
    soft, hard = sum(len(truth.fades) for truth in truths), sum(len(truth.cuts_seconds) for truth in truths)
    assert 0.12 < soft / (soft + hard) < 0.4
    assert {fade.kind for truth in truths for fade in truth.fades} == {"fade", "dissolve"}


def test_the_picture_changes_at_a_hard_cut_more_than_between_other_frames(scripts):
    for script in scripts:
        frame = float(1 / script.frame_rate)
        for cut in truth_of(script).cuts_seconds:
            change = np.abs(picture_of(script, cut) - picture_of(script, cut - frame)).mean()
            before = np.abs(picture_of(script, cut - frame) - picture_of(script, cut - 2 * frame)).mean()
            assert change > 15
            assert change > 2.5 * before


def test_a_fade_is_black_in_its_middle_and_a_dissolve_is_half_of_each(scripts):
    seen = set()
    for script in scripts:
        for index, part in enumerate(script.parts):
            if part.entry == "fade":
                assert picture_of(script, part.span.start_seconds).mean() < 3
            elif part.entry == "dissolve":
                before = script.parts[index - 1]
                step = 0.2 / float(script.frame_rate)
                start = part.span.start_seconds
                one, other = picture_of(script, start - step), picture_of(script, start)
                assert (
                    np.abs(one - other).mean()
                    < 0.35 * np.abs(picture_of(script, start - 0.45) - picture_of(script, start + 0.45)).mean()
                )
                assert before.scene.duration_seconds > before.span.seconds
            seen.add(part.entry)
    assert {"fade", "dissolve", "cut", "start"} <= seen


def test_sentences_lie_inside_their_scenes_with_a_pause_between_them(truths):
    spoken = 0
    for truth in truths:
        spans = [event.speech_span for event in truth.events if event.speech_span]
        spoken += len(spans)
        assert all(second.start_seconds - first.end_seconds >= 0.6 for first, second in pairwise(spans))
        for event in truth.events:
            assert (event.speech is None) == (event.speech_span is None)
            if event.speech_span:
                assert event.span.overlap_seconds(event.speech_span) == pytest.approx(event.speech_span.seconds)
    assert 0.5 < spoken / sum(len(truth.events) for truth in truths) < 0.85


def test_the_sound_is_loudest_where_somebody_speaks(scripts):
    for script in scripts[:4]:
        for part in script.parts:
            samples = sound_of(script, part)
            assert np.abs(samples).max() < 1.0
            if part.line is None:
                continue
            first = round((part.line.span.start_seconds - part.span.start_seconds) * SAMPLE_RATE_HZ)
            last = round((part.line.span.end_seconds - part.span.start_seconds) * SAMPLE_RATE_HZ)
            outside = np.concatenate([samples[: first - 100], samples[last + 100 :]])
            assert samples[first:last].std() > 4 * outside.std()


def test_all_words_of_the_world_come_up(truths):
    events = [event for seed in range(150_320, 150_335) for event in truth_of(write_script(seed, 40.0)).events]
    assert {event.action for event in events} == set(ACTIONS)
    assert {event.color for event in events} == set(COLORS)
    assert {event.shape for event in events} == set(SHAPES)


def test_sizes_and_frame_rates_vary_within_their_bounds(scripts):
    assert len({(script.width, script.height) for script in scripts}) > 3
    assert len({script.frame_rate for script in scripts}) > 3
    assert all(12 <= script.frame_rate <= 60 for script in scripts)
    assert all(script.width % 2 == script.height % 2 == 0 for script in scripts)


def test_the_moment_of_appearing_and_vanishing_is_known_and_the_boxes_agree(truths):
    moments = [event for truth in truths for event in truth.events if event.moment_seconds is not None]
    assert moments
    for event in moments:
        assert event.action in ("appearing", "vanishing")
        assert event.span.contains(event.moment_seconds)
        for box in event.boxes:
            if abs(box.seconds - event.moment_seconds) > 0.3:
                assert box.visible == ((box.seconds > event.moment_seconds) == (event.action == "appearing"))


def test_the_boxes_follow_what_moves(truths):
    for truth in truths:
        for event in truth.events:
            first, last = event.boxes[0], event.boxes[-1]
            if event.action == "moving left":
                assert last.left < first.left - 0.1
            if event.action == "moving down":
                assert last.bottom > first.bottom + 0.1
            assert event.box_at(event.span.middle_seconds) in event.boxes


def test_the_same_seed_gives_the_same_truth_and_another_seed_another():
    assert truth_for(150_007, 12.0) == truth_for(150_007, 12.0)
    assert truth_for(150_007, 12.0).events != truth_for(150_008, 12.0).events


def test_the_same_seed_gives_the_same_file(film, tmp_path):
    path, truth = film
    assert write_video(tmp_path / "again.mp4", 150_007, 9.0) == truth
    assert (tmp_path / "again.mp4").read_bytes() == path.read_bytes()


def test_the_file_is_what_the_truth_says(film):
    path, truth = film
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == (truth.width, truth.height)
        assert video.codec_context.name == "h264"
        assert video.pix_fmt == "yuv420p"
        assert audio.codec_context.name == "aac"
        assert audio.rate in (44_100, 48_000)
        times = [frame.time for frame in container.decode(video)]
    assert times[0] == 0.0
    assert len(times) / truth.frame_rate == pytest.approx(truth.duration_seconds, abs=1e-3)
    with av.open(str(path)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0)) / audio.rate
    assert heard == pytest.approx(truth.duration_seconds, abs=0.1)
    # An index behind the pictures would make a browser wait for the whole file.
    start = path.read_bytes()
    assert start.index(b"moov") < start.index(b"mdat")


def test_the_file_shows_the_painted_frames(film):
    path, truth = film
    script = write_script(150_007, 9.0)
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24").astype(np.float32) for frame in container.decode(video=0)]
    painted = list(frames_of(script))
    assert len(painted) == len(decoded)
    for index in range(0, len(painted), 10):
        assert np.abs(painted[index] - decoded[index]).mean() < 12
    cut = round(truth.cuts_seconds[0] * truth.frame_rate)
    assert np.abs(decoded[cut] - decoded[cut - 1]).mean() > 15


def test_frames_are_counted_exactly_at_every_frame_rate():
    for rate in (Fraction(12), Fraction(24_000, 1001), Fraction(60)):
        seed = next(seed for seed in range(150_000, 150_500) if write_script(seed, 2.0).frame_rate == rate)
        script = write_script(seed, 2.0)
        assert sum(1 for _ in frames_of(script)) == round(2 * rate)


def test_a_truth_survives_its_journey_through_json(truths):
    for truth in (*truths[:3], truth_for(150_007, 12.0)):
        document = json.loads(json.dumps(truth.to_json()))
        assert document["schema"] == "truth/1"
        assert Truth.from_json(document) == truth


def test_a_truth_needs_only_what_the_contract_names():
    event = {"start_seconds": 0, "end_seconds": 3, "action": "rotating", "description": "red bar", "speech": None}
    question = {
        "question": "What happens?",
        "kind": "first",
        "answer_contains": ["rotat"],
        "answer_excludes": [],
        "event_indices": [0],
        "answerable": True,
    }
    document = {
        "schema": "truth/1",
        "seed": 1,
        "duration_seconds": 3,
        "cuts_seconds": [],
        "events": [event],
        "questions": [question],
    }
    truth = Truth.from_json(document)
    assert truth.events[0].speech_span is None
    assert truth.questions[0].event_indices == (0,)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "truth/1"}', '{"schema": "truth/1", "seed": 1, "events": 3}']
)
def test_a_damaged_truth_is_named_as_such(tmp_path, text):
    path = tmp_path / "x.truth.json"
    path.write_text(text)
    with pytest.raises(InputUnusable, match=r"x\.truth\.json"):
        read_truth(path)


def test_make_writes_the_video_and_its_truth(tmp_path):
    truth = make(tmp_path / "a" / "v.mp4", 150_001, 3.0, tmp_path / "b" / "v.truth.json")
    assert read_truth(tmp_path / "b" / "v.truth.json") == truth
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["v.mp4"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LibraryUnusable, match="cannot be written"):
        make(tmp_path / "file" / "v.mp4", 150_001, 3.0)


def test_the_perfect_timeline_says_what_is_true(truths):
    for truth in truths[:4]:
        timeline = perfect_timeline(truth)
        assert Timeline.from_json(json.loads(json.dumps(timeline.to_json()))) == timeline
        for segment, event in zip(timeline.segments, truth.events, strict=True):
            assert (segment.span, segment.action.label) == (event.span, event.action)
            assert segment.description.label == event.description
            assert segment.words == (event.speech or "")
            assert sum(score.score for score in segment.actions) <= 1.0 + 1e-6
        assert [shot.span.start_seconds for shot in timeline.shots if shot.transition == "cut"] == list(
            truth.cuts_seconds
        )


def test_the_noisy_timeline_errs_at_its_rates_and_still_covers_the_video(truths):
    wrong = total = 0
    for truth in truths:
        timeline = noisy_timeline(truth, random.Random(3), Rates(wrong_action=0.3))
        assert timeline.segments[0].span.start_seconds == 0.0
        assert timeline.segments[-1].span.end_seconds == truth.duration_seconds
        assert all(a.span.end_seconds == b.span.start_seconds for a, b in pairwise(timeline.segments))
        for segment in timeline.segments:
            event = max(truth.events, key=lambda event, span=segment.span: event.span.overlap_seconds(span))
            wrong, total = wrong + (segment.action.label != event.action), total + 1
    assert 0.15 < wrong / total < 0.45


def test_the_sample_video_is_small_has_speech_and_is_what_its_truth_says():
    folder = ROOT / "assistant" / "packs" / "demo"
    truth = read_truth(folder / "sample.truth.json")
    assert (folder / "sample.mp4").stat().st_size <= 1_000_000
    assert sum(event.speech is not None for event in truth.events) >= 5
    assert 100_000 <= truth.seed < 200_000
    with av.open(str(folder / "sample.mp4")) as container:
        assert container.duration / av.time_base == pytest.approx(truth.duration_seconds, abs=0.1)
        assert (container.streams.video[0].width, container.streams.video[0].height) == (truth.width, truth.height)
        assert container.streams.audio[0].codec_context.name == "aac"
