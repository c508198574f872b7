"""Standard output and error whatever state they are given in: closed, not UTF-8, full, without a reader."""

from __future__ import annotations

import json
import os
import sys

from assistant.core.timeline import Json
from assistant.errors import InputUnusable

_STANDARD = (0, 1, 2)
_closed: list[int] = []


def prepare() -> None:
    """Make the standard streams safe to write to, whatever the caller gave; to be called once, before all else.

    A closed stream is opened on nothing: else the next file that is opened, the library say, gets its number and
    whatever a native library prints there. What an encoding lacks is written as an escape.
    """
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            while (opened := os.open(os.devnull, os.O_RDWR)) < number:
                pass
            if opened > number:
                os.close(opened)
    _closed.clear()
    if sys.stdout is None:
        _closed.append(1)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:  # print() would take standard output instead, in the middle of a document
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def write_bytes(data: bytes) -> None:
    """A document on standard output, whatever its encoding is.

    Raises:
        InputUnusable: standard output is closed, so that the result would be lost.
    """
    if _closed:
        raise InputUnusable("standard output is closed", "name a file instead of -")
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:  # replaced by a stream of text, as test runners do
        sys.stdout.write(data.decode("utf-8"))
    else:
        buffer.write(data)
        buffer.flush()


def document_bytes(document: Json) -> bytes:
    """A document as it is written everywhere: UTF-8, whatever the terminal's encoding is."""
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    try:
        # Where the system's encoding is not UTF-8, Python holds a file's name as bytes in disguise.
        data = text.encode("utf-8", "surrogateescape")
        data.decode("utf-8")
    except UnicodeError:  # half of a pair of surrogates is no character; JSON has an escape for it
        return text.encode("utf-8", "backslashreplace")
    return data


def settle() -> None:
    """Give up what standard output does not take: its reader has gone, or its disk is full.

    Python would try once more when it ends, and say so in its own words.
    """
    try:
        sys.stdout.flush()
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
