"""What the kernel holds a worker to: computing that a video's length explains, no network, and no way to get more."""

from __future__ import annotations

import errno
import json
import platform
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE

from assistant.config import Settings
from assistant.jobs import JobQueue, Patience, WorkerSpec
from assistant.jobs.worker.limits import OPENING_CPU_SECONDS, WorkerLimits, cpu_seconds, limits_of

SPEC = WorkerSpec("job_targets:open_target", (ROOT / "tests",), WorkerLimits())
PATIENT = Patience(decode_seconds=60.0)
SOON = 30.0
filters = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="only Linux on these machines can cut a process off the network",
)


def write_film(path: Path, **script) -> Path:
    path.write_text(json.dumps({"segments": 3, "name": path.parent.name, **script}))
    return path


def run(code: str, *values: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code, *values], capture_output=True, text=True, cwd=ROOT, timeout=120)


def test_native_work_that_never_ends_is_ended_and_the_job_is_told_why(home, tmp_path):
    with JobQueue(Settings(home), worker=SPEC, patience=PATIENT) as queue:
        started = time.monotonic()
        job = queue.wait(queue.submit(write_film(tmp_path / "film.mp4", at={"2": "overwork"}), "film").id, SOON)
        assert job.state == "failed"
        assert "far more computing than a video of this length should" in job.reason
        assert time.monotonic() - started < 20.0
        good = queue.wait(queue.submit(write_film(tmp_path / "good.mp4", name="good"), "good").id, SOON)
        assert good.state == "done", "the queue goes on"


def test_what_a_job_computed_is_not_held_against_the_next_one_in_the_same_worker(home, tmp_path):
    with JobQueue(Settings(home), worker=SPEC, patience=PATIENT) as queue:
        seen = []
        for name in ("a", "b"):
            path = write_film(tmp_path / f"{name}.mp4", name=name, at={"1": "limits"})
            assert queue.wait(queue.submit(path, name).id, SOON).state == "done"
            seen.append(json.loads(Path(f"{path}.limits").read_text()))
    assert seen[0]["worker"] == seen[1]["worker"]
    for told in seen:
        assert told["soft"] - told["used"] == pytest.approx(OPENING_CPU_SECONDS, abs=2.0)


def test_a_job_may_compute_by_its_length_and_its_models():
    assert cpu_seconds("analyze", 60.0, 10**7) > 3600.0
    assert cpu_seconds("analyze", 600.0, 10**7) > cpu_seconds("analyze", 60.0, 10**7)
    # A clip of 5.3 s takes ViT-L 6.7 s of two cores (docs/performance.md): a hundred times that must not be too little.
    assert cpu_seconds("analyze", 600.0, 2_250_000_000) > 100 * 2 * 6.7 / 5.3 * 600.0
    assert cpu_seconds("explain", 1.0, 10**7) == cpu_seconds("explain", 100.0, 10**7)


def test_limits_cannot_be_raised_again():
    code = (
        "import resource\n"
        "from assistant.jobs.worker.limits import WorkerLimits, apply_limits\n"
        "apply_limits(WorkerLimits(file_bytes=10**9, address_bytes=64 * 1024**3, open_files=512))\n"
        "for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_CORE):\n"
        "    print(*resource.getrlimit(kind))\n"
    )
    done = run(code)
    found = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert found == [(512, 512), (10**9, 10**9), (64 * 1024**3, 64 * 1024**3), (0, 0)], done.stderr


def test_an_ordinary_worker_has_limits_of_all_kinds(home):
    limits = limits_of(Settings(home))
    assert limits.resident_bytes > 0
    assert limits.file_bytes > 0
    assert limits.open_files <= resource.getrlimit(resource.RLIMIT_NOFILE)[1]


@filters
def test_a_worker_reaches_no_listener_and_keeps_local_sockets(home, tmp_path):
    path = write_film(tmp_path / "film.mp4", at={"2": "dial"})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Path(f"{path}.port").write_text(str(listener.getsockname()[1]))
        with JobQueue(Settings(home), worker=SPEC, patience=PATIENT) as queue:
            job = queue.wait(queue.submit(path, "film").id, SOON)
        assert (job.state, job.reason) == ("done", "")
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()
    told = json.loads(Path(f"{path}.dialled").read_text())
    refused = dict.fromkeys(["AF_INET", "AF_INET6", "AF_NETLINK", "connected"], errno.EPERM)
    assert told == {**refused, "AF_UNIX": 0}


@filters
def test_threads_that_run_already_and_programs_that_are_started_are_cut_off_too():
    code = """
import socket, subprocess, sys, threading
from assistant.jobs.worker.network import cut_network
go, found = threading.Event(), []
def dial():
    go.wait()
    try:
        socket.socket(socket.AF_INET)
    except PermissionError:
        found.append("refused")
thread = threading.Thread(target=dial)
thread.start()
assert cut_network()
go.set()
thread.join()
child = subprocess.run([sys.executable, "-c", "import socket; socket.socket(socket.AF_INET6)"], capture_output=True)
print(*found, b"PermissionError" in child.stderr)
"""
    done = run(code)
    assert done.stdout.split() == ["refused", "True"], done.stderr


@filters
@pytest.mark.parametrize(
    ("model", "asks", "cut"),
    [("", "asks", True), ("http://127.0.0.1:9/v1#m", "asks", False), ("http://127.0.0.1:9/v1#m", "", True)],
)
def test_the_command_line_is_off_the_network_unless_it_asks_a_server(tmp_path, model, asks, cut):
    code = """
import dataclasses, socket, sys
from pathlib import Path
from assistant.cli.common import engine_for
from assistant.config import Settings
settings = Settings(home=Path(sys.argv[1]), pack="demo")
chat = dataclasses.replace(settings.chat, language_model=sys.argv[2])
engine_for(dataclasses.replace(settings, chat=chat), asks=bool(sys.argv[3]))
try:
    socket.socket(socket.AF_INET).close()
    print("open")
except PermissionError:
    print("cut")
"""
    done = run(code, str(tmp_path), model, asks)
    assert done.stdout.split() == ["cut" if cut else "open"], done.stderr


@filters
def test_a_whole_analysis_needs_no_network(home):
    done = run(
        "import sys; from assistant.cli.main import main; sys.exit(main(sys.argv[1:]))",
        *("--home", str(home), "--pack", "demo", "analyze", str(SAMPLE)),
    )
    assert done.returncode == 0, done.stderr
    assert "[S1]" in done.stdout
