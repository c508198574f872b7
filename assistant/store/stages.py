"""What a finished stage left behind, as sealed files: a key names one, damage is noticed, and nothing is half there."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.core.documents import Json
from assistant.store.sealed import remove_damaged, unseal
from assistant.store.text import dump

logger = logging.getLogger(__name__)

# A stage that belongs to no video (a label list's vectors, say) lies under this name instead of a hash.
SHARED = "shared"
_KEY = re.compile(r"([0-9a-f]{64}|shared)/[a-z0-9_]{1,40}-[0-9a-f]{40}")


def stage_key(sha256: str, stage: str, model: str, revision: str, settings: Any) -> str:
    """The name of one stage's result: the same for the same video, model, revision and settings, on every machine.

    Args:
        sha256: the video's, or "" for what belongs to no video.
        settings: anything JSON can hold, dataclasses included.
    """
    content = dump({"model": model, "revision": revision, "settings": settings})
    digest = hashlib.sha256(content.encode()).hexdigest()[:40]
    key = f"{sha256 or SHARED}/{stage}-{digest}"
    if not _KEY.fullmatch(key):
        raise ValueError(f"no name for a stage: {key!r}")
    return key


def owner_of(key: str) -> str:
    """The hash of the video that a key belongs to, or `SHARED`."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a stage key: {key!r}")
    return key.partition("/")[0]


def file_of(home: Path, key: str, suffix: str) -> Path:
    """Where the result of this key lies in a library."""
    owner, name = owner_of(key), key.partition("/")[2] + suffix
    return home / SHARED / name if owner == SHARED else home / "videos" / owner / "stages" / name


def read_document(path: Path) -> Json | None:
    """The stored document, or None where there is none that can be trusted."""
    payload = unseal(path, remove_what_is_damaged=True)
    if payload is None:
        return None
    try:
        document = json.loads(payload)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        remove_damaged(path)
        return None
    return document


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as one npz file. Raises `ValueError` for an array of Python objects."""
    if any(array.dtype.hasobject for array in arrays.values()):
        raise ValueError("arrays of objects are not stored")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            # A fixed date: the same arrays are the same bytes.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def read_arrays(path: Path) -> dict[str, NDArray[Any]] | None:
    """The stored arrays, or None where there are none that can be trusted."""
    payload = unseal(path, remove_what_is_damaged=True)
    if payload is None:
        return None
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile):
        remove_damaged(path)
        return None
