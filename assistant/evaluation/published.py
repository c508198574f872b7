"""Whether the weights on this machine do what their publishers' did, and what the approximations change on them.

The values are those of the conversion of V-JEPA 2's hub checkpoints: one clip of Kinetics, `CLIP`, from whose first 128
frames every 128/n-th is taken. None of these label sets knows bowling: that the label is wrong is part of the value.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.config import DEMO_FOLDER, Settings
from assistant.core.files import sha256_of
from assistant.core.timeline import Span, Timeline
from assistant.errors import InputUnusable
from assistant.media import video as media
from assistant.media.sampling import Clip, sample_times
from assistant.models.packs import checkpoints
from assistant.models.packs.catalog import WHISPER, Kind, Pack
from assistant.models.packs.packages import SOURCES
from assistant.models.packs.verify import MANIFEST
from assistant.models.protocols import ActionRecognizer, Recognition
from assistant.models.registry import Models, backend, resolve
from assistant.models.runtime import device as devices

Report = Callable[[str], object]

CLIP = "-WH-lxmGJVY_000005_000015.mp4"
SAMPLE = DEMO_FOLDER / "sample.mp4"
_FRAMES = 128
_WITHIN = 0.005  # of a probability; the values have five digits, and decoders differ in the last bit of a pixel
_MOST_WINDOWS = 12


@dataclass(frozen=True, slots=True)
class Value:
    """The best label of a checkpoint on `CLIP`, and its probability."""

    label: int
    probability: float


VALUES: Mapping[str, Value] = {
    "facebook/vjepa2-vitl-fpc16-256-ssv2": Value(145, 0.30867),
    "facebook/vjepa2-vitg-fpc64-384-ssv2": Value(112, 0.26408),
    "facebook/vjepa2-vitl-fpc32-256-diving48": Value(35, 0.32875),
    "facebook/vjepa2-vitg-fpc32-384-diving48": Value(22, 0.35351),
}


def compare(settings: Settings, report: Report, kinds: Collection[Kind] = (), video: Path | None = None) -> bool:
    """Tell, for each kind that is here, whether it is equal to what was published, and what approximations change.

    Args:
        kinds: which of them; all where empty.
        video: whose windows the approximations are tried on, or the clip of the values; the sample where None.

    Returns:
        Whether nothing was unequal; what could not be compared is not unequal.

    Raises:
        InputUnusable: no such video.
        ModelUnavailable: weights are missing or damaged.
    """
    if video is not None and not video.is_file():
        raise InputUnusable(f"there is no file {video}", "name a video")
    pack = resolve(settings)
    equal = True
    for part in pack.parts:
        path = pack.location(part.kind)
        if path is None or (kinds and part.kind not in kinds):
            continue
        source = source_of(pack, part.kind, path)
        found = _actions_equal(source, path, settings, video) if part.kind == "actions" else _files_equal(source, path)
        report(f"{part.kind}, {source or path}: {found}")
        equal = equal and not found.startswith("NOT EQUAL")
    if not kinds or "actions" in kinds:
        for line in recogniser_changes(Models(pack, settings).location("actions"), settings, video or SAMPLE):
            report(f"actions, {line}")
    if not kinds:
        report(f"saving, {saving_changes(settings, video or SAMPLE)}")
    return equal


def source_of(pack: Pack, kind: Kind, path: Path) -> str:
    """The repository or file that these weights are of, as far as the manifest or the cache of the hub says."""
    sources = checkpoints.optional_json(path.parent / MANIFEST).get("sources")
    told = sources.get(kind) if isinstance(sources, dict) else None
    if isinstance(told, dict) and isinstance(told.get("source"), str):
        return str(told["source"])
    part = pack.part(kind)
    named = checkpoints.display_name(path, path)
    known = (part.source, *part.also) if part is not None else ()
    return named if named in VALUES or named in known or named in SOURCES else ""


def _files_equal(source: str, path: Path) -> str:
    """Whether the files are those whose hashes are known."""
    if path.is_file() and source.startswith(WHISPER):
        import whisper

        expected = whisper._MODELS[source.removeprefix(WHISPER)].split("/")[-2]
        return "equal to OpenAI's file" if sha256_of(path) == expected else "NOT EQUAL to OpenAI's file"
    known = SOURCES.get(source)
    if known is None or known.parts_of_whisper or not path.is_dir():
        return "not compared: no published value is known here"
    differ = [n for n, m in known.members.items() if not (path / n).is_file() or sha256_of(path / n) != m.sha256]
    return (
        f"NOT EQUAL to what was published: {', '.join(differ)}" if differ else "equal to the files that were published"
    )


def _actions_equal(source: str, path: Path, settings: Settings, video: Path | None) -> str:
    value = VALUES.get(source)
    if value is None:
        return "not compared: no published value is known here"
    if video is None or video.name != CLIP:
        return f"not compared: name the clip of Kinetics that the value is of, --video {CLIP}"
    label, probability, published = measured(path, settings, video, value.label)
    told = f"label {label} with {probability:.5f}, published {value.label} with {value.probability:.5f}"
    same = label == value.label and abs(published - value.probability) < _WITHIN
    return f"equal ({told})" if same else f"NOT EQUAL ({told})"


def measured(path: Path, settings: Settings, video: Path, wanted: int) -> tuple[int, float, float]:
    """The best label of a recogniser on the clip of the values, its probability, and that of the label ``wanted``."""
    probed = media.probe(video, settings.limits)
    model = backend("actions", path)(path, settings.compute.device, "float32")
    step = _FRAMES // model.spec.num_frames
    times = [(index + 0.5) / probed.frame_rate for index in range(0, _FRAMES, step)]
    clip = media.clip_at(video, probed, times, min(probed.width, probed.height))
    (found,) = model.recognize([[clip]])
    best = int(found.probabilities.argmax())
    return best, float(found.probabilities[best]), float(found.probabilities[wanted])


def recogniser_changes(path: Path, settings: Settings, video: Path) -> list[str]:
    """What half precision or integers, and the reuse of tokens, change on windows of a video, against float32."""
    probed = media.probe(video, settings.limits)
    compute = settings.compute
    exact = backend("actions", path)(path, compute.device, "float32")
    count = max(1, min(_MOST_WINDOWS, int(probed.duration_seconds / exact.spec.seconds)))
    length = min(exact.spec.seconds, probed.duration_seconds)
    starts = [index * (probed.duration_seconds - length) / max(1, count - 1) for index in range(count)]
    spans = [Span(start, start + length) for start in starts]
    clips = [[_clip(video, probed, span, exact)] for span in spans]
    truth = np.stack([one.probabilities for one in exact.recognize(clips)])
    told = [_told("the reuse of tokens", exact.recognize(clips, save_work=True), truth)]
    precision = devices.choose_precision(compute.precision, exact.device, checkpoints.weights_bytes(path))
    if devices.uses_integers(compute.precision, exact.device, checkpoints.weights_bytes(path)):
        precision = "int8"
    del exact
    if precision == "float32":
        return [*told, "nothing else is approximated: these weights compute in float32 here"]
    return [*told, _told(precision, backend("actions", path)(path, compute.device, precision).recognize(clips), truth)]


def _clip(path: Path, video: media.Video, span: Span, model: ActionRecognizer) -> Clip:
    return media.clip_at(path, video, sample_times(span, model.spec.num_frames), model.frame_size)


def _told(name: str, found: Sequence[Recognition], truth: NDArray[np.float32]) -> str:
    other = np.stack([one.probabilities for one in found])
    changed = int((other.argmax(1) != truth.argmax(1)).sum())
    most = float(np.abs(other - truth).max())
    return (
        f"{name}: the best label of {changed} of {len(truth)} windows changes, no probability by more than {most:.4f}"
    )


def saving_changes(settings: Settings, video: Path) -> str:
    """What saving work changes in the whole timeline of a video, both made anew with the weights at hand."""
    on, off = (_timeline(settings, video, save_work) for save_work in (True, False))
    if len(on.segments) != len(off.segments):
        return f"{len(on.segments)} segments with it, {len(off.segments)} without"
    pairs = list(zip(on.segments, off.segments, strict=True))
    actions = sum(_label(a.action) != _label(b.action) for a, b in pairs)
    scenes = sum(_label(a.description) != _label(b.description) for a, b in pairs)
    words = sum(a.words != b.words for a, b in pairs)
    return f"of {len(pairs)} segments it changes the action of {actions}, the scene of {scenes}, the words of {words}"


def _label(one: object) -> str:
    return getattr(one, "label", "")


def _timeline(settings: Settings, video: Path, save_work: bool) -> Timeline:
    from assistant.engine import Assistant

    with tempfile.TemporaryDirectory() as home:
        compute = replace(settings.compute, save_work=save_work)
        engine = Assistant(replace(settings, home=Path(home), compute=compute))
        engine.pack = resolve(settings)  # as it lies in the home of the settings
        try:
            return engine.analyze(video)
        finally:
            engine.library.close()
