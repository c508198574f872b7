"""Weights against the values of their publishers, and approximations against exactness, on the weights at hand."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import SAMPLE
from packs_at_hand import tiny_pack

from assistant.cli.main import main
from assistant.config import Settings
from assistant.errors import InputUnusable
from assistant.evaluation import published
from assistant.evaluation.published import CLIP, VALUES, Value, compare, measured
from assistant.models.packs import checkpoints
from assistant.models.packs.catalog import PACKS
from assistant.models.packs.verify import write_manifest
from assistant.models.registry import named


@pytest.mark.weights
@pytest.mark.parametrize("source", VALUES)
def test_published_weights_give_the_published_value(source):
    """``KINETICS_CLIP`` names the clip; weights are looked for in the cache of the hub and in the packs."""
    clip = Path(os.environ.get("KINETICS_CLIP", ""))
    if not clip.is_file():
        pytest.skip(f"KINETICS_CLIP does not name {CLIP}")
    settings = Settings(Path(os.environ.get("ASSISTANT_HOME", "nowhere")))
    packs = [named(settings, name) for name in PACKS]
    path = checkpoints.cached_repository(source) or next(
        (pack.location("actions") for pack in packs if (part := pack.part("actions")) and part.source == source), None
    )
    if path is None:
        pytest.skip(f"{source} is not on this machine")
    label, probability, _ = measured(path, settings, clip, VALUES[source].label)
    assert label == VALUES[source].label
    assert probability == pytest.approx(VALUES[source].probability, abs=0.005)


@pytest.fixture
def settings(home, tmp_path_factory, tmp_path):
    import shutil

    folder = tmp_path / "tiny"
    shutil.copytree(tiny_pack(tmp_path_factory), folder)
    write_manifest(folder, {"actions": {"source": "someone/tiny", "revision": "f" * 40}})
    return Settings(home, pack=str(folder))


def told(settings, video=None, kinds=()):
    said: list[str] = []
    return compare(settings, said.append, kinds, video), "\n".join(said)


def test_equal_or_not_is_said_of_the_weights_at_hand(settings, tmp_path, monkeypatch):
    clip = tmp_path / CLIP
    clip.write_bytes(SAMPLE.read_bytes())
    assert "not compared: no published value is known here" in told(settings, clip, ["actions"])[1]
    label, probability, _ = measured(Path(settings.pack) / "actions", settings, clip, 0)
    monkeypatch.setattr(published, "VALUES", {"someone/tiny": Value(label, probability)})
    equal, said = told(settings, clip, ["actions"])
    assert equal
    assert f"actions, someone/tiny: equal (label {label} with {probability:.5f}, published {label}" in said
    monkeypatch.setattr(published, "VALUES", {"someone/tiny": Value(label, probability + 0.01)})
    equal, said = told(settings, clip, ["actions"])
    assert not equal
    assert "actions, someone/tiny: NOT EQUAL" in said
    assert (
        f"not compared: name the clip of Kinetics that the value is of, --video {CLIP}"
        in told(settings, None, ["actions"])[1]
    )
    with pytest.raises(InputUnusable, match="no file"):
        told(settings, tmp_path / "nowhere.mp4")


def test_what_approximations_change_is_said_of_the_weights_at_hand(settings):
    said = told(replace(settings, compute=replace(settings.compute, precision="bfloat16")))[1]
    assert "actions, the reuse of tokens: the best label of " in said
    assert "actions, bfloat16: the best label of " in said
    assert "saving, of " in said
    assert "segments it changes the action of " in said


def test_the_command_says_it_and_its_exit_code_tells(settings, tmp_path, capsys, monkeypatch):
    clip = tmp_path / CLIP
    clip.write_bytes(SAMPLE.read_bytes())
    words = ["--home", str(settings.home), "--pack", settings.pack, "models", "verify", "--kind", "actions", "--deep"]
    assert main(words) == 0
    assert "not compared" in capsys.readouterr().out
    monkeypatch.setattr(published, "VALUES", {"someone/tiny": Value(1, 2.0)})
    assert main([*words, "--video", str(clip)]) == 4
    assert "NOT EQUAL" in capsys.readouterr().out
