"""Fetching the standard pack: the only part of this project that goes online, and only when it is asked to.

The rest of the program keeps the hub's client offline for good, so the fetching happens in a process of its own: this
module's `main`, which takes a plan on standard input and tells one JSON object a line on standard output. Stopping it
is safe at any moment: files appear under their names only when they are whole, and the next call goes on.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from assistant.config import ROOT, Settings
from assistant.core.files import human_bytes, sha256_of
from assistant.core.progress import CancelCheck, never
from assistant.errors import AssistantError, Cancelled, LibraryUnusable, ModelUnavailable
from assistant.models.packs import vetting
from assistant.models.packs.catalog import WHISPER, Pack, Part
from assistant.models.packs.checkpoints import PULL_COMMAND, is_complete, optional_json
from assistant.models.packs.verify import MANIFEST, verify, write_manifest
from assistant.models.registry import named

Report = Callable[[str], object]
Tell = Callable[[Mapping[str, Any]], None]

# What is taken from a repository: the files that the loaders read, never code, and no weights but safetensors.
_WEIGHTS = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
PATTERNS: Mapping[str, tuple[str, ...]] = {
    "actions": ("config.json", "clip_spec.json", "*preprocessor_config.json", "processor_config.json", *_WEIGHTS),
    "descriptions": (
        "open_clip_config.json",
        "open_clip_model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ),
    "language": (
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        "chat_template.json",
        *_WEIGHTS,
    ),
}
_BLOCK_BYTES = 1024**2
_TOLD_EVERY_SECONDS = 0.5
_NO_NETWORK = "connect to the network and run it again, or copy a folder as docs/packs.md says"


def pull(settings: Settings, report: Report, cancelled: CancelCheck = never) -> None:
    """Fetch what the standard pack lacks; the only thing in this project that goes online.

    Raises:
        ModelUnavailable: no network, or what came is not what was published.
        LibraryUnusable: not enough room on the disk.
        Cancelled: stopped; the next call goes on from there.
    """
    pack = named(settings, "standard")
    pull_pack(pack, report, cancelled)
    verify(replace(settings, pack="standard"), report)


def pull_pack(pack: Pack, report: Report, cancelled: CancelCheck, environment: Mapping[str, str] = os.environ) -> None:
    """Fetch into the pack's folder what it lacks; says the sizes before it begins.

    Raises:
        ModelUnavailable: no network, or something other than what was published came.
        LibraryUnusable: not enough room on the disk, or the folder cannot be written.
        Cancelled: stopped; the next call goes on from there.
    """
    parts = [part for part in pack.parts if part.source and _is_wanted(pack, part)]
    if not parts:
        report(f"the {pack.name} pack is here already: {pack.folder}")
        return
    total = sum(part.download_bytes for part in parts)
    report(f"fetching about {human_bytes(total)} into {pack.folder}:")
    for part in parts:
        report(
            f"  {part.kind}: {part.source}, about {human_bytes(part.download_bytes)} ({part.licence}), {part.purpose}"
        )
    _require_room(pack.folder, total)
    sources = dict(optional_json(pack.folder / MANIFEST).get("sources", {}))
    for message in _run(pack, parts, cancelled, environment):
        if message["event"] == "progress":
            done, size = human_bytes(message["done"]), human_bytes(message["total"])
            report(f"{message['kind']}: {done} of {size}")
        elif message["event"] == "done":
            sources[message["kind"]] = {"source": message["source"], "revision": message["revision"]}
            write_manifest(pack.folder, sources)
        elif message["event"] == "error":
            raise ModelUnavailable(message["what"], message["remedy"])


def _is_wanted(pack: Pack, part: Part) -> bool:
    """Whether a part has to be fetched: it is not here at all, or the pack's folder holds an unfinished one."""
    own = pack.folder / part.kind
    return pack.location(part.kind) is None or (own.is_dir() and not is_complete(own))


def _require_room(folder: Path, total_bytes: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise LibraryUnusable(f"{folder} cannot be written ({error.strerror})", "choose another --home") from error
    if free < total_bytes * 1.05:
        raise LibraryUnusable(
            f"{human_bytes(total_bytes)} are needed in {folder} and {human_bytes(free)} are free",
            "make room, or choose another --home",
        )


def _run(
    pack: Pack, parts: list[Part], cancelled: CancelCheck, environment: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """What the fetching process tells, as it comes; it is ended when ``cancelled`` turns true."""
    plan = [{"kind": part.kind, "source": part.source, "folder": str(pack.folder / part.kind)} for part in parts]
    offline = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    process = subprocess.Popen(
        [sys.executable, "-m", "assistant.models.packs.download"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={name: value for name, value in environment.items() if name not in offline},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stopped = threading.Event()

    def watch() -> None:
        while process.poll() is None:
            if cancelled():
                stopped.set()
                process.terminate()
                return
            time.sleep(0.2)

    threading.Thread(target=watch, name="pull-watch", daemon=True).start()
    try:
        # A process that was stopped before it read its plan has closed the pipe; what became of it is told below.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(plan))
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        for line in process.stdout:
            yield json.loads(line)
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        process.stdout.close()
    if stopped.is_set():
        raise Cancelled("stopped fetching", f"run {PULL_COMMAND} again to go on")
    if process.returncode:
        raise ModelUnavailable(f"fetching ended with code {process.returncode}", f"run {PULL_COMMAND} again to go on")


def main(plan: IO[str] = sys.stdin, out: IO[str] = sys.stdout) -> None:
    """The fetching process: reads the plan, fetches part by part, tells how it goes."""
    os.environ["HF_HUB_OFFLINE"] = "0"
    os.environ["HF_HUB_DISABLE_XET"] = "1"  # plain ranges of HTTP, which resume
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

    def tell(message: Mapping[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    for item in json.load(plan):
        kind, source, folder = item["kind"], item["source"], Path(item["folder"])
        fetch = fetch_whisper if source.startswith(WHISPER) else fetch_repository
        try:
            revision = fetch(kind, source, folder, tell)
        except AssistantError as error:
            tell({"event": "error", "what": error.what, "remedy": error.remedy})
            return
        except Exception as error:  # the client has many kinds; each must become one line, and none is ours to mend
            what = f"{source} could not be fetched ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
            tell({"event": "error", "what": what, "remedy": _NO_NETWORK})
            return
        tell({"event": "done", "kind": kind, "source": source, "revision": revision})


def fetch_repository(kind: str, repository: str, folder: Path, tell: Tell) -> str:
    """The commit whose files are now in ``folder``; only plain data and safetensors are taken.

    Raises:
        ModelUnavailable: the repository has no safetensors, or a file does not have its published sha256.
    """
    from huggingface_hub import HfApi, hf_hub_download

    info = HfApi().model_info(repository, files_metadata=True)
    files = [file for file in info.siblings or [] if _is_wanted_file(kind, file.rfilename)]
    if not any(file.rfilename.endswith(".safetensors") for file in files):
        raise ModelUnavailable(f"{repository} has no safetensors weights", "choose another model")
    _forget_other(folder, f"{repository}@{info.sha}")
    total = sum(file.size or 0 for file in files)
    done = 0
    for file in sorted(files, key=lambda f: (f.rfilename.endswith(".safetensors"), f.rfilename)):
        with _Watched(folder, done, total, kind, tell):
            path = Path(hf_hub_download(repository, file.rfilename, revision=info.sha, local_dir=folder))
        if file.lfs is not None and sha256_of(path) != file.lfs.sha256:
            path.unlink()
            raise ModelUnavailable(f"{file.rfilename} of {repository} came damaged", f"run {PULL_COMMAND} again")
        done += file.size or path.stat().st_size
        tell({"event": "progress", "kind": kind, "done": done, "total": total})
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes of what it fetched
    return str(info.sha)


def _is_wanted_file(kind: str, name: str) -> bool:
    """Whether a file that the hub lists is one that a loader reads; a name with a folder in it never is."""
    return vetting.is_file_name(name) and any(fnmatch.fnmatchcase(name, pattern) for pattern in PATTERNS[kind])


def fetch_whisper(kind: str, source: str, folder: Path, tell: Tell) -> str:
    """The sha256 of the file of this size that is now in ``folder``, by the table of the whisper package."""
    import whisper

    address = whisper._MODELS[source.removeprefix(WHISPER)]
    *_, expected, name = address.split("/")
    _forget_other(folder, source)
    fetch_file(
        address, folder / name, expected, lambda d, t: tell({"event": "progress", "kind": kind, "done": d, "total": t})
    )
    return str(expected)


def fetch_file(address: str, path: Path, sha256: str, progress: Callable[[int, int], None]) -> None:
    """Fetch one file, going on where an earlier try ended; it gets its name only with the right sha256.

    Raises:
        ModelUnavailable: what came has another sha256.
    """
    if path.is_file() and sha256_of(path) == sha256:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        if response.status != 206:
            have = 0  # the server sends everything again
        total, told = have + int(response.headers.get("Content-Length", 0)), 0.0
        with part.open("ab" if have else "wb") as file:
            while block := response.read(_BLOCK_BYTES):
                file.write(block)
                have += len(block)
                if time.monotonic() - told > _TOLD_EVERY_SECONDS:
                    told = time.monotonic()
                    progress(have, total)
    progress(have, total)
    if sha256_of(part) != sha256:
        part.unlink()
        raise ModelUnavailable(f"{path.name} came damaged", f"run {PULL_COMMAND} again")
    part.replace(path)


def _forget_other(folder: Path, source: str) -> None:
    """Empty the folder of what another source has left there; a note beside it says whose files it holds."""
    note = folder.with_name(f".{folder.name}.source")
    if folder.is_dir() and (not note.is_file() or note.read_text().strip() != source):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(source + "\n")


class _Watched:
    """Tells how large the unfinished file in a folder has grown, while the hub's client fetches it."""

    def __init__(self, folder: Path, done: int, total: int, kind: str, tell: Tell) -> None:
        self._folder, self._done, self._total, self._kind, self._tell = folder, done, total, kind, tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_TOLD_EVERY_SECONDS):
            growing = sum(_size(path) for path in self._folder.glob(".cache/**/*.incomplete"))
            if growing:
                done = self._done + growing
                self._tell({"event": "progress", "kind": self._kind, "done": done, "total": self._total})


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it has just been finished and renamed
        return 0


if __name__ == "__main__":
    main()
