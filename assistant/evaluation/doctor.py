"""What this machine has, and what will be slow or missing: one finding a line, each with its remedy."""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from assistant.config import EMBEDDER_FOLDER, ROOT, VERIFIER_FOLDER, ComputeSettings, Settings
from assistant.errors import AssistantError
from assistant.models import registry as packs
from assistant.models.chat import servers
from assistant.models.packs import checkpoints, language
from assistant.models.packs.catalog import GIB, KINDS, PACKS, WITNESSES, Kind, Pack, is_read
from assistant.models.registry import Models, embedder, entailment_model
from assistant.models.runtime import device as devices

Severity = Literal["good", "note", "warning", "problem"]
_MARKS = {"good": "ok     ", "note": "note   ", "warning": "warning", "problem": "PROBLEM"}
_LEAST_PYTHON = (3, 11)
_LEAST_FREE_BYTES = 2 * GIB


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about this machine. ``problem``: something does not work; ``warning``: slow, or soon a problem."""

    severity: Severity
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{_MARKS[self.severity]} {self.what}{f'; {self.remedy}' if self.remedy else ''}"


def examine(settings: Settings) -> list[Finding]:
    """Everything worth knowing before a long analysis; takes a few seconds.

    Connects to nothing but the usual ports of language model servers on this machine, and the server of the settings.
    """
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _python,
        _torch,
        _hardware,
        _video,
        _library,
        _network,
        _world,
        _packs,
        _servers,
        _speed,
    )
    findings: list[Finding] = []
    for check in checks:
        try:
            findings.extend(check(settings))
        except AssistantError as error:
            findings.append(Finding("problem", error.what, error.remedy))
        except Exception as error:  # one broken part of a machine must not hide what the others have to say
            findings.append(Finding("problem", f"{check.__name__.strip('_')}: {type(error).__name__}: {error}"))
    return findings


def _python(_: Settings) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < _LEAST_PYTHON:
        yield Finding("problem", f"Python {version}", "use Python 3.11 or newer")
    else:
        yield Finding("good", f"Python {version} on {sys.platform}")


def _torch(settings: Settings) -> Iterator[Finding]:
    versions = {}
    for name in ("torch", "torchvision", "transformers", "open_clip_torch", "openai-whisper", "silero-vad"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("problem", f"the package {name} is not installed", "run make run, which installs it")
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError) as error:
        # A torchvision built for another torch fails at import: "operator torchvision::nms does not exist".
        yield Finding(
            "problem",
            f"torchvision {versions.get('torchvision')} does not fit torch {versions.get('torch')} ({error})",
            "install both as requirements.txt names them",
        )
    else:
        yield Finding("good", ", ".join(f"{name} {version}" for name, version in versions.items()))
    device = devices.choose_device(settings.compute.device)
    half = "bfloat16 in hardware" if devices.computes_bfloat16(device) else "no bfloat16, so float32 or float16"
    yield Finding("good" if device != "cpu" else "note", f"models compute on {device} ({half})")


def _hardware(settings: Settings) -> Iterator[Finding]:
    found = devices.machine(settings.compute)
    memory = f"{found.cores} cores, {found.memory_bytes / GIB:.1f} GiB memory"
    if found.has_accelerator:
        memory += f", {found.video_memory_bytes / GIB:.1f} GiB on the accelerator"
    if found.memory_bytes < 4 * GIB:
        yield Finding("warning", memory, "close other programs; the demo pack needs about 2 GiB, the standard one 6")
    elif found.memory_bytes < 8 * GIB:
        yield Finding("note", memory, "enough for the demo pack; the standard one without a language model fits")
    else:
        yield Finding("good", memory)
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    what = f"{free / GIB:.1f} GiB free where the library is ({settings.home})"
    yield Finding("good", what) if free >= _LEAST_FREE_BYTES else Finding("warning", what, "make room")


def _video(_: Settings) -> Iterator[Finding]:
    import av
    from av.codec import Codec

    missing = []
    for name, mode in (("h264", "r"), ("hevc", "r"), ("vp9", "r"), ("libx264", "w"), ("aac", "w")):
        try:
            Codec(name, mode)  # type: ignore[arg-type]
        except av.codec.codec.UnknownCodecError:
            missing.append(name)
    if missing:
        yield Finding("warning", f"PyAV {av.__version__} lacks {', '.join(missing)}", "install PyAV's own wheel")
    else:
        ffmpeg = ".".join(str(part) for part in av.library_versions["libavcodec"])
        yield Finding("good", f"PyAV {av.__version__} reads H.264, HEVC, VP9 and writes H.264 (libavcodec {ffmpeg})")


def _library(settings: Settings) -> Iterator[Finding]:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        yield Finding(
            "problem", f"the library {settings.home} cannot be written ({error.strerror})", "choose another --home"
        )
    else:
        yield Finding("good", f"the library {settings.home} can be written")
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE VIRTUAL TABLE found USING fts5(words)")
    except sqlite3.OperationalError:
        yield Finding(
            "problem", f"SQLite {sqlite3.sqlite_version} has no full-text search", "use a Python whose SQLite has FTS5"
        )
    else:
        yield Finding("good", f"SQLite {sqlite3.sqlite_version} with full-text search")


def _network(_: Settings) -> Iterator[Finding]:
    # Tried in a process of its own, for there is no way back.
    code = "import sys; from assistant.jobs.worker.network import cut_network; sys.exit(not cut_network())"
    if subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0:
        yield Finding("good", "what reads videos is kept off the network")
    else:
        yield Finding(
            "note",
            "this system cannot keep what reads videos off the network: it uses none, but nothing holds it to that",
            "Linux on x86-64 or ARM can",
        )


def _world(_: Settings) -> Iterator[Finding]:
    if shutil.which("espeak-ng"):
        yield Finding("good", "espeak-ng is here, for generated videos that speak")
    else:
        yield Finding("note", "no espeak-ng: generated videos cannot speak", "install espeak-ng; analysis needs none")


def _packs(settings: Settings) -> Iterator[Finding]:
    """For each kind of model: which speaks, where it is from, how fast, and what is missing with its command."""
    pack = packs.resolve(settings)
    models = Models(pack, settings)
    yield Finding(
        "good" if "demo" not in pack.name.split("+") else "note", pack.notice or f"using the {pack.name} pack"
    )
    seconds = seconds_per_minute(pack, settings.compute)
    ships = {"entailment": (entailment_model(), VERIFIER_FOLDER), "embed": (embedder(), EMBEDDER_FOLDER)}
    for kind in KINDS:
        name, path, offer = packs.KIND_NAMES[kind], pack.location(kind), models.offer(kind)
        if kind == "language":
            yield from _language(settings, models, offer)
        elif kind in ships and path is None:
            own, folder = ships[kind]
            if own is not None:
                yield Finding("good", f"{name}: {own.name} of this project, {folder}")
        elif path is None:
            if offer:
                yield Finding("note", f"not here yet: {offer}")
        elif not is_read(kind):
            yield Finding("note", f"{name}: the files are here ({path}), and nothing reads them yet")
        else:
            model, revision = models.identity(kind)
            what = f"{name}: {model} {revision} of the {models.speaker(kind)} pack, {path}"
            if kind in seconds:
                what += f"; about {seconds[kind]:.1f} s for a minute of video (rough)"
            if models.domain(kind) is None:
                yield Finding("good", what)
            else:
                yield Finding("note", f"{what}; knows generated videos only", f"for real ones {offer}" if offer else "")


def _language(settings: Settings, models: Models, offer: str) -> Iterator[Finding]:
    """Which language model answers, after how long, and which one this machine is good for, and why."""
    rate = language.measured_rate(settings.home, settings.compute)
    named, path = settings.chat.language_model, models.pack.location("language")
    if named.startswith(("http://", "https://")):
        address = named.partition("#")[0].rstrip("/")
        if servers.listed(address) is None:
            yield Finding("warning", f"Language model: nobody answers at {address}", "start the server")
        else:
            yield Finding("good", f"Language model: {named}, which answers")
    elif named:
        yield Finding("good", f"Language model: {named}, as the settings say")
    elif path is not None:
        model = models.identity("language")[0]
        weights = language.parameters_of(model, checkpoints.weights_bytes(path))
        after = f"; first words after about {language.first_word_seconds(weights, rate):.1f} s" if rate else ""
        yield Finding("good", f"Language model: {model} of the {models.speaker('language')} pack, {path}{after}")
    else:
        yield Finding("note", f"not here yet: {offer}; until then answers are composed from the timeline")
    yield Finding("good", f"for this machine: {language.reason(packs.machine(settings))}")


def _servers(_: Settings) -> Iterator[Finding]:
    found = servers.nearby()
    for server in found:
        names = ", ".join(model.shown for model in server.models[:6])
        remedy = f"to talk with one, choose it under Models, or set ASSISTANT_LANGUAGE_MODEL={server.address}#NAME"
        yield Finding("good", f"{server.name} is at {server.address} with {names}", remedy)
    if not found:
        ports = ", ".join(f"{name} {port}" for name, port in servers.USUAL_PORTS)
        yield Finding("note", f"no server of language models on this machine's usual ports ({ports})")


def _speed(settings: Settings) -> Iterator[Finding]:
    for name in PACKS:
        pack = packs.named(settings, name)
        if all((part := pack.part(kind)) and (pack.location(kind) or part.download_bytes) for kind in WITNESSES):
            minutes = minutes_per_minute(pack, settings.compute)
            slow: Severity = "warning" if minutes > 3 else "good"
            yield Finding(slow, f"a minute of video takes about {minutes:.1f} minutes with the {name} pack (rough)")


# Decoding and finding shots in ordinary video, and voice detection, in seconds for a second of video on one core.
_DECODING = 0.05
# What the linear layers of a transformer reach of the speed of one large matrix product, and the share of time that
# attention and all else take beside them: V-JEPA 2 ViT-L spends 45 % in linear layers. With these layers in integers a
# clip takes 4.8 s instead of 6.7 s (docs/performance.md), against the same product in bfloat16.
_EFFICIENCY, _EFFICIENCY_INT8 = 0.45, 0.63


def minutes_per_minute(pack: Pack, compute: ComputeSettings) -> float:
    """How many minutes one minute of video takes, roughly: the models' arithmetic over this machine's speed.

    Each weight of the recogniser is used once a token, of CLIP once a patch of each of four frames a window, of
    Whisper's encoder once for each of 50 positions a second. Where speech is dense, decoding it comes on top.
    """
    return _DECODING + sum(seconds_per_minute(pack, compute).values()) / 60


def seconds_per_minute(pack: Pack, compute: ComputeSettings) -> dict[Kind, float]:
    """How many seconds each kind of model takes for a minute of video, roughly; see `minutes_per_minute`."""
    spec = packs.clip_spec_of(pack)
    tokens = spec.num_frames // 2 * (spec.size // 16) ** 2 / spec.seconds
    looked_at = 0.6 * 50 * 4 / spec.seconds  # the picture's tower has about six tenths of CLIP's weights, 50 patches
    used: dict[Kind, float] = {"actions": tokens, "descriptions": looked_at, "speech": 50}
    device = devices.choose_device(compute.device)
    weights = int(4 * _parameters(pack, "actions"))
    precision = devices.choose_precision(compute.precision, device, weights)
    integers = devices.uses_integers(compute.precision, device, weights)
    rate = devices.multiplication_rate(device, precision) * (_EFFICIENCY_INT8 if integers else _EFFICIENCY)
    return {kind: 60 * 2 * _parameters(pack, kind) * times / rate for kind, times in used.items()}


def _parameters(pack: Pack, kind: Kind) -> float:
    """About how many weights a model has; published ones are stored in float32."""
    path = pack.location(kind)
    if path is None:
        part = pack.part(kind)
        return part.download_bytes / 4 if part is not None else 0.0
    return (path.stat().st_size if path.is_file() else checkpoints.weights_bytes(path)) / 4
