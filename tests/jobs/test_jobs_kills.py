"""Kills of worker and server at random moments: nothing finished is lost, nothing is left over."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT
from real_engine import Server
from test_jobs import ran, until
from test_store_faults import problems

from assistant.jobs.rows import JobRows
from assistant.store import Library

TESTS = ROOT / "tests"
PARTS = 10
SERVER = """
import sys
from pathlib import Path
from assistant.config import Settings
from assistant.jobs import JobQueue, WorkerSpec
with JobQueue(Settings(Path(sys.argv[1])), worker=WorkerSpec("job_targets:open_target", (Path({tests!r}),))):
    sys.stdin.read()
"""


def kill_at_random(home: Path, kills: int, seed: int) -> dict[str, int]:
    """What was seen over this many jobs, each hit by one kill at a random moment of its run."""
    dice = random.Random(seed)
    seen = {"worker": 0, "server": 0, "repeated_parts": 0, "unfinished": 0, "different": 0, "problems": 0}
    server = Server(home, SERVER.format(tests=str(TESTS)))
    try:
        for number in range(kills):
            path = home.parent / f"{number}.mp4"
            path.write_text(json.dumps({"segments": PARTS, "pause": 0.06, "number": number}))
            with Library(home) as library:
                rows = JobRows(library)
                job = rows.add(path, path.name, "analyze", {}, 32)
                until(lambda rows=rows, job=job: rows.get(job.id).state == "running")
                until(lambda path=path: ran(path))
                time.sleep(dice.uniform(0.0, 0.4))
                worker = ran(path)[-1][1]
                victim = "worker" if number % 2 else "server"
                if rows.get(job.id).is_open:
                    seen[victim] += 1
                if victim == "server":
                    server.kill()
                    server.start()
                else:
                    try:
                        os.kill(worker, signal.SIGKILL)
                    except ProcessLookupError:
                        seen["worker"] -= 1
                until(lambda rows=rows, job=job: not rows.get(job.id).is_open, 60.0)
                done = rows.get(job.id)
                parts = [part for part, _ in ran(path)]
                seen["unfinished"] += done.state != "done"
                seen["repeated_parts"] += len(parts) - len(set(parts))
                timeline = library.timeline(done.sha256) if done.sha256 else None
                labels = [segment.action.label for segment in timeline.segments] if timeline else []
                seen["different"] += labels != [f"part {n}" for n in range(1, PARTS + 1)]
    finally:
        server.end()
    Library(home).close()
    seen["problems"] = len(problems(home))
    return seen


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_six_kills_of_worker_and_server_lose_nothing(tmp_path):
    assert kill_at_random(tmp_path / "library", 6, seed=1) == CLEAN | {"worker": 3, "server": 3}


@pytest.mark.soak
def test_two_hundred_kills_of_worker_and_server_lose_nothing(tmp_path):
    seen = kill_at_random(tmp_path / "library", 200, seed=2)
    assert seen | {"worker": 0, "server": 0} == CLEAN
    assert seen["worker"] + seen["server"] > 150


CLEAN = {"worker": 0, "server": 0, "repeated_parts": 0, "unfinished": 0, "different": 0, "problems": 0}
