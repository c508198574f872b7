"""Sentences spoken by espeak-ng."""

import random
import shutil

import numpy as np
import pytest

from assistant.errors import AssistantError
from assistant.synthetic.narration import (
    PITCHES,
    VOICES,
    WORDS_PER_MINUTE,
    Voice,
    _samples_at_16_khz,
    sample_voice,
    say,
)

speaks = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed")
VOICE = Voice("en-us", 150, 50)


@speaks
def test_a_sentence_becomes_a_plausible_length_of_sound_at_16_khz():
    samples = say("the red circle moves left", VOICE)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert 1.0 < len(samples) / 16_000 < 4.0
    assert 0.1 < np.abs(samples).max() <= 1.0


@speaks
def test_the_same_voice_and_sentence_give_the_same_samples():
    assert np.array_equal(say("we count one two", VOICE), say("we count one two", VOICE))


@speaks
def test_voices_speeds_and_pitches_can_be_heard():
    plain = say("see you on monday", VOICE)
    assert len(say("see you on monday", Voice("en-us", 120, 50))) > 1.1 * len(plain)
    for other in (Voice("en-gb", 150, 50), Voice("en-us", 150, 75)):
        changed = say("see you on monday", other)
        assert len(changed) != len(plain) or not np.allclose(changed, plain, atol=1e-3)


@speaks
def test_every_voice_of_the_world_speaks():
    for name in VOICES:
        assert np.abs(say("one", Voice(name, 150, 50))).max() > 0.05


@speaks
def test_a_sentence_that_looks_like_an_option_is_spoken_and_nothing_else():
    assert len(say("--version", VOICE)) > 4_000


def test_a_program_that_fails_is_a_clear_error(monkeypatch, tmp_path):
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\necho 'no voices found' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssistantError, match="could not speak as 'en-us': no voices found"):
        say("one", VOICE)


def test_a_missing_program_names_its_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssistantError, match="apt install espeak-ng"):
        say("one", VOICE)


def test_narrators_follow_from_the_seed_and_stay_within_their_ranges():
    drawn = [sample_voice(random.Random(seed)) for seed in range(200)]
    assert drawn == [sample_voice(random.Random(seed)) for seed in range(200)]
    assert {voice.name for voice in drawn} == set(VOICES)
    assert all(WORDS_PER_MINUTE[0] <= voice.words_per_minute <= WORDS_PER_MINUTE[1] for voice in drawn)
    assert all(PITCHES[0] <= voice.pitch <= PITCHES[1] for voice in drawn)


def test_a_tone_keeps_its_pitch_and_level_when_the_rate_changes():
    seconds = np.arange(22_050) / 22_050
    tone = (0.5 * np.sin(2 * np.pi * 440 * seconds) * 32767).astype("<i2")
    header = b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(8) + (22_050).to_bytes(4, "little") + bytes(8) + b"data" + bytes(4)
    samples = _samples_at_16_khz(header + tone.tobytes())
    assert len(samples) == 16_000
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(samples - wanted)[1_000:-1_000].max() < 0.01
