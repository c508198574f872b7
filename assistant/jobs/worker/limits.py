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

# What a job may compute, in seconds of one core. Before the length is known: loading the models, hashing a large file.
OPENING_CPU_SECONDS = 2 * 3600.0
# For each second of video: for decoding, shots, voice, sound or a copy for browsers, and for the square of the models'
# gigabytes, since larger models also read longer clips of more pixels. ViT-L with CLIP and Whisper base has 2.3 GB and
# takes about 2.5 (docs/performance.md) where 850 are allowed; ViT-g has 4.5 GB and, by its operations in float32 on a
# plain processor, some hundreds, where 3,000 are.
_CPU_SECONDS_A_SECOND, _CPU_SECONDS_A_SQUARE_GIGABYTE = 60.0, 150.0
# What an explanation looks at is one segment, some hundred times over.
_EXPLAINED_AS_SECONDS = 300.0


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
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (least, least))  # hard too: what a file makes the process do cannot raise it again


def cpu_seconds(kind: str, video_seconds: float, weights_bytes: int) -> float:
    """What a job of this kind may compute, generously, in seconds of one core."""
    rate = _CPU_SECONDS_A_SECOND + _CPU_SECONDS_A_SQUARE_GIGABYTE * (weights_bytes / 1e9) ** 2
    seconds = _EXPLAINED_AS_SECONDS if kind == "explain" else video_seconds
    return OPENING_CPU_SECONDS + rate * seconds


def allow_cpu(seconds: float, since: float = 0.0) -> None:
    """Let the kernel end this process once it has computed so much more; the limit before is forgotten.

    The signal ends it even in native code that never comes back. The soft limit alone is set, since a process serves
    many jobs and the next one gets its own.

    Args:
        seconds: of one core, of all threads together.
        since: what the process had used when the job began, as `cpu_used` gave it.
    """
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = max(1, int((since or cpu_used()) + seconds))
    with contextlib.suppress(ValueError, OSError, OverflowError):
        resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def cpu_used() -> float:
    """How much this process has computed since its start, in seconds of one core."""
    used = os.times()
    return used.user + used.system


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
