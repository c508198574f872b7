"""The app over the hand-made timeline, for the browser tests that need an engine with known and slow answers.

``python tests/desk_server.py HOME PORT NAME [TOKEN]``
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from desk_fixture import FakeAssistant, FakeJobs, fill  # noqa: E402

from assistant.config import Settings  # noqa: E402
from assistant.store import Library  # noqa: E402
from assistant.ui import services as shared  # noqa: E402
from assistant.ui.serve import build, run  # noqa: E402


def main(home: Path, port: int, name: str, token: str = "") -> None:
    settings = Settings(home=home)
    library = Library(home)
    sha256 = fill(library, home, name)
    shared.install(shared.Services(settings, FakeAssistant(settings, library, pause_seconds=0.05), FakeJobs()))
    print(sha256, flush=True)
    run(build(token), "127.0.0.1", port, token)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
