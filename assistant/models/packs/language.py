"""Which language model suits this machine: by its memory, and by how fast it reads a prompt here.

Reading a prompt is arithmetic, every weight once a token; how much of it a machine does in a second is measured on two
layers of random weights as wide as those of the smallest model, in the chunks in which `transformers_chat` reads, and
kept beside the packs for the machine that it was measured on.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.config import ROOT, ComputeSettings
from assistant.core.files import replaced
from assistant.models.runtime import device as devices
from assistant.models.runtime.device import Machine

logger = logging.getLogger(__name__)

GIB = 1024**3
USUAL_PROMPT_TOKENS = 1750  # the rules, the evidence of some minutes of video, and a question
FIRST_WORD_SECONDS = 5.0
_FILE = "machine.json"
_CHUNK_TOKENS, _BEFORE_TOKENS = 256, 768  # half of a usual prompt is in the cache, on the average
_TRIALS = 3


@dataclass(frozen=True, slots=True)
class Size:
    """A language model that is offered.

    Args:
        parameters: without those of the embedding, which is looked up and not multiplied.
        accelerator_gib, memory_gib: what it needs: weights in bfloat16 and room for the conversation. On a CPU each
            word waits for every weight to be read, so that more than 1.7 billion is no pleasure, however fast it reads.
    """

    source: str
    download_bytes: int
    parameters: float
    accelerator_gib: float
    memory_gib: float


# Largest first; parameters as the model cards give them.
SIZES: Sequence[Size] = (
    Size("Qwen/Qwen3-8B", 16_382_000_000, 6.95e9, 24, float("inf")),
    Size("Qwen/Qwen3-4B-Instruct-2507", 8_045_000_000, 3.6e9, 12, float("inf")),
    Size("Qwen/Qwen3-1.7B", 4_063_000_000, 1.4e9, 6, 15),
    Size("Qwen/Qwen3-0.6B", 1_503_000_000, 0.44e9, 0, 0),
)


def choose(machine: Machine) -> Size:
    """The largest model that fits the memory and begins to answer in time; the smallest where none does."""
    return next((size for size in SIZES if _fits(size, machine) and _is_quick(size, machine)), SIZES[-1])


def reason(machine: Machine) -> str:
    """Why `choose` takes this one, in a sentence."""
    size = choose(machine)
    larger = next((one for one in reversed(SIZES) if one.parameters > size.parameters), None)
    name = size.source.rpartition("/")[2]
    if not machine.reading_rate:
        return f"{name}, by memory alone: how fast a prompt is read here was not measured yet"
    told = (
        f"{name} begins to answer a usual question ({USUAL_PROMPT_TOKENS:,} tokens) after about {_told(size, machine)}"
    )
    if not _is_quick(size, machine):
        return f"{told}; that is more than {FIRST_WORD_SECONDS:g} s, and it is the smallest that is offered"
    if larger is None:
        return f"{told}, and is the largest that is offered"
    why = f"would take {_told(larger, machine)}" if _fits(larger, machine) else "does not fit the memory"
    return f"{told}; {larger.source.rpartition('/')[2]} {why}"


def first_word_seconds(parameters: float, rate: float) -> float:
    """How long a model takes before its first word to a usual question that it has read nothing of."""
    return 2 * parameters * USUAL_PROMPT_TOKENS / rate


def parameters_of(source: str, weights_bytes: int) -> float:
    """About how many weights a model multiplies with; those that are not offered are taken to be in half precision."""
    return next((size.parameters for size in SIZES if size.source == source), weights_bytes / 2)


def _fits(size: Size, machine: Machine) -> bool:
    if machine.has_accelerator:
        return machine.video_memory_bytes >= size.accelerator_gib * GIB
    return machine.memory_bytes >= size.memory_gib * GIB


def _is_quick(size: Size, machine: Machine) -> bool:
    rate = machine.reading_rate
    return not rate or first_word_seconds(size.parameters, rate) <= FIRST_WORD_SECONDS


def _told(size: Size, machine: Machine) -> str:
    seconds = first_word_seconds(size.parameters, machine.reading_rate)
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def stored_rate(home: Path, compute: ComputeSettings) -> float:
    """Operations a second in reading a prompt, as they were measured on this machine before; 0 where they were not."""
    try:
        document = json.loads((home / "packs" / _FILE).read_text(encoding="utf-8"))
        rate = float(document["reading_rate"]) if document["machine"] == _machine(compute) else 0.0
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return 0.0
    return rate if 1e6 < rate < 1e18 else 0.0


def measured_rate(home: Path, compute: ComputeSettings) -> float:
    """`stored_rate`, measured now where it was not, in some seconds, by a process of its own; 0 where it is busy."""
    if (rate := stored_rate(home, compute)) or is_busy():
        return rate
    given = json.dumps([compute.device, compute.precision, compute.threads])
    done = subprocess.run(
        [sys.executable, "-m", "assistant.models.packs.language", given],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    try:
        rate = float(done.stdout.split()[-1])
    except (ValueError, IndexError):
        logger.warning("the speed of this machine could not be measured: %s", done.stderr.strip()[-200:])
        return 0.0
    path = home / "packs" / _FILE
    with suppress(OSError):  # it is measured again where it cannot be kept
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as part:
            part.write_text(json.dumps({"machine": _machine(compute), "reading_rate": rate}) + "\n", encoding="utf-8")
    return rate


def is_busy() -> bool:
    """Whether others compute on this machine, so that what is measured now would say little about it."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5 * devices.available_cores() + 0.5


def _machine(compute: ComputeSettings) -> dict[str, Any]:
    """What the speed hangs on; a library may be carried to another machine."""
    processor = platform.processor()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), processor)
    found = devices.machine(compute)
    return {
        "processor": processor,
        "cores": found.cores,
        "video_memory_bytes": found.video_memory_bytes,
        "device": compute.device,
        "precision": compute.precision,
        "torch": importlib.metadata.version("torch"),
    }


def measure(compute: ComputeSettings) -> float:
    """Operations a second that two random layers do on this machine while they read a chunk in mid-prompt."""
    import torch
    from transformers import DynamicCache, Qwen3Config, Qwen3Model

    if compute.threads:
        torch.set_num_threads(compute.threads)
    device = devices.choose_device(compute.device)
    precision = devices.choose_precision(compute.precision, device, SIZES[-1].download_bytes)
    config = Qwen3Config(
        hidden_size=1024,
        num_hidden_layers=2,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        intermediate_size=3072,
        vocab_size=1024,
    )
    model = Qwen3Model(config).to(device=device, dtype=getattr(torch, precision)).eval()
    weights = sum(p.numel() for name, p in model.named_parameters() if "embed" not in name)
    tokens = torch.zeros((1, _BEFORE_TOKENS + _CHUNK_TOKENS), dtype=torch.long, device=device)
    spent = []
    with torch.inference_mode():
        for _ in range(_TRIALS + 1):
            cache = DynamicCache(config=config)
            model(input_ids=tokens[:, :_BEFORE_TOKENS], past_key_values=cache, use_cache=True)
            if device == "cuda":
                torch.cuda.synchronize()
            started = time.perf_counter()
            done = model(input_ids=tokens[:, _BEFORE_TOKENS:], past_key_values=cache, use_cache=True)
            float(done.last_hidden_state[0, -1, 0])  # waits for the device
            spent.append(time.perf_counter() - started)
    return 2.0 * weights * _CHUNK_TOKENS / min(spent[1:])


if __name__ == "__main__":
    device, precision, threads = json.loads(sys.argv[1])
    print(measure(ComputeSettings(device=device, precision=precision, threads=threads)))  # noqa: T201
