"""The wordings by which a question shows what kind of question it is."""

from __future__ import annotations

import re
from typing import Literal, get_args

Kind = Literal[
    "modality",
    "sure", "why", "compare", "count", "extreme", "duration", "order", "when", "colour", "shape", "list", "summary",
    "who", "yesno", "choice", "what",
]  # fmt: skip

_MEDIUM = r"(?:video|clip|film|movie|footage|recording)"
_INSTANT = (
    r"(?:time|times|point|points|moment|moments|second|seconds|minute|timestamp|segment|segments|scene|scenes|shot|"
    r"shots|part|parts)"
)
# Tried in this order; the first that is found decides.
_WORDINGS: dict[Kind, tuple[str, ...]] = {
    "modality": (
        r"\b(?:said|heard|mentioned) or (?:seen|shown)\b",
        r"\b(?:seen|shown) or (?:said|heard|mentioned)\b",
        r"\b(?:seen|shown|visible)\b.*\bor\b.*\bonly\b.*\b(?:talked|spoken|said|mentioned|heard)\b",
        r"\bonly (?:talked about|spoken of|said|mentioned|heard)\b.*\bor\b.*\b(?:seen|shown|visible)\b",
    ),
    "sure": (
        r"\bhow (?:sure|certain|confident|reliable)\b",
        r"\bare you (?:sure|certain)\b",
        r"\bconfidence\b",
        r"\bwhat (?:is|was) the (?:score|probability)\b",
    ),
    "why": (
        r"^(?:and )?why\b",
        r"\bhow come\b",
        r"\bwhat makes you\b",
        r"\bfor what reason\b",
        r"\bhow do you know\b",
        r"\bexplain why\b",
    ),
    "compare": (
        r"\bcompare\b",
        r"\bdifferen(?:ce|t|ces)\b.*\b(?:between|from|and)\b",
        r"\bdiffers?\b",
        r"\bin common\b",
        r"\bversus\b",
        r"\bvs\b",
    ),
    "count": (r"\bhow (?:many|often|frequently)\b", r"\b(?:number|count) of\b", r"^count\b"),
    "extreme": (r"\b(?:longest|shortest|briefest)\b", r"\b(?:most|least) (?:time|of the time)\b"),
    "duration": (r"\bhow long\b", r"\bduration\b", r"\blength of\b", r"\bhow much time\b"),
    "order": (
        r"\bin (?:what|which) order\b",
        r"\b(?:before or after|after or before|earlier or later)\b",
        r"\bthe order (?:of|in)\b",
    ),
    "when": (
        r"^(?:and )?when\b",
        rf"\b(?:at )?(?:what|which) (?:exact )?{_INSTANT}\b",
        r"^(?:and )?where in\b",
        r"^(?:find|locate|jump to|go to|seek to|take me to|show)\b",
        r"\bthe (?:exact )?(?:moment|time|point) (?:when|where|at which|that|in which)\b",
        r"\bwhen\?*$",
        r"^where (?:can|do|does|is|are)\b",
    ),
    "colour": (
        r"\b(?:what|which)(?: is| was)?(?: the)? colou?r\b",
        r"\bcolou?r (?:is|was|of|does|did|has)\b",
        r"^colou?r\b",
    ),
    "shape": (
        r"\b(?:what|which)(?: is| was)?(?: the)? (?:shape|form)\b(?!s)",
        r"\bshape (?:is|was|of|does|did|has)\b",
    ),
    "list": (
        r"\b(?:what|which|list|name|all)\b.*"
        r"\b(?:colou?rs|shapes|objects|things|actions|activities|movements|labels|items|motions)\b",
    ),
    "summary": (
        r"\bsummar",
        r"\boverview\b",
        r"\brecap\b",
        r"\bgist\b",
        rf"\bdescribe (?:the|this|it)\b(?: (?:whole|entire))?(?: {_MEDIUM})?\W*$",
        rf"\bwhat (?:is|was|are) (?:the|this|it) ?(?:{_MEDIUM}|one)? ?(?:all )?about\b",
        r"\bwalk me through\b",
    ),
    "who": (r"^(?:and )?who(?:se|m)?\b", r"\b(?:which|what) (?:person|speaker|narrator|voice)\b"),
}
_PATTERNS = tuple((kind, re.compile("|".join(_WORDINGS[kind]))) for kind in get_args(Kind) if kind in _WORDINGS)
_YES_NO = re.compile(
    r"^(?:and |but |so )?(?:does|do|did|is|are|was|were|has|have|had|can|could|will|am)\b|"
    r"^(?:isn't|doesn't|don't|didn't|aren't|wasn't)\b"
)
_SAYING = re.compile(
    r"\b(?:sa(?:y|ys|id|ying)|mention(?:s|ed|ing)?|speak(?:s|ing|er|ers)?|spoke|spoken|talk(?:s|ed|ing)?|narrat\w+|"
    r"voices?|hear(?:s|d)?|words?|utter\w*|announce\w*|sentences?|speech|transcript\w*|tells? (?:us|the)|told|"
    r"remark\w*|comment\w*|audible)\b"
)
_SHOWING = re.compile(
    r"\b(?:see|seen|shown?|shows|visible|looks?|watch|picture|display\w*|on screen|appears?|happens?|happening|"
    r"going on|do|does|doing)\b"
)


def kind_of(main: str) -> Kind:
    """The kind of a question by its main clause, in lower case."""
    for kind, pattern in _PATTERNS:
        if pattern.search(main):
            return kind
    if _YES_NO.search(main):
        return "choice" if re.search(r"\bor\b", main) else "yesno"
    if re.search(r"\bor\b", main) and re.search(r"\bfirst|last|earlier|later\b", main):
        return "order"
    return "what"


def is_about_speech(clause: str, quoted: bool) -> bool:
    """Whether a clause asks for what is said; a bare quotation is taken as said unless something is to be seen."""
    if _SAYING.search(clause):
        return True
    return quoted and not _SHOWING.search(clause.replace("does", "").replace("do ", ""))
