"""Where the work of a process is at this moment, told from the stacks of its threads."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

# While one of these is reported, frames must come.
DECODING_STAGES = ("decode", "proxy")
_DECODERS = frozenset({"video", "sound", "pictures", "container", "frames", "probing", "proxy"})
_MODEL_PACKAGES = ("torch", "transformers", "open_clip", "whisper", "silero_vad", "assistant.models", "importlib")


@dataclass(frozen=True, slots=True)
class StackSample:
    """Where the work is: ``decode``, ``model`` or ``other``, and a position that changes while it gets on."""

    where: str
    position: str


def sample_stacks(main: int, stage: str) -> StackSample:
    """Where the thread ``main``, and any that decodes for it, is now; ``stage`` is what was last reported."""
    mine, stacks = threading.get_ident(), sys._current_frames()
    threads = {thread.ident: thread.native_id for thread in threading.enumerate()}
    main_kind, decoding, told = "", False, True
    positions: list[str] = []
    for ident, frame in stacks.items():
        kind, place = _kind_and_place(frame)
        if ident == mine or (ident != main and kind != "decode"):
            continue
        if ident == main:
            main_kind = kind
        decoding = decoding or kind == "decode"
        # A loop around one native call is always found at the same instruction, so what the thread read counts too.
        read_bytes = _bytes_read(threads.get(ident))
        told = told and read_bytes is not None
        positions.append(f"{place}@{read_bytes}")
    if main_kind in ("model", "hash"):
        where = "model" if main_kind == "model" else "other"
    else:  # the main thread decodes, or waits for the thread that does
        where = "decode" if stage in DECODING_STAGES or (decoding and told) else "other"
    return StackSample(where, " ".join(positions))


def _kind_and_place(frame: FrameType | None) -> tuple[str, str]:
    """``model``, ``decode``, ``hash`` or nothing known, by the innermost frame that tells, and the innermost places."""
    places: list[str] = []
    kind = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if len(places) < 12:
            places.append(f"{module}:{frame.f_lasti}")
        if not kind and module.startswith(_MODEL_PACKAGES):
            kind = "model"
        elif not kind and module.startswith("assistant.") and module.rpartition(".")[2] in _DECODERS:
            # Hashing a large file takes long and brings no frame, and is no decoding.
            kind = "hash" if "sha256" in frame.f_code.co_name else "decode"
        frame = frame.f_back
    return kind, "/".join(places)


def _bytes_read(native_id: int | None) -> int | None:
    """How much a thread has read so far; None where the system does not tell."""
    try:
        line = Path(f"/proc/self/task/{native_id}/io").read_text().partition("\n")[0]
        return int(line.removeprefix("rchar:"))
    except (OSError, ValueError):
        return None
