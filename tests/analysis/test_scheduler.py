"""The pass over the pictures, with models that count what they are asked."""

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from assistant.analysis.analyzers.actions import ActionsAnalyzer
from assistant.analysis.analyzers.scene import SceneAnalyzer
from assistant.analysis.scheduler import Witness, observe_windows
from assistant.analysis.windows import WindowPlan, Windows
from assistant.config import ComputeSettings, Settings
from assistant.core.progress import never
from assistant.core.timeline import Span
from assistant.media.prefetch import batches
from assistant.media.sampling import ClipSpec
from assistant.media.video import Picture
from assistant.models.protocols import Recognition

SPEC = ClipSpec(num_frames=8, frames_per_second=4.0, size=64)
RATE = 12.0


class CountingRecognizer:
    """Knows two labels: something moved, or not."""

    def __init__(self):
        self.batches = []

    def recognize(self, clips, views=1, save_work=False):
        self.batches.append(len(clips))
        return [self._one(segment[0]) for segment in clips]

    def _one(self, clip):
        moved = float(np.abs(np.diff(clip.frames.astype(np.float32), axis=0)).max() > 40)
        scores = np.array([moved, 1.0 - moved], np.float32)
        return Recognition(scores, scores, scores, np.zeros((1, SPEC.num_frames // 2 - 1), np.float32))


class CountingEncoder:
    def __init__(self):
        self.frames = 0

    def embed_frames(self, frames):
        self.frames += len(frames)
        vectors = frames.reshape(len(frames), -1, 3).mean(axis=1).astype(np.float32) + 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def picture(index, colour, place=None):
    rng = np.random.default_rng(colour)
    frame = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8).repeat(10, 0).repeat(10, 1)
    if place is not None:
        frame[100:108, place : place + 8] = 255
    return Picture(index / RATE, np.ascontiguousarray(frame[::6, ::5][:36]), frame)


def slides(seconds_each, colours):
    count = int(seconds_each * RATE)
    return [picture(n * count + i, colour) for n, colour in enumerate(colours) for i in range(count)]


class Remembering:
    """Stands for the stage of a witness in a library: keeps what it is given, and knows what it is told."""

    def __init__(self, known=()):
        self.known = known
        self.kept = []

    def knows(self, index, span):
        return index < len(self.known) and self.known[index][0] == span

    def add(self, span, result):
        self.kept.append((span, result))


class Observed:
    """One window with what the witnesses found in it, by the names of the models' own results."""

    def __init__(self, observed):
        self.span, self.same_as = observed.record.span, observed.record.same_as
        self.keyframe_seconds, self.frame_seconds = observed.record.keyframe_seconds, observed.record.frame_seconds
        self.results = observed.results

    @property
    def scores(self):
        return self.results["actions"].arrays["scores"][0] if "actions" in self.results else None

    @property
    def frames(self):
        return self.results["scene"].arrays["frames"] if "scene" in self.results else None


def seen(stream, save_work=True, recognizer=None, image_text_encoder=None, batch=8, known=()):
    plan = WindowPlan(SPEC, 1, 4, 0.4, SPEC.seconds, save_work=save_work)
    windows = Windows(plan, len(stream) / RATE)
    settings = Settings(Path("/nowhere"), compute=ComputeSettings(save_work=save_work))
    models = SimpleNamespace(recognizer=lambda: recognizer, image_text_encoder=lambda: image_text_encoder)
    context = SimpleNamespace(settings=settings, models=models)
    kinds = [ActionsAnalyzer] if recognizer else []
    kinds += [SceneAnalyzer] if image_text_encoder else []
    witnesses = []
    for kind in kinds:
        earlier = [(one.span, one.results[kind.kind]) for one in known]
        witnesses.append(Witness(kind(context), stage=Remembering(earlier)))
    ready = windows.of(iter(stream), lambda _: None)
    return [Observed(one) for one in observe_windows(ready, witnesses, batch, lambda *_: None, never)]


def test_a_slide_shown_for_twenty_seconds_is_one_clip_and_one_frame():
    recognizer, image_text_encoder = CountingRecognizer(), CountingEncoder()
    windows = seen(slides(20.0, [1]), recognizer=recognizer, image_text_encoder=image_text_encoder)
    assert len(windows) == 10
    assert (sum(recognizer.batches), image_text_encoder.frames) == (1, 1)
    assert [window.same_as for window in windows] == [None] + [0] * 9


def test_without_saving_every_window_is_run_and_encoded_as_often_as_the_settings_say():
    recognizer, image_text_encoder = CountingRecognizer(), CountingEncoder()
    windows = seen(slides(20.0, [1]), save_work=False, recognizer=recognizer, image_text_encoder=image_text_encoder)
    assert (sum(recognizer.batches), image_text_encoder.frames) == (10, 40)
    assert all(window.same_as is None for window in windows)


def test_a_window_that_repeats_keeps_its_own_times_and_takes_over_the_rest():
    first, later = seen(slides(4.0, [1]), recognizer=CountingRecognizer(), image_text_encoder=CountingEncoder())
    assert later.same_as == 0
    assert later.span.contains(later.keyframe_seconds)
    assert all(later.span.contains(seconds) for seconds in later.frame_seconds)
    assert later.results is first.results


def test_a_slide_that_comes_back_after_others_shares_its_first_result():
    recognizer = CountingRecognizer()
    windows = seen(slides(4.0, [1, 2, 1]), recognizer=recognizer, image_text_encoder=CountingEncoder())
    assert [window.same_as for window in windows] == [None, 0, None, 2, 0, 0]
    assert sum(recognizer.batches) == 2


def test_a_small_thing_that_moves_in_a_still_picture_is_run():
    stream = [picture(i, 1, place=50 + (i if i >= 24 else 0)) for i in range(48)]
    still, moving = seen(stream, recognizer=CountingRecognizer(), image_text_encoder=CountingEncoder())
    assert moving.same_as is None
    assert still.scores.argmax() == 1
    assert moving.scores.argmax() == 0


def test_without_a_recogniser_the_image_text_encoder_sees_even_frames():
    image_text_encoder = CountingEncoder()
    (window,) = seen([picture(i, 1, place=50 + 4 * i) for i in range(24)], image_text_encoder=image_text_encoder)
    assert image_text_encoder.frames == 3  # a small thing moves
    assert window.frames.shape == (3, 3)
    assert window.scores is None


def test_models_are_not_asked_again_about_windows_that_an_earlier_analysis_finished():
    stream = slides(4.0, [1, 2, 3, 2])
    recognizer, image_text_encoder = CountingRecognizer(), CountingEncoder()
    whole = seen(stream, recognizer=recognizer, image_text_encoder=image_text_encoder)
    again, looked = CountingRecognizer(), CountingEncoder()
    goes_on = seen(stream, recognizer=again, image_text_encoder=looked, known=whole[:3], batch=2)
    assert sum(recognizer.batches) == 3
    assert sum(again.batches) == 1
    assert looked.frames == 1
    for one, other in zip(goes_on, whole, strict=True):
        assert (one.span, one.same_as, one.keyframe_seconds) == (other.span, other.same_as, other.keyframe_seconds)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.frames, other.frames)


def test_what_is_known_of_other_windows_is_not_taken_for_these():
    stream = slides(4.0, [1, 2])
    known = seen(stream[24:], recognizer=CountingRecognizer(), image_text_encoder=CountingEncoder())
    recognizer = CountingRecognizer()
    for one in known:
        one.span = Span(one.span.start_seconds, one.span.end_seconds + 0.5)
    seen(stream, recognizer=recognizer, image_text_encoder=CountingEncoder(), known=known)
    assert sum(recognizer.batches) == 2


def test_both_models_may_be_absent():
    (window,) = seen(slides(2.0, [1]))
    assert window.frames is None
    assert window.span.contains(window.keyframe_seconds)


def test_the_first_window_goes_to_the_models_alone_and_batches_grow_from_there():
    made = threading.Semaphore(0)

    def items():
        yield from range(20)
        made.release()

    sizes = []
    for batch in batches(items(), 8, never):
        sizes.append(len(batch))
        made.acquire(timeout=0.3)  # the models take longer than decoding
    assert sizes[0] == 1
    assert sizes[1] <= 2
    assert max(sizes) <= 8
    assert sum(sizes) == 20


def test_the_first_segment_is_told_before_a_tenth_of_the_video_is_decoded():
    stream = slides(2.0, range(60))
    decoded = []

    def counted():
        for item in stream:
            decoded.append(item)
            yield item

    plan = WindowPlan(SPEC, 1, 4, 0.4, SPEC.seconds)
    windows = Windows(plan, len(stream) / RATE).of(counted(), lambda _: None)
    next(windows)
    assert len(decoded) < 0.1 * len(stream)


def test_what_waits_on_its_way_to_the_models_is_bounded_however_long_the_video_is():
    alive, most = SimpleNamespace(made=0, taken=0), 0

    def items():
        for index in range(200):
            alive.made += 1
            yield index

    for batch in batches(items(), 4, never):
        alive.taken += len(batch)
        threading.Event().wait(0.005)
        most = max(most, alive.made - alive.taken)
    assert most <= 4 + 1  # the queue, and the one that waits to go in


def test_an_error_in_decoding_comes_after_what_was_decoded_before_it():
    def items():
        yield 1
        raise OSError("gone")

    found = batches(items(), 4, never)
    assert next(found) == [1]
    with pytest.raises(OSError, match="gone"):
        next(found)


class Spotter(CountingEncoder):
    """Remembers where in the picture the white thing was in each frame it saw."""

    def __init__(self):
        super().__init__()
        self.places = []

    def embed_frames(self, frames):
        self.places += [int(np.flatnonzero((frame[104] == 255).all(axis=1))[0]) for frame in frames]
        return super().embed_frames(frames)


class Feature(CountingRecognizer):
    """Its features change in one place of a clip."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def _one(self, clip):
        found = super()._one(clip)
        changes = np.zeros((1, SPEC.num_frames // 2 - 1), np.float32)
        changes[0, self.step] = 1.0
        return Recognition(found.probabilities, found.logits, found.embedding, changes)


def test_where_little_changes_the_image_text_encoder_sees_frames_where_the_features_change():
    stream = [picture(i, 1, place=50 + i) for i in range(24)]
    early, late = Spotter(), Spotter()
    seen(stream, recognizer=Feature(0), image_text_encoder=early)
    seen(stream, recognizer=Feature(-1), image_text_encoder=late)
    assert len(early.places) == len(late.places) == 3
    assert sum(early.places) < sum(late.places)


def test_where_much_changes_the_image_text_encoder_sees_the_same_frames_as_without_saving():
    still = picture(0, 1).frame
    stream = [
        Picture(i / RATE, np.ascontiguousarray(moved[::6, ::5][:36]), moved)
        for i, moved in enumerate(np.roll(still, 2 * i, axis=1) for i in range(24))
    ]
    (saved,) = seen(stream, True, CountingRecognizer(), CountingEncoder())
    (whole,) = seen(stream, False, CountingRecognizer(), CountingEncoder())
    assert saved.keyframe_seconds == whole.keyframe_seconds
    np.testing.assert_array_equal(saved.frames, whole.frames)
