"""With published weights of Whisper: as good as its own code, and no worse where it is hard.

``WHISPER_WEIGHTS`` names a file or folder of them; ``python tools/speech_table.py`` prints the whole tables.
"""

import os
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def pair():
    path = os.environ.get("WHISPER_WEIGHTS", "")
    if not path:
        pytest.skip("WHISPER_WEIGHTS names no weights of Whisper")
    from speech_table import Pair

    return Pair(Path(path))


def wrong(pair, samples, reference):
    """Word errors of plain Whisper and of ours."""
    from speech_table import errors

    return [errors(reference, way(samples)[0])[0] for way in (pair.plainly, pair.by_us)]


def test_known_words_are_written_as_well_as_by_whispers_own_code(pair, media):
    from speech_table import known

    plain, ours = np.sum([wrong(pair, samples, words) for name, samples, words in known(media) if "jfk" in name], 0)
    assert ours <= plain


def test_words_under_music_are_written_as_well_as_by_whispers_own_code(pair, media):
    from speech_table import under_music

    plain, ours = np.sum([wrong(pair, samples, words) for _, samples, words in under_music(media)], 0)
    assert ours <= plain + 1


def test_words_have_times_within_the_voice(pair, media):
    from speech_table import sound_of

    samples = sound_of(media / "speech/jfk.flac")
    voiced = pair.detector.detect(samples)
    words = [word for one in pair.ours.transcribe(samples, voiced).utterances for word in one.words]
    assert [word.text.strip(",.").lower() for word in words][:6] == ["and", "so", "my", "fellow", "americans", "ask"]
    assert all(any(word.span.overlap_seconds(span) > 0 for span in voiced) for word in words)
    assert 3.0 < words[5].span.start_seconds < 3.6, "behind the pause"


def test_a_second_language_is_written_in_its_own_words(pair, media):
    if not pair.ours.is_multilingual:
        pytest.skip("these weights know English alone")
    from speech_table import sound_of

    pause = np.zeros(16_000, np.float32)
    english, chinese = sound_of(media / "speech/jfk.flac"), sound_of(media / "speech/zh_foot.flac")
    samples = np.concatenate([english, pause, chinese, pause, chinese, pause, chinese])
    found = pair.ours.transcribe(samples, pair.detector.detect(samples)).utterances
    assert {one.language for one in found if one.span.start_seconds < 11} == {"en"}
    assert sum(len(one.text.split()) for one in found if one.language == "en") == 22
    assert {one.language for one in found if one.span.start_seconds > 11} == {"zh"}


def test_a_foreign_second_costs_the_sentences_before_it_nothing(pair, media):
    if not pair.ours.is_multilingual:
        pytest.skip("these weights know English alone")
    from speech_table import errors, known, sound_of

    english, reference = next((samples, words) for name, samples, words in known(media) if name == "speech/jfk.flac")
    samples = np.concatenate([english, np.zeros(8_000, np.float32), sound_of(media / "speech/zh_foot.flac")])
    found = pair.ours.transcribe(samples, pair.detector.detect(samples)).utterances
    said = " ".join(one.text for one in found if one.language == "en")
    assert errors(reference, said)[0] == 0
