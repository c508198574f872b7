"""Work that is not done twice, from a file to its timeline, with the demo pack."""

from dataclasses import replace

import numpy as np
import pytest
from making_media import scene, write

from assistant.config import load
from assistant.core.timeline import Work
from assistant.engine import Assistant


@pytest.fixture(scope="module", autouse=True)
def unjudged():
    """The slides are not of the demo pack's world, and here it has to speak all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assistant.models.registry.load_domain", lambda pack: None)
        yield


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """Two slides of 10 s each, the first of which comes back for 4 s."""
    pictures = [scene(1, 192, 128), scene(2, 192, 128)]
    order = [0] * 100 + [1] * 100 + [0] * 40
    return write(tmp_path_factory.mktemp("slides") / "slides.mp4", [pictures[index] for index in order], rate=10)


def assistant(home, save_work=True):
    settings = load(home, "demo", {})
    return Assistant(replace(settings, compute=replace(settings.compute, save_work=save_work)))


@pytest.fixture(scope="module")
def both(slides, tmp_path_factory):
    home = tmp_path_factory.mktemp("saving")
    return home, assistant(home).analyze(slides), assistant(home, save_work=False).analyze(slides)


def test_slides_are_run_once_each_and_every_segment_is_there(both):
    _, saved, whole = both
    assert [s.span for s in saved.segments] == [s.span for s in whole.segments]
    work = saved.provenance.saving
    assert work["on"]
    assert (work["clips"], work["frames"]) == (2, 2)
    assert work["clips_without"] == whole.provenance.saving["clips"] == len(whole.segments)
    assert work["frames_without"] == whole.provenance.saving["frames"] == 4 * len(whole.segments)


def test_a_shared_result_is_flagged_and_says_whose_it_is(both):
    _, saved, whole = both
    shared = [segment for segment in saved.segments if "shared_result" in segment.flags]
    assert len(shared) == saved.provenance.saving["shared"] == len(saved.segments) - 2
    assert "segment 1," in shared[0].notes["shared_result"]
    assert "segment 1," in saved.segments[-1].notes["shared_result"]
    assert not any("shared_result" in segment.flags for segment in whole.segments)


def test_what_is_shared_is_what_would_have_been_found(both):
    _, saved, whole = both
    for one, other in zip(saved.segments, whole.segments, strict=True):
        assert one.action.label == other.action.label
        assert one.action.score == pytest.approx(other.action.score, abs=0.05)
        assert one.description.label == other.description.label
        assert one.span.contains(one.keyframe_seconds)


def test_saved_and_whole_results_are_kept_apart_and_both_are_found_again(both, slides):
    home, saved, whole = both
    assert assistant(home).analyze(slides) == saved
    assert assistant(home, save_work=False).analyze(slides) == whole


def test_texts_are_compared_with_the_looks_of_every_segment(both, slides):
    home, saved, _ = both
    engine = assistant(home)
    explained = engine.explain_scene(engine.analyze(slides).video.sha256, len(saved.segments))
    assert len(explained.frames) == 1
    similarity = engine.similarity(saved)("a red circle")
    assert similarity.shape == (len(saved.segments),)
    assert similarity[0] == similarity[-1]
    assert similarity.dtype == np.float32


def test_the_environment_and_the_command_line_turn_saving_off():
    assert load(environment={}).compute.save_work
    assert not load(environment={"ASSISTANT_SAVING": "off"}).compute.save_work
    assert not load(environment={}, save_work=False).compute.save_work
    assert load(environment={"ASSISTANT_SAVING": "0"}, save_work=True).compute.save_work


def test_the_figures_of_saving_are_named_as_its_documents_name_them(both):
    _, saved, _ = both
    assert Work(**{name: value for name, value in saved.provenance.saving.items() if name != "on"}).windows == len(
        saved.segments
    )
