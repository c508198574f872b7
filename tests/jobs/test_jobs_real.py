"""The real engine under kills and in a long row of jobs: nothing lost, nothing different, nothing growing."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from real_engine import Server, demo_settings, films, handles, resident_bytes, what_was_found
from test_jobs import until
from test_store_faults import problems

from assistant.jobs import JobQueue
from assistant.jobs.rows import JobRows
from assistant.store import Library

LONG = 1800.0
CLEAN = {"lost_stages": 0, "unfinished": 0, "different": 0, "problems": 0}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def stages_of(home: Path) -> dict[str, tuple[int, int]]:
    """Every finished stage, and which file of which moment it is: one that is made again is another."""
    files = list(home.glob("videos/*/stages/*"))
    # What is stored in the middle of a stage is its beginning, and grows.
    begun = {path.stem for path in files if path.suffix == ".json" and b'"complete":false' in path.read_bytes()}
    found = {path.name: path.stat() for path in files if path.stem not in begun}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


class Trial:
    """One library, some films, and a server that is killed while it analyses them, again and again."""

    def __init__(self, folder: Path, count: int, seed: int) -> None:
        self.home = folder / "library"
        self.paths = films(folder, count)
        self.dice = random.Random(seed)
        self.seen = {"worker": 0, "server": 0, **CLEAN}
        self.library = Library(self.home)
        self.rows = JobRows(self.library)
        self.server = Server(self.home)
        self.cold_seconds = self.warm_seconds = 0.0  # how long an analysis takes, with and without loading the models
        self.expected = {path: self.undisturbed(path) for path in self.paths}
        self.warm_seconds = self.warm_seconds or 0.3 * self.cold_seconds

    def undisturbed(self, path: Path) -> dict:
        job, started = self.ask(path), time.monotonic()
        took = self.finish(job) - started
        if self.cold_seconds:
            self.warm_seconds = took
        self.cold_seconds = self.cold_seconds or took
        sha256 = self.rows.get(job).sha256
        found = what_was_found(self.library, sha256)
        assert found is not None, self.rows.get(job).reason
        self.library.delete_video(sha256)
        return found

    def ask(self, path: Path) -> str:
        return self.rows.add(path, path.name, "analyze", {}, 32).id

    def finish(self, job: str) -> float:
        until(lambda: not self.rows.get(job).is_open, LONG)
        return time.monotonic()

    def strike(self, number: int) -> None:
        """Ask for an analysis, kill the worker or the server at a random moment, and see what comes of it."""
        path = self.paths[number % len(self.paths)]
        job = self.ask(path)
        until(lambda: self.rows.get(job).state == "running", LONG)
        time.sleep(self.dice.uniform(0.0, self.warm_seconds))
        was_open = self.rows.get(job).is_open
        # The machine is not equally busy all the time: about one kill in ten may come too late.
        self.warm_seconds *= 1.05 if was_open else 0.6
        victim = "worker" if number % 2 else "server"
        self.seen[victim] += was_open
        finished = self.kill(victim)
        if victim == "server" and number % 6 == 0:
            # Once more, while the models are loaded or the rest is worked on.
            time.sleep(self.dice.uniform(0.0, self.cold_seconds))
            self.seen["server"] += self.rows.get(job).is_open
            finished |= self.kill("server")
        self.finish(job)
        done, now = self.rows.get(job), stages_of(self.home)
        self.seen["unfinished"] += done.state != "done"
        self.seen["lost_stages"] += sum(now.get(name) != file for name, file in finished.items())
        self.seen["different"] += what_was_found(self.library, done.sha256) != self.expected[path]
        self.library.delete_video(done.sha256)

    def kill(self, victim: str) -> dict[str, tuple[int, int]]:
        """The stages that were finished when it was killed; a server is started again."""
        if victim == "server":
            self.server.kill()
        else:
            for worker in self.server.workers():
                os.kill(worker, signal.SIGKILL)
        finished = stages_of(self.home)
        if victim == "server":
            self.server.start()
        return finished

    def run(self, kills: int) -> dict[str, int]:
        """What was seen once so many analyses were hit while they ran."""
        number = 0
        try:
            while self.seen["worker"] + self.seen["server"] < kills:
                self.strike(number)
                number += 1
                if number % 5 == 0:
                    print(f"{number} analyses, {self.seen}", flush=True)
        finally:
            self.server.end()
            self.library.close()
        Library(self.home).close()
        self.seen["problems"] = len(problems(self.home))
        return self.seen


@pytest.mark.slow
def test_a_kill_of_worker_and_of_server_amid_a_real_analysis_changes_nothing(tmp_path):
    seen = Trial(tmp_path, 1, seed=1).run(2)
    assert seen | {"worker": 0, "server": 0} == CLEAN | {"worker": 0, "server": 0}


@pytest.mark.soak
def test_two_hundred_kills_amid_real_analyses_change_nothing(tmp_path):
    seen = Trial(tmp_path, 8, seed=2).run(200)
    print(seen)
    assert seen | {"worker": 0, "server": 0} == CLEAN | {"worker": 0, "server": 0}
    assert min(seen["worker"], seen["server"]) > 60


@pytest.mark.soak
def test_two_hundred_real_jobs_in_a_row_leave_memory_and_handles_flat(tmp_path):
    paths = films(tmp_path, 8)
    with Library(tmp_path / "library") as library:
        settings = demo_settings(library.home)
        with JobQueue(settings, library=library) as queue:
            seen: list[tuple[int, int, int, int]] = []
            workers = set()
            for number in range(200):
                path = paths[number % len(paths)]
                job = queue.wait(queue.submit(path, path.name).id, LONG)
                assert job.state == "done", job.reason
                worker = queue.worker_process_id
                workers.add(worker)
                seen.append(
                    (resident_bytes(os.getpid()), resident_bytes(worker), handles(os.getpid()), handles(worker))
                )
                library.delete_video(job.sha256)
                if number % 25 == 24:
                    print(number + 1, [f"{value:,}" for value in seen[-1]], flush=True)
    assert len(workers) == 1
    for name, first, last in zip(
        ("server's memory", "worker's memory", "server's handles", "worker's handles"),
        zip(*seen[:50], strict=True),
        zip(*seen[-50:], strict=True),
        strict=True,
    ):
        print(f"{name}: last 50 / first 50 = {sum(last) / sum(first):.4f}")
        assert sum(last) <= 1.03 * sum(first), name
