"""Loads the folders of a plan one after the other, by the real loaders, and tells what came of each: a line of JSON.

Run as a program of its own, where no network is: ``python loading_packs.py PLAN.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

_WATCHED = {"socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"}


def main(plan: list[dict]) -> None:
    """Tell of each case how it ended, which of its files were opened, and what went elsewhere meanwhile."""
    happened: list[str] = []
    opened: set[str] = set()
    folder = ""

    def watch(event: str, values: tuple) -> None:
        if event in _WATCHED:
            happened.append(f"{event} {values[0] if event != 'socket.connect' else values[1]}")
        elif event == "open" and folder and str(values[0]).startswith(folder):
            opened.add(Path(str(values[0])).relative_to(folder).as_posix())

    load("warm up", plan[0]["sound"])  # what the libraries do at their first use is not the folder's doing
    sys.addaudithook(watch)
    for case in plan:
        folder = case["folder"]
        happened.clear()
        opened.clear()
        try:
            load(case["kind"], folder)
            outcome, error = "loaded", ""
        except BaseException as problem:
            outcome, error = type(problem).__name__, str(problem)
        told = {
            "name": case["name"],
            "outcome": outcome,
            "error": error,
            "went": happened[:5],
            "opened": sorted(opened),
        }
        print(json.dumps(told), flush=True)


def load(kind: str, folder: str) -> None:
    """Load the model of one kind that lies in a folder, as a pack's is loaded."""
    from assistant.config import ComputeSettings, Settings
    from assistant.models import registry

    if kind == "warm up":
        for each in ("actions", "descriptions", "speech", "language"):
            load(each, f"{folder}/{each}")
        return
    settings = Settings(home=Path(folder), compute=ComputeSettings(device="cpu"))
    if kind == "pack":
        registry.named(settings, folder)
    elif kind == "home":  # as the app takes it without any option
        models = registry.Models(registry.resolve(settings), settings)
        assert "standard" in models.pack.name.split("+")
        models.image_text_encoder()
    elif kind == "speech":
        registry.backend(kind)(Path(folder))
    else:
        model = registry.backend(kind, Path(folder))(Path(folder), device="cpu")
        if kind == "descriptions":
            model.embed_texts(["a red circle"])


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
