"""Texts from outside made harmless: a language model's words without markup, and any text as the text that it is."""

from __future__ import annotations

import re
import unicodedata

_LINK = re.compile(r"!?\[([^\[\]]*)\]\s*\(([^()]*)\)?")
_REFERENCE = re.compile(r"^\s*\[[^\[\]]+\]:\s*\S+.*$", re.MULTILINE)
_ADDRESS = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,15}:/{0,3}\S*\.\S+|\b(?:javascript|data|vbscript|mailto):\S*|\bwww\.\S*|\b[a-z]+://\S*",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]{0,400}>")
_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL | re.IGNORECASE)
# Brackets stay only where they make a mark.
_MARKUP = re.compile(r"[<>`$\\|{}]|\*\*|__|~~|\[(?!S\d{1,9}\])")
_OTHER_CLOSE = re.compile(r"(\[S\d{1,9}\])|\]")
_MARK = re.compile(r"S\s*\d{1,9}", re.IGNORECASE)
_LINE_START = re.compile(r"^\s*(?:#+|[-*+]|\d{1,3}[.)])\s+", re.MULTILINE)
_HELD_CHARACTERS = 80
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Readers of Markdown also look for addresses, emoji codes and directives in text that is already unescaped; a word
# joiner, which has no width, keeps them from finding any.
_JOINER = "\u2060"
_AUTOMATIC = re.compile(r"(:(?=[A-Za-z_/])|@(?=\w)|\bwww(?=\.))", re.IGNORECASE)
# Overrides and isolates turn the rest of a line around: "clip_<RLO>4pm.exe" would read as something else.
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """One line of visible characters: no control or direction characters, no runs of spaces."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") else c for c in BIDI.sub("", text))
    return " ".join(kept.split())


def escaped_markdown(line: str) -> str:
    """Markdown that renders as exactly this line."""
    return _PUNCTUATION.sub(r"\\\1", _AUTOMATIC.sub(rf"\1{_JOINER}", line))


def plain_text(text: str) -> str:
    """The text alone; marks such as ``[S3]`` and line breaks stay."""
    text = _THOUGHT.sub(" ", text)
    text = _REFERENCE.sub(" ", text)
    text = _LINK.sub(_label_alone, text)
    text = _TAG.sub(" ", text)
    text = _ADDRESS.sub(" ", text)
    text = _LINE_START.sub("", text)
    text = _without_markup(text)
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


class PlainStream:
    """The same for pieces as they come: whole words are let through once they are known to be harmless."""

    def __init__(self) -> None:
        self._thoughts = _Thoughtless()
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be shown now."""
        self._held += self._thoughts.feed(piece)
        end = max(self._held.rfind(" "), self._held.rfind("\n")) + 1
        if len(self._held) - end > _HELD_CHARACTERS:  # a script without spaces, or an endless word
            end = len(self._held)
        ready, self._held = self._held[:end], self._held[end:]
        return _harmless(ready)

    def rest(self) -> str:
        """What was held back at the end."""
        ready, self._held = self._held, ""
        return _harmless(ready)


class _Thoughtless:
    """Holds back what a model thinks aloud between ``<think>`` and ``</think>``."""

    def __init__(self) -> None:
        self._held = ""
        self._inside = False

    def feed(self, piece: str) -> str:
        self._held += piece
        out = ""
        while self._held:
            tag = "</think>" if self._inside else "<think>"
            at = self._held.find(tag)
            if at >= 0:
                out += "" if self._inside else self._held[:at]
                self._held = self._held[at + len(tag) :]
                self._inside = not self._inside
                continue
            keep = next((n for n in range(len(tag) - 1, 0, -1) if self._held.endswith(tag[:n])), 0)
            ready = self._held[: len(self._held) - keep]
            self._held = self._held[len(self._held) - keep :]
            return out + ("" if self._inside else ready)
        return out


def _without_markup(text: str) -> str:
    return _OTHER_CLOSE.sub(lambda match: match.group(1) or " ", _MARKUP.sub(" ", text))


def _label_alone(match: re.Match[str]) -> str:
    label = match.group(1)
    return f"[{label}]" if _MARK.fullmatch(label.strip()) else label


def _harmless(words: str) -> str:
    words = re.sub(r"\]\s*\(\S*", "] ", words)
    words = _without_markup(_ADDRESS.sub(" ", words))
    return "".join(c if c.isprintable() or c == "\n" else " " for c in words)
