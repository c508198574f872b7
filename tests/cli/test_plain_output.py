"""What people read: the plain output of every command, without ``--json``."""

import re

import pytest
from conftest import SAMPLE

from assistant.cli import main as command_line
from assistant.cli.main import COMMANDS, NOT_BUILT, main


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("plain") / "home"


@pytest.fixture
def run(home, capsys, monkeypatch):
    # The kernel's limits are for a process of its own, and are tested there; this one goes on with other tests.
    monkeypatch.setattr("assistant.jobs.worker.limits.apply_limits", lambda limits: None)
    monkeypatch.setattr("assistant.jobs.worker.network.cut_network", lambda: True)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--home", str(home), "--pack", "demo", *map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return code, printed.out, printed.err

    return run


def test_analyze_prints_a_line_for_each_segment_with_its_time_labels_and_words(run):
    code, out, _ = run("analyze", SAMPLE)
    lines = out.splitlines()
    assert code == 0
    assert re.fullmatch(r"\[S1\] 0:00\.0-0:\d\d\.\d  [a-z ]+ \d+ %  [a-z ]+ \d+ %.*", lines[0])
    assert any('"' in line for line in lines)


def test_analyze_runs_only_what_is_asked_for_and_says_what_it_left_out(run):
    code, out, _ = run("analyze", SAMPLE, "--only", "speech")
    assert code == 0
    assert re.match(r"\[S1\] 0:00\.0-0:\d\d\.\d  -  -", out)
    assert "no actions: it was not asked for" in out
    with pytest.raises(SystemExit) as wrong:
        run("analyze", SAMPLE, "--only", "smells")
    assert wrong.value.code == 2
    assert run("analyze", SAMPLE)[0] == 0  # all of it again, for whoever comes next


def test_ask_prints_the_answer_and_the_time_of_each_citation(run):
    code, out, _ = run("ask", SAMPLE, "What happens first?", "--answerer", "extractive")
    assert code == 0
    assert re.search(r"^  \[S\d+\] \d:\d\d\.\d-\d:\d\d\.\d$", out, re.MULTILINE)


def test_check_prints_the_verdict_and_the_time_of_each_mark(run):
    code, out, _ = run("check", SAMPLE, "A dog plays the piano. [S1]")
    assert code == 0
    assert out.startswith("not supported: ")
    assert re.search(r"^  \[S1\] 0:00\.0-0:\d\d\.\d$", out, re.MULTILINE)


def test_summarize_prints_the_whole_then_each_part_with_its_time(run):
    code, out, _ = run("summarize", SAMPLE, "--answerer", "extractive")
    assert code == 0
    assert out.splitlines()[0].strip()
    assert re.search(r"^Segments\n  0:00\.0-0:\d\d\.\d  \S", out, re.MULTILINE)


def test_explain_prints_its_text(run):
    code, out, _ = run("explain", SAMPLE, "--segment", 1)
    assert code == 0
    assert len(out.split()) > 10


def test_export_says_where_it_wrote(run, tmp_path):
    code, out, err = run("export", SAMPLE, "--format", "srt", "-o", tmp_path / "words.srt")
    assert (code, out) == (0, "")
    assert f"wrote {tmp_path / 'words.srt'}" in err
    assert "-->" in (tmp_path / "words.srt").read_text()


def test_world_says_what_it_wrote_and_evaluate_prints_a_figure_a_line(run, tmp_path):
    code, _, err = run(
        "world", tmp_path / "a.mp4", "--seed", 100003, "--seconds", 8, "--truth", tmp_path / "a.truth.json"
    )
    assert (code, err.strip()) == (0, f"wrote {tmp_path / 'a.mp4'} and {tmp_path / 'a.truth.json'}")
    code, out, _ = run("evaluate", tmp_path, "--answerer", "extractive")
    assert code == 0
    assert re.search(r"^actions_top1 +[01]\.\d{4}$", out, re.MULTILINE)


def test_models_prints_a_line_for_each_model_of_each_pack(run):
    code, out, _ = run("models")
    assert code == 0
    assert re.search(r"^demo +actions .*MIT +here", out, re.MULTILINE)
    assert re.search(r"^standard +speech ", out, re.MULTILINE)
    code, _, err = run("models", "verify")
    assert code == 0
    assert "demo/actions: " in err


def test_doctor_prints_a_finding_a_line(run):
    code, out, _ = run("doctor")
    assert code == 0
    assert all(re.match(r"(ok|note|warning|PROBLEM) ", line) for line in out.splitlines() if not line.startswith(" "))


def test_train_reports_on_standard_error(run, monkeypatch):
    def train_demo(only, out, seed, report):
        report(f"trained {only} with seed {seed}")

    monkeypatch.setattr("assistant.synthetic.recipes.demo.train_demo", train_demo)
    assert run("train", "demo", "--only", "speech") == (0, "", "trained ('speech',) with seed 0\n")


def test_bench_prints_a_table(run, monkeypatch):
    # The measuring itself takes minutes and is tested elsewhere; here it is what is made of its document.
    document = {"weights": "demo", "videos": [], "ratios": {}}
    monkeypatch.setattr("assistant.evaluation.speed.run.run", lambda *_: document)
    monkeypatch.setattr("assistant.evaluation.speed.report.table", lambda given: f"table of {given['weights']}")
    assert run("bench")[:2] == (0, "table of demo\n")


@pytest.mark.parametrize("name", NOT_BUILT)
def test_a_command_that_is_still_to_come_says_so(run, name):
    assert run(name, "a", "--b") == (2, "", f"{name}: not built yet\n")


def test_every_command_of_the_table_has_a_test_here():
    tested = {
        "analyze",
        "ask",
        "check",
        "summarize",
        "explain",
        "export",
        "world",
        "evaluate",
        "models",
        "doctor",
        "train",
        "bench",
    }
    assert {module.__name__.rpartition(".")[2] for module in COMMANDS} == tested
    assert command_line.WRONG_USAGE == 2
