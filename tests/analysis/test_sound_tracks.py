"""Which sound was heard, with the demo pack: speech beside hum, beside a commentary, in a film's centre, too early."""

import numpy as np
import pytest
from making_media import scene, tone, write

from assistant.config import load
from assistant.engine import Assistant

WORDS = (
    "the code is ten nine the red triangle circles around this was filmed on tuesday at six we count nine nine nine two"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("tracks")


def analyze(home, path, **settings):
    return Assistant(load(home, "demo", {}, **settings)).analyze(path)


def words_of(timeline):
    return " ".join(segment.words for segment in timeline.segments if segment.words)


@pytest.mark.parametrize(
    ("name", "heard", "others"),
    [
        ("track1_hum_track2_speech.mp4", 2, [1]),
        ("track1_comment_track2_default.mkv", 2, [1]),
        ("sound_5_1_centre_speech_music.mkv", 1, []),
    ],
)
def test_the_track_with_the_speech_is_heard_and_named(media, home, name, heard, others):
    timeline = analyze(home, media / "odd2" / name)
    assert words_of(timeline) == WORDS
    speech = timeline.provenance.speech
    assert speech["track"]["number"] == heard
    assert [track["number"] for track in speech["other_tracks"]] == others


def test_a_track_that_is_asked_for_is_heard_whatever_is_in_it(media, home):
    timeline = analyze(home, media / "odd2" / "track1_hum_track2_speech.mp4", audio_track=1)
    assert words_of(timeline) == ""
    assert timeline.provenance.speech["track"]["number"] == 1
    assert [absence.what for absence in timeline.absences] == ["speech", "text"]


def test_what_is_said_before_the_first_picture_is_told(media, home):
    timeline = analyze(home, media / "odd2" / "picture_7s_late.mp4")
    assert words_of(timeline) == WORDS.removeprefix("the code is ten nine ")
    told = next(absence.reason for absence in timeline.absences if absence.what == "picture at first")
    assert told.startswith("the sound begins 7.0 s before it")
    assert 'said in it: "the code is ten nine"' in told


def test_a_detection_that_is_stopped_is_not_taken_for_silence(media, home):
    from assistant.errors import Cancelled

    asked = []

    def stop():
        asked.append(1)
        return speaking

    speaking = False

    def progress(step):
        nonlocal speaking
        speaking = step.stage == "speech"

    engine = Assistant(load(home / "stopped", "demo", {}))
    path = media / "odd2" / "track1_hum_track2_speech.mp4"
    with pytest.raises(Cancelled):
        engine.analyze(path, progress=progress, cancelled=stop)
    assert asked
    assert words_of(engine.analyze(path)) == WORDS


def test_a_silent_track_that_is_asked_for_is_named_beside_the_others(tmp_path, home):
    """Else nobody could be offered the way back."""
    path = write(tmp_path / "a.mp4", [scene(1)] * 25, [np.zeros(16_000, np.float32), tone(1.0)])
    timeline = analyze(home, path, audio_track=1)
    speech = timeline.provenance.speech
    assert (speech["audio_track"], speech["track"]["number"]) == (1, 1)
    assert [track["number"] for track in speech["other_tracks"]] == [2]
    assert ("speech", "the sound track is silent") in [(absence.what, absence.reason) for absence in timeline.absences]


def test_of_a_choice_that_was_left_open_the_timeline_says_so(tmp_path, home):
    path = write(tmp_path / "a.mp4", [scene(1)] * 25, [tone(1.0), tone(1.0, 100.0)])
    speech = analyze(home, path).provenance.speech
    assert speech["audio_track"] == 0
    assert speech["track"]["number"] == 1
