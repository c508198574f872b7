"""Small files that claim or hold too much are refused, or read within bounds of memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT
from damaged_media import peak_bytes
from media_bombs import BOMBS, long_4k

from assistant.config import Settings
from assistant.jobs import JobQueue
from assistant.jobs.worker.limits import resident_bytes
from assistant.store import Library

PROGRAM = ROOT / "tests/media_bombs.py"
PROBE_BYTES, READ_BYTES, SERVER_BYTES = 200_000_000, 400_000_000, 50_000_000
# What each must come to; everything else about it is only bounded.
TOLD = {
    "announced_65535.mp4": "0.2 s of",
    "vp8_16383.webm": "refused: nothing in",
    "jpeg_65500.avi": "refused: nothing in",
    "true_8192.mp4": "refused: nothing in",
    "grows_to_8192.mkv": "0.2 s of 96 x 64",
    "header_10h.mp4": "2.0 s of 96 x 64",
    "apart_10h.mp4": "refused: apart_10h.mp4 is 10 hours long",
    "apart_5h.mp4": "18000.0 s of 96 x 64",
    "late_sound_5h.mp4": "18000.5 s of 96 x 64",
    "late_sound_10h.mp4": "0.2 s of 96 x 64",
    "tracks_40.mp4": "0.2 s of 96 x 64",
    "4k_40s.webm": "40.0 s of 3840 x 2160",
}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bombs")
    return {name: make(folder / name) for name, make in BOMBS.items()}


def costs(paths: list[Path]) -> list[dict]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    command = [sys.executable, str(PROGRAM), *map(str, paths)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_file_that_claims_too_much_is_refused_or_bounded(bombs):
    assert set(TOLD) == set(bombs)
    for cost in costs(list(bombs.values())):
        assert cost["told"].startswith(TOLD[cost["name"]]), cost
        assert cost["growth"] < (PROBE_BYTES if cost["entry"] == "probe" else READ_BYTES), cost
        assert cost["seconds"] < 20, cost


@pytest.mark.soak
def test_six_minutes_of_4k_in_one_megabyte_are_read_within_bounds(tmp_path):
    path = long_4k(tmp_path / "long.webm")
    assert path.stat().st_size < 1_500_000
    for cost in costs([path]):
        print(cost)
        assert cost["growth"] < (PROBE_BYTES if cost["entry"] == "probe" else READ_BYTES), cost


def test_bombs_in_the_queue_are_failed_jobs_and_the_server_does_not_grow(bombs, home):
    refused = [name for name, told in TOLD.items() if told.startswith("refused")]
    with Library(home) as library, JobQueue(Settings(home, pack="demo"), library=library) as queue:
        peak_bytes(reset=True)
        before, deadline = resident_bytes(), time.monotonic() + 60
        jobs = [queue.submit(bombs[name], name).id for name in refused]
        while not all((job := queue.job(number)) is not None and job.state == "failed" for number in jobs):
            assert time.monotonic() < deadline, [queue.job(number) for number in jobs]
            time.sleep(0.05)
        for name, number in zip(refused, jobs, strict=True):
            job = queue.job(number)
            assert job is not None
            assert name in job.reason
            assert "; " in job.reason
        assert peak_bytes() - before < SERVER_BYTES
