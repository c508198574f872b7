"""Files that name other files, addresses or protocols open nothing and contact nobody, through no entry."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import ROOT
from hostile_media import CANARY, write_hostile

PROGRAM = ROOT / "tests/hostile_media.py"
FEWEST_FILES = 60
CALLS = "trace=open,openat,openat2,creat,socket,connect,bind,sendto,sendmsg,execve"


@dataclass
class Doorbell:
    """A server on loopback, TCP and UDP, that counts who calls."""

    tcp: socket.socket
    udp: socket.socket
    rung: list[str] = field(default_factory=list)

    def listen(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._receive, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self.tcp.accept()
                caller.close()
                self.rung.append("tcp")

    def _receive(self) -> None:
        with contextlib.suppress(OSError):
            while self.udp.recv(64):
                self.rung.append("udp")


@pytest.fixture(scope="module")
def doorbell() -> Iterator[Doorbell]:
    tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    bell = Doorbell(tcp, udp)
    bell.listen()
    yield bell
    for one in (tcp, udp):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@dataclass(frozen=True)
class Tried:
    """What became of the files, and the system calls before and after the marker (None: nobody could trace)."""

    folder: Path
    home: Path
    files: list[Path]
    told: list[dict]
    before: list[str] | None
    calls: list[str] | None


@pytest.fixture(scope="module")
def tried(tmp_path_factory, doorbell) -> Tried:
    base = tmp_path_factory.mktemp("hostile")
    folder, home, log = base / "files", base / "home", base / "trace.log"
    files = write_hostile(folder, doorbell.tcp.getsockname()[1], doorbell.udp.getsockname()[1])
    home.mkdir()
    command = [sys.executable, str(PROGRAM), str(folder), str(home)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    if traces := can_trace(base):
        command = ["strace", "-f", "--seccomp-bpf", "-s", "512", "-e", CALLS, "-o", str(log), *command]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    before = calls = None
    if traces:
        lines = log.read_text(errors="replace").splitlines()
        begin = max(number for number, line in enumerate(lines) if f"{folder}/begin" in line)
        before, calls = lines[:begin], lines[begin + 1 :]
    return Tried(folder, home, files, [json.loads(line) for line in done.stdout.splitlines()], before, calls)


def can_trace(folder: Path) -> bool:
    if shutil.which("strace") is None:
        return False
    log = folder / "try.log"
    done = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-o", str(log), "-e", CALLS, "true"], capture_output=True, check=False
    )
    return done.returncode == 0 and "openat" in log.read_text()


def test_every_file_that_names_others_is_refused_in_one_line(tried):
    assert len(tried.files) >= FEWEST_FILES
    assert {case["name"] for case in tried.told} >= {path.name for path in tried.files}
    for case in tried.told:
        for entry, line in case["told"].items():
            assert "\n" not in line, case["name"]
            if line == "opened" and Path(case["name"]).stem.endswith("-reference"):
                continue  # its samples are its own; the reference to another file is not followed
            assert "; " in line, f"{case['name']} was {line} by {entry}"
            assert CANARY not in line or case["name"].count(CANARY), case["name"]


def test_nobody_is_contacted_for_a_file(tried, doorbell):
    assert tried.told
    assert doorbell.rung == []


def test_nothing_but_the_file_itself_is_opened(tried):
    if tried.calls is None or tried.before is None:
        pytest.skip("strace is not at hand or may not trace here")
    own = {str(path) for path in tried.files}
    opened, network = [], []
    for line in tried.calls:
        if re.search(r"\b(socket|connect|sendto|sendmsg|bind)\(", line):
            network.append(line)
        if (call := re.search(r"\b(openat2?|open|creat)\((?:AT_FDCWD|\d+)?,? ?\"((?:[^\"\\]|\\.)*)\"", line)) is None:
            continue
        path = call.group(2).encode().decode("unicode_escape").encode("latin-1").decode(errors="replace")
        if path not in own and not path.startswith((str(tried.home), "/proc/", "/sys/", "/dev/")):
            opened.append(line)
    assert any(CANARY in line for line in tried.before), "the trace does not see what an unguarded open does"
    seen = {path for path in own if any(path in line for line in tried.calls)}
    assert len(seen) >= FEWEST_FILES
    assert opened == []
    assert network == []
