"""A question taken apart: what is asked, and the event before, after or during which it is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_NEAR = r"(?:(?P<near>right|just|immediately|directly|shortly|straight|soon)\s+)?"
_WORDS = (
    r"before|after|following|prior to|preceding|while|during|when|whenever|as soon as|at the same time as|"
    r"together with|"
    r"(?:once|as)(?= (?:the|a|an|it|something)\b)"
)
_RELATION = re.compile(rf"\b{_NEAR}(?P<word>{_WORDS})\b")
_LEADING_COMMA = re.compile(rf"^(?:and )?{_NEAR}(?P<word>{_WORDS})\b(?P<anchor>[^,;]*)[,;]\s*(?P<main>.+)$")
_ASKS = r"what|which|who|whose|how|does|do|did|is|are|was|were|where"
_LEADING = re.compile(rf"^(?:and )?{_NEAR}(?P<word>{_WORDS})\b(?P<anchor>.*?)\s+(?P<main>(?:{_ASKS})\b.*)$")
_WHEN_ASKS = re.compile(
    r"^(?:and )?(?:exactly )?when(?: exactly)? (?:does|do|did|is|are|was|were|will|has|have|can|could|in)\b"
)
_FOLLOWED = re.compile(r"\b(?:is|was|gets) (?P<anchor>.+?) (?P<how>followed|preceded) by\b")
_REFERRING = re.compile(r"^\W*(?:that|this|it|then|those|these)?\W*$")
_COLON = re.compile(
    r"^(?P<anchor>.{3,}?)\s*[:;–—-]\s+"
    r"(?P<main>(?:and )?what (?:comes?|happens?|is|was|follows?)\b.*\b(?:next|then|after|before)\b.*)$"
)
_BETWEEN = re.compile(r"\bbetween (?P<one>.+?) and (?P<two>.+)$")


@dataclass(frozen=True)
class Clauses:
    """``anchors``: clauses behind the relation; ``relation_refers``: it points at an earlier turn ("after that")."""

    main: str
    relation: Literal["after", "before", "during", "between"] | None = None
    anchors: tuple[str, ...] = ()
    near: bool = False
    relation_refers: bool = False


def split_clauses(text: str) -> Clauses:
    """The clauses of a question in lower case whose times and quotations are taken out."""
    if match := _COLON.search(text):
        relation: Literal["after", "before"] = "before" if match.group("main").find("before") >= 0 else "after"
        return Clauses("what happens", relation, (match.group("anchor"),), near=True)
    text = re.sub(r"\b(?:follows|comes? next after|succeeds)\b", "comes after", text.strip())
    text = re.sub(r"\bprecedes\b|\bleads? up to\b", "comes before", text)
    if re.search(r"\bbefore or after\b|\bafter or before\b", text):
        main, _, anchor = re.sub(r"\bafter or before\b", "before or after", text).partition("before or after")
        return Clauses(f"{main} before or after", None, (anchor,))
    if match := _FOLLOWED.search(text):
        return Clauses("what is", "after" if match.group("how") == "followed" else "before", (match.group("anchor"),))
    if (match := _BETWEEN.search(text)) and not re.search(r"\bdifferen|\bcompar|\bin common\b|\bchoose\b", text):
        return Clauses(text[: match.start()], "between", (match.group("one"), match.group("two")))
    return _leading(text) or _trailing(text) or _next(text) or Clauses(text)


def _leading(text: str) -> Clauses | None:
    if _WHEN_ASKS.search(text):
        return None
    match = _LEADING_COMMA.search(text) or _LEADING.search(text)
    if match is None:
        return None
    return _made(match.group("main"), match.group("word"), match.group("anchor"), match.group("near"))


def _trailing(text: str) -> Clauses | None:
    for match in _RELATION.finditer(text):
        before = text[: match.start()].strip()
        if match.group("word") in ("when", "whenever") and not re.match(
            rf"(?:and |but )?(?:{_ASKS}|describe|list|name|count|summari)", before
        ):
            continue  # "when" asks here
        if not before and match.group("word") in ("when", "whenever", "while", "as", "once", "during"):
            continue
        return _made(before, match.group("word"), text[match.end() :], match.group("near"))
    return None


def _next(text: str) -> Clauses | None:
    """ "What happens next?", "and then?": the relation without the event."""
    if re.search(r"\b(?:next|afterwards?|thereafter|subsequently)\b|^(?:and )?then\W*$", text):
        return Clauses(
            re.sub(r"\b(?:next|afterwards?|then|thereafter)\b", " ", text), "after", relation_refers=True, near=True
        )
    if re.search(r"\bbeforehand\b|\bpreviously\b", text):
        return Clauses(text, "before", relation_refers=True, near=True)
    return None


def _made(main: str, word: str, anchor: str, near: str | None) -> Clauses:
    relation: Literal["after", "before", "during"] = "during"
    if word in ("after", "following", "once", "as soon as"):
        relation = "after"
    elif word in ("before", "prior to", "preceding"):
        relation = "before"
    if word in ("once", "as soon as"):
        near = "right"
    refers = bool(_REFERRING.match(anchor))
    return Clauses(main.strip(), relation, () if refers else (anchor.strip(),), bool(near), refers)
