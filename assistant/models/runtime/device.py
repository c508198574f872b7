"""Where models compute and in which precision: decided once, from the settings and from what the machine has."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from assistant.config import ComputeSettings
from assistant.errors import InputUnusable, ModelFailed

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")
# Below this a model is so quick in float32 that half precision only costs exactness.
SMALL_WEIGHTS_BYTES = 200 * 1024**2


@dataclass(frozen=True, slots=True)
class Machine:
    """What is at hand, without asking torch: memory and cores. ``video_memory_bytes`` is 0 without a CUDA device.

    ``reading_rate``: operations a second in reading a prompt, 0 where that was never measured here.
    """

    memory_bytes: int
    cores: int
    video_memory_bytes: int = 0
    reading_rate: float = 0.0

    @property
    def has_accelerator(self) -> bool:
        return self.video_memory_bytes > 0


def machine(compute: ComputeSettings) -> Machine:
    """This machine, within the limits of the settings and of the container it runs in."""
    memory = memory_bytes()
    if compute.memory_bytes:
        memory = min(memory, compute.memory_bytes)
    cores = compute.threads or available_cores()
    return Machine(memory, cores, 0 if compute.device == "cpu" else video_memory_bytes())


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """The memory of the machine, or of the container where that is less."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        total = 8 * 1024**3  # a modest guess where the system does not say
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def video_memory_bytes() -> int:
    """The memory of the first CUDA device, 0 without one; torch is asked only where a driver is there at all."""
    if sys.platform != "win32" and not any(Path(p).exists() for p in ("/dev/nvidia0", "/dev/dxg", "/dev/kfd")):
        return 0
    import torch

    return int(torch.cuda.get_device_properties(0).total_memory) if torch.cuda.is_available() else 0


def choose_device(name: str) -> str:
    """``cpu``, ``cuda`` or ``mps`` for the name that the settings give.

    Raises:
        InputUnusable: an unknown name, or a device that this machine does not have.
    """
    import torch

    if name not in DEVICES:
        raise InputUnusable(f"there is no device called {name!r}", f"set it to one of {', '.join(DEVICES)}")
    has_cuda = torch.cuda.is_available()
    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if has_cuda else "mps" if has_mps else "cpu"
    if (name == "cuda" and not has_cuda) or (name == "mps" and not has_mps):
        raise InputUnusable(f"this machine has no {name} device that torch can use", "set the device to auto or cpu")
    return name


def choose_precision(name: str, device: str, weights_bytes: int) -> str:
    """The dtype's name in torch: half precision where the hardware computes in it and the model is worth it.

    ``int8`` is not a dtype of whole models: it is as ``auto`` here, and the recogniser asks `uses_integers` besides.

    Raises:
        InputUnusable: an unknown name.
    """
    if name not in PRECISIONS:
        raise InputUnusable(f"there is no precision called {name!r}", f"set it to one of {', '.join(PRECISIONS)}")
    if name not in ("auto", "int8"):
        return name
    if weights_bytes < SMALL_WEIGHTS_BYTES or device == "mps":
        return "float32"
    return "bfloat16" if computes_bfloat16(device) else "float16" if device == "cuda" else "float32"


def computes_bfloat16(device: str) -> bool:
    """Whether bfloat16 is faster than float32 here: measured 11.5 s against 6.9 s for V-JEPA 2 ViT-L on AVX512-BF16."""
    import torch

    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu" or platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    asks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(ask() for ask in asks if ask is not None)


def uses_integers(name: str, device: str, weights_bytes: int) -> bool:
    """Whether a large model's linear layers should try 8-bit integers: asked for, or ``auto`` and it is worth it.

    Only where the processor adds products of bytes in one step (VNNI), twice as fast as it multiplies bfloat16: older
    ones add pairs in 16 bits first, which overflow.
    """
    import torch

    if name not in ("auto", "int8") or not computes_bfloat16(device) or device != "cpu":
        return False
    ask = getattr(torch.cpu, "_is_vnni_supported", None)
    multiplies = bool(ask is not None and ask()) and hasattr(torch.ops.onednn, "qlinear_pointwise")
    return multiplies and (name == "int8" or weights_bytes >= SMALL_WEIGHTS_BYTES)


def give_memory_back() -> None:
    """Let the system have what was freed, where the C library would keep it (glibc does: 500 MB after loading)."""
    with suppress(OSError, AttributeError, TypeError):  # another C library, or none that can be asked
        ctypes.CDLL(None).malloc_trim(0)


def multiplication_rate(device: str, precision: str, seconds: float = 0.3) -> float:
    """Operations a second (a multiplication and an addition are two) of a large matrix product, measured now."""
    import torch

    matrix = torch.randn(1024, 1024, device=device).to(getattr(torch, precision))
    count, spent = 0, 0.0
    started = time.perf_counter()
    while spent < seconds:
        product = matrix @ matrix
        float(product[0, 0])  # waits for the device
        count += 1
        spent = time.perf_counter() - started
    return count * 2 * 1024**3 / spent


@contextmanager
def enough_memory(name: str, device: str) -> Iterator[None]:
    """What the model ``name`` computes on this device; wanting memory is told as a sentence.

    Raises:
        ModelFailed: out of memory.
    """
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        what = f"{name} ran out of memory on {device}"
        raise ModelFailed(what, "set the device to cpu, or close other programs") from error
