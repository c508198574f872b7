"""Analyses, explanations and chats compute side by side without taking the cores from one another."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT


def policy_of(program: str, **more: str) -> str:
    """What the library under torch's threads says that it was told about waiting."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "OMP_DISPLAY_ENV": "true", **more},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if "OMP_WAIT_POLICY" in line]
    if not lines:
        pytest.skip("this torch does not say how its threads wait")
    return lines[0].split("'")[1]


@pytest.mark.parametrize("module", ["models.packs", "engine", "explain", "worker.loop", "training.language"])
def test_threads_that_wait_sleep(module):
    assert policy_of(f"import assistant.{module}, torch") == "PASSIVE"


def test_who_sets_another_policy_gets_it():
    assert policy_of("import assistant.engine, torch", OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"
