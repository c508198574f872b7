"""The library when the disk fails, a process is killed, or two processes write: nothing lost, nothing half there."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from assistant.core.timeline import ActionScore, Answer, Provenance, Segment, Shot, Span, Timeline, Video
from assistant.errors import LibraryUnusable
from assistant.jobs.rows import JobRows
from assistant.store import Library, stage_key
from assistant.store.disk import Disk
from assistant.store.home import MARKER
from assistant.store.sealed import unseal

CONTENTS = (b"one film", b"another film")


class FailingDisk(Disk):
    """The nth call that changes the disk goes wrong, by an error or by the end of the process."""

    def __init__(self, nth: int, how: str) -> None:
        self.calls = 0
        self._nth = nth
        self._how = how

    def _due(self) -> bool:
        self.calls += 1
        if self.calls != self._nth:
            return False
        if self._how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def _fail(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def create(self, path):
        if self._due():
            self._fail()
        return super().create(path)

    def write(self, handle, data):
        if self._due():
            super().write(handle, data[: len(data) // 2])
            handle.flush()
            self._fail()
        super().write(handle, data)

    def sync(self, handle):
        if self._due():
            self._fail()
        super().sync(handle)

    def replace(self, source, target):
        if self._due():
            self._fail()
        super().replace(source, target)

    def sync_folder(self, folder):
        if self._due():
            self._fail()
        super().sync_folder(folder)

    def commit(self, connection):
        if self._due():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error
        super().commit(connection)


def analysis(home: Path, disk: Disk) -> None:
    """All that one upload, its job, its analysis, its proxy, a chat about it and a deletion write."""
    with Library(home, disk) as library:
        rows = JobRows(library)
        rows.wait_again(["analyze"])
        for number, content in enumerate(CONTENTS):
            path = library.files.uploads / library.files.names.sign(f"upload-{number}", ".mp4")
            path.write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            video = Video(str(path), sha256, 2.0, 64, 48, 25.0, False)
            job = rows.add(path, f"film {number}", "analyze", {}, 32)
            rows.take(["analyze"])
            library.add_video(path, f"film {number}", video)
            rows.update(job.id, stage="decode", fraction=0.5)
            key = stage_key(sha256, "sights", "model", "1", {})
            if library.load_stage(key) is None or library.load_arrays(key) is None:
                library.save_arrays(key, {"vectors": np.full((2, 8), number, np.float32)})
                library.save_stage(key, {"number": number})
            library.save_picture(sha256, "segment-1.jpg", b"picture" * 100)
            segment = Segment(1, Span(0.0, 2.0), (ActionScore("moving left", 0.5),))
            library.save_partial(sha256, [segment])
            shots = (Shot(Span(0.0, 2.0), "start"),)
            library.save_timeline(sha256, Timeline(video, (segment,), shots, (), (), Provenance("demo")))
            conversations = library.chats.conversations(sha256)
            conversation = conversations[0].id if conversations else library.chats.start(sha256)
            if not library.chats.turns(conversation):
                library.chats.append_turn(conversation, "What?", Answer("What?", "This."))
            keep_proxy(library, sha256)
            library.save_document(sha256, "why", "1 moving left", {"text": "because"})
            library.correct(sha256, segment, "action", "shaking")
            rows.end(job.id, "done", "", sha256)
            library.discard_upload(path)
        library.set_preference("settings", {"pack": "demo"})
        library.save_arrays(stage_key("", "labels", "model", "1", {}), {"matrix": np.eye(4)})
        gone = hashlib.sha256(CONTENTS[1]).hexdigest()
        library.delete_video(gone)


def keep_proxy(library: Library, sha256: str) -> None:
    """As the worker does it: whatever happens, nothing half made is left."""
    made = library.new_temporary(".mp4")
    try:
        made.write_bytes(b"proxy" * 100)
        library.adopt_file(sha256, "proxy.mp4", made)
    finally:
        made.unlink(missing_ok=True)


def problems(home: Path) -> list[str]:
    """What is orphaned, missing or mismatched in a library, before anything has tidied it."""
    database = sqlite3.connect(home / "library.sqlite")
    found = [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
    known = {}
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'videos'").fetchone():
        known = dict(database.execute("SELECT sha256, CAST(path AS TEXT) FROM videos WHERE owned"))
        rows = {row[0] for row in database.execute("SELECT sha256 FROM videos")}
        found += [f"folder without a row: {p.name}" for p in (home / "videos").iterdir() if p.name not in rows]
        found += [f"dangling row: {row[:]}" for row in database.execute("PRAGMA foreign_key_check")]
    database.close()
    found += [f"left in the making: {path.name}" for path in home.glob("temporary/*")]
    for sha256, path in known.items():
        content = Path(path).read_bytes() if Path(path).exists() else b""
        if hashlib.sha256(content).hexdigest() != sha256:
            found.append(f"the video {sha256[:8]} is not what its row says")
    sealed = [*home.glob("videos/*/stages/*"), *home.glob("shared/*")]
    found += [f"half a stage: {path.name}" for path in sealed if unseal(path) is None]
    return found


def state(home: Path) -> dict[str, object]:
    """What a person would notice, without the times of writing."""
    with Library(home) as library:
        # The mark holds a key that no two libraries share.
        files = sorted(p for p in home.rglob("*") if p.is_file() and "sqlite" not in p.name and MARKER not in p.name)
        return {
            "files": {str(path.relative_to(home)): path.read_bytes() for path in files},
            "videos": [(entry.sha256, entry.name, entry.owned, entry.has_timeline) for entry in library.videos()],
            "timelines": [library.timeline(entry.sha256).to_json()["segments"] for entry in library.videos()],
            "turns": [
                [turn.question for turn in library.chats.turns(conversation.id)]
                for entry in library.videos()
                for conversation in library.chats.conversations(entry.sha256)
            ],
            "jobs": sorted({(job.name, job.state) for job in JobRows(library).all()}),
            "why": [library.document(entry.sha256, "why", "1 moving left") for entry in library.videos()],
            "corrected": [item.label for entry in library.videos() for item in library.corrections(entry.sha256)],
            "settings": library.preference("settings"),
            "found": len(library.search_all("moving")),
        }


@pytest.fixture
def folder(tmp_path):
    """A folder in memory where there is one: hundreds of libraries are written, and no real disk is on trial."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.fixture
def reference(folder):
    analysis(folder / "reference", Disk())
    return state(folder / "reference")


def test_whichever_write_sync_rename_or_commit_fails_nothing_is_half_there(folder, reference):
    nth, failed = 0, True
    while failed:
        nth += 1
        home = folder / str(nth)
        try:
            analysis(home, FailingDisk(nth, "error"))
            failed = False
        except LibraryUnusable as error:
            said = str(error)
        assert not failed or "free some space" in said, f"call {nth}"
        assert problems(home) == [], f"after call {nth} failed"
        analysis(home, Disk())
        assert problems(home) == []
        assert state(home) == reference, f"after call {nth} failed and the work was done again"
    assert nth > 50


KILLER = """
import os, sys
sys.path[:0] = {tests!r}
from pathlib import Path
from test_store_faults import FailingDisk, analysis
nth = 0
while True:
    nth += 1
    home = Path({folder!r}) / str(nth)
    child = os.fork()
    if child == 0:
        analysis(home, FailingDisk(nth, "kill"))
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
print(nth)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_killed_before_any_write_loses_only_that_write(folder, reference):
    code = KILLER.format(tests=[str(ROOT / "tests" / "store"), str(ROOT / "tests")], folder=str(folder))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50
    for nth in range(1, int(done.stdout)):
        home = folder / str(nth)
        Library(home).close()
        assert problems(home) == [], f"killed before call {nth}"
        analysis(home, Disk())
        assert state(home) == reference, f"killed before call {nth}, and the work was done again"


WRITER = """
import sys
sys.path[:0] = {tests!r}
import hashlib, json
from pathlib import Path
import numpy as np
from assistant.store import Library, stage_key
from assistant.core.timeline import Answer, Video
home, me = Path(sys.argv[1]), sys.argv[2]
shared = hashlib.sha256(b"shared").hexdigest()
with Library(home) as library:
    film = home.parent / "shared.mp4"
    library.add_video(film, "shared", Video(str(film), shared, 1.0, 1, 1, 1.0, False))
    talk = library.chats.start(shared)
    for number in range(20):
        key = stage_key(shared, "part", "model", "1", number)
        library.save_arrays(key, {{"a": np.full(1000, number)}})
        assert library.load_arrays(key)["a"][0] == number
        library.chats.append_turn(talk, f"{{me}} {{number}}", Answer("", ""))
        own = home.parent / f"{{me}}-{{number}}.mp4"
        own.write_bytes(own.name.encode())
        sha = hashlib.sha256(own.name.encode()).hexdigest()
        library.add_video(own, own.name, Video(str(own), sha, 1.0, 1, 1, 1.0, False), keep_copy=True)
        if number % 2:
            library.delete_video(sha)
"""


def test_two_processes_with_one_library_do_not_harm_it(folder):
    home = folder / "library"
    (folder / "shared.mp4").write_bytes(b"shared")
    code = WRITER.format(tests=str(ROOT / "tests"))
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(home), name], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        for name in ("left", "right")
    ]
    for process in running:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert problems(home) == []
    with Library(home) as library:
        shared = hashlib.sha256(b"shared").hexdigest()
        talks = library.chats.conversations(shared)
        asked = [[turn.question for turn in library.chats.turns(talk.id)] for talk in talks]
        assert sorted(asked) == [[f"{name} {n}" for n in range(20)] for name in ("left", "right")]
        names = {entry.name for entry in library.videos()} - {"shared"}
        assert names == {f"{name}-{n}.mp4" for name in ("left", "right") for n in range(0, 20, 2)}


LIMITED = """
import resource, sys
from pathlib import Path
from assistant.errors import LibraryUnusable
from assistant.store import Library, stage_key
library = Library(Path(sys.argv[1]))
key = stage_key("", "big", "model", "1", {})
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    library.save_stage(key, {"text": "x" * 1_000_000})
except LibraryUnusable as error:
    print(error)
assert library.load_stage(key) is None
library.set_preference("small", 1)
assert library.preference("small") == 1
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_file_that_the_system_refuses_to_let_grow_is_a_clear_message_and_no_damage(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "is full; free some space" in done.stdout
    assert problems(tmp_path) == []


def until_full(save):
    """How often something could be saved before the disk was full, and said so."""
    for number in range(1000):
        try:
            save(number)
        except LibraryUnusable as error:
            said = str(error)
            break
    assert "is full; free some space" in said
    return number


@pytest.mark.skipif(sys.platform != "linux", reason="needs a small file system in memory")
def test_a_disk_that_fills_up_is_a_clear_message_and_no_damage(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        home = disk / "library"
        with Library(home) as library:
            saved = until_full(
                lambda number: library.save_stage(stage_key("", "part", "model", "1", number), {"text": "x" * 50_000})
            )
            until_full(lambda number: library.set_preference(f"key {number}", "y" * 20_000))
            assert saved > 5
            assert problems(home) == []
            assert all(library.load_stage(stage_key("", "part", "model", "1", n)) is not None for n in range(saved))
            for path in list(home.glob("shared/*"))[:5]:
                path.unlink()
            library.set_preference("room", True)
            assert library.preference("room") is True
    finally:
        subprocess.run(["umount", str(disk)], check=True)
