"""Every setting, in small frozen parts. A surface builds one `Settings` at its start and hands it down."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from assistant.errors import InputUnusable

ROOT = Path(__file__).resolve().parent.parent
PROMPTS_FOLDER = ROOT / "prompts"
DEMO_FOLDER = ROOT / "assistant" / "packs" / "demo"  # the small weights that are shipped
VERIFIER_FOLDER = DEMO_FOLDER.with_name("verifier")
RERANKER_FOLDER = DEMO_FOLDER.with_name("reranker")
EMBEDDER_FOLDER = DEMO_FOLDER.with_name("embedder")

AnswererName = Literal["auto", "extractive", "llm"]
SubtitleUse = Literal["beside", "instead", "off"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before any model looks at it."""

    max_bytes: int = 8 * 1024**3
    max_seconds: float = 6 * 3600.0
    max_pixels: int = 8192 * 4320
    max_question_characters: int = 4000


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """Windows inside long shots; `window_seconds` None follows the recogniser's protocol."""

    window_seconds: float | None = None
    min_shot_seconds: float = 0.4


@dataclass(frozen=True, slots=True)
class ActionSettings:
    """`clips` x `views`: the multi-clip, multi-view protocol of V-JEPA 2 (arXiv:2506.09985); 1 x 1 is one pass."""

    clips: int = 1
    views: int = 1
    kept_labels: int = 5
    # A softmax over all labels whose best is below this says that none of the labels fits.
    none_below: float | None = None  # None: the pack's own threshold


@dataclass(frozen=True, slots=True)
class DescriptionSettings:
    """Which label lists of `prompts/labels/` are used, and how many frames of a segment are looked at."""

    label_lists: tuple[str, ...] = ()  # empty: the pack's own default
    frames_per_segment: int = 4
    kept_labels: int = 5


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    language: str | None = None  # None: detected
    word_times: bool = True
    audio_track: int = 0  # counts from 1; 0: the main one with voice in it
    subtitles: SubtitleUse = "beside"  # the speech model, or instead of it, where a video has some


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """`language_model`: a hub name, a local folder, or an http address on this machine with `#model` behind it.

    `context_tokens`: how much a server's model holds, 0 for what the server says; `timeout_seconds`: for one answer.
    """

    answerer: AnswererName = "auto"
    language_model: str = ""  # empty: the pack's own, where it has one
    evidence_tokens: int = 3000
    answer_tokens: int = 400
    context_tokens: int = 0
    timeout_seconds: float = 120.0
    withhold_unsupported: bool = True


@dataclass(frozen=True, slots=True)
class ComputeSettings:
    device: str = "auto"  # auto, cpu, cuda, mps
    precision: str = "auto"  # auto, float32, bfloat16, float16, int8
    threads: int = 0  # 0: all cores
    memory_bytes: int = 0  # 0: no budget but the machine's
    save_work: bool = True  # what shows the same again is not run again; see docs/performance.md


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a person can set; see `load`."""

    home: Path
    pack: str = "auto"
    limits: Limits = field(default_factory=Limits)
    segments: SegmentSettings = field(default_factory=SegmentSettings)
    actions: ActionSettings = field(default_factory=ActionSettings)
    descriptions: DescriptionSettings = field(default_factory=DescriptionSettings)
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    chat: ChatSettings = field(default_factory=ChatSettings)
    compute: ComputeSettings = field(default_factory=ComputeSettings)


_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(?:([kmgt]?)b?|([kmgt])ib)", re.IGNORECASE)
LEAST_MEMORY_BYTES = 100 * 1000**2  # less is a slip: bytes were meant to be megabytes


def parse_memory(text: str) -> int:
    """Bytes of a size as people write it (``4GB``, ``512 MB``, ``1.5GiB``); 0, no budget, of an empty one.

    Raises:
        InputUnusable: not a size, or so small that nothing could run.
    """
    text = text.strip()
    if text in ("", "0"):
        return 0
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InputUnusable(f"{text[:40]!r} is no size of memory", "write it like 4GB, 512MB or 1.5GiB")
    number, unit, binary_unit = found.groups()
    size = int(float(number) * (_BINARY_UNITS[binary_unit.lower()] if binary_unit else _UNITS[(unit or "").lower()]))
    if size < LEAST_MEMORY_BYTES:
        raise InputUnusable(f"nothing runs in {text[:40]} of memory", "allow at least 2GB, written like that")
    return size


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    """The number that an environment variable holds.

    Raises:
        InputUnusable: it holds something else.
    """
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}(?:\.\d{1,3})?", text, re.ASCII):
        raise InputUnusable(f"{name} is {text[:40]!r}, which is no number", "write it like 120")
    return float(text)


def default_home(environment: Mapping[str, str] = os.environ) -> Path:
    """The platform's folder for user data, or what `ASSISTANT_HOME` names."""
    if named := environment.get("ASSISTANT_HOME"):
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "video-assistant"
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA", str(Path.home()))) / "video-assistant"
    return Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "video-assistant"


def load(
    home: Path | None = None,
    pack: str | None = None,
    environment: Mapping[str, str] = os.environ,
    save_work: bool | None = None,
    memory: str | None = None,
    audio_track: int = 0,
    subtitles: SubtitleUse = "beside",
) -> Settings:
    """The settings of this process: the arguments, else the environment, else the defaults above.

    Raises:
        InputUnusable: ``memory`` is no size, or too small for anything; a number of the environment is none.
    """
    if save_work is None:
        save_work = environment.get("ASSISTANT_SAVING", "").lower() not in ("0", "no", "off", "false")
    return Settings(
        home=(home or default_home(environment)).expanduser().absolute(),
        pack=pack or environment.get("ASSISTANT_PACK") or "auto",
        speech=SpeechSettings(audio_track=audio_track, subtitles=subtitles),
        chat=ChatSettings(
            language_model=environment.get("ASSISTANT_LANGUAGE_MODEL", ""),
            context_tokens=int(_number(environment, "ASSISTANT_CONTEXT_TOKENS", 0)),
            timeout_seconds=_number(environment, "ASSISTANT_ANSWER_SECONDS", ChatSettings().timeout_seconds),
        ),
        compute=ComputeSettings(
            device=environment.get("ASSISTANT_DEVICE", "auto"),
            precision=environment.get("ASSISTANT_PRECISION", "auto"),
            memory_bytes=parse_memory(memory or environment.get("ASSISTANT_MEMORY", "")),
            save_work=save_work,
        ),
    )
