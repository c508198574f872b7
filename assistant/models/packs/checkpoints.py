"""Folders of weights: found on this machine, checked, and given a name that changes when they change. No network."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.errors import ModelUnavailable

PULL_COMMAND = "python -m assistant models pull"
VERIFY_COMMAND = "python -m assistant models verify"
WEIGHTS_SUFFIXES = (".safetensors", ".bin", ".pth", ".pt")
INDEX_FILE = "model.safetensors.index.json"
OPEN_CLIP_FILE = "open_clip_config.json"
# The largest settings known (a table of 22,000 labels) have 2 MB; the safetensors library's own limit for headers.
_LARGEST_JSON_BYTES, _LARGEST_HEADER_BYTES = 32 * 1024**2, 100_000_000
# A fingerprint reads small files whole, and of large ones the header and blocks spread over the file.
_WHOLE_FILE_BYTES = 64 * 1024**2
_SAMPLED_BLOCKS = 64
_BLOCK_BYTES = 4096


def damaged(folder: Path, why: str) -> ModelUnavailable:
    """The error for weights that are there but cannot be used."""
    return ModelUnavailable(f"the weights in {folder} are damaged: {why}", f"run {VERIFY_COMMAND}, then {PULL_COMMAND}")


def local_folder(name: str | os.PathLike[str], cache: Path | None = None) -> Path:
    """The folder that holds this checkpoint: the one named, or where the hub's cache keeps the named repository.

    Raises:
        ModelUnavailable: neither is on this machine.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    text = str(name)
    if text.count("/") == 1 and not text.startswith((".", "/", "~")) and (cached := cached_repository(text, cache)):
        return cached
    raise ModelUnavailable(f"the model {text} is not on this machine", f"run {PULL_COMMAND}")


def hub_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the hub's client keeps what it fetched, by its own rules, without importing it."""
    if cache := environment.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = environment.get("HF_HOME") or str(Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(home).expanduser() / "hub"


def cached_repository(repository: str, cache: Path | None = None) -> Path | None:
    """The newest complete snapshot of a hub repository in the cache, or None."""
    base = (cache or hub_cache()) / f"models--{repository.replace('/', '--')}"
    try:
        commit = (base / "refs" / "main").read_text().strip()
    except OSError:
        return None
    snapshot = base / "snapshots" / commit
    return snapshot if is_complete(snapshot) else None


def is_complete(folder: Path) -> bool:
    """Whether a folder holds weights, and where they are in several files, all that its index names."""
    if not folder.is_dir() or not weights_files(folder):
        return False
    index = folder / INDEX_FILE
    if not index.is_file():
        return True
    table = read_json(index).get("weight_map", {})
    return isinstance(table, dict) and all((folder / str(name)).is_file() for name in set(map(str, table.values())))


def weights_files(folder: Path) -> list[Path]:
    """The files of weights in a folder, in order of name; safetensors alone where there are any."""
    files = [path for path in sorted(folder.glob("*")) if path.suffix in WEIGHTS_SUFFIXES and path.is_file()]
    safe = [path for path in files if path.suffix == ".safetensors"]
    return safe or files


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ModelUnavailable: missing, unreadable or not an object.
    """
    try:
        document = json.loads(read_text(path, _LARGEST_JSON_BYTES))
    except (OSError, ValueError, RecursionError) as error:  # the last: lists within lists within lists
        raise damaged(path.parent, f"{path.name} is missing or cannot be read") from error
    if not isinstance(document, dict):
        raise damaged(path.parent, f"{path.name} does not hold a JSON object")
    return document


def read_text(path: Path, most_bytes: int) -> str:
    """The text of a file that lies in its folder.

    Raises:
        ModelUnavailable: a link that leads out, or too large.
        OSError, ValueError: missing, unreadable, not UTF-8.
    """
    own_file(path)
    if path.stat().st_size > most_bytes:
        raise damaged(path.parent, f"{path.name} is larger than such a file can be")
    return path.read_text(encoding="utf-8")


def own_file(path: Path) -> Path:
    """The path itself, where the file lies in its folder (or, in the hub's cache, among that repository's files).

    Raises:
        ModelUnavailable: it is a link to somewhere else.
    """
    folder = path.parent.resolve()
    places = [folder]
    if folder.parent.name == "snapshots":  # the hub's client keeps contents apart and links them by their names
        places.append(folder.parent.parent / "blobs")
    if path.is_symlink() and path.resolve().parent not in places:
        raise ModelUnavailable(
            f"{path.name} in {path.parent} is a link that leads out of the folder", "put the file itself there"
        )
    return path


def optional_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, empty where there is no such file."""
    return read_json(path) if path.is_file() else {}


def check_safetensors(path: Path) -> int:
    """How many tensors the file holds, after comparing its header with its length; reads the header alone.

    Raises:
        ModelUnavailable: truncated, or not such a file.
    """
    size = own_file(path).stat().st_size
    try:
        with path.open("rb") as file:
            (header_bytes,) = struct.unpack("<Q", file.read(8))
            if header_bytes > min(size - 8, _LARGEST_HEADER_BYTES):
                raise ValueError("the header is longer than the file, or than any header")
            header = json.loads(file.read(header_bytes))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise damaged(path.parent, f"{path.name} is not a whole safetensors file") from error
    if 8 + header_bytes + end != size:
        raise damaged(path.parent, f"{path.name} should have {8 + header_bytes + end:,} bytes and has {size:,}")
    return len(tensors)


def stored_number(path: Path, name: str) -> float | None:
    """The one number of a tensor in a safetensors file, None where it has none of that name or more than one value.

    Raises:
        ModelUnavailable: truncated, or not such a file.
    """
    check_safetensors(path)
    with path.open("rb") as file:
        (header_bytes,) = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(header_bytes)).get(name)
        if entry is None:
            return None
        start, end = map(int, entry["data_offsets"])
        if start < 0 or not 0 < end - start <= 8:
            return None
        file.seek(8 + header_bytes + start)
        data = file.read(end - start)
    if entry.get("dtype") == "BF16" and len(data) == 2:
        data, code = b"\0\0" + data, "f"  # bfloat16 is the upper half of a float32
    else:
        code = {"F64": "d", "F32": "f", "F16": "e"}.get(str(entry.get("dtype")), "")
    return float(struct.unpack(f"<{code}", data)[0]) if code and len(data) == struct.calcsize(code) else None


def weights_bytes(folder: Path) -> int:
    """How many bytes of weights a folder holds."""
    return sum(path.stat().st_size for path in weights_files(folder))


def display_name(name: str | os.PathLike[str], folder: Path) -> str:
    """What a person is told: the hub's name, or for a folder the last two parts of its path (``demo/actions``)."""
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    return str(name) if not Path(name).expanduser().is_dir() else "/".join(folder.absolute().parts[-2:])


def identity(path: Path) -> tuple[str, str]:
    """Name and revision of the checkpoint in a folder, as its backend will give them, without loading it."""
    return display_name(path, path), revision(path)


def folder_bytes(folder: Path) -> int:
    """How many bytes the files of a folder have together, hidden folders left out."""
    return sum(path.stat().st_size for path in folder.glob("*") if path.is_file())


def revision(folder: Path) -> str:
    """A name for exactly these files: the commit for a snapshot of the hub, else a fingerprint of 12 digits."""
    if folder.parent.name == "snapshots":
        return folder.name
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.json"), *weights_files(folder)]):
        if path.name in ("MANIFEST.json", "pack.json") or not path.is_file():
            continue
        own_file(path)
        digest.update(path.name.encode())
        _fingerprint(path, digest)
    return digest.hexdigest()[:12]


def _fingerprint(path: Path, digest: Any) -> None:
    size = path.stat().st_size
    digest.update(str(size).encode())
    with path.open("rb") as file:
        if size <= _WHOLE_FILE_BYTES:
            digest.update(file.read())
            return
        step = size // _SAMPLED_BLOCKS
        for block in range(_SAMPLED_BLOCKS):
            file.seek(block * step)
            digest.update(file.read(_BLOCK_BYTES))
        file.seek(size - _BLOCK_BYTES)
        digest.update(file.read(_BLOCK_BYTES))
