"""The command line as outside programs use it: real processes, the demo pack, the sample video."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE

from assistant.core.timeline import Timeline


def run(*arguments, home, check=None, env=None, seconds=180):
    done = subprocess.run(
        [sys.executable, "-m", "assistant", "--home", str(home), "--pack", "demo", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        timeout=seconds,
    )
    assert "Traceback" not in done.stderr
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A library in which the sample video is analysed."""
    home = tmp_path_factory.mktemp("library")
    run("analyze", SAMPLE, "--json", home / "timeline.json", home=home, check=0)
    return home


def test_analyze_writes_a_timeline_that_keeps_its_promises(library):
    document = json.loads((library / "timeline.json").read_text())
    timeline = Timeline.from_json(document)
    end = timeline.video.duration_seconds
    for spans in ([s.span for s in timeline.segments], [s.span for s in timeline.shots]):
        assert spans[0].start_seconds == 0
        assert spans[-1].end_seconds == pytest.approx(end)
        for one, other in itertools.pairwise(spans):
            assert one.end_seconds == pytest.approx(other.start_seconds)
    cuts = [shot.span.start_seconds for shot in timeline.shots[1:]]
    for segment in timeline.segments:
        assert not any(segment.span.start_seconds + 1e-6 < cut < segment.span.end_seconds - 1e-6 for cut in cuts)
        assert sum(score.score for score in segment.actions) <= 1.0001
        assert segment.keyframe_seconds is not None
    assert [s.id for s in timeline.segments] == list(range(1, len(timeline.segments) + 1))
    assert document["provenance"]["pack"] == "demo"
    assert {"num_frames", "frames_per_second", "size", "clips", "views"} <= set(document["provenance"]["actions"])
    assert timeline.speech_spans


def test_the_second_analysis_runs_no_model_and_gives_the_same_timeline(library):
    code = (
        "import sys; from assistant.cli.main import main\n"
        f"code = main(['--home', {str(library)!r}, '--pack', 'demo', 'analyze', {str(SAMPLE)!r}, '--json', '-'])\n"
        "print([m for m in ('torch', 'transformers', 'whisper', 'open_clip') if m in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout) == json.loads((library / "timeline.json").read_text())
    assert done.stderr.strip().endswith("[]")


def test_json_on_standard_output_is_alone_there(library):
    done = run("ask", SAMPLE, "What happens first?", "--json", "-", home=library, check=0)
    answer = json.loads(done.stdout)
    assert answer["schema"] == "answer/1"
    assert answer["found"]
    assert answer["citations"]
    assert answer["claims"]
    assert all(claim["verdict"] for claim in answer["claims"])


def test_what_is_not_in_the_video_is_said_not_to_be(library):
    answer = json.loads(
        run("ask", SAMPLE, "When does the elephant dance?", "--json", "-", home=library, check=0).stdout
    )
    assert answer["found"] is False
    assert answer["citations"] == []


def test_an_explanation_is_measured_and_its_document_complete(library):
    document = json.loads(run("explain", SAMPLE, "--segment", 2, "--json", "-", home=library, check=0).stdout)
    assert document["schema"] == "explanation/1"
    assert set(document["controls"]) >= {"reversed", "frozen", "shuffled"}
    assert len(document["temporal"]) == 8
    assert len(document["spatial"]["grid"]) == 4
    assert document["text"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [(("--segment", "99"), "no segment 99"), (("--segment", "1", "--label", "juggling"), "no label")],
)
def test_an_explanation_of_what_is_not_there_is_refused_in_one_line(library, arguments, wanted):
    done = run("explain", SAMPLE, *arguments, home=library, check=3)
    assert wanted in done.stderr


def test_summaries_and_every_export_come_from_the_same_library(library):
    summary = json.loads(run("summarize", SAMPLE, "--json", "-", home=library, check=0).stdout)
    assert summary["schema"] == "summary/1"
    assert summary["text"]
    for kind in ("json", "csv", "srt", "vtt", "md", "html"):
        target = library / f"export.{kind}"
        run("export", SAMPLE, "--format", kind, "-o", target, home=library, check=0)
        assert target.stat().st_size > 100
    assert str(SAMPLE.parent) not in (library / "export.json").read_text()
    run("export", SAMPLE, "--format", "json", "--paths", "-o", library / "export.json", home=library, check=0)
    assert str(SAMPLE) in (library / "export.json").read_text()


def write(path, data):
    path.write_bytes(data)
    return path


BAD = {
    "no such file": lambda folder: folder / "missing.mp4",
    "folder": lambda folder: folder,
    "empty": lambda folder: write(folder / "empty.mp4", b""),
    "html": lambda folder: write(folder / "page.mp4", b"<!doctype html><html><body>404</body></html>"),
    "noise": lambda folder: write(folder / "noise.mp4", bytes(range(256)) * 40),
    "truncated": lambda folder: write(folder / "cut.mp4", SAMPLE.read_bytes()[:2000]),
    "text": lambda folder: write(folder / "notes.mp4", b"just some notes about nothing in particular\n" * 9),
}


def test_each_bad_input_has_its_own_clear_line(tmp_path):
    lines = {}
    for name, make in BAD.items():
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        done = run("analyze", make(folder), home=tmp_path / "home", check=3)
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("error: "), done.stderr
        assert "; " in last
        lines[name] = last
    assert len({lines[n] for n in ("no such file", "folder", "empty", "html")}) == 4


def test_a_library_that_cannot_be_written_is_one_line(tmp_path):
    blocked = write(tmp_path / "file", b"not a folder")
    done = run("analyze", SAMPLE, home=blocked, check=3)
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")


def test_an_empty_question_is_one_line(library):
    assert "question" in run("ask", SAMPLE, "   ", home=library, check=3).stderr


def test_wrong_usage_is_exit_2(tmp_path):
    assert run("analyze", home=tmp_path).returncode == 2
    assert run("dance", home=tmp_path).returncode == 2


def test_missing_weights_are_exit_4_and_name_the_command_that_mends_it(tmp_path):
    (tmp_path / "pack").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "assistant", "--home", tmp_path / "h", "--pack", tmp_path / "pack", "analyze", SAMPLE],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 4
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")


def test_a_name_that_looks_like_an_option_or_markup_is_only_a_name(tmp_path, library):
    odd = Path(shutil.copy(SAMPLE, tmp_path / "-<b>$(touch pwned) 'x'.mp4"))
    done = run("analyze", odd, "--json", "-", home=library, check=0)
    assert json.loads(done.stdout)["video"]["path"].endswith("'x'.mp4")
    assert not (ROOT / "pwned").exists()


def test_a_video_is_opened_under_limits_of_the_kernel_and_want_of_memory_is_one_line(tmp_path):
    code = (
        "import resource, sys; from assistant import engine; from assistant.cli.main import main\n"
        "def hungry(*_, **__):\n"
        "    print([resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)])\n"
        "    print(resource.getrlimit(resource.RLIMIT_FSIZE)[0] > 0)\n"
        "    raise MemoryError\n"
        "engine.Assistant.analyze = hungry\n"
        f"sys.exit(main(['--home', {str(tmp_path)!r}, '--pack', 'demo', 'analyze', {str(SAMPLE)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 3, done.stderr
    assert done.stdout == "[0, 1024]\nTrue\n"
    assert done.stderr.strip().splitlines()[-1].startswith("error: this needs more memory")
