"""The demo pack's models say nothing of what is not of their generated world, and all of what is."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from conftest import SAMPLE

from assistant.analysis import domain
from assistant.analysis.analyzer import Voice, WindowResult
from assistant.analysis.stages import Visual, WindowRecord
from assistant.config import DEMO_FOLDER, Settings
from assistant.core.timeline import Absence, Span, Suppressed, Utterance
from assistant.engine import Assistant
from assistant.errors import ModelUnavailable
from assistant.models.domain import load_domain
from assistant.models.registry import Models, resolve
from assistant.synthetic.recipes.foreign import foreign_clip

OFFER = "not here yet: Actions: V-JEPA 2 ViT-L, 1.5 GB; python -m assistant models pull --kind actions"


@pytest.fixture
def models(home, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings = Settings(home)
    return Models(resolve(settings), settings)


def write_foreign(path):
    """Two clips of leaves, which no training has seen, as a video of six seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(5))
        stream.width, stream.height, stream.pix_fmt = 192, 192, "yuv420p"
        for number in (900_001, 900_004):
            for frame in foreign_clip(number):
                picture = av.VideoFrame.from_ndarray(np.repeat(np.repeat(frame, 3, axis=0), 3, axis=1), format="rgb24")
                container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def test_of_a_video_that_is_not_of_its_world_the_demo_pack_names_nothing_and_says_so(home, tmp_path, models):
    engine = Assistant(Settings(home, pack="demo"))
    seen = []
    timeline = engine.analyze(write_foreign(tmp_path / "leaves.mp4"), progress=seen.append)
    assert not any(segment.actions or segment.descriptions or segment.utterances for segment in timeline.segments)
    reasons = {absence.what: absence.reason for absence in timeline.absences}
    assert reasons["actions"] == f"{domain.SHAPES_ONLY} video; {OFFER}"
    assert "CLIP" in reasons["descriptions"]
    assert timeline.provenance.actions["pack"] == "demo"
    assert timeline.provenance.actions["looked"] is False
    shown = [progress.segment for progress in seen if progress.segment is not None]
    assert shown
    assert not any(segment.actions or segment.descriptions for segment in shown), "nor while it goes on"
    labels = {*models.recognizer().labels, *models.label_set().labels}
    questions = " ".join(engine.suggestions(timeline.video.sha256))
    assert not [label for label in labels if label in questions]
    answer = list(engine.ask(timeline.video.sha256, "When is there a black star?", answerer="extractive"))[-1]
    assert not answer.found
    engine.library.close()


def test_of_a_generated_video_everything_is_said(home):
    engine = Assistant(Settings(home, pack="demo"))
    timeline = engine.analyze(SAMPLE, only=("actions", "scene"))
    assert all(segment.actions and segment.descriptions for segment in timeline.segments)
    assert not any("out_of_domain" in segment.flags for segment in timeline.segments)
    assert timeline.provenance.actions["looked"] is True
    engine.library.close()


def test_who_asks_for_the_words_alone_gets_no_words_of_the_demo_pack_over_a_real_picture(home, media):
    engine = Assistant(Settings(home, pack="demo"))
    found = sorted((media / "derived").glob("*.mp4"))
    timeline = engine.analyze(found[0], only=("speech",))
    assert not any(segment.utterances or segment.actions for segment in timeline.segments)
    assert not timeline.suppressed
    engine.library.close()


@pytest.mark.parametrize("name", ["speech/jfk.flac", "speech/zh_foot.flac", "speech/en_google_gnome.wav"])
def test_real_speech_without_a_picture_gets_no_words_of_the_demo_pack(home, media, name):
    engine = Assistant(Settings(home, pack="demo"))
    timeline = engine.analyze(media / name)
    assert not any(segment.utterances for segment in timeline.segments)
    assert not timeline.suppressed
    assert any(absence.what == "speech" and "generated voices only" in absence.reason for absence in timeline.absences)
    assert timeline.speech_spans, "that somebody speaks is the voice detector's finding, and stays"
    engine.library.close()


@pytest.mark.parametrize("name", ["asl_yes.mkv", "asl_eat.mkv", "black_swan.mp4"])
def test_real_videos_are_foreign_to_the_demo_pack(home, media, name):
    engine = Assistant(Settings(home, pack="demo"))
    timeline = engine.analyze(media / "actions" / name, only=("actions", "scene"))
    assert not any(segment.actions or segment.descriptions for segment in timeline.segments)
    engine.library.close()


def visual_of(seconds):
    spans, start = [], 0.0
    for length in seconds:
        spans.append(Span(start, start + length))
        start += length
    results = tuple(WindowResult({"frames": np.zeros((1, 2), np.float32)}) for _ in seconds)
    return Visual((), tuple(map(WindowRecord, spans)), {"scene": results}, {})


def test_a_video_is_foreign_as_a_whole_from_a_third_of_its_time_on(models, monkeypatch):
    scores = iter([1.0, -1.0, -1.0, 1.0, -1.0, -1.0, 1.0, 9.0, -1.0, -1.0])
    monkeypatch.setattr(domain, "how_foreign", lambda *_: next(scores))
    assert domain.foreign_windows(models, visual_of([4.0, 3.0, 4.0])) == (True, True, True)
    assert domain.foreign_windows(models, visual_of([2.0, 4.0, 4.0])) == (True, False, False)
    # One doubtful window in a long video of its own world is the judge's mistake, one beyond doubt is not.
    assert domain.foreign_windows(models, visual_of([1.0, 1.0, 9.0, 9.0])) == (False, True, False, False)


def test_a_window_that_is_all_of_a_video_is_judged_more_strictly_than_one_among_others(models, monkeypatch):
    scores = iter([-0.5, -0.5, -5.0, -2.0])
    monkeypatch.setattr(domain, "how_foreign", lambda *_: next(scores))
    assert domain.foreign_windows(models, visual_of([2.0])) == (True,)
    assert domain.foreign_windows(models, visual_of([2.0, 2.0])) == (False, False)
    assert domain.foreign_windows(models, visual_of([2.0])) == (False,)


def test_the_transcriber_is_believed_where_there_is_no_picture_only_if_it_was_sure_of_half(models):
    said = Utterance(Span(0.0, 2.0), "the red circle vanishes")
    voice = Voice(Span(0.0, 8.0))
    doubted = [Suppressed(Span(2.0, 8.0), "now look at the orange star", "words too uncertain")]
    assert domain.heard(models, [voice, said], ()) == [voice, said]
    kept = domain.heard(models, [voice, said, *doubted], ())
    assert kept[0] == voice
    assert [type(item) for item in kept[1:]] == [Absence]
    assert "Speech: Whisper base" in kept[1].reason
    assert domain.heard(models, [voice, said, *doubted], (False, False)) == [voice, said, *doubted]
    lead = Absence("picture at first", f'the sound begins 1.0 s before it{domain.WORDS_BEFORE} "a red bar"')
    assert domain.heard(models, [lead, said], (True,))[0].reason == "the sound begins 1.0 s before it"


def test_a_real_model_beside_the_demo_pack_is_believed_everywhere(models, monkeypatch):
    monkeypatch.setattr(models, "domain", lambda kind: None)
    said = Utterance(Span(0.0, 2.0), "my fellow Americans")
    assert domain.heard(models, [said], (True,)) == [said]
    assert domain.foreign_windows(models, visual_of([1.0])) == ()


def test_a_judge_is_the_same_after_it_was_written_and_read(tmp_path):
    judge = load_domain(DEMO_FOLDER)
    rng = np.random.default_rng(0)
    scene = 64
    vectors = rng.standard_normal((5, len(judge.mean) - scene)).astype(np.float32)
    frames = [rng.standard_normal((4, scene)).astype(np.float32) for _ in range(5)]
    turned = replace(judge, hidden=np.asfortranarray(judge.hidden))
    turned.save(tmp_path / "domain.safetensors")
    again = load_domain(tmp_path)
    assert np.allclose(again.scores(vectors, frames), judge.scores(vectors, frames), atol=1e-3)
    assert np.allclose(again.scene_scores(frames), judge.scene_scores(frames))
    assert load_domain(tmp_path / "nowhere") is None
    (tmp_path / "domain.safetensors").write_bytes(b"half a file")
    with pytest.raises(ModelUnavailable, match="not a whole safetensors file"):
        load_domain(tmp_path)
