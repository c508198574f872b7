"""``ask`` on a timeline alone, one question and many, with and without JSON."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from timelines import SHAPES, timeline_of

from assistant.cli.main import main
from assistant.config import load
from assistant.core.timeline import Answer


@pytest.fixture
def timeline(tmp_path: Path) -> str:
    path = tmp_path / "clip.timeline.json"
    path.write_text(json.dumps(timeline_of(SHAPES, same_shot=(5,)).to_json()), encoding="utf-8")
    return str(path)


def ask(tmp_path: Path, *words: str) -> int:
    return main(["--home", str(tmp_path / "home"), "ask", *words])


def test_a_timeline_is_asked_without_a_video_or_weights(tmp_path, timeline, capsys):
    assert ask(tmp_path, timeline, "What rotates?") == 0
    assert capsys.readouterr().out == "Blue square, rotating [S2].\n  [S2] 0:04.0-0:08.0\n"


def test_turns_of_a_conversation_follow_one_another_however_they_are_listed(tmp_path, timeline, capsys):
    questions = [
        {"id": "b", "conversation": "c", "turn": 2, "question": "and after that?"},
        {"id": "a", "conversation": "c", "turn": 1, "question": "When does the blue square rotate?"},
        {"id": "x", "conversation": None, "turn": 1, "question": "and after that?"},
    ]
    listed = tmp_path / "questions.json"
    listed.write_text(json.dumps(questions), encoding="utf-8")
    assert ask(tmp_path, timeline, "--questions", str(listed), "--json", "-") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "answers/1"
    answers = {item["id"]: item for item in document["answers"]}
    assert [c["segment_id"] for c in answers["b"]["citations"]] == [3]
    assert answers["x"]["outcome"] != "answer" or answers["x"]["citations"] != answers["b"]["citations"]
    assert Answer.from_json(answers["a"]).outcome == "answer"
    assert all("answers_question" in claim for item in answers.values() for claim in item["claims"])


@pytest.mark.parametrize("content", ["{}", "[1]", '[{"question": "What?"}]', "no json"])
def test_a_file_that_holds_no_questions_is_told_in_one_line(tmp_path, timeline, capsys, content):
    listed = tmp_path / "questions.json"
    listed.write_text(content, encoding="utf-8")
    assert ask(tmp_path, timeline, "--questions", str(listed)) == 3
    error = capsys.readouterr().err
    assert error.startswith("error: questions.json")
    assert error.count("\n") == 1


def test_a_file_that_is_no_timeline_is_told_in_one_line(tmp_path, capsys):
    path = tmp_path / "other.json"
    path.write_text("{}", encoding="utf-8")
    assert ask(tmp_path, str(path), "What?") == 3
    assert "no timeline" in capsys.readouterr().err


def test_a_server_that_is_down_leaves_the_rules_to_answer_with_a_notice(tmp_path, timeline, capsys, monkeypatch):
    monkeypatch.setattr("assistant.cli.common.engine_for", None)  # it would limit this very process
    monkeypatch.setattr("assistant.cli.ask.engine_for", _engine)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    for model in (address, f"{address}#tiny"):
        monkeypatch.setenv("ASSISTANT_LANGUAGE_MODEL", model)
        assert ask(tmp_path, timeline, "What rotates?") == 0
        said = capsys.readouterr()
        assert said.out == "Blue square, rotating [S2].\n  [S2] 0:04.0-0:08.0\n"
        assert "The language model did not answer" in said.err
    monkeypatch.setenv("ASSISTANT_LANGUAGE_MODEL", address)
    assert ask(tmp_path, timeline, "What rotates?", "--answerer", "llm") == 4
    assert "no language model answers" in capsys.readouterr().err
    assert ask(tmp_path, timeline, "What rotates?", "--answerer", "extractive") == 0
    assert capsys.readouterr().err == ""


def _engine(settings, asks=False):
    from assistant.engine import Assistant

    return Assistant(settings)


@pytest.mark.parametrize("name", ["ASSISTANT_ANSWER_SECONDS", "ASSISTANT_CONTEXT_TOKENS"])
def test_numbers_of_the_environment_are_read_and_slips_told(tmp_path, timeline, capsys, monkeypatch, name):
    monkeypatch.setenv(name, "4096")
    chat = load(home=tmp_path).chat
    assert 4096 in (chat.timeout_seconds, chat.context_tokens)
    monkeypatch.setenv(name, "soon")
    assert ask(tmp_path, timeline, "What rotates?") == 3
    assert f"{name} is 'soon'" in capsys.readouterr().err
