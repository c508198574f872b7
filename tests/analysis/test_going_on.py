"""An analysis that is stopped in the middle of its visual pass goes on from there."""

import numpy as np
import pytest
from making_media import scene, write

from assistant.analysis.analyzer import Voice, WindowResult
from assistant.analysis.stages import ResultStage, load_findings, load_results, save_findings
from assistant.config import load
from assistant.core.timeline import Absence, Observation, Span, Suppressed, Utterance, Word
from assistant.engine import Assistant
from assistant.errors import Cancelled
from assistant.store import Library, stage_key

KEY = stage_key("", "actions", "model", "1", {})


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Six scenes of 3 s each, all different."""
    frames = [scene(number, 192, 128) for number in range(6) for _ in range(30)]
    return write(tmp_path_factory.mktemp("scenes") / "scenes.mp4", frames, rate=10)


def counted(engine):
    """The engine's recogniser, and the list of how many segments it is given each time."""
    asked = []
    recognizer = engine.models.recognizer()
    plain = recognizer.recognize
    recognizer.recognize = lambda clips, **how: asked.append(len(clips)) or plain(clips, **how)
    return asked


def test_a_stopped_analysis_asks_only_about_what_was_left_and_gives_the_same_timeline(video, tmp_path):
    whole = Assistant(load(tmp_path / "whole", "demo", {})).analyze(video)
    engine = Assistant(load(tmp_path / "stopped", "demo", {}))
    first = counted(engine)
    shown = []
    with pytest.raises(Cancelled):
        engine.analyze(video, progress=lambda p: p.segment and shown.append(p.segment), cancelled=lambda: bool(shown))
    done = sum(first)
    assert 0 < done < len(whole.segments)
    again = Assistant(load(tmp_path / "stopped", "demo", {}))
    rest = counted(again)
    assert again.analyze(video) == whole
    assert sum(rest) < len(whole.segments)  # what shared a batch with an unfinished window is asked again


ABOUT = {"labels": ["a", "b", "c"]}


def span(number):
    return Span(2.0 * number, 2.0 * number + 2.0)


def result(number):
    arrays = {"scores": np.full((1, 3), number, np.float32), "frames": np.full((1 + number % 2, 5), number, np.float32)}
    return WindowResult(arrays, {"tokens": number})


def test_a_beginning_is_never_taken_for_the_whole(home):
    library = Library(home)
    stage = ResultStage(library, KEY, ABOUT)
    for number in range(3):
        stage.add(span(number), result(number))
    stage.store(complete=False)
    assert load_results(library, KEY) is None
    known = ResultStage(library, KEY, ABOUT).known
    assert [one for one, _ in known] == [span(number) for number in range(3)]
    assert [len(one.arrays["frames"]) for _, one in known] == [1, 2, 1]


def test_rows_of_windows_that_the_document_does_not_know_yet_are_left_alone(home):
    """The arrays are stored first: a kill between the two leaves more rows than windows."""
    library = Library(home)
    stage = ResultStage(library, KEY, ABOUT)
    stage.add(span(0), result(0))
    stage.add(span(1), result(1))
    stage.store(complete=False)
    document = library.load_stage(KEY)
    stage.add(span(2), result(2))
    stage.store(complete=False)
    library.save_stage(KEY, document)
    known = ResultStage(library, KEY, ABOUT).known
    assert len(known) == 2
    np.testing.assert_array_equal(known[1][1].arrays["frames"], result(1).arrays["frames"])


def test_what_grew_is_whole_in_the_end_and_a_shared_result_lies_there_once(home):
    library = Library(home)
    stage, first = ResultStage(library, KEY, ABOUT), result(1)
    for number in range(3):
        stage.add(span(number), first if number != 1 else result(2))
    assert stage.store(complete=True)[0] is first
    about, results = load_results(library, KEY)
    assert about == ABOUT
    assert [one.facts["tokens"] for one in results] == [1, 2, 1]
    assert results[2] is results[0]
    assert len(library.load_arrays(KEY)["scores"]) == 2


def test_findings_of_every_type_come_back_as_they_were(home):
    library = Library(home)
    found = (
        Voice(span(0)),
        Utterance(span(0), "good day", words=(Word(span(0), "good"),), speaker="A"),
        Suppressed(span(1), "thanks for watching", "no voice"),
        Absence("speech", "nothing sure"),
        Observation("sound", span(2), label="dog", score=0.5, source="x", details={"gain": 1.5}),
    )
    save_findings(library, KEY, found)
    assert load_findings(library, KEY) == found
