"""The texts of ``prompts/``: read once, filled in one pass, and strict about names."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from assistant.config import PROMPTS_FOLDER
from assistant.errors import PromptInvalid

# A name stands in double braces, so that JSON and code in a prompt need no escaping.
_PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def fill(name: str, folder: Path = PROMPTS_FOLDER, **values: str) -> str:
    """The text of ``prompts/NAME.md`` with every ``{{place}}`` replaced, in one pass.

    What is filled in is never read again: a value that contains ``{{...}}`` stays as it is.

    Raises:
        PromptInvalid: no such file, a place nobody gives a value for, or a value without a place.
    """
    text = read(f"{name}.md", folder)
    places = set(_PLACE.findall(text))
    if missing := sorted(places - set(values)):
        raise PromptInvalid(
            f"prompts/{name}.md asks for {', '.join(missing)}, which nobody gives",
            "correct the name between the braces or take it out",
        )
    if unused := sorted(set(values) - places):
        raise PromptInvalid(
            f"prompts/{name}.md does not use {', '.join(unused)}", f"put {{{{{unused[0]}}}}} where it belongs"
        )
    return _PLACE.sub(lambda match: values[match.group(1)], text).strip()


def read(name: str, folder: Path = PROMPTS_FOLDER) -> str:
    """The file of ``prompts/`` as it stands.

    Raises:
        PromptInvalid: the file is missing or is not UTF-8 text.
    """
    path = folder / name
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise PromptInvalid(f"prompts/{name} cannot be read", "restore the file from the project") from error
    except UnicodeDecodeError as error:
        raise PromptInvalid(f"prompts/{name} is not UTF-8 text", "save it as UTF-8") from error


def read_lines(name: str, folder: Path = PROMPTS_FOLDER) -> list[str]:
    """The lines of a list in ``prompts/``, without empty lines and without comments (``#`` to the end of the line)."""
    lines = (line.split("#", 1)[0].strip() for line in read(name, folder).splitlines())
    return [line for line in lines if line]


def changed(name: str, folder: Path = PROMPTS_FOLDER) -> int:
    """When a file of ``prompts/`` was last changed, in nanoseconds: a key for what is made from it."""
    try:
        return os.stat(f"{folder}/{name}").st_mtime_ns  # asked often: a Path would cost more than the question
    except OSError as error:
        raise PromptInvalid(f"prompts/{name} cannot be read", "restore the file from the project") from error


@lru_cache(maxsize=64)
def _read(path: Path, changed_ns: int) -> str:
    """Keyed by the time of the last change, so that an edited prompt is used at once."""
    return path.read_text(encoding="utf-8")
