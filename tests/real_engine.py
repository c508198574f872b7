"""What the long tests of jobs share: short films, a process that works a library's jobs off, what was found."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

from assistant.config import Settings

FIRST_SEED = 100_200
SERVER = """
import sys
from pathlib import Path
from assistant.config import Settings
from assistant.jobs import JobQueue
with JobQueue(Settings(Path(sys.argv[1]), pack="demo")):
    sys.stdin.read()
"""


def demo_settings(home: Path) -> Settings:
    return Settings(home, pack="demo")


def films(folder: Path, count: int, seconds: float = 5.0) -> list[Path]:
    """Generated videos, each with its own pictures and words."""
    from assistant.synthetic.film import make

    paths = [folder / f"film {number}.mp4" for number in range(count)]
    for number, path in enumerate(paths):
        make(path, FIRST_SEED + number, seconds)
    return paths


def what_was_found(library, sha256: str) -> dict | None:
    """The timeline without where the file lies."""
    timeline = library.timeline(sha256)
    if timeline is None:
        return None
    document = timeline.to_json()
    document["video"].pop("path")
    return document


def resident_bytes(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def handles(process_id: int) -> int:
    return len(os.listdir(f"/proc/{process_id}/fd"))


class Server:
    """A process that works a library's jobs off and can be killed; its code is given the library's folder."""

    def __init__(self, home: Path, code: str = SERVER) -> None:
        self._home, self._code = home, code
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", self._code, str(self._home)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )

    def workers(self) -> list[int]:
        """The numbers of its worker processes."""
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{self.process.pid}/task").iterdir()
            return [int(pid) for task in text for pid in (task / "children").read_text().split()]
        return []

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)
