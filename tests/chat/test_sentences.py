"""A text is cut where its sentences end, and nowhere else."""

from __future__ import annotations

import pytest

from assistant.chat.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('He says: "It is fine." [S3] Then he goes. [S4]', ['He says: "It is fine." [S3]', "Then he goes. [S4]"]),
        ("They say “look. now look.” [S1]. It ends [S2].", ["They say “look. now look.” [S1].", "It ends [S2]."]),
        ('He says: "Third, keep it." [S31]', ['He says: "Third, keep it." [S31]']),
        ('He asked: "Why?" and left. [S2]', ['He asked: "Why?" and left. [S2]']),
        ('"Stop!" he said. "Go."', ['"Stop!" he said.', '"Go."']),
        ("„Das ist gut.“ [S1] Er geht.", ["„Das ist gut.“ [S1]", "Er geht."]),
        ("«Ya está.» [S1] Se va.", ["«Ya está.» [S1]", "Se va."]),
        ("It takes 1.5 s. At 0:07.2 it stops.", ["It takes 1.5 s.", "At 0:07.2 it stops."]),
        ("Dr. Smith met J. R. Miller. They ate.", ["Dr. Smith met J. R. Miller.", "They ate."]),
        ("Some fruit, e.g. apples. And U.S. Steel is big.", ["Some fruit, e.g. apples.", "And U.S. Steel is big."]),
        ("It is vitamin C. It helps.", ["It is vitamin C.", "It helps."]),
        ("They met at 5 p.m. in town. It rained.", ["They met at 5 p.m. in town.", "It rained."]),
        ("Number No. 5 won. No. It did not.", ["Number No. 5 won.", "No.", "It did not."]),
        ("Er kommt z.B. um 3. Dann geht er.", ["Er kommt z.B. um 3.", "Dann geht er."]),
        ("Wait... what? No!", ["Wait... what?", "No!"]),
        ("Well… she left. [S1] [S2] And then?", ["Well… she left. [S1] [S2]", "And then?"]),
        ("彼は行った。「もう行くよ。」と言った。終わり。", ["彼は行った。", "「もう行くよ。」と言った。", "終わり。"]),
        ("यह ठीक है। वह गया।", ["यह ठीक है।", "वह गया।"]),
        ("کیا؟ نہیں۔", ["کیا؟", "نہیں۔"]),
        ("1. First thing.\n2. Second.", ["1. First thing.", "2. Second."]),
        ("no stop at all", ["no stop at all"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_a_text_is_cut_into_its_sentences(text, parts):
    assert split_sentences(text) == parts


def test_nothing_of_a_text_is_lost_but_white_space():
    text = 'One "two. three" (four?) five... [S1], [S2] six! Seven.\nEight [S3].'
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_an_unclosed_quotation_mark_swallows_no_sentence():
    assert split_sentences('It is 5" wide. It is fine.') == ['It is 5" wide.', "It is fine."]
