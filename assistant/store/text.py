"""Text and JSON on their way into the database, and questions on their way into its full-text index."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import PurePath
from typing import Any

_WORD = re.compile(r"\w+")
# Scripts that are written without spaces: the index sees a sentence as one word, so parts of it need a plain search.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Their signs for vowels and tones are no letters to `re`, and would divide a word in its middle.
_MARKED_WORD = re.compile(
    "[\\w\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b4-\u17d3\u3099\u309a]+"
)
MAX_QUERY_WORDS = 64
# Words that tell nothing of a moment: whether a text has them must not decide what is found first.
_EVERYWHERE = frozenset(
    (
        *("a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "for", "with", "from", "by"),
        *("is", "are", "was", "were", "be", "it", "this", "that", "there", "here"),
    )
)


def clean(text: str) -> str:
    """The text as UTF-8 can hold it: a file name's undecodable bytes become question marks, NUL goes."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def dump(document: Any) -> str:
    """Compact JSON, the same text for the same content. ASCII, so that any string survives.

    Raises:
        ValueError: not a number or infinity in it.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)


def any_of(query: str) -> str:
    """An FTS5 expression that finds any word of the query; whatever it holds, it is words and never syntax.

    Words that every text has are looked for where the query has no others.
    """
    return " OR ".join(f'"{word}"' for word in _telling_words(query))


def all_of(query: str) -> str:
    """An FTS5 expression that finds what holds all words of the query, but for those that every text has."""
    return " AND ".join(f'"{word}"' for word in _telling_words(query))


def as_phrase(query: str) -> str:
    """An FTS5 expression that finds the query's words next to each other, but for such at its ends as every text has.

    A single word is no phrase: then it finds what `all_of` finds.
    """
    words = _query_words(query)
    telling = [place for place, word in enumerate(words) if word not in _EVERYWHERE]
    phrase = words[telling[0] : telling[-1] + 1] if telling else words
    return f'"{" ".join(phrase)}"' if len(phrase) > 1 else all_of(query)


def _telling_words(query: str) -> list[str]:
    words = _query_words(query)
    return list(dict.fromkeys(word for word in words if word not in _EVERYWHERE) or dict.fromkeys(words))


def _query_words(query: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(clean(query))][:MAX_QUERY_WORDS]


def unspaced_words(query: str) -> list[str]:
    """The words of the query in scripts that put no spaces between words."""
    return [word for word in _MARKED_WORD.findall(clean(query)) if _UNSPACED.search(word)][:MAX_QUERY_WORDS]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Sequence):
        return list(value)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
