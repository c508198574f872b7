"""What the commands share: Ctrl-C, whole numbers, documents in and out, progress that never gets in the way."""

from __future__ import annotations

import argparse
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.cli import common
from assistant.cli.output import document_bytes
from assistant.core.progress import Progress
from assistant.errors import InputUnusable


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_a_whole_number_is_read(text, number):
    assert common.whole_number(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1e3", " 1", "1_000", "٣", "²", "9" * 19, "one"])
def test_what_is_no_whole_number_is_told_in_its_own_words(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no whole number from 0 on"):
        common.whole_number(text)


def test_the_first_ctrl_c_asks_and_the_second_stops(capsys):
    stop = common.Stop()
    assert not stop()
    stop.handle(2, None)
    assert stop()
    assert capsys.readouterr().err == "stopping; what is finished is kept ...\n"
    with pytest.raises(KeyboardInterrupt):
        stop.handle(2, None)


def test_a_document_goes_where_it_is_asked_for(tmp_path, capsysbinary):
    document = {"text": "Übung – 視頻"}
    assert not common.emit(document, None)
    assert capsysbinary.readouterr().out == b""
    assert common.emit(document, str(tmp_path / "a.json"))
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == document
    assert common.emit(document, "-")
    assert json.loads(capsysbinary.readouterr().out.decode("utf-8")) == document


@given(
    document=st.dictionaries(
        st.text(max_size=5), st.text() | st.text(st.characters(categories=["Cs", "L"])) | st.integers(), max_size=4
    )
)
@settings(deadline=None, derandomize=True)
def test_any_document_is_json_in_utf_8(document):
    data = document_bytes(document)
    assert data.endswith(b"\n")
    found = json.loads(data.decode("utf-8"))
    has_half_a_character = any("\ud800" <= sign <= "\udfff" for sign in json.dumps(document, ensure_ascii=False))
    assert has_half_a_character or found == document


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe\xfa", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"<html>", "is not JSON"),
    ],
)
def test_a_file_that_is_no_json_is_told_with_its_name_and_the_remedy(tmp_path, content, told):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputUnusable, match=rf"^a\.json {told}; write it again$"):
        common.read_json(path, "write it again")


def test_json_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert common.read_json(path, "") == {"a": 1}
    with pytest.raises(InputUnusable, match="there is no file"):
        common.read_json(tmp_path / "gone.json", "")


def test_a_timeline_is_read_and_what_is_none_is_told_with_its_place(tmp_path, timeline):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(timeline.to_json()), encoding="utf-8")
    assert common.read_timeline(path) == timeline
    path.write_text(json.dumps(timeline.to_json() | {"segments": [{"id": "one"}]}), encoding="utf-8")
    with pytest.raises(InputUnusable, match=r"a\.json is no timeline: .*segments\[0\].*; give a video"):
        common.read_timeline(path)


# Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def now(monkeypatch):
    """The clock that progress goes by, at will."""
    seconds = [1000.0]
    monkeypatch.setattr(common.time, "monotonic", lambda: seconds[0])
    return seconds


def told(line: common.ProgressLine, now: list[float], *steps: tuple[float, float]) -> None:
    for wait, done in steps:
        now[0] += wait
        line(Progress("decode", done, 10.0, "reading"))


def test_on_a_terminal_one_line_is_written_over_and_wiped_at_the_end(monkeypatch, now):
    out = Terminal()
    monkeypatch.setattr("sys.stderr", out)
    with common.ProgressLine() as line:
        told(line, now, (0.3, 1.0), (0.05, 2.0), (0.3, 3.0))
    shown = out.getvalue().split("\r")
    assert [text.strip() for text in shown if text.strip()] == ["decode  10 % reading", "decode  30 % reading"]
    assert "\n" not in out.getvalue()
    assert shown[-2].strip() == shown[-1] == ""


def test_elsewhere_a_line_comes_every_ten_seconds_and_nothing_is_wiped(monkeypatch, now):
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    with common.ProgressLine() as line:
        told(line, now, (11, 1.0), (5, 2.0), (6, 3.0), (9, 4.0))
    assert out.getvalue() == "decode  10 % reading\ndecode  30 % reading\n"


def test_a_share_is_never_more_than_all_and_an_unknown_length_is_no_division(monkeypatch, now):
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    with common.ProgressLine() as line:
        line(Progress("speech", 99.0, 10.0))
        now[0] += 11
        line(Progress("fusion", 3.0, 0.0))
    assert out.getvalue() == "speech 100 %\nfusion   0 %\n"


def test_a_terminal_on_which_nothing_was_shown_stays_as_it_was(monkeypatch):
    out = Terminal()
    monkeypatch.setattr("sys.stderr", out)
    with common.ProgressLine():
        pass
    assert out.getvalue() == ""
