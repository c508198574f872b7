"""What of each pack is here, and whether its weights are whole, are the ones that were published, and load."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assistant.config import Settings
from assistant.core.files import human_bytes, replaced, sha256_of
from assistant.errors import ModelUnavailable
from assistant.models.packs import checkpoints, vetting
from assistant.models.packs.catalog import KINDS, PACKS, Kind, Pack, Part
from assistant.models.registry import Models, named

MANIFEST = "MANIFEST.json"
Report = Callable[[str], object]


State = Literal["here", "missing", "optional"]


@dataclass(frozen=True, slots=True)
class PartState:
    """One model of one pack for a person to read. ``size_bytes``: what lies here, or about what fetching it takes."""

    pack: str
    kind: Kind
    model: str
    purpose: str
    licence: str
    size_bytes: int
    state: State
    path: Path | None

    def __str__(self) -> str:
        size = human_bytes(self.size_bytes) if self.size_bytes else ""
        state = {"here": "here", "missing": "missing", "optional": "not here (optional)"}[self.state]
        row = f"{self.pack:9} {self.kind:13} {self.model:40} {size:>8}  {self.licence:11} {state:20} {self.purpose}"
        return f"{row}\n{'':24}{self.path}" if self.path else row


def describe(settings: Settings) -> list[PartState]:
    """Every model of every pack in the table, and of the folder that the settings name: what, where, how big."""
    names = list(PACKS)
    if settings.pack not in ("auto", *names):
        names.append(settings.pack)
    return [_state(pack, part) for name in names for pack in [named(settings, name)] for part in pack.parts]


def _state(pack: Pack, part: Part) -> PartState:
    path = pack.location(part.kind)
    size = part.download_bytes
    if path is not None:
        size = path.stat().st_size if path.is_file() else checkpoints.folder_bytes(path)
    state: State = "here" if path is not None else "missing" if part.required else "optional"
    model = part.source or f"{pack.name}/{part.kind}"
    return PartState(pack.name, part.kind, model, part.purpose, part.licence, size, state, path)


def write_manifest(folder: Path, sources: dict[str, dict[str, str]] | None = None) -> Path:
    """Write ``MANIFEST.json``: bytes and sha256 of every file of a pack's folder, and where each part came from.

    Args:
        sources: for each kind its ``source`` and ``revision``, where it was fetched; kept from before when None.
    """
    path = folder / MANIFEST
    before = checkpoints.optional_json(path)
    files = {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
        for file in sorted(folder.glob("*/*"))
        if file.is_file() and not file.name.startswith(".")
    }
    document = {
        "schema": "manifest/1",
        "sources": before.get("sources", {}) if sources is None else sources,
        "files": files,
    }
    with replaced(path) as unfinished:
        unfinished.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def verify(settings: Settings, report: Report, kinds: Collection[Kind] = ()) -> None:
    """Check that the weights are whole, are the ones that were published, and load.

    Args:
        kinds: which of them; all where empty.

    Raises:
        ModelUnavailable: something is missing or damaged; everything else was checked and reported all the same.
    """
    names = [settings.pack]
    if settings.pack == "auto":
        # Also a pack that was fetched in part: what is there of it may be damaged. One that was never fetched is none.
        names = [name for name in PACKS if any(map(named(settings, name).location, KINDS))] or list(PACKS)
    packs = [named(settings, name) for name in names]
    problems = [problem for pack in packs for problem in verify_pack(pack, settings, report, kinds)]
    if problems:
        raise problems[0]


def verify_pack(pack: Pack, settings: Settings, report: Report, kinds: Collection[Kind] = ()) -> list[ModelUnavailable]:
    """The problems of a pack, none where all is well; tells ``report`` one line for each part."""
    problems = []
    for part in pack.parts:
        if kinds and part.kind not in kinds:
            continue
        try:
            report(f"{pack.name}/{part.kind}: {_verify_part(pack, part, settings)}")
        except ModelUnavailable as error:
            report(f"{pack.name}/{part.kind}: {error.what}")
            problems.append(error)
    return problems


def _verify_part(pack: Pack, part: Part, settings: Settings) -> str:
    """What was found, in a few words.

    Raises:
        ModelUnavailable: missing or damaged.
    """
    path = pack.location(part.kind)
    if path is None and not part.required:
        return "not here (optional)"
    if path is None:
        raise ModelUnavailable(f"the {pack.name} pack lacks {part.kind} (looked in {pack.folder})", pack.remedy)
    try:
        checked = _verify_files(pack, part.kind, path)
        for file in checkpoints.weights_files(path) if path.is_dir() else ():
            if file.suffix == ".safetensors":
                checkpoints.check_safetensors(file)
        started = time.monotonic()
        load(pack, part.kind, settings)
    except ModelUnavailable as error:
        raise ModelUnavailable(error.what, pack.remedy) from error
    hashes = f"{checked} files as in {MANIFEST}" if checked else f"no {MANIFEST} to compare with"
    return f"intact ({hashes}, loads in {time.monotonic() - started:.1f} s)"


def _verify_files(pack: Pack, kind: Kind, path: Path) -> int:
    """How many files were compared with the manifest of the pack's folder; 0 where it says nothing of this part."""
    if path.parent != pack.folder:
        return 0
    listed = checkpoints.optional_json(pack.folder / MANIFEST).get("files")
    if not isinstance(listed, dict):
        return 0
    own = {name: entry for name, entry in listed.items() if name.startswith(f"{kind}/")}
    for name, entry in own.items():
        file = path / vetting.file_name(path, name.removeprefix(f"{kind}/"))
        if not isinstance(entry, dict) or type(entry.get("bytes")) is not int or "sha256" not in entry:
            raise checkpoints.damaged(path, f"{MANIFEST} does not say what {name} is")
        if not file.is_file():
            raise checkpoints.damaged(path, f"{name} is missing")
        if file.stat().st_size != entry["bytes"]:
            raise checkpoints.damaged(path, f"{name} should have {entry['bytes']:,} bytes, not {file.stat().st_size:,}")
        if sha256_of(file) != entry["sha256"]:
            raise checkpoints.damaged(path, f"{name} is not the file that was published")
    return len(own)


def load(pack: Pack, kind: Kind, settings: Settings) -> None:
    """Load a part and let it go again.

    Raises:
        ModelUnavailable: it does not load.
    """
    models = Models(pack, settings)
    loaders: dict[Kind, Callable[[], object]] = {
        "actions": models.recognizer,
        "descriptions": models.image_text_encoder,
        "speech": models.transcriber,
        "language": models.own_chat_model,
        "embed": models.text_embedder,
        "text": models.text_reader,
    }
    if kind in loaders:
        loaders[kind]()
        models.release(kind)
