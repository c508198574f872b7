"""What a language model or a file's name says stays text: no links, no markup, no thoughts, no hidden characters."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assistant.core.plaintext import PlainStream, escaped_markdown, one_line, plain_text

QUICK = settings(max_examples=150, deadline=None, derandomize=True)
PIECES = [
    *("[S1]", "[S2]", "[", "]", "(", ")", "](http://evil.example/a.png)", "![x](y.z)", "<b>", "</b>", "<", ">"),
    *("<think>", "</think>", "http://a.example/b", "www.a.example", "javascript:alert(1)", "mailto:a@b.c", "`", "**"),
    *("# ", "- ", "1. ", "\n", " ", ".", "a dog", "runs", "\u202e", "\u0000", "$x$", "{y}", "|", "\\", "__", "~~"),
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("A dog runs [S1].", "A dog runs [S1]."),
        ("**A dog** runs `fast`.", "A dog runs fast ."),
        ("![a dog](http://a.example/dog.png) runs", "a dog runs"),
        ("See [S3](http://a.example) now", "See [S3] now"),
        ("See [the page](http://a.example/x) now", "See the page now"),
        ("Go to http://a.example/x now", "Go to now"),
        ("Go to www.a.example now", "Go to now"),
        ("javascript:alert(1) it is", "it is"),
        ("<img src=x> A dog", "A dog"),
        ("<think>It may be a cat.</think>A dog", "A dog"),
        ("A dog<think>or not", "A dog"),
        ("# A dog\n- runs\n1. and barks", "A dog\nruns\nand barks"),
        ("[1]: http://a.example\nA dog", "A dog"),
        ("a [b] c", "a b c"),
        ("\n\n a   dog \t runs \n\n", "a dog runs"),
    ],
)
def test_markup_goes_and_the_words_stay(said, left):
    assert plain_text(said) == left


@given(text=TEXTS)
@example(text="[S1](javascript:x)")
@QUICK
def test_no_text_leaves_markup_or_an_address_behind(text):
    found = plain_text(text)
    assert not re.search(r"[<>`$\\|{}]|://|\*\*|\bwww\.", found)
    assert not re.search(r"\[(?!S\d{1,9}\])", found)
    assert all(character.isprintable() or character == "\n" for character in found)


@given(text=TEXTS, cuts=st.lists(st.integers(0, 60), max_size=6))
@QUICK
def test_a_stream_in_any_pieces_lets_no_markup_through(text, cuts):
    stream, places = PlainStream(), sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    found = "".join(stream.feed(text[a:b]) for a, b in pairwise(places)) + stream.rest()
    assert not re.search(r"[<>`$\\|{}]", found)
    assert "://" not in found


def streamed(text: str, size: int) -> str:
    stream = PlainStream()
    return "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size)) + stream.rest()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_harmless_words_come_through_a_stream_as_they_are_however_they_are_cut(size):
    text = "A dog runs to the left [S1], then it sits down [S2].\nNothing else happens."
    assert streamed(text, size) == text


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_thoughts_never_come_through_a_stream_however_they_are_cut(size):
    assert streamed("<think>secret plan</think>A dog runs.", size).strip() == "A dog runs."
    assert streamed("A dog <think>secret", size).strip() == "A dog"


def test_a_stream_holds_a_word_back_until_it_ends_and_an_endless_one_not_for_ever():
    stream = PlainStream()
    assert stream.feed("A do") == "A "
    assert stream.feed("g runs") == "dog "
    assert stream.rest() == "runs"
    assert len(PlainStream().feed("狗" * 200)) == 200


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\r\nc", "a b c"),
        ("clip_\u202e4pm.exe", "clip_4pm.exe"),
        ("\x00\x1b[31mred", "[31mred"),
        ("  many   spaces ", "many spaces"),
        ("a\u2028b\u2029c", "a b c"),
        ("\ud800half", "half"),
        ("", ""),
    ],
)
def test_one_line_is_one_line_of_characters_that_can_be_seen(text, line):
    assert one_line(text) == line


@given(text=st.text())
@QUICK
def test_one_line_is_its_own_one_line(text):
    line = one_line(text)
    assert one_line(line) == line
    assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") for character in line)


@given(text=TEXTS)
@QUICK
def test_escaped_markdown_is_the_line_again_without_its_backslashes(text):
    line = one_line(text)
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped_markdown(line)).replace("\u2060", "")
    assert shown == line.replace("\u2060", "")


@pytest.mark.parametrize("text", ["http://a.example", "www.a.example", ":smile:", "a@b.example", ":red[x]"])
def test_nothing_that_readers_of_markdown_find_by_themselves_is_left_whole(text):
    assert text not in escaped_markdown(text).replace("\\", "")
