"""A real talk with the starter pack, from the command line: real words, no shape named, a question with its moment.

``STARTER_PACK`` names the pack's folder, as ``models pull --pack starter`` leaves it: HOME/packs/starter.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

from assistant.core.timeline import Timeline

pytestmark = pytest.mark.weights

GOAL_SECONDS, GOAL_BYTES = 40.0, 2e9
SHAPES = re.compile(r"\b(circle|square|triangle|star|bar|moving left|moving right|rotating|vanishing)\b")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("STARTER_PACK", ""))
    if not any((folder / "speech").glob("*.safetensors")) and not any((folder / "speech").glob("*.pt")):
        pytest.skip("STARTER_PACK names no folder of the starter pack")
    made = tmp_path_factory.mktemp("home")
    (made / "packs").mkdir()
    (made / "packs" / "starter").symlink_to(folder.absolute(), target_is_directory=True)
    return made


@pytest.fixture(scope="module")
def talk(media: Path) -> Path:
    return media / "long/laion400m_talk_122s.mp4"


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assistant", "--home", str(home), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def timeline(home: Path, talk: Path) -> Timeline:
    """The talk's timeline; says how long it took and how much memory, beside the load of the machine."""
    load, started = os.getloadavg()[0], time.monotonic()
    done = run(home, "analyze", str(talk), "--json", "-")
    seconds = time.monotonic() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = usage.ru_maxrss * 1024
    busy = f"{usage.ru_utime + usage.ru_stime:.0f} s of processor"
    print(f"\n{seconds:.0f} s ({busy}, load {load:.1f}, {os.cpu_count()} cores), peak {peak / 1e9:.2f} GB")
    assert peak < GOAL_BYTES
    if load < 0.5:
        assert seconds < GOAL_SECONDS
    return Timeline.from_json(json.loads(done.stdout))


def test_the_words_are_real_and_no_shape_is_named(timeline):
    words = " ".join(segment.words for segment in timeline.segments).lower()
    assert len(words.split()) > 200
    for word in ("open", "400 million", "image", "text pairs"):  # of the title that the first slide shows
        assert word in words
    assert all(segment.action is None and segment.description is None for segment in timeline.segments)
    assert not SHAPES.search(" ".join(item.label for item in timeline.observations))
    assert {"actions", "descriptions"} <= {absence.what for absence in timeline.absences}


def test_what_he_mentions_is_answered_with_its_moment(timeline, home, talk):
    done = run(home, "ask", str(talk), "What are the two tools he mentions?", "--json", "-")
    answer = json.loads(done.stdout)
    print(f"\n{answer['text']} {answer['citations']}")
    assert answer["found"]
    assert not SHAPES.search(answer["text"])
    said = [segment.id for segment in timeline.segments if "tools" in segment.words.lower()]
    assert said, "the transcript speaks of tools"
    assert any(place["segment_id"] in said for place in answer["citations"])
