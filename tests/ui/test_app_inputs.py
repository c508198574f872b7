"""What the app makes of difficult files: the real queue, the real worker, the demo pack."""

import shutil

import pytest
from conftest import SAMPLE

from assistant.config import Limits, Settings
from assistant.engine import Assistant
from assistant.jobs import JobQueue
from assistant.media import container
from assistant.media.video import clip_at
from assistant.store import Library

SOON = 180.0


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with Library(tmp_path_factory.mktemp("app") / "library") as opened:
        yield opened


@pytest.fixture(scope="module")
def queue(library):
    settings = Settings(library.home, pack="demo", limits=Limits(max_seconds=20.0))
    with JobQueue(settings, library=library) as running:
        running.settings = settings
        yield running


def finished(queue, path):
    return queue.wait(queue.submit(path, path.name).id, SOON)


def test_a_video_that_is_too_long_is_one_sentence_and_leaves_no_entry(queue, library):
    job = finished(queue, SAMPLE)
    assert job.state == "failed"
    assert "; " in job.reason
    assert "Traceback" not in job.reason
    assert library.videos() == []


def test_a_file_cut_short_is_one_sentence_and_leaves_no_entry(queue, library, tmp_path):
    short = tmp_path / "short.mp4"
    short.write_bytes(SAMPLE.read_bytes()[:5_000])
    job = finished(queue, short)
    assert job.state == "failed"
    assert "; " in job.reason
    assert library.videos() == []


@pytest.mark.parametrize("name", ["one_frame.mp4", "portrait_720x1080.mp4"])
def test_an_odd_file_has_a_timeline_and_says_what_it_lacks(queue, library, media, tmp_path, name):
    path = shutil.copy(media / "odd" / name, tmp_path / name)
    job = finished(queue, tmp_path / name)
    assert job.state == "done", (path, job.reason)
    timeline = library.timeline(job.sha256)
    assert timeline.segments
    assert any(absence.what == "speech" and absence.reason for absence in timeline.absences)


def test_analysis_proxy_and_explanation_open_the_video_in_workers_alone(queue, library, tmp_path, monkeypatch):
    from assistant.synthetic.film import make

    path = tmp_path / "short.mp4"
    make(path, 100_001, 6.0)
    monkeypatch.setattr(container, "_refused_here", ["a test"])
    analysed = finished(queue, path)
    assert analysed.state == "done", analysed.reason
    engine, asked = (
        Assistant(Settings(library.home, pack="demo"), library),
        {"sha256": analysed.sha256, "segment": 1, "label": ""},
    )
    assert engine.explained(analysed.sha256, 1) is None
    for kind in ("explain", "proxy"):
        job = queue.wait(queue.submit(path, path.name, kind=kind, options=asked).id, SOON)
        assert (job.state, job.reason) == ("done", "")
    assert engine.explained(analysed.sha256, 1).text
    assert library.file(analysed.sha256, "proxy.mp4")
    with pytest.raises(RuntimeError, match="where none may be"):
        clip_at(path, library.entry(analysed.sha256).video, [0.5], 64)
