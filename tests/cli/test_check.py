"""``check``: a sentence, or many, held against a timeline on disk; no library, no weights."""

import json

import pytest
from timelines import KITCHEN, timeline_of

from assistant.cli.main import main


@pytest.fixture
def timeline(tmp_path):
    path = tmp_path / "kitchen.timeline.json"
    path.write_text(json.dumps(timeline_of(KITCHEN).to_json()), encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path, capsys):
    def run(*arguments):
        code = main(["--home", str(tmp_path / "home"), *map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err

    return run


def test_a_sentence_gets_its_verdict_in_words_the_reason_and_the_place(run, timeline, tmp_path):
    code, out, _ = run("check", timeline, "Someone opens a drawer. [S1]")
    assert code == 0
    first, place = out.splitlines()
    assert first.startswith("supported: ")
    assert place == "  [S1] 0:00.0-0:04.0"
    assert run("check", timeline, "Someone opens a window. [S1]")[1].startswith(("not supported: ", "contradicted: "))
    beside = run("check", timeline, "Someone opens a drawer. [S1]", "--question", "What colour is the drawer?")[1]
    assert beside.startswith("supported, but it does not answer the question: ")
    assert not (tmp_path / "home").exists() or not any((tmp_path / "home").rglob("*.sqlite*"))


def test_many_claims_become_one_document(run, timeline, tmp_path):
    claims = [
        {"id": "a", "question": "What is opened?", "text": "A drawer is opened. [S1]"},
        {"id": 2, "question": "", "text": "It is a drawer. [S1] It flies away. [S1]"},
        {"id": "c", "question": "Where is it?", "text": "A drawer is opened. [S77]"},
    ]
    (tmp_path / "claims.json").write_text(json.dumps(claims), encoding="utf-8")
    code, out, _ = run("check", timeline, "--claims", tmp_path / "claims.json", "--json", "-")
    document = json.loads(out)
    assert (code, document["schema"]) == (0, "claims/1")
    one, two, three = document["claims"]
    assert set(one) == {"id", "text", "verdict", "answers_question", "segment_ids", "evidence", "reason"}
    assert (one["id"], one["verdict"], one["answers_question"], one["segment_ids"]) == ("a", "supported", True, [1])
    assert (two["id"], two["answers_question"]) == (2, None)
    assert two["verdict"] in ("unsupported", "contradicted"), "as bad as the worst of its sentences"
    assert (three["verdict"], three["segment_ids"]) == ("unsupported", [])
    out = run("check", timeline, "--claims", tmp_path / "claims.json")[1]
    assert out.startswith("a: supported: ")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON"),
        ("[1]", "is no list of claims"),
        ('[{"id": 1}]', "is no list of claims"),
        ("{}", "is no list"),
    ],
)
def test_a_file_of_claims_that_is_none_is_told_in_one_line(run, timeline, tmp_path, content, told):
    (tmp_path / "claims.json").write_text(content, encoding="utf-8")
    code, out, err = run("check", timeline, "--claims", tmp_path / "claims.json")
    assert (code, out) == (3, "")
    assert told in err
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("content", ["{}", "[]", "nothing", '{"schema": "timeline/1"}', "[" * 100_000])
def test_a_timeline_that_is_none_is_told_in_one_line(run, tmp_path, content):
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    code, _, err = run("check", tmp_path / "a.json", "It rains. [S1]")
    assert code == 3
    assert len(err.splitlines()) == 1


def test_a_file_that_is_not_there_is_told(run, tmp_path):
    code, _, err = run("check", tmp_path / "none.json", "It rains. [S1]")
    assert code == 3
    assert "none.json" in err


def test_neither_a_sentence_nor_claims_is_wrong_usage(run, timeline):
    with pytest.raises(SystemExit) as ended:
        run("check", timeline)
    assert ended.value.code == 2
