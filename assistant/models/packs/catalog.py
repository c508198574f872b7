"""The table of packs: which models each holds, how they are loaded, where they come from and what they are for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from assistant.config import DEMO_FOLDER, AnswererName
from assistant.errors import ModelUnavailable
from assistant.models.packs import checkpoints
from assistant.models.runtime.device import Machine

Kind = Literal["actions", "descriptions", "speech", "language"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WHISPER = "whisper:"
GIB = 1024**3

# One line a backend: what a pack's folder of this kind is loaded with. Where there are several, the ``model_type`` of
# the folder's ``config.json`` says which; an empty one is for folders that say nothing.
BACKENDS: Mapping[tuple[str, str], str] = {
    ("actions", "vjepa2"): "assistant.models.actions.vjepa2:VJepa2Recognizer",
    ("actions", "videomae"): "assistant.models.actions.transformers_video:TransformersVideoRecognizer",
    ("actions", "timesformer"): "assistant.models.actions.transformers_video:TransformersVideoRecognizer",
    ("actions", "vivit"): "assistant.models.actions.transformers_video:TransformersVideoRecognizer",
    ("descriptions", ""): "assistant.models.scene.openclip:OpenClipEncoder",
    ("speech", ""): "assistant.models.speech.whisper:WhisperTranscriber",
    ("language", ""): "assistant.models.chat.transformers_chat:TransformersChatModel",
    ("entailment", "cross_encoder"): "assistant.models.entailment.minilm_cross_encoder:MiniLMCrossEncoder",
    ("entailment", "deberta-v2"): "assistant.models.entailment.nli:NliModel",
    ("entailment", "roberta"): "assistant.models.entailment.nli:NliModel",
    ("entailment", "xlm-roberta"): "assistant.models.entailment.nli:NliModel",
    ("entailment", "bert"): "assistant.models.entailment.nli:NliModel",
    ("voice", ""): "assistant.models.speech.silero:SileroVoiceDetector",
    ("server", ""): "assistant.models.chat.openai_api:OpenAIChatModel",
}
_CONFIGS: Mapping[str, str] = {
    "actions": "config.json",
    "descriptions": "open_clip_config.json",
    "language": "config.json",
}
PURPOSES: Mapping[Kind, str] = {
    "actions": "what is being done",
    "descriptions": "what it looks like",
    "speech": "what is said",
    "language": "answers in whole sentences; without it they are composed from the timeline",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One model of a pack.

    Args:
        source: a repository of the hub, ``whisper:SIZE``, or empty where the weights come with the pack's folder.
        download_bytes: what fetching it takes, about.
        also: other sources that serve as well where they are on this machine already.
    """

    kind: Kind
    source: str = ""
    licence: str = ""
    download_bytes: int = 0
    required: bool = True
    also: tuple[str, ...] = ()

    @property
    def purpose(self) -> str:
        return PURPOSES[self.kind]


@dataclass(frozen=True, slots=True)
class Pack:
    """Models that work together, and where they lie.

    Args:
        folder: laid out as docs/packs.md says: a folder for each kind.
        answerer: who answers where the person did not choose.
        none_below: overrides the recogniser's own "none of my labels" gate.
        note: what the pack is for and what it is not for; shown wherever its results are.
        remedy: what to do when a part is missing.
        notice: the line that says why this pack was taken, empty where it was asked for by name.
    """

    name: str
    folder: Path
    parts: tuple[Part, ...]
    label_lists: tuple[str, ...]
    note: str
    remedy: str
    answerer: AnswererName = "llm"
    none_below: float | None = None
    notice: str = ""

    def part(self, kind: Kind) -> Part:
        return next(part for part in self.parts if part.kind == kind)

    def location(self, kind: Kind) -> Path | None:
        """Where this part's weights lie: the pack's folder, else a cache of the machine; None where they do not."""
        part = self.part(kind)
        cached = (_cached(source) for source in (part.source, *part.also) if source)
        for path in (self.folder / kind, *cached):
            if path is not None and _is_usable(kind, path):
                return path
        return None

    def missing(self) -> tuple[Part, ...]:
        """The required parts whose weights are not on this machine."""
        return tuple(part for part in self.parts if part.required and self.location(part.kind) is None)


def demo_pack(home: Path, machine: Machine) -> Pack:
    """The small models that this project trained on its generated world and ships."""
    del home, machine
    return Pack(
        name="demo",
        folder=DEMO_FOLDER,
        parts=(*(Part(kind, licence="MIT") for kind in KINDS if kind != "language"), Part("language", required=False)),
        label_lists=("world",),
        note="small models trained on generated videos of coloured shapes: they show how everything works,"
        " and their answers about real videos mean nothing",
        remedy="fetch the project's files again, or run python -m assistant train demo",
    )


def standard_pack(home: Path, machine: Machine) -> Pack:
    """The published checkpoints, in sizes that suit this machine."""
    return Pack(
        name="standard",
        folder=home / "packs" / "standard",
        parts=(
            # The giant one is three times as large and reads four times the frames, for 77.3 % instead of 73.7 %.
            Part("actions", "facebook/vjepa2-vitl-fpc16-256-ssv2", "MIT", 1_502_000_000),
            _description_part(machine),
            _speech_part(machine),
            _language_part(machine),
        ),
        label_lists=("everyday",),
        note="published models; actions are the 174 of Something-Something v2, people handling things",
        remedy=f"run {checkpoints.PULL_COMMAND}",
    )


PACKS: Mapping[str, Callable[[Path, Machine], Pack]] = {"demo": demo_pack, "standard": standard_pack}


def folder_pack(folder: Path) -> Pack:
    """The pack that somebody laid out in a folder; ``pack.json`` in it may say more.

    Raises:
        ModelUnavailable: ``pack.json`` is damaged.
    """
    document = checkpoints.optional_json(folder / "pack.json")
    licences = document.get("licences") or {}
    lists = document.get("label_lists", ["everyday"])
    none_below = document.get("none_below")
    well_formed = (
        isinstance(licences, dict)
        and isinstance(lists, list)
        and all(isinstance(name, str) for name in lists)
        and (none_below is None or (isinstance(none_below, (int, float)) and 0 <= none_below < 1))
        and document.get("answerer", "llm") in get_args(AnswererName)
    )
    if not well_formed:
        raise checkpoints.damaged(folder, "pack.json is not as docs/packs.md says")
    return Pack(
        name=str(document.get("name", folder.name)),
        folder=folder,
        parts=tuple(Part(kind, licence=str(licences.get(kind, "")), required=kind != "language") for kind in KINDS),
        label_lists=tuple(lists),
        note=str(document.get("note", "")),
        remedy="lay the folder out as docs/packs.md says",
        answerer=document.get("answerer", "llm"),
        none_below=none_below,
    )


def _description_part(machine: Machine) -> Part:
    small = Part("descriptions", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "MIT", 605_000_000)
    large = Part(
        "descriptions", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", "MIT", 1_711_000_000, also=(small.source,)
    )
    return large if machine.video_memory_bytes >= 8 * GIB else small


# Bytes of OpenAI's files.
_WHISPER_BYTES = {"tiny": 75_572_083, "base": 145_262_807, "small": 483_617_219, "turbo": 1_617_941_637}


def _speech_part(machine: Machine) -> Part:
    """Accelerator: turbo. CPU: small needs eight cores to keep ahead of speech, base two, tiny little memory."""
    if machine.video_memory_bytes >= 6 * GIB:
        size = "turbo"
    elif machine.memory_bytes < 6 * GIB:
        size = "tiny"
    else:
        size = "small" if machine.cores >= 8 and machine.memory_bytes >= 12 * GIB else "base"
    others = tuple(f"{WHISPER}{name}" for name in ("small", "base", "tiny", "turbo") if name != size)
    return Part("speech", WHISPER + size, "MIT", _WHISPER_BYTES[size], also=others)


# Largest first: memory it needs (weights in bfloat16 and room for the conversation), on an accelerator and without.
# On a CPU each answer waits for every weight to be read once a word, so more than 1.7 billion is no pleasure.
_LANGUAGE_SIZES: tuple[tuple[str, int, float, float], ...] = (
    ("Qwen/Qwen3-8B", 16_382_000_000, 24, float("inf")),
    ("Qwen/Qwen3-4B-Instruct-2507", 8_045_000_000, 12, float("inf")),
    ("Qwen/Qwen3-1.7B", 4_063_000_000, 6, 15),
    ("Qwen/Qwen3-0.6B", 1_503_000_000, 0, 0),
)


def _language_part(machine: Machine) -> Part:
    for source, size, accelerator_gib, memory_gib in _LANGUAGE_SIZES:
        at_hand = machine.video_memory_bytes if machine.has_accelerator else machine.memory_bytes
        if at_hand >= (accelerator_gib if machine.has_accelerator else memory_gib) * GIB:
            smaller = [name for name, other, _, _ in _LANGUAGE_SIZES if other < size]
            return Part("language", source, "Apache-2.0", size, required=False, also=tuple(smaller))
    raise AssertionError("the smallest language model suits every machine")


def backend_of(kind: str, path: Path | None = None) -> str:
    """``module:Class`` of the backend that loads weights of this kind at ``path``.

    Raises:
        ModelUnavailable: its ``config.json`` names an architecture that no backend reads.
    """
    if (kind, "") in BACKENDS or path is None:
        return BACKENDS[(kind, "")]
    config = checkpoints.read_json(path / "config.json")
    wanted = config.get("model_type")
    types = [name for known, name in BACKENDS if known == kind]
    # Folders of V-JEPA 2 that were written before the type was kept name the frames of a clip.
    if wanted is None and "frames_per_clip" in config:
        wanted = "vjepa2"
    if wanted not in types:
        raise ModelUnavailable(
            f"the {kind} model in {path} is of the type {str(wanted)[:40]!r}, which no backend here reads",
            f"use one of {', '.join(types)}",
        )
    return BACKENDS[(kind, str(wanted))]


def _is_usable(kind: Kind, path: Path) -> bool:
    """Whether weights of this kind lie here: a repository may hold the same model for another library only."""
    if path.is_file():
        return kind == "speech"
    return checkpoints.is_complete(path) and (kind not in _CONFIGS or (path / _CONFIGS[kind]).is_file())


def _cached(source: str) -> Path | None:
    """Where another program has fetched this source before."""
    if not source.startswith(WHISPER):
        return checkpoints.cached_repository(source)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "whisper"
    size = source.removeprefix(WHISPER)
    file = cache / f"{'large-v3-turbo' if size == 'turbo' else size}.pt"
    return file if file.is_file() else None
