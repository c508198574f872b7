"""Old against new: analyses a folder of media with two checkouts and lists where segments, labels or words differ.

    python tools/compare_timelines.py write CHECKOUT MEDIA OUT    what this checkout makes, one JSON a file
    python tools/compare_timelines.py compare OLD NEW                       what differs between two such folders

Both sides use the demo pack and a library of their own, so that nothing is taken over from an earlier analysis.
"""

# ruff: noqa: T201 - a program for a terminal

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOLERANCE_SECONDS = 0.002
TOLERANCE_SCORE = 0.005
NOT_MEDIA = {".json", ".csv", ".md", ".txt", ".vtt", ".srt"}

# Runs inside the checkout: only names that every version has had.
_ANALYSE = """
import json, sys
from pathlib import Path
from assistant.config import load
from assistant.engine import Assistant
from assistant.errors import AssistantError
home, out, root = map(Path, sys.argv[1:4])
engine = Assistant(load(home, "demo"))
for line in sys.stdin:
    path = root / line.strip()
    try:
        document = engine.analyze(path).to_json()
    except AssistantError as error:
        document = {"error": f"{type(error).__name__}: {error}"}
    except Exception as error:
        document = {"error": f"TRACEBACK {type(error).__name__}: {error}"}
    target = out / (line.strip().replace("/", "__") + ".json")
    target.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    print(line.strip(), flush=True)
"""


def media_files(root: Path) -> list[str]:
    """Every file below ``root`` that may be media, as names relative to it."""
    found = [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix not in NOT_MEDIA]
    return [str(path.relative_to(root)) for path in found if "licences" not in path.parts]


def write(checkout: Path, root: Path, out: Path) -> None:
    """Write the timelines that ``checkout`` makes of every file below ``root`` into ``out``.

    A file that ends the process by a signal is noted as such, and the rest goes on in a new one.
    """
    out.mkdir(parents=True, exist_ok=True)
    left = media_files(root)
    with tempfile.TemporaryDirectory() as home:
        while left:
            environment = {**os.environ, "PYTHONPATH": str(checkout)}
            command = [sys.executable, "-c", _ANALYSE, home, str(out), str(root.absolute())]
            given = "\n".join(left) + "\n"
            done = subprocess.run(
                command, input=given, stdout=subprocess.PIPE, text=True, cwd=checkout, env=environment, check=False
            )
            finished = done.stdout.splitlines()
            left = left[len(finished) :]
            if left and done.returncode:
                died = left.pop(0)
                (out / (died.replace("/", "__") + ".json")).write_text(
                    json.dumps({"error": f"TRACEBACK the process ended with {done.returncode}"})
                )


def differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What of segments, labels and words is not the same in two documents."""
    if "error" in old or "error" in new:
        if old.get("error") != new.get("error"):
            yield f"was {old.get('error', 'a timeline')!r}, is {new.get('error', 'a timeline')!r}"
        return
    for key in ("duration_seconds", "width", "height", "has_audio"):
        before, after = old["video"][key], new["video"][key]
        if abs(float(before) - float(after)) > TOLERANCE_SECONDS:
            yield f"video.{key}: {before} -> {after}"
    for name in ("shots", "speech_spans", "segments"):
        if len(old[name]) != len(new[name]):
            yield f"{name}: {len(old[name])} -> {len(new[name])}"
            return
        for before, after in zip(old[name], new[name], strict=True):
            moved = [abs(before[k] - after[k]) for k in ("start_seconds", "end_seconds")]
            if max(moved) > TOLERANCE_SECONDS:
                yield f"{name} at {before['start_seconds']:.3f}: moved by {max(moved):.3f} s"
    for before, after in zip(old["segments"], new["segments"], strict=True):
        yield from _segment_differences(before, after)
    if old["absences"] != new["absences"]:
        yield f"absences: {old['absences']} -> {new['absences']}"


def _segment_differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    where = f"segment {old['id']}"
    for kind in ("actions", "descriptions"):
        before, after = ([(item["label"], item["score"]) for item in side[kind][:1]] for side in (old, new))
        same = [a[0] == b[0] and abs(a[1] - b[1]) <= TOLERANCE_SCORE for a, b in zip(before, after, strict=False)]
        if len(before) != len(after) or not all(same):
            yield f"{where} {kind}: {before} -> {after}"
    before, after = (" ".join(item["text"] for item in side["utterances"]) for side in (old, new))
    if before != after:
        yield f"{where} words: {before!r} -> {after!r}"


def compare(old: Path, new: Path) -> int:
    """Print every difference; how many files differ."""
    names = sorted({path.name for folder in (old, new) for path in folder.glob("*.json")})
    differing = 0
    for name in names:
        if not (old / name).is_file() or not (new / name).is_file():
            print(f"{name}: only in {'new' if (new / name).is_file() else 'old'}")
            continue
        found = list(differences(*(json.loads((folder / name).read_text(encoding="utf-8")) for folder in (old, new))))
        differing += bool(found)
        for line in found:
            print(f"{name.removesuffix('.json')}: {line}")
    print(f"{len(names)} files, {differing} differ")
    return differing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write")
    for name in ("checkout", "media", "out"):
        writing.add_argument(name, type=Path)
    comparing = commands.add_parser("compare")
    for name in ("old", "new"):
        comparing.add_argument(name, type=Path)
    given = parser.parse_args()
    if given.command == "write":
        write(given.checkout.absolute(), given.media.absolute(), given.out.absolute())
        return 0
    return 1 if compare(given.old, given.new) else 0


if __name__ == "__main__":
    sys.exit(main())
