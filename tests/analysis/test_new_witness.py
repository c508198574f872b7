"""A new witness is one file and one line: nothing else is edited, and it is found everywhere.

This file is the one file, and `table` below is the one line.
"""

import csv
import io
import textwrap

import numpy as np
import pytest
from conftest import ROOT, SAMPLE

from assistant.analysis import analyzers
from assistant.analysis.analyzer import Needs
from assistant.config import load
from assistant.core.timeline import Observation, Span, Timeline
from assistant.engine import Assistant
from assistant.media.audio import SAMPLE_RATE
from assistant.ui.view import desk_view


class SoundLevel:
    """How loud each second is, in 0..1: the root mean square over that of a full-scale sine."""

    kind = "sound_level"
    needs = Needs(sound=True)
    runs = 0

    def __init__(self, context):
        pass

    def key(self):
        return {"version": "1"}

    def run(self, stream, cancelled):
        SoundLevel.runs += 1
        samples = stream.sound()
        for second in range(-(-len(samples) // SAMPLE_RATE)):
            part = np.asarray(samples[second * SAMPLE_RATE : (second + 1) * SAMPLE_RATE])
            level = min(1.0, float(np.sqrt(2 * np.mean(part**2))))
            span = Span(second, second + len(part) / SAMPLE_RATE)
            yield Observation(self.kind, span, label="loud" if level > 0.05 else "quiet", score=level, source="rms")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    table = (*analyzers.ANALYZERS, f"{__name__}:SoundLevel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analyzers, "ANALYZERS", table)
        engine = Assistant(load(tmp_path_factory.mktemp("witness"), "demo", {}))
        timeline = engine.analyze(SAMPLE)
        again = engine.analyze(SAMPLE)
    assert again == timeline
    yield engine, timeline
    engine.library.close()


def test_it_runs_once_and_is_in_the_timeline_and_its_json(engine):
    _, timeline = engine
    levels = [item for item in timeline.observations if item.kind == "sound_level"]
    assert SoundLevel.runs == 1
    assert len(levels) == round(timeline.video.duration_seconds)
    assert {item.label for item in levels} == {"loud", "quiet"}
    document = timeline.to_json()
    assert document["observations"][0]["kind"] == "sound_level"
    assert Timeline.from_json(document) == timeline


def test_it_has_a_lane_of_its_own_on_the_page(engine):
    _, timeline = engine
    (lane,) = desk_view(timeline)["lanes"]
    assert (lane["kind"], lane["name"]) == ("sound_level", "Sound level")
    assert lane["items"][0].keys() >= {"start", "end", "label", "score", "colour"}


def test_it_is_in_every_export_that_is_not_subtitles(engine):
    assistant, timeline = engine
    sha256 = timeline.video.sha256
    rows = list(csv.DictReader(io.StringIO(assistant.export(sha256, "csv")[1].decode("utf-8-sig"))))
    assert any("sound_level: loud" in row["observations"] for row in rows)
    assert "sound\\_level\\: quiet" in assistant.export(sha256, "md")[1].decode()
    assert "sound_level: loud" in assistant.export(sha256, "html")[1].decode()


def test_a_video_without_what_it_needs_says_so(tmp_path, monkeypatch):
    from making_media import scene, write

    monkeypatch.setattr(analyzers, "ANALYZERS", (*analyzers.ANALYZERS, f"{__name__}:SoundLevel"))
    silent = write(tmp_path / "silent.mp4", [scene(1, 96, 64)] * 10, rate=5)
    timeline = Assistant(load(tmp_path / "home", "demo", {})).analyze(silent)
    assert ("sound_level", "no audio track") in [(item.what, item.reason) for item in timeline.absences]


def test_the_example_of_the_contributors_page_works_as_it_stands(tmp_path, monkeypatch):
    """What the page tells people to type is typed here."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = textwrap.dedent(page.split("   ```python\n")[1].split("   ```\n")[0])
    (tmp_path / "brightness_example.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(analyzers, "ANALYZERS", (*analyzers.ANALYZERS, "brightness_example:BrightnessAnalyzer"))
    engine = Assistant(load(tmp_path / "home", "demo", {}))
    timeline = engine.analyze(SAMPLE, only=("brightness",))
    engine.library.close()
    found = [item for item in timeline.observations if item.kind == "brightness"]
    assert len(found) == round(timeline.video.duration_seconds)
    assert {item.label for item in found} == {"bright", "dark"}
