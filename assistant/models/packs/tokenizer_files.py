"""Tokenizers from a model's folder, built from ``tokenizer.json`` here: no class by name, no file of another kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.models.packs import checkpoints, vetting

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

FILE = "tokenizer.json"
_LARGEST_BYTES = 256 * 1024**2
_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_MOST_CHARACTERS = 500
_LONGEST_MODEL = 10**9


def load(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder, with the special tokens, sides, length and chat template that its settings name.

    The vocabulary and the steps that lead to it are data that the tokenizers library reads; which class of
    transformers once wrapped them is not asked, since such a class may be a file of the folder.

    Raises:
        ModelUnavailable: missing, damaged, or of a kind that is no plain data.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    file = folder / FILE
    if not file.is_file():
        raise checkpoints.damaged(folder, f"it holds no {FILE}")
    checkpoints.own_file(file)
    if file.stat().st_size > _LARGEST_BYTES:
        raise checkpoints.damaged(folder, f"{FILE} is larger than any tokenizer's")
    config = checkpoints.optional_json(folder / "tokenizer_config.json")
    settings = _settings(folder, config)
    try:
        found = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_file(str(file)), **settings)
    except MemoryError:
        raise
    except BaseException as error:  # what the library's Rust panics with is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise checkpoints.damaged(folder, f"{FILE} does not load ({error})") from error
    found.chat_template = vetting.chat_template(folder, config)
    return found


def _settings(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The known keys of ``tokenizer_config.json`` and ``special_tokens_map.json``, of the kinds they must be."""
    found: dict[str, Any] = {}
    named = {**checkpoints.optional_json(folder / "special_tokens_map.json"), **config}
    for name in _TOKENS:
        if (token := _token(folder, name, named.get(name))) is not None:
            found[name] = token
    more = named.get("additional_special_tokens") or named.get("extra_special_tokens")
    if isinstance(more, list) and len(more) <= 10_000:
        tokens = [_token(folder, "additional_special_tokens", item) for item in more]
        found["extra_special_tokens"] = [token for token in tokens if token is not None]
    for name in ("padding_side", "truncation_side"):
        if config.get(name) in ("left", "right"):
            found[name] = config[name]
    for name in ("clean_up_tokenization_spaces", "split_special_tokens"):
        if isinstance(config.get(name), bool):
            found[name] = config[name]
    length = config.get("model_max_length")
    if type(length) is int and 0 < length < _LONGEST_MODEL:
        found["model_max_length"] = length
    return found


def _token(folder: Path, name: str, value: Any) -> Any:
    """A special token: a text, or a table with its content and how it takes the spaces around it."""
    from transformers import AddedToken

    flags = ("lstrip", "rstrip", "single_word", "normalized", "special")
    content = value.get("content") if isinstance(value, dict) else value
    if value is None:
        return None
    if not isinstance(content, str) or not 0 < len(content) <= _MOST_CHARACTERS:
        raise checkpoints.damaged(folder, f"its tokenizer has {name} {vetting.shown(value)}")
    if not isinstance(value, dict):
        return content
    return AddedToken(content, **{flag: value[flag] for flag in flags if isinstance(value.get(flag), bool)})
