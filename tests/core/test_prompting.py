"""Prompts are filled in one pass, and names nobody knows are an error."""

from __future__ import annotations

import pytest

from assistant.config import PROMPTS_FOLDER
from assistant.core.prompts import fill, read_lines
from assistant.errors import PromptInvalid


def test_every_place_is_filled(tmp_path):
    (tmp_path / "a.md").write_text("Say {{ what }} to {{who}}.\n")
    assert fill("a", tmp_path, what="hello", who="you") == "Say hello to you."


def test_what_is_filled_in_is_not_filled_again(tmp_path):
    (tmp_path / "a.md").write_text("{{one}} {{two}}")
    assert fill("a", tmp_path, one="{{two}}", two="\\1 {{one}}") == "{{two}} \\1 {{one}}"


def test_a_place_nobody_fills_is_an_error(tmp_path):
    (tmp_path / "a.md").write_text("{{one}} {{tow}}")
    with pytest.raises(PromptInvalid, match="tow"):
        fill("a", tmp_path, one="1")


def test_a_value_without_a_place_is_an_error(tmp_path):
    (tmp_path / "a.md").write_text("{{one}}")
    with pytest.raises(PromptInvalid, match="two"):
        fill("a", tmp_path, one="1", two="2")


def test_a_missing_or_unreadable_prompt_is_an_error(tmp_path):
    with pytest.raises(PromptInvalid, match="cannot be read"):
        fill("nothing", tmp_path)
    (tmp_path / "a.md").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(PromptInvalid, match="UTF-8"):
        fill("a", tmp_path)


def test_a_changed_prompt_is_used_at_once(tmp_path):
    import os

    path = tmp_path / "a.md"
    path.write_text("one")
    assert fill("a", tmp_path) == "one"
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert fill("a", tmp_path) == "two"


def test_the_prompts_of_the_project_take_the_names_that_the_code_gives():
    assert "[S3]" in fill("system", overview="", evidence="[S3]")
    assert fill("answer", more="", note="", question="Why?") == "Question: Why?"
    assert fill("more", evidence="x")
    assert fill("summarize", evidence="x", what="this")


def test_no_synonym_stands_in_two_groups_that_mean_the_opposite():
    from assistant.chat.words import stems, synonym_groups

    groups = synonym_groups()
    for one, other in (("left", "right"), ("rise", "fall"), ("appear", "vanish"), ("approach", "recede")):
        assert groups[stems(one)] != groups[stems(other)]


def test_the_lists_of_words_are_there():
    for language in ("en", "de", "es"):
        for name in ("kinds", "forms", "stop", "numbers", "times", "replies", "about", "cues", "synonyms"):
            assert read_lines(f"words/{language}/{name}.txt", PROMPTS_FOLDER)
