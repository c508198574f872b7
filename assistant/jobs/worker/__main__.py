"""Serve the parent on the other end of standard input."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from collections.abc import Callable

from assistant.config import Settings
from assistant.core import documents
from assistant.jobs.worker.limits import WorkerLimits, apply_limits, stand_back
from assistant.jobs.worker.loop import Channel, Worker
from assistant.jobs.worker.network import cut_network
from assistant.jobs.worker.target import Target


def _load(name: str) -> Callable[[Settings], Target]:
    module, _, attribute = name.partition(":")
    target: Callable[[Settings], Target] = getattr(importlib.import_module(module), attribute)
    return target


def main() -> None:
    """Serve the parent on the other end of standard input; does not return."""
    os.umask(0o077)  # all that a worker writes is the library's, and a copy for browsers is written by FFmpeg itself
    # What libraries print must not land among the events: they get standard error as their standard output.
    channel = Channel(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    commands = (json.loads(line) for line in sys.stdin.buffer)
    first = next(commands, None)
    if first is None:
        return
    limits = WorkerLimits(**first["limits"])
    apply_limits(limits)
    stand_back()
    # Nothing that a worker does needs it: models are fetched, and servers asked, by other processes.
    if not cut_network():
        logging.getLogger(__name__).warning(
            "this system cannot refuse the analysis the network; it does not use it, but nothing holds it to that"
        )
    settings = documents.load(Settings, first["settings"])
    Worker(channel, lambda: _load(first["target"])(settings), limits).serve(commands)


if __name__ == "__main__":
    main()
