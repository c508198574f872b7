"""Damaged files of every kind give pictures, sound or one line; never a crash, a traceback or a flood of memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SHARED
from damaged_media import write_whole

PROGRAM = ROOT / "tests/damaged_media.py"
MOST_SECONDS = 15.0
MOST_BYTES = 1024**3


def run_cases(folder: Path, first: int, count: int, processes: int, seconds: float) -> list[dict]:
    """What became of the cases; each process takes its share, so that a native crash would lose one share at most."""
    share = -(-count // processes)
    running = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), str(start), str(min(share, first + count - start))],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))},
            cwd=folder,
        )
        for start in range(first, first + count, share)
    ]
    told = []
    try:
        for process in running:
            output, _ = process.communicate(timeout=seconds)
            lines = [json.loads(line) for line in output.splitlines()]
            last = lines[-1]["name"] if lines else "nothing"
            assert process.returncode == 0, f"ended with {process.returncode} after {last}"
            told += lines
    finally:
        for process in running:
            process.kill()
            process.wait()
    return told


def hold(told: list[dict], count: int) -> str:
    """The figures of a run, after every promise was checked."""
    assert len(told) == count
    assert not (broken := [case for case in told if case["error"]]), broken[0]["name"] + "\n" + broken[0]["error"]
    for case in told:
        for line in (case["told"], case["analysed"]):
            assert "\n" not in line, case["name"]
            assert line in ("", "seen") or "; " in line, f"{case['name']} has no remedy: {line}"
    slowest, longest, largest = (
        max(told, key=lambda case: case[key]) for key in ("seconds", "whole_seconds", "growth")
    )
    assert slowest["seconds"] < MOST_SECONDS, slowest
    assert largest["growth"] < MOST_BYTES, largest
    seen, analysed = (sum(case[key] == "seen" for case in told) for key in ("told", "analysed"))
    return (
        f"{count} cases: {seen} seen, {count - seen} refused in one line; whole analyses: "
        f"{sum(bool(case['analysed']) for case in told)}, {analysed} gave a timeline; "
        f"slowest {slowest['seconds']:.1f} s ({slowest['name']}), with its analysis {longest['whole_seconds']:.1f} s "
        f"({longest['name']}); most memory for one {largest['growth'] / 1e6:.0f} MB ({largest['name']})"
    )


def real_media() -> Path | None:
    return SHARED / "media" if (SHARED / "media").is_dir() else None


def test_two_hundred_damaged_files_give_pictures_or_one_line(tmp_path):
    write_whole(tmp_path / "whole", real_media(), 70_000)
    figures = hold(run_cases(tmp_path, 0, 200, processes=2, seconds=120), 200)
    print(figures)


@pytest.mark.soak
def test_two_thousand_four_hundred_damaged_files_give_pictures_or_one_line(tmp_path):
    write_whole(tmp_path / "whole", real_media(), 400_000)
    told = []
    for first in range(10_000, 12_400, 200):
        told += run_cases(tmp_path, first, 200, processes=2, seconds=900)
    print(hold(told, 2400))
