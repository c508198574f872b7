"""What a person sets: arguments before the environment, the environment before the defaults, nonsense refused."""

from __future__ import annotations

import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.config import LEAST_MEMORY_BYTES, ChatSettings, Settings, default_home, load, parse_memory
from assistant.errors import InputUnusable


def test_without_anything_set_the_defaults_hold(tmp_path):
    found = load(tmp_path, environment={})
    assert found == Settings(tmp_path)
    assert (found.pack, found.chat.answerer, found.compute.save_work) == ("auto", "auto", True)


def test_the_environment_sets_what_no_argument_does(tmp_path):
    found = load(
        environment={
            "ASSISTANT_HOME": str(tmp_path),
            "ASSISTANT_PACK": "demo",
            "ASSISTANT_LANGUAGE_MODEL": "http://127.0.0.1:8080/v1#small",
            "ASSISTANT_CONTEXT_TOKENS": "4096",
            "ASSISTANT_ANSWER_SECONDS": "30.5",
            "ASSISTANT_DEVICE": "cpu",
            "ASSISTANT_PRECISION": "float32",
            "ASSISTANT_MEMORY": "4GB",
            "ASSISTANT_SAVING": "off",
        }
    )
    assert (found.home, found.pack) == (tmp_path, "demo")
    assert found.chat.language_model == "http://127.0.0.1:8080/v1#small"
    assert (found.chat.context_tokens, found.chat.timeout_seconds) == (4096, 30.5)
    assert (found.compute.device, found.compute.precision) == ("cpu", "float32")
    assert (found.compute.memory_bytes, found.compute.save_work) == (4 * 1000**3, False)


def test_an_argument_goes_before_the_environment(tmp_path):
    environment = {"ASSISTANT_HOME": "/elsewhere", "ASSISTANT_PACK": "large", "ASSISTANT_SAVING": "no"}
    found = load(tmp_path, "demo", environment, save_work=True, audio_track=2)
    assert (found.home, found.pack, found.compute.save_work, found.speech.audio_track) == (tmp_path, "demo", True, 2)


@pytest.mark.parametrize("word", ["0", "no", "No", "OFF", "false"])
def test_saving_is_turned_off_by_any_usual_word(tmp_path, word):
    assert not load(tmp_path, environment={"ASSISTANT_SAVING": word}).compute.save_work


@pytest.mark.parametrize("word", ["", "1", "yes", "on", "anything"])
def test_saving_stays_on_otherwise(tmp_path, word):
    assert load(tmp_path, environment={"ASSISTANT_SAVING": word}).compute.save_work


@pytest.mark.parametrize("name", ["ASSISTANT_CONTEXT_TOKENS", "ASSISTANT_ANSWER_SECONDS"])
@pytest.mark.parametrize("text", ["two minutes", "-5", "1e9", "nan", "inf", "1,5", "٣", "0x10", "12 s"])
def test_what_is_no_number_is_told_with_the_name_of_its_variable(tmp_path, name, text):
    with pytest.raises(InputUnusable, match=rf"^{name} is .*which is no number; write it like 120$"):
        load(tmp_path, environment={name: text})


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_is_none(tmp_path, text):
    chat = load(tmp_path, environment={"ASSISTANT_ANSWER_SECONDS": text, "ASSISTANT_CONTEXT_TOKENS": text}).chat
    assert chat == ChatSettings()


def test_the_home_is_absolute_and_knows_the_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert load(Path("~/films"), environment={}).home == tmp_path / "films"
    assert load(Path("films"), environment={}).home == tmp_path / "films"
    assert default_home({"ASSISTANT_HOME": "~/films"}) == tmp_path / "films"


@pytest.mark.parametrize(
    ("platform", "environment", "below"),
    [
        ("linux", {}, ".local/share/video-assistant"),
        ("linux", {"XDG_DATA_HOME": ""}, ".local/share/video-assistant"),
        ("darwin", {"XDG_DATA_HOME": "/data"}, "Library/Application Support/video-assistant"),
        ("win32", {}, "video-assistant"),
    ],
)
def test_the_library_lies_where_each_system_keeps_what_programs_write(
    monkeypatch, tmp_path, platform, environment, below
):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_home(environment) == tmp_path / below


def test_a_data_folder_that_is_named_is_taken(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_home({"XDG_DATA_HOME": "/data"}) == Path("/data/video-assistant")
    monkeypatch.setattr(sys, "platform", "win32")
    assert default_home({"LOCALAPPDATA": "/data"}) == Path("/data/video-assistant")


def test_settings_are_frozen_in_every_part(tmp_path):
    found = Settings(tmp_path)
    parts = [found, *(getattr(found, item.name) for item in fields(found) if item.name not in ("home", "pack"))]
    assert len(parts) == len(fields(found)) - 1
    for part in parts:
        with pytest.raises(FrozenInstanceError):
            setattr(part, fields(part)[0].name, None)


@given(
    number=st.integers(1, 5000),
    unit=st.sampled_from(["M", "G", "T"]),
    binary=st.booleans(),
    space=st.sampled_from(["", " "]),
)
@settings(deadline=None, derandomize=True)
def test_a_size_is_its_number_times_its_unit_or_too_small(number, unit, binary, space):
    text = f"{number}{space}{unit}{'iB' if binary else 'B'}"
    size = number * (1024 if binary else 1000) ** {"M": 2, "G": 3, "T": 4}[unit]
    if size < LEAST_MEMORY_BYTES:
        with pytest.raises(InputUnusable, match="nothing runs in"):
            parse_memory(text)
    else:
        assert parse_memory(text) == parse_memory(text.lower()) == size


@given(text=st.text(max_size=30))
@settings(deadline=None, derandomize=True)
def test_any_text_is_a_size_or_is_refused_in_one_line(text):
    size, told = 0, ""
    try:
        size = parse_memory(text)
    except InputUnusable as error:
        told = str(error)
    assert "\n" not in told
    assert size == 0 or size >= LEAST_MEMORY_BYTES
    assert not told or "; " in told
