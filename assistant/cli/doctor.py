"""``doctor``: what this machine has, and what will be slow or missing."""

from __future__ import annotations

import argparse

from assistant.cli.common import Commands, Stop, command
from assistant.config import Settings


def add(commands: Commands) -> None:
    command(commands, "doctor", run, "what this machine has and what will be slow or missing")


def run(options: argparse.Namespace, settings: Settings, stop: Stop) -> int:
    from assistant.evaluation.doctor import examine

    for finding in examine(settings):
        print(finding)
    return 0
