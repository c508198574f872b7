"""A recogniser's folder: how it wants to be fed, by the small files beside its weights, and its trained classifier."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.core import documents
from assistant.errors import ModelUnavailable
from assistant.media.sampling import ClipSpec
from assistant.models.packs import checkpoints
from assistant.models.runtime import framing

SPEC_FILE = "clip_spec.json"
# The edge to which a processor may ask for frames to be scaled; the published ones ask for 292 and 438.
_MOST_PIXELS = 4_096


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a published probe was fed and when it has no fitting label.

    ``none_below`` is the best probability under which nothing is believed. Over the 174 labels of Something-Something
    v2 chance is 0.006, and the published probe gives a label that is wrong for certain (bowling, which is not among
    its labels) 0.26 to 0.31; a gate at 0.2 keeps uncertain but right labels and drops the flattest answers only, so
    it is a first sieve and no proof. See docs/packs.md.
    """

    frames_per_second: float
    none_below: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the small files of a recogniser's folder say, before any weights are read."""

    folder: Path
    config: Mapping[str, Any]
    spec: ClipSpec
    framing: framing.Framing
    none_below: float


def read_checkpoint(
    name: str | os.PathLike[str],
    config_in: Callable[[Path], Mapping[str, Any]],
    shape_of: Callable[[Path, Mapping[str, Any]], tuple[int, int]],
    by_name: Mapping[str, Protocol],
    by_shape: Mapping[tuple[int, int], Protocol],
) -> Checkpoint:
    """How a checkpoint wants to be fed, without loading it.

    Args:
        name: a folder, or the name of a hub repository in the cache.
        config_in: reads a folder's configuration, vetted.
        shape_of: frames of a clip and pixels of its square, of a configuration.
        by_name, by_shape: as in `protocol_of`.

    Raises:
        ModelUnavailable: not on this machine, damaged, or without a known frame rate.
    """
    folder = checkpoints.local_folder(name)
    config = config_in(folder)
    fed = protocol_of(str(name), folder, config, by_name, by_shape)
    frames, size = shape_of(folder, config)
    spec = ClipSpec(frames, fed.frames_per_second, size)
    return Checkpoint(folder, config, spec, framing_in(folder, size), fed.none_below)


def load_classifier(
    architecture: Any, folder: Path, copied: AbstractContextManager[str], precision: str, unused: str, remedy: str
) -> Any:
    """The classifier of a folder, on the CPU.

    Args:
        architecture: a class of transformers with ``from_pretrained``.
        copied: gives the folder in which transformers finds the vetted files.
        precision: a type of torch, by name.
        unused: weights with this in their names may be missing; all are needed where empty.

    Raises:
        ModelUnavailable: damaged, or without a trained classifier.
    """
    import torch
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    try:
        with copied as place:
            model, report = architecture.from_pretrained(
                place,
                dtype=getattr(torch, precision),
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
            )
    except (OSError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise checkpoints.damaged(folder, f"it does not load ({error})") from error
    missing = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if missing := [key for key in missing if not unused or unused not in key]:
        raise ModelUnavailable(
            f"{folder} has no trained {missing[0]} ({len(missing)} such), so its answers would be random", remedy
        )
    return model


def protocol_of(
    name: str,
    folder: Path,
    config: Mapping[str, Any],
    by_name: Mapping[str, Protocol],
    by_shape: Mapping[tuple[int, int], Protocol],
) -> Protocol:
    """How this checkpoint wants to be fed: its own ``clip_spec.json``, its configuration, or the published table.

    Args:
        by_name: the published checkpoints of this architecture, by the last part of their names.
        by_shape: the same by what their configuration says, for folders that were renamed: labels, frames.

    Raises:
        ModelUnavailable: none of them says so; decoding at a guessed rate would be wrong in silence.
    """
    own = checkpoints.optional_json(folder / SPEC_FILE)
    labels = len(config.get("id2label") or {})
    frames = int(config.get("frames_per_clip") or config.get("num_frames") or 0)
    published = by_name.get(name.rstrip("/").rsplit("/", 1)[-1]) or by_shape.get((labels, frames))
    rate = own.get("frames_per_second") or config.get("frames_per_second")
    none_below = own.get("none_below", published.none_below if published else 0.0)
    if rate is None and published is None:
        raise ModelUnavailable(
            f"nothing says at how many frames a second {folder} was trained",
            f'write {{"frames_per_second": 3.0}} with its own number to {SPEC_FILE} in that folder',
        )
    try:
        rate = documents.checked(float, rate) if rate is not None else published.frames_per_second if published else 0.0
        protocol = Protocol(rate, documents.checked(float, none_below))
    except ValueError as error:
        raise checkpoints.damaged(folder, f"{SPEC_FILE} holds something other than numbers") from error
    if not (0.05 <= protocol.frames_per_second <= 240 and 0.0 <= protocol.none_below < 1.0):
        raise checkpoints.damaged(folder, f"{SPEC_FILE} asks for {protocol}")
    return protocol


def framing_in(folder: Path, size: int) -> framing.Framing:
    """How this checkpoint's processor frames its pictures for a model that sees ``size`` pixels.

    Raises:
        ModelUnavailable: no such settings, or none that give such pictures.
    """
    processor = checkpoints.optional_json(folder / "processor_config.json").get("video_processor")
    for name in ("video_preprocessor_config.json", "preprocessor_config.json"):
        processor = processor or checkpoints.optional_json(folder / name)
    if not processor:
        raise checkpoints.damaged(folder, "video_preprocessor_config.json is missing")
    try:
        found = framing.from_processor(processor, size)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise checkpoints.damaged(folder, f"its processor's settings are no settings ({error})") from error
    if found.edge > _MOST_PIXELS:
        raise checkpoints.damaged(folder, f"its processor wants frames of {found.edge} pixels")
    if found.size != size:
        raise checkpoints.damaged(folder, f"its processor gives {found.size} pixels, it wants {size}")
    return found


def labels_in(folder: Path, id2label: Mapping[int, str]) -> tuple[str, ...]:
    """The labels of a classifier in the order of its logits.

    Raises:
        ModelUnavailable: missing, or not all different.
    """
    labels = tuple(str(id2label[index]) for index in sorted(id2label))
    if len(labels) < 2 or len(set(labels)) != len(labels):
        raise checkpoints.damaged(folder, "its labels are missing or not all different")
    return labels
