"""What a worker may use of the machine, and how it is held to it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from assistant.config import Settings
from assistant.models.runtime.device import memory_bytes


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What the process may use. 0: no limit of ours."""

    resident_bytes: int = 0
    address_bytes: int = 0
    file_bytes: int = 0
    open_files: int = 1024


def limits_of(settings: Settings) -> WorkerLimits:
    """What a worker may use on this machine: most of its memory, and files not much larger than a video may be."""
    memory = settings.compute.memory_bytes or int(0.9 * memory_bytes())
    # An accelerator's driver reserves address space far beyond any memory, so only what is resident can be limited.
    accelerated = Path("/dev/nvidiactl").exists() or sys.platform == "darwin"
    return WorkerLimits(
        resident_bytes=memory,
        address_bytes=0 if accelerated else 2 * memory + 32 * 1024**3,
        file_bytes=2 * settings.limits.max_bytes,
    )


def resident_bytes() -> int:
    """How much memory this process holds now (on other systems than Linux: held at most so far)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def apply_limits(limits: WorkerLimits) -> None:
    """Let the kernel refuse this process, which decodes strangers' files, what a bomb would ask for."""
    try:
        import resource
    except ImportError:  # not on this system: the parent's watch remains
        return
    wanted = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, limits.open_files)]
    if limits.file_bytes:
        wanted.append((resource.RLIMIT_FSIZE, limits.file_bytes))
    if limits.address_bytes:
        wanted.append((resource.RLIMIT_AS, limits.address_bytes))
    for kind, value in wanted:
        _, hard = resource.getrlimit(kind)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def stand_back() -> None:
    """End with the parent, and let people who chat go first."""
    _die_with_parent()
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends, even where native code never lets go of the interpreter."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG, linux/prctl.h
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
