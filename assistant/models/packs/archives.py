"""Files that torch saved (``.pt``, ``.bin``, ``.pth``): their pickle is read here before anything follows it."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import Any

from assistant.models.packs import checkpoints

# What a table of tensors is made of. The loader's own list is longer, and was got round twice (CVE-2025-32434,
# CVE-2026-24747); a checkpoint needs no more than this.
_STORAGES = "Float Half BFloat16 Double Long Int Short Char Byte Bool"
_BUILDERS = frozenset(
    ["collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"]
    + [f"torch {kind}Storage" for kind in _STORAGES.split()]
)
# Orders of the pickle machine that call or look up by other ways than GLOBAL and REDUCE; torch writes none of them.
_ORDERS = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID"})
_LARGEST_PICKLE = 64 * 1024**2


def check(path: Path) -> None:
    """Make sure that a file that torch saved holds tensors and plain values, nothing that is packed, and no code.

    Raises:
        ModelUnavailable: it holds more, or is no such archive.
    """
    checkpoints.own_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            pickles = [entry for entry in entries if entry.filename.rpartition("/")[2] == "data.pkl"]
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
            code = any("/code/" in f"/{entry.filename}" for entry in entries)
            if len(pickles) != 1 or packed or code or pickles[0].file_size > _LARGEST_PICKLE:
                raise checkpoints.damaged(path.parent, f"{path.name} holds more than plain tensors")
            names = _names(archive.read(pickles[0]))
    except (OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise checkpoints.damaged(path.parent, f"{path.name} is not a whole archive of tensors") from error
    if strange := sorted(names - _BUILDERS):
        raise checkpoints.damaged(path.parent, f"{path.name} holds more than plain tensors ({strange[0][:80]})")


def _names(data: bytes) -> set[str]:
    """What a pickle looks up: ``module name`` of each, or the name of an order that looks up by other ways."""
    found = set()
    for order, argument, _ in pickletools.genops(data):
        if order.name == "GLOBAL":
            found.add(str(argument))
        elif order.name in _ORDERS:
            found.add(order.name)
    return found


def load(path: Path, **options: Any) -> Any:
    """What the file holds, after `check`, in the memory of the processor; ``options`` are those of `torch.load`.

    Raises:
        ModelUnavailable: it holds more than tensors and plain values.
        Exception: of many kinds, for an archive that torch cannot follow.
    """
    import torch

    check(path)
    return torch.load(path, map_location="cpu", weights_only=True, **options)
