"""Standard output in every state that a caller may give it: not UTF-8, closed, full, without a reader."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE

from assistant.cli.output import document_bytes
from assistant.cli.train import add as add_train
from assistant.cli.world import add as add_world

NAME = "Übung – 視頻.mp4"


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """A library in which the sample video is analysed under a name that ASCII lacks."""
    folder = tmp_path_factory.mktemp("output")
    shutil.copy(SAMPLE, folder / NAME)
    done = run(folder, "analyze", str(folder / NAME), "--json", "-")
    assert done.returncode == 0, done.stderr
    return folder


def run(folder: Path, *arguments: str, shell: str = "", env: dict[str, str] | None = None):
    command = [sys.executable, "-m", "assistant", "--home", str(folder / "home"), "--pack", "demo", *arguments]
    done = subprocess.run(
        ["sh", "-c", f"{shlex.join(command)} {shell}"],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        timeout=180,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    return done


def commands(folder: Path) -> dict[str, list[str]]:
    video = str(folder / NAME)
    return {
        "analyze": ["analyze", video],
        "ask": ["ask", video, "Was heißt „первый“?", "--answerer", "extractive"],
        "export": ["export", video, "--format", "md", "-o", "-"],
        "models": ["models"],
    }


@pytest.mark.parametrize("name", ["ask", "export"])
def test_no_command_fails_where_standard_output_is_not_utf_8(library, name):
    done = run(library, *commands(library)[name], env={"PYTHONIOENCODING": "ascii:strict"})
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    "env", [{"PYTHONIOENCODING": "ascii"}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_json_on_standard_output_is_utf_8_whatever_its_encoding(library, env):
    done = run(library, "analyze", str(library / NAME), "--json", "-", env=env)
    assert done.returncode == 0, done.stderr
    assert NAME in json.loads(done.stdout.decode("utf-8"))["video"]["path"]


@pytest.mark.parametrize(("name", "shell"), [("analyze", ">&-"), ("models", ">&- 2>&-"), ("ask", "<&- >&- 2>&-")])
def test_no_command_fails_where_its_streams_are_closed(library, name, shell):
    done = run(library, *commands(library)[name], shell=shell)
    assert done.returncode == 0, done.stderr


def test_a_document_for_a_closed_standard_output_is_an_error_of_one_line(library):
    done = run(library, "analyze", str(library / NAME), "--json", "-", shell=">&-")
    assert done.returncode == 3
    assert done.stderr.decode().splitlines()[-1] == "error: standard output is closed; name a file instead of -"


def test_progress_never_gets_into_a_document_where_standard_error_is_closed(library):
    done = run(library, "analyze", str(library / NAME), "--json", "-", shell="2>&-")
    assert json.loads(done.stdout)["schema"] == "timeline/1"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize("extra", [[], ["--json", "-"]], ids=["plain", "json"])
def test_a_full_disk_behind_standard_output_is_an_error_of_one_line(library, extra):
    done = run(library, "analyze", str(library / NAME), *extra, shell="> /dev/full")
    assert done.returncode == 3
    assert done.stderr.decode().splitlines()[-1].startswith("error: No space left on device")


def test_a_reader_that_goes_away_is_no_error(library):
    done = run(library, "analyze", str(library / NAME), "--json", "-", shell="| head -c 10")
    assert done.stdout == b'{\n "schema'


def test_half_a_pair_of_surrogates_in_a_document_is_written_as_an_escape():
    assert b'"a\\udcff"' in document_bytes({"path": "a\udcff"})
    assert json.loads(document_bytes({"path": "a\udcff"}))["path"] == "a\udcff"
    assert document_bytes({"path": os.fsdecode("é".encode())}).decode("utf-8").count("é") == 1


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", "", "9" * 30, "²"])
@pytest.mark.parametrize("name", ["world", "train"])
def test_a_seed_that_is_no_whole_number_from_0_on_is_wrong_usage(capsys, name, seed):
    import argparse

    parser = argparse.ArgumentParser()
    {"world": add_world, "train": add_train}[name](parser.add_subparsers())
    with pytest.raises(SystemExit) as caught:
        parser.parse_args([name, "out.mp4" if name == "world" else "demo", "--seed", seed])
    assert caught.value.code == 2
    assert "is no whole number from 0 on" in capsys.readouterr().err
