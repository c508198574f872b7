"""A tokenizer is read as data: its words, its special tokens and its sides; nothing of a wrong kind is let in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.errors import ModelUnavailable
from assistant.models.packs import tokenizer_files

WORDS = ["[PAD]", "[UNK]", "<s>", "</s>", "a", "red", "cup", "<mark>"]


@pytest.fixture
def folder(tmp_path) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def write(folder: Path, name: str = "tokenizer_config.json", **values: object) -> None:
    (folder / name).write_text(json.dumps(values))


def refused(folder: Path) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        tokenizer_files.load(folder)
    assert "\n" not in str(caught.value)
    return caught.value.what


def test_without_settings_the_words_alone_are_known(folder):
    found = tokenizer_files.load(folder)
    assert found("a red cup", add_special_tokens=False)["input_ids"] == [4, 5, 6]
    assert found("a blue cup", add_special_tokens=False)["input_ids"] == [4, 1, 6]
    assert found.chat_template is None


def test_special_tokens_stand_as_text_or_as_a_table(folder):
    write(
        folder, eos_token="</s>", bos_token={"content": "<s>", "lstrip": True, "__type": "AddedToken"}, pad_token=None
    )
    found = tokenizer_files.load(folder)
    assert (found.eos_token, found.bos_token, found.pad_token) == ("</s>", "<s>", None)
    assert (found.eos_token_id, found.bos_token_id) == (3, 2)


def test_the_settings_go_before_the_older_map_of_special_tokens(folder):
    write(folder, "special_tokens_map.json", eos_token="<s>", pad_token="[PAD]")
    write(folder, eos_token="</s>")
    found = tokenizer_files.load(folder)
    assert (found.eos_token, found.pad_token) == ("</s>", "[PAD]")


def test_sides_lengths_and_further_tokens_are_taken_where_they_are_of_their_kind(folder):
    write(
        folder,
        padding_side="left",
        truncation_side="left",
        model_max_length=77,
        clean_up_tokenization_spaces=False,
        additional_special_tokens=["<mark>", {"content": "<s>"}],
    )
    found = tokenizer_files.load(folder)
    assert (found.padding_side, found.truncation_side, found.model_max_length) == ("left", "left", 77)
    assert "<mark>" in found.all_special_tokens
    assert found.decode([4, 7, 6], skip_special_tokens=True).split() == ["a", "cup"]


@pytest.mark.parametrize(
    "values",
    [
        {"padding_side": "up"},
        {"padding_side": ["left"]},
        {"model_max_length": -1},
        {"model_max_length": True},
        {"model_max_length": 1e30},
        {"model_max_length": "many"},
        {"clean_up_tokenization_spaces": "no"},
        {"additional_special_tokens": "<mark>"},
        {"tokenizer_class": "os.system", "auto_map": {"AutoTokenizer": "evil.Evil"}},
        {"tokenizer_file": "/etc/passwd", "name_or_path": "somebody/else", "vocab_file": "../vocab.txt"},
        {"trust_remote_code": True, "use_fast": False, "sp_model_kwargs": {"a": 1}},
    ],
)
def test_what_is_not_known_or_of_another_kind_changes_nothing(folder, values):
    plain = tokenizer_files.load(folder)
    write(folder, **values)
    found = tokenizer_files.load(folder)
    assert found.get_vocab() == plain.get_vocab()
    assert (found.padding_side, found.model_max_length) == (plain.padding_side, plain.model_max_length)


@pytest.mark.parametrize("token", ["", 7, True, ["</s>"], {}, {"content": None}, {"content": ["x"]}, "x" * 501])
@pytest.mark.parametrize("name", ["eos_token", "pad_token", "mask_token"])
def test_a_special_token_of_a_wrong_kind_is_named(folder, name, token):
    write(folder, **{name: token})
    assert f"its tokenizer has {name} " in refused(folder)


def test_a_further_token_of_a_wrong_kind_is_named(folder):
    write(folder, additional_special_tokens=["<mark>", 3])
    assert "additional_special_tokens '3'" in refused(folder)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"version": "1.0"}', '{"model": {"type": "Evil"}}', "\x00", "[" * 10_000, "null"],
)
def test_a_vocabulary_that_does_not_load_is_damage_and_no_crash(folder, content):
    (folder / "tokenizer.json").write_text(content)
    assert "tokenizer.json does not load" in refused(folder)


def test_a_missing_vocabulary_is_told(folder):
    (folder / "tokenizer.json").unlink()
    assert "it holds no tokenizer.json" in refused(folder)


def test_a_vocabulary_that_lies_elsewhere_is_not_followed(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "tokenizer.json"
    (folder / "tokenizer.json").rename(outside)
    (folder / "tokenizer.json").symlink_to(outside)
    assert refused(folder)


@pytest.mark.parametrize("content", ["{", "[]", '"x"', "3"])
def test_settings_that_are_no_table_are_damage(folder, content):
    (folder / "tokenizer_config.json").write_text(content)
    assert "tokenizer_config.json" in refused(folder)
