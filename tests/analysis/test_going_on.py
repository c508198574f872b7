"""An analysis that is stopped in the middle of its visual pass goes on from there."""

import numpy as np
import pytest
from making_media import scene, write

from assistant.analysis.visual import Sight
from assistant.analysis.visual_stage import Growing, load_sights
from assistant.config import load
from assistant.core.timeline import Shot, Span
from assistant.engine import Assistant
from assistant.errors import Cancelled
from assistant.store import Library, stage_key

KEY = stage_key("", "sights", "model", "1", {})


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


def sight(number):
    return Sight(
        Span(2.0 * number, 2.0 * number + 2.0),
        np.full(3, number, np.float32),
        np.full(4, number, np.float32),
        np.full((1 + number % 2, 5), number, np.float32),
        2.0 * number + 1.0,
        (2.0 * number,),
        "",
        clips=1,
    )


def test_a_beginning_is_never_taken_for_the_whole(home):
    library = Library(home)
    growing = Growing(library, KEY, ["a", "b", "c"], 0.2)
    for number in range(3):
        growing.add(sight(number))
    growing.store()
    assert load_sights(library, KEY) is None
    known = Growing(library, KEY, ["a", "b", "c"], 0.2).known
    assert [one.span for one in known] == [sight(number).span for number in range(3)]
    assert [len(one.look_embeddings) for one in known] == [1, 2, 1]


def test_rows_of_windows_that_the_document_does_not_know_yet_are_left_alone(home):
    """The arrays are stored first: a kill between the two leaves more rows than windows."""
    library = Library(home)
    growing = Growing(library, KEY, ["a", "b", "c"], 0.2)
    growing.add(sight(0))
    growing.add(sight(1))
    growing.store()
    document = library.load_stage(KEY)
    growing.add(sight(2))
    growing.store()
    library.save_stage(KEY, document)
    known = Growing(library, KEY, ["a", "b", "c"], 0.2).known
    assert len(known) == 2
    np.testing.assert_array_equal(known[1].look_embeddings, sight(1).look_embeddings)


def test_what_grew_is_whole_in_the_end(home):
    growing = Growing(Library(home), KEY, ["a", "b", "c"], 0.2)
    growing.add(sight(0))
    shot = Shot(Span(0.0, 2.0), "start")
    assert growing.whole([shot]).shots == (shot,)
    assert growing.whole([shot]).labels == ("a", "b", "c")
