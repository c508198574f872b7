"""The table of packs: which models each holds, how they are loaded, where they come from and what they are for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from assistant.config import DEMO_FOLDER, AnswererName
from assistant.errors import ModelUnavailable
from assistant.models.packs import checkpoints, language
from assistant.models.runtime.device import Machine

Kind = Literal["actions", "descriptions", "speech", "language", "embed", "entailment", "text"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WITNESSES: tuple[Kind, ...] = ("actions", "descriptions", "speech")  # without which there is no analysis
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
    ("embed", ""): "assistant.models.embed.minilm:MiniLMEmbedder",
    ("embed", "packed_bert"): "assistant.models.embed.packed:PackedEmbedder",
    ("entailment", "cross_encoder"): "assistant.models.entailment.minilm_cross_encoder:MiniLMCrossEncoder",
    ("entailment", "deberta-v2"): "assistant.models.entailment.nli:NliModel",
    ("entailment", "roberta"): "assistant.models.entailment.nli:NliModel",
    ("entailment", "xlm-roberta"): "assistant.models.entailment.nli:NliModel",
    ("entailment", "bert"): "assistant.models.entailment.nli:NliModel",
    ("rerank", "reranker"): "assistant.models.rerank.minilm_cross_encoder:MiniLMReranker",
    ("text", ""): "assistant.models.text.ppocr:PPOcrReader",
    ("voice", ""): "assistant.models.speech.silero:SileroVoiceDetector",
    ("server", ""): "assistant.models.chat.openai_api:OpenAIChatModel",
}
_CONFIGS: Mapping[str, str] = {
    "actions": "config.json",
    "descriptions": "open_clip_config.json",
    "language": "config.json",
    "embed": "config.json",
    "entailment": "config.json",
}
PURPOSES: Mapping[Kind, str] = {
    "actions": "what is being done",
    "descriptions": "what it looks like",
    "speech": "what is said",
    "language": "answers in whole sentences; without it they are composed from the timeline",
    "embed": "finds by meaning what no word names",
    "entailment": "whether the evidence carries a sentence",
    "text": "what is written in the picture",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One model of a pack.

    Args:
        source: a repository of the hub, ``whisper:SIZE``, or empty where the weights come with the pack's folder.
        download_bytes: what fetching it takes, about.
        also: other sources that serve as well where they are on this machine already.
        name: what a person is told, the source where it is empty.
        pack: whose part it is, and ``folder`` where its weights lie, in a pack that was put together by kind.
    """

    kind: Kind
    source: str = ""
    licence: str = ""
    download_bytes: int = 0
    required: bool = True
    also: tuple[str, ...] = ()
    name: str = ""
    pack: str = ""
    folder: Path | None = None

    @property
    def purpose(self) -> str:
        return PURPOSES[self.kind]

    @property
    def shown(self) -> str:
        return self.name or self.source or f"{self.pack}/{self.kind}"


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

    def part(self, kind: Kind) -> Part | None:
        """The pack's model of this kind, None where it has none."""
        return next((part for part in self.parts if part.kind == kind), None)

    def location(self, kind: Kind) -> Path | None:
        """Where this part's weights lie: the pack's folder, else a cache of the machine; None where they do not."""
        part = self.part(kind)
        if part is None or part.folder is not None:
            return part.folder if part is not None else None
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
        parts=tuple(Part(kind, licence="MIT", pack="demo") for kind in WITNESSES),
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
            Part("actions", ACTIONS_SOURCE, "MIT", 1_502_000_000, name="V-JEPA 2 ViT-L"),
            _description_part(machine),
            _speech_part(machine),
            _language_part(machine),
        ),
        label_lists=("everyday",),
        note="published models; actions are the 174 of Something-Something v2, people handling things",
        remedy=f"run {checkpoints.PULL_COMMAND} --pack standard",
    )


ACTIONS_SOURCE = "facebook/vjepa2-vitl-fpc16-256-ssv2"


def starter_pack(home: Path, machine: Machine) -> Pack:
    """Small published models that a first start fetches: real words, and text in the picture."""
    del machine
    return Pack(
        name="starter",
        folder=home / "packs" / "starter",
        parts=(
            Part("speech", f"{WHISPER}base", "MIT", _WHISPER_BYTES["base"], name="Whisper base"),
            Part("text", TEXT_SOURCE, "Apache-2.0", 31_750_000, required=False, name="PP-OCRv6 small"),
        ),
        label_lists=("everyday",),
        note="small published models for real videos; actions and scenes need the standard pack",
        remedy=f"run {checkpoints.PULL_COMMAND} --pack starter",
    )


TEXT_SOURCE = "package:rapidocr"


def large_pack(home: Path, machine: Machine) -> Pack:
    """The largest published checkpoints, for an accelerator with much memory."""
    del machine
    return Pack(
        name="large",
        folder=home / "packs" / "large",
        parts=(
            Part("actions", "facebook/vjepa2-vitg-fpc64-384-ssv2", "MIT", 4_150_000_000, name="V-JEPA 2 ViT-g"),
            Part("descriptions", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", "MIT", 1_711_000_000),
            Part("speech", f"{WHISPER}turbo", "MIT", _WHISPER_BYTES["turbo"], name="Whisper turbo"),
            Part("language", "Qwen/Qwen3-8B", "Apache-2.0", 16_382_000_000, required=False),
        ),
        label_lists=("everyday",),
        note="the largest published models, for an accelerator with 24 GiB or more",
        remedy=f"run {checkpoints.PULL_COMMAND} --pack large",
    )


# From the smallest to the largest.
PACKS: Mapping[str, Callable[[Path, Machine], Pack]] = {
    "demo": demo_pack,
    "starter": starter_pack,
    "standard": standard_pack,
    "large": large_pack,
}


def by_kind(packs: Sequence[Pack]) -> Pack:
    """For each kind the first of these packs whose weights are on this machine, as one pack.

    A kind of which no weights are here is offered as the last of the packs that has it fetches it: the smallest.
    """
    parts, speaking = [], dict[Kind, Pack]()
    for kind in KINDS:
        offers = [(pack, part) for pack in packs if (part := pack.part(kind)) is not None]
        for pack, part in offers:
            if (path := pack.location(kind)) is not None:
                parts.append(replace(part, pack=pack.name, folder=path))
                speaking[kind] = pack
                break
        else:
            parts += [replace(part, pack=pack.name) for pack, part in offers[-1:]]
    used = [pack for pack in packs if any(pack is one for one in speaking.values())]
    by_default = used[0] if used else packs[-1]
    scene, answers = speaking.get("descriptions", by_default), speaking.get("language", by_default)
    return replace(
        by_default,
        name="+".join(pack.name for pack in used) or by_default.name,
        parts=tuple(parts),
        label_lists=scene.label_lists,
        note=by_default.note if len(used) < 2 else told_by_kind(speaking),
        answerer=answers.answerer,
        none_below=speaking.get("actions", by_default).none_below,
    )


def is_read(kind: Kind) -> bool:
    """Whether a backend reads weights of this kind; some are fetched for one that is still to come."""
    return any(known == kind for known, _ in BACKENDS)


def told_by_kind(speaking: Mapping[Kind, Pack]) -> str:
    """Which pack speaks for which kinds, in a few words."""
    speaking = {kind: pack for kind, pack in speaking.items() if is_read(kind)}
    names = dict.fromkeys(pack.name for pack in speaking.values())
    told = [f"{', '.join(k for k, pack in speaking.items() if pack.name == name)} by the {name} pack" for name in names]
    return "; ".join(told)


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
        parts=tuple(Part(kind, licence=str(licences.get(kind, "")), required=kind in WITNESSES) for kind in KINDS),
        label_lists=tuple(lists),
        note=str(document.get("note", "")),
        remedy="lay the folder out as docs/packs.md says",
        answerer=document.get("answerer", "llm"),
        none_below=none_below,
    )


def _description_part(machine: Machine) -> Part:
    small = Part(
        "descriptions", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "MIT", 605_000_000, name="CLIP ViT-B/32 (LAION-2B)"
    )
    large = Part(
        "descriptions",
        "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
        "MIT",
        1_711_000_000,
        also=(small.source,),
        name="CLIP ViT-L/14 (DataComp)",
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
    return Part("speech", WHISPER + size, "MIT", _WHISPER_BYTES[size], also=others, name=f"Whisper {size}")


def _language_part(machine: Machine) -> Part:
    chosen = language.choose(machine)
    smaller = tuple(size.source for size in language.SIZES if size.parameters < chosen.parameters)
    return Part("language", chosen.source, "Apache-2.0", chosen.download_bytes, required=False, also=smaller)


def backend_of(kind: str, path: Path | None = None) -> str:
    """``module:Class`` of the backend that loads weights of this kind at ``path``.

    Raises:
        ModelUnavailable: its ``config.json`` names an architecture that no backend reads.
    """
    types = [name for known, name in BACKENDS if known == kind]
    if types == [""] or path is None:
        return BACKENDS[(kind, "")]
    config = checkpoints.read_json(path / "config.json")
    wanted = config.get("model_type")
    if "" in types and wanted not in types:  # the kind's own loader says what it does not read
        return BACKENDS[(kind, "")]
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
    if kind == "text":
        return any(path.glob("*.onnx"))
    return checkpoints.is_complete(path) and (kind not in _CONFIGS or (path / _CONFIGS[kind]).is_file())


def _cached(source: str) -> Path | None:
    """Where another program has fetched this source before."""
    if not source.startswith(WHISPER):
        return checkpoints.cached_repository(source)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "whisper"
    size = source.removeprefix(WHISPER)
    file = cache / f"{'large-v3-turbo' if size == 'turbo' else size}.pt"
    return file if file.is_file() else None
