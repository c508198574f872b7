"""Analyses, explanations and chats compute side by side without taking the cores from one another."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT


def turns_of(program: str, **more: str) -> int:
    """How many turns waiting threads spin, as the library under torch's threads was told."""
    environment = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "OMP_DISPLAY_ENV": "verbose", **more},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r"GOMP_SPINCOUNT\s*=\s*'(\d+)'", done.stderr)
    if found is None:
        pytest.skip("this torch does not say how its threads wait")
    return int(found[1])


@pytest.mark.parametrize("module", ["models.registry", "engine", "explain"])
def test_threads_that_wait_soon_sleep(module):
    assert turns_of(f"import assistant.{module}, torch") == 3000


@pytest.mark.parametrize(
    ("name", "value", "turns"), [("OMP_WAIT_POLICY", "PASSIVE", 0), ("GOMP_SPINCOUNT", "500", 500)]
)
def test_who_sets_another_policy_gets_it(name, value, turns):
    assert turns_of("import assistant.engine, torch", **{name: value}) == turns
