"""One run of this program's side, in a process of its own: ``python -m assistant.evaluation.speed.side PACK VIDEO``.

Prints one JSON object: for each video the seconds of the analysis, of each stage inside it and of the first segment,
and the most memory that the process held.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from assistant import config
from assistant.analysis.analyzer import AnalysisContext
from assistant.analysis.assembly import label_matrix
from assistant.analysis.pipeline import LEAST_FRAME_SIZE
from assistant.analysis.windows import Windows, window_plan
from assistant.core.documents import Json
from assistant.core.progress import Progress
from assistant.engine import Assistant
from assistant.evaluation.speed.forwards import ForwardClock
from assistant.media.video import probe, read


def main() -> None:
    """Run what the arguments say and print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pack")
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--no-saving", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = config.load(Path(home), options.pack, save_work=not options.no_saving)
        sys.stdout.write(json.dumps(measure(settings, options.videos)) + "\n")


def measure(settings: config.Settings, videos: list[Path]) -> Json:
    """Load the models, analyse the videos one after the other, and the first one again."""
    started = time.perf_counter()
    engine = Assistant(settings)
    engine.models.recognizer(), engine.models.image_text_encoder(), engine.models.transcriber()
    label_matrix(AnalysisContext(settings, engine.models, engine.library))
    loaded = time.perf_counter() - started
    weights = weights_bytes()
    loading_peak = most_memory_bytes()
    rest = now_memory_bytes()
    forget_most_memory()
    results = [_analyze(engine, video) for video in videos]
    peak = most_memory_bytes()
    started = time.perf_counter()
    engine.analyze(videos[0])
    again = time.perf_counter() - started
    for video, result in zip(videos, results, strict=True):
        result["decode_alone"] = _decode_alone(engine, video)
    return {
        "stages": {"load": loaded},
        "videos": results,
        "again": again,
        "precision": getattr(engine.models.recognizer(), "precision", ""),
        "memory": {"weights": weights, "loaded": rest, "peak": max(loading_peak, peak), "peak_of_analysis": peak},
    }


def _analyze(engine: Assistant, video: Path) -> Json:
    first: list[float] = []

    def progress(now: Progress) -> None:
        if now.segment is not None and not first:
            first.append(time.perf_counter() - started)

    with ForwardClock().running() as clock:
        started = time.perf_counter()
        timeline = engine.analyze(video, progress=progress)
        total = time.perf_counter() - started
    return {
        "video": video.name,
        "duration": timeline.video.duration_seconds,
        "width": timeline.video.width,
        "height": timeline.video.height,
        "total": total,
        "first_segment": first[0] if first else total,
        "forwards": dict(clock.seconds),
        "forward_calls": dict(clock.calls),
        "segments": len(timeline.segments),
        "provenance": timeline.to_json()["provenance"],
        "actions": [segment.action.label if segment.action else "" for segment in timeline.segments],
    }


def _decode_alone(engine: Assistant, video: Path) -> float:
    """Seconds of the same pass over the file with nobody looking or listening."""
    probed = probe(video, engine.settings.limits)
    if not probed.has_picture:
        return 0.0
    plan = window_plan(engine.settings, engine.models.clip_spec())
    models = engine.models
    size = max(LEAST_FRAME_SIZE, models.recognizer().frame_size, models.image_text_encoder().frame_size)
    started = time.perf_counter()
    stream = read(video, probed, frame_size=size, frame_rate=plan.frame_rate)
    for _ in Windows(plan, probed.duration_seconds).of(stream, lambda _: None):
        pass
    return time.perf_counter() - started


def weights_bytes() -> int:
    """The bytes of every parameter and buffer that the process holds, each storage once."""
    import torch

    seen: dict[int, int] = {}
    # The type itself is asked: some objects of the process warn or act when anything else of them is touched.
    modules = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.nn.Module)]
    for module in modules:
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            if tensor.layout == torch.strided:
                storage = tensor.untyped_storage()
                seen[storage.data_ptr()] = storage.nbytes()
            else:  # packed for the processor's own multiplication, and not shared
                seen[id(tensor)] = tensor.numel() * tensor.element_size()
    return sum(seen.values())


def now_memory_bytes() -> int:
    """The resident memory of this process, 0 where the system does not say."""
    return _status("VmRSS")


def most_memory_bytes() -> int:
    """The most resident memory of this process since it began or since `forget_most_memory`."""
    return _status("VmHWM")


def forget_most_memory() -> None:
    """Begin a new peak, on Linux."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> int:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import os
    import platform

    import torch

    from assistant.models.runtime.device import available_cores, computes_bfloat16, memory_bytes

    model = platform.processor()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return {
        "processor": model,
        "cores": available_cores(),
        "memory": memory_bytes(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "bfloat16": computes_bfloat16("cpu"),
        "accelerator": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "",
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
