"""The main job works where there is no network at all, and does not even try to reach one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE

# One process, so that the models are loaded once: the same commands as a person would give.
PROGRAM = """
import errno, socket, sys
from assistant.cli.main import main
home, sample = sys.argv[1:]
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    assert error.errno == errno.ENETUNREACH, error
else:
    sys.exit("this is no empty network namespace")
common = ["--home", home, "--pack", "demo"]
for name, command in {
    "analyze": ["analyze", sample],
    "ask": ["ask", sample, "What happens first?"],
    "explain": ["explain", sample, "--segment", "1"],
}.items():
    code = main([*common, *command, "--json", f"{home}/{name}.json"])
    if code:
        sys.exit(f"{name} ended with {code}")
"""
NAMESPACES = (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"])


def empty_namespace() -> list[str] | None:
    """The command that runs another one without any network, or None."""
    if shutil.which("unshare") is None:
        return None
    for command in NAMESPACES:
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return list(command)
    return None


def strace(log: Path) -> list[str]:
    """The command that writes down every call to the network, or nothing where it cannot."""
    command = ["strace", "-f", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log)]
    if shutil.which("strace") is None:
        return []
    return command if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0 else []


def test_analysing_asking_and_explaining_work_without_any_network(tmp_path):
    inside = empty_namespace()
    if inside is None:
        pytest.skip("no empty network namespace can be made here")
    log, home = tmp_path / "trace.log", tmp_path / "home"
    home.mkdir()
    traced = strace(log)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    done = subprocess.run(
        [*inside, *traced, sys.executable, "-c", PROGRAM, str(home), str(SAMPLE)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    timeline, answer, explanation = (
        json.loads((home / f"{name}.json").read_text()) for name in ("analyze", "ask", "explain")
    )
    assert timeline["segments"]
    assert answer["found"]
    assert explanation["temporal"]
    if traced:
        lines = log.read_text(errors="replace").splitlines()
        attempts = [line for line in lines if re.search(r"(connect|send\w*)\(", line) and "AF_INET" in line]
        # The one that the program makes on purpose shows that the trace would see any other.
        assert len(attempts) == 1, attempts
        assert "192.0.2.1" in attempts[0]
