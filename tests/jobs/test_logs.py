"""What is said in a video, asked and answered stands in no log, at its most talkative."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, SAMPLE
from tiny_language_model import write_language_model

QUESTION = "Which thing appears first, please?"
# One process, so that the models are loaded once: the same commands as a person would give.
PROGRAM = f"""
import logging, sys
from assistant.cli.main import main
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
logging.getLogger("assistant").setLevel(logging.DEBUG)
home, film, pack = sys.argv[1:]
common = ["--home", home, "--pack", pack]
for name, command in {{
    "analyze": ["analyze", film],
    "extractive": ["ask", film, {QUESTION!r}, "--answerer", "extractive"],
    "llm": ["ask", film, {QUESTION!r}, "--answerer", "llm"],
    "summary": ["summarize", film, "--answerer", "llm"],
}}.items():
    code = main([*common, *command, "--json", f"{{home}}/../{{name}}.json"])
    if code:
        sys.exit(f"{{name}} ended with {{code}}")
"""


def test_no_log_line_holds_what_was_said_asked_or_answered(tmp_path):
    film = shutil.copy(SAMPLE, tmp_path / "our wedding.mp4")
    pack = Path(shutil.copytree(ROOT / "assistant" / "packs" / "demo", tmp_path / "pack"))
    (pack / "language").mkdir(exist_ok=True)
    write_language_model(pack / "language")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "home"), str(film), str(pack)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    log = done.stderr.lower()
    assert "loaded actions" in log
    assert "transcribed chunks=" in log
    assert "answered video=" in log
    timeline, *answers = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("analyze", "extractive", "llm")
    )
    spoken = {said["text"] for segment in timeline["segments"] for said in segment["utterances"]}
    assert spoken
    for words in (*spoken, QUESTION, *(answer["text"] for answer in answers), "our wedding"):
        assert words.lower() not in log
