"""Questions become words for the full-text index and never its syntax; documents become the same text each time."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assistant.store.stages import file_of, owner_of, pack_arrays, stage_key
from assistant.store.text import MAX_QUERY_WORDS, all_of, any_of, as_phrase, clean, dump, unspaced_words

QUICK = settings(max_examples=150, deadline=None, derandomize=True)
SYNTAX = ['"', "'", "(", ")", "*", "^", ":", "-", "+", "NEAR(", "AND", "OR", "NOT", "{actions}", ";", "--", "the", " "]
QUERIES = st.lists(st.sampled_from(SYNTAX) | st.text(max_size=5), max_size=14).map("".join)


@pytest.fixture(scope="module")
def index():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5(words, tokenize = 'porter unicode61')")
    rows = ["the red circle moves left", "a green bar turns around", "the circle is red and it is round", "left alone"]
    connection.executemany("INSERT INTO texts VALUES (?)", [(row,) for row in rows])
    yield connection
    connection.close()


def found(index, expression: str) -> list[int]:
    if not expression:
        return []
    return [
        row[0] for row in index.execute("SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rowid", (expression,))
    ]


@pytest.mark.parametrize(
    ("query", "any_word", "all_words", "phrase"),
    [
        ("red circle", [1, 3], [1, 3], [1]),
        ("the red circle", [1, 3], [1, 3], [1]),
        ("green circle", [1, 2, 3], [], []),
        ("turning", [2], [2], [2]),
        ("the", [1, 3], [1, 3], [1, 3]),
        ("left", [1, 4], [1, 4], [1, 4]),
        ("LEFT Red", [1, 3, 4], [1], []),
        ("elephant", [], [], []),
        ("", [], [], []),
        ("?!", [], [], []),
    ],
)
def test_a_query_finds_any_all_or_its_phrase(index, query, any_word, all_words, phrase):
    assert found(index, any_of(query)) == any_word
    assert found(index, all_of(query)) == all_words
    assert found(index, as_phrase(query)) == phrase


@given(query=QUERIES)
@example(query='" OR words:"left')
@example(query="red* NOT left")
@QUICK
def test_no_query_is_syntax_and_a_narrower_one_finds_no_more(index, query):
    wide, narrow, phrase = (set(found(index, way(query))) for way in (any_of, all_of, as_phrase))
    assert phrase <= narrow <= wide


def test_a_word_asked_for_twice_is_looked_for_once_and_a_long_query_is_cut():
    assert any_of("red red RED") == '"red"'
    assert any_of(" ".join(f"w{n}" for n in range(500))).count('"') == 2 * MAX_QUERY_WORDS


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("red circle", []),
        ("今天天气 weather", ["今天天气"]),
        ("สวัสดี", ["สวัสดี"]),
        ("안녕하세요 seoul", ["안녕하세요"]),
        ("ひらがな カタカナ", ["ひらがな", "カタカナ"]),
        ("привет", []),
        ("သတင်း ភាសា", ["သတင်း", "ភាសា"]),
    ],
)
def test_words_of_scripts_without_spaces_are_told(query, words):
    assert unspaced_words(query) == words


@given(text=st.text() | st.text(st.characters(categories=["Cs", "Cc", "L"])))
@QUICK
def test_cleaned_text_can_be_stored_and_cleaning_it_again_changes_nothing(text):
    kept = clean(text)
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert "\x00" not in kept
    assert clean(kept) == kept


@dataclass(frozen=True)
class Thing:
    names: tuple[str, ...]
    path: PurePosixPath


def test_the_same_content_is_the_same_text_whatever_its_order_or_kind():
    assert dump({"b": 1, "a": {"y": (1, 2), "x": {"q", "p"}}}) == dump({"a": {"x": ["p", "q"], "y": [1, 2]}, "b": 1})
    assert dump(Thing(("a",), PurePosixPath("/b"))) == '{"names":["a"],"path":"/b"}'
    assert dump("Übung\udce9").isascii()


def test_what_is_no_document_is_refused():
    with pytest.raises(TypeError, match="no JSON for object"):
        dump({"a": object()})
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            dump([number])


@given(value=st.recursive(st.none() | st.integers() | st.text(), lambda i: st.dictionaries(st.text(), i, max_size=3)))
@QUICK
def test_what_is_dumped_is_read_as_it_was(value):
    assert json.loads(dump(value)) == value


# Keys of stages


@given(
    sha256=st.just("") | st.text("0123456789abcdef", min_size=64, max_size=64),
    stage=st.text("abcdefghij_0123456789", min_size=1, max_size=40),
    model=st.text(max_size=20),
    revision=st.text(max_size=20),
    settings_of=st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=3),
)
@QUICK
def test_any_model_and_settings_have_a_key_that_names_a_file_within_the_library(
    tmp_path_factory, sha256, stage, model, revision, settings_of
):
    home = tmp_path_factory.getbasetemp()
    key = stage_key(sha256, stage, model, revision, settings_of)
    assert owner_of(key) == (sha256 or "shared")
    path = file_of(home, key, ".json")
    assert path.is_relative_to(home)
    assert ".." not in path.parts
    assert stage_key(sha256, stage, model, revision, dict(reversed(settings_of.items()))) == key
    assert stage_key(sha256, stage, model, f"{revision}+", settings_of) != key


@pytest.mark.parametrize("stage", ["", "Decode", "a/b", "..", "a" * 41, "a-b", "é"])
def test_a_stage_with_another_name_has_no_key(stage):
    with pytest.raises(ValueError, match="no name for a stage"):
        stage_key("ab" * 32, stage, "m", "r", {})


@pytest.mark.parametrize(
    "key", ["", "x", "../etc/passwd", "shared/../../x", "AB" * 32 + "/a-" + "0" * 40, "shared/a-0"]
)
def test_what_is_no_key_owns_nothing(key):
    with pytest.raises(ValueError, match="not a stage key"):
        owner_of(key)


def test_the_same_arrays_are_the_same_bytes():
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros((0, 4), np.int64)}
    assert pack_arrays(arrays) == pack_arrays({name: array.copy() for name, array in arrays.items()})
    with pytest.raises(ValueError, match="objects are not stored"):
        pack_arrays({"a": np.array([{}], dtype=object)})
