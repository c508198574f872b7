"""Times in questions and answers: which stretch of the video "at 1:05" or "in the last half minute" means."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from assistant.chat.words import digits, number_words
from assistant.core.prompts import changed, read_lines
from assistant.core.timeline import Span

Relation = Literal["at", "within", "before", "after"]


@dataclass(frozen=True, slots=True)
class When:
    """A place in time that a text names.

    ``at`` is one moment (the span has no length), ``within`` a stretch, ``before`` and ``after`` the stretch up to or
    from a moment. ``segment_id`` where a segment was named, ``outside`` where the video has no such time.
    """

    span: Span
    text: str
    relation: Relation = "at"
    segment_id: int | None = None
    outside: bool = False

    @property
    def moment(self) -> bool:
        return self.relation == "at" and self.span.seconds == 0


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a text, the text without them, and what looks like a time and is none (``25:99``)."""

    found: tuple[When, ...]
    rest: str
    unread: tuple[str, ...] = ()


_CLOCK = r"(?<![\w:.])\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?![\w:])"
_PRIMES = r"(?<!\w)\d{1,3}['’′]\s?\d{1,2}(?:\.\d+)?(?:[\"”″]|['’′]{2})|(?<!\w)\d{1,3}(?:\.\d+)?[\"″](?=\s|$|\?)"
_N = r"\d+(?:\.\d+)?"
_UNIT = r"(?:hours?|hrs?|h|minutes?|mins?|min|m|seconds?|secs?|sec|s)"
_LENGTH = rf"(?:{_N}\s*-?{_UNIT}\b(?:\s*(?:and\s+)?{_N}\s*{_UNIT}\b)*)"
_COMPACT = (
    r"(?:(?<!\w)\d{1,2}h(?:\d{1,2}m(?:in)?)?(?:\d{1,2}s)?\b|(?<!\w)\d{1,3}m(?:in)?\s?\d{1,2}(?:\.\d+)?s?(?:ec)?\b)"
)
_NAMED = (
    rf"(?:(?<!\d )(?<!\d)(?:second|minute|sec|min)\s+(?:no\.?\s+|number\s+)?{_N}(?!\d|:)|"
    rf"{_N}(?:st|nd|rd|th)\s+(?:second|minute)\b)"
)
_POINT = rf"(?:{_CLOCK}|{_PRIMES}|{_COMPACT}|(?:the\s+)?{_NAMED}|{_LENGTH})"
_FILM = r"(?:video|clip|film|movie|recording|footage|talk|lecture|episode|file)"
_VIDEO = rf"(?:\s+of\s+(?:the|this)\s+(?:whole\s+)?{_FILM})?"
_AROUND = r"(?:at|around|about|near|by|@|exactly|roughly|approximately|right|on|in)"
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
_PLACES = {"first": 0, "opening": 0, "second": 1, "third": 2, "fourth": 3, "middle": 1}


def find_times(text: str, duration_seconds: float, *, segments: int = 0, language: str = "en") -> Times:
    """The times that a text in any case names.

    Args:
        duration_seconds: of the video; times behind it are ``outside``.
        segments: how many there are, for "S19" and "segment 4"; 0: such names are left alone.
    """
    text = _plain(text, language)
    found: list[When] = []
    for pattern, make in _PATTERNS:

        def take(match: re.Match[str], make: _Maker = make) -> str:
            when = make(match, duration_seconds)
            if when is None:
                return match.group(0)
            span, relation = when
            outside = span.start_seconds > duration_seconds + 1e-6
            outside = outside or (relation != "at" and span.start_seconds >= duration_seconds > 0)
            outside = outside or (relation == "after" and span.start_seconds >= duration_seconds)
            found.append(When(span, match.group(0).strip(" ,"), relation, outside=outside))
            return " \x00 "

        text = pattern.sub(take, text)
    if segments:
        text = _take_segments(text, segments, found)
    rest = re.sub(r"(?:\b(?:at|in|around|from|by)\s+)?\x00(?:\s+(?:into?|mark)\b)?", " ", text)
    unread = tuple(match.group(0) for match in re.finditer(r"(?<![\w:])\d{1,4}:\d{1,3}(?::\d{1,3})*(?![\w:])", rest))
    return Times(tuple(found), " ".join(rest.split()), unread)


def clock_times(text: str) -> list[float]:
    """The points in time that a text states, in seconds (``0:32``, ``at 12 seconds``, ``second 12``)."""
    plain = _plain(text, "en")
    pattern = rf"{_CLOCK}|{_PRIMES}|{_COMPACT}|{_NAMED}|\b(?:at|around|about|after|before|by)\s+({_LENGTH})"
    return [seconds_of(match.group(1) or match.group(0)) for match in re.finditer(pattern, plain)]


def durations(text: str) -> list[float]:
    """The lengths of time that a text states, in seconds (``for 4 seconds``)."""
    return [seconds_of(match.group(0)) for match in re.finditer(rf"(?<![\w.:]){_LENGTH}", _plain(text, "en"))]


def seconds_of(text: str) -> float:
    """The seconds that a written time or length stands for (``1:05``, ``0:65``, ``1'05"``, ``1m05s``, ``65 s``)."""
    if clock := re.search(_CLOCK, text):
        seconds = 0.0
        for part in clock.group(0).replace(",", ".").split(":"):
            seconds = seconds * 60 + float(part)
        return seconds
    primes = re.fullmatch(r"\s*(?:(\d+)['’′])?\s?(\d+(?:\.\d+)?)?(?:[\"”″]|['’′]{2})?\s*", text)
    if primes and (primes.group(1) or primes.group(2)):
        return 60.0 * float(primes.group(1) or 0) + float(primes.group(2) or 0)
    if ordinal := re.search(rf"({_N})(?:st|nd|rd|th)\s+(second|minute)", text):
        return float(ordinal.group(1)) * (60.0 if ordinal.group(2) == "minute" else 1.0)
    if named := re.search(rf"(?<!\d )(second|minute|sec|min)\s+(?:no\.?\s+|number\s+)?({_N})", text):
        return float(named.group(2)) * (60.0 if named.group(1).startswith("min") else 1.0)
    if compact := re.search(r"(\d+)m(?:in)?\s?(\d+(?:\.\d+)?)(?:s|sec)?\b", text):
        return 60.0 * float(compact.group(1)) + float(compact.group(2))
    total = 0.0
    for value, unit in re.findall(rf"({_N})\s*-?({_UNIT})(?![a-z])", text):
        total += float(value) * (3600.0 if unit[0] == "h" else 60.0 if unit[0] == "m" else 1.0)
    return total


_Maker = Callable[[re.Match[str], float], "tuple[Span, Relation] | None"]


def _plain(text: str, language: str) -> str:
    """The text in lower case with numbers in digits and other languages' time phrases in English words."""
    text = text.lower().replace("\u2013", "-").replace("\u2014", "-")
    for pattern, replacement in _phrases(language, changed(f"words/{language}/times.txt")):
        text = pattern.sub(replacement, text)
    text = _digits_before_units(text, language)
    if language != "en":
        for pattern, replacement in _phrases(language, changed(f"words/{language}/times.txt")):
            text = pattern.sub(replacement, text)
    # "1 minute and a half", "1 and a half minutes", "a minute and 10 seconds"
    text = re.sub(r"\b(\d+) minutes? and a half\b", lambda m: f"{60 * int(m[1]) + 30} seconds", text)
    text = re.sub(r"\b(\d+) and a half minutes?\b", lambda m: f"{60 * int(m[1]) + 30} seconds", text)
    return re.sub(r"\b(\d+)\s+minutes?\s+(\d+)(?=\s*(?:$|[?.!,]|in\b))", r"\1 minutes \2 seconds", text)


def _digits_before_units(text: str, language: str) -> str:
    """Number words as digits where a unit, a fraction or a place follows them, and nowhere else."""
    words = "|".join(sorted(map(re.escape, number_words(language)), key=len, reverse=True))
    number = rf"(?:{words})(?:[\s-]+(?:{words}))*"
    unit = r"(?:seconds?|secs?|minutes?|mins?|hours?|percent|%|thirds?|quarters?|fifths?|tenths?|and a half)"

    def as_digits(match: re.Match[str]) -> str:
        parts = match.group(1).replace("-", " ").split()
        if parts[-1] in ("first", "second", "third") or parts == ["first"]:
            return match.group(0)
        if parts[0] in ("a", "an") and len(parts) == 1:
            return "1" + match.group(2)
        head = "" if parts[0] != "first" else "first "
        written = digits(parts[1:] if head else parts, language)
        return head + " ".join("1" if word == "one" else word for word in written) + match.group(2)

    text = re.sub(rf"\b({number})([\s-]+{unit})(?!\w)", as_digits, text)

    def named(match: re.Match[str]) -> str:
        return f"{match.group(1)} " + " ".join(digits(match.group(2).replace("-", " ").split(), language))

    text = re.sub(rf"\b(at (?:second|minute)|segment|between|and)\s+({number})(?=\s*(?:$|[?.!,]|and\b))", named, text)
    return re.sub(r"\bpercent\b", "%", text)


def _between(match: re.Match[str], duration: float) -> tuple[Span, Relation] | None:
    first, second = match.group(1), match.group(2)
    bare = r"\s*\d+(?:\.\d+)?\s*"
    unit = re.search(rf"{_UNIT}\s*$", second)
    if re.fullmatch(bare, first) and re.fullmatch(bare, second):
        first, second = f"{first} s", f"{second} s"
    elif re.fullmatch(bare, first):
        first = f"{first} {unit.group(0) if unit else 's'}"
    elif re.fullmatch(bare, second):
        second = f"{second} s"
    low, high = sorted((seconds_of(first), seconds_of(second)))
    return Span(low, high), "within"


def _before(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    return Span(0.0, seconds_of(match.group(1))), "before"


def _after(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    start = seconds_of(match.group(1))
    return Span(start, max(start, duration)), "after"


def _edge(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    """The first or last so many seconds."""
    length = min(duration, seconds_of(match.group(2)) if match.group(2) else 60.0)
    if match.group(1) in ("first", "opening"):
        return Span(0.0, length), "within"
    return Span(duration - length, duration), "within"


def _nth_unit(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    """ "In the third minute" is from 2:00 to 3:00."""
    unit = 60.0 if match.group(2).startswith("m") else 3600.0
    number = float(re.sub(r"\D", "", match.group(1)) or {"first": 1, "second": 2, "third": 3}.get(match.group(1), 1))
    return Span((number - 1) * unit, number * unit), "within"


def _after_nth(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    span, _ = _nth_unit(match, duration)
    return Span(span.end_seconds, max(span.end_seconds, duration)), "after"


def _part(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    count = _PARTS[match.group(2)]
    place = count - 1 if match.group(1) in ("last", "final", "closing") else min(_PLACES[match.group(1)], count - 1)
    return Span(place * duration / count, (place + 1) * duration / count), "within"


def _share(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    """ "Two thirds through", "at 50 %"."""
    if match.group(1).endswith("%"):
        share = float(match.group(1).rstrip("% ")) / 100
    else:
        value, part = match.group(1).split()
        share = float({"a": 1, "one": 1}.get(value, value)) / _PARTS[part.rstrip("s")]
    return Span(share * duration, share * duration), "at"


def _start(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    return Span(0.0, min(duration, max(1.0, 0.02 * duration))), "at"


def _end(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    return Span(max(0.0, duration - max(1.0, 0.02 * duration)), duration), "at"


def _halfway(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    return Span(duration / 2, duration / 2), "at"


def _moment(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    seconds = seconds_of(match.group(1))
    return Span(seconds, seconds), "at"


def _before_end(match: re.Match[str], duration: float) -> tuple[Span, Relation]:
    seconds = max(0.0, duration - seconds_of(match.group(1)))
    return Span(seconds, seconds), "at"


# In this order: a longer form is taken before the shorter one inside it.
_IN_THE = r"\b(?:in|during|within|over|of)\s+(?:the\s+)?"
_NTH = r"(first|second|third|\d+(?:th|rd|nd|st)?)\s+(minute|hour)\b"
_PATTERNS: tuple[tuple[re.Pattern[str], _Maker], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (rf"\b(?:in\s+)?between\s+({_POINT}|{_N})\s*(?:and|to|-)\s*({_POINT}|{_N})(?:\s*{_UNIT}\b)?", _between),
        (rf"\bfrom\s+({_POINT}|{_N})\s*(?:to|until|till|-|through)\s*({_POINT})", _between),
        (rf"({_CLOCK})\s*(?:-|to|until)\s*({_CLOCK})", _between),
        (rf"\b({_LENGTH})\s*-\s*({_LENGTH})", _between),
        (rf"\b({_LENGTH})\s+(?:before|from|to)\s+the\s+(?:very\s+)?end{_VIDEO}", _before_end),
        (rf"\b(?:after|since|from|beyond|past)\s+the\s+{_NTH}", _after_nth),
        (rf"\b(?:before|until|till|up to|prior to|earlier than)\s+({_POINT})", _before),
        (rf"\b(?:after|since|from|later than|beyond|past)\s+({_POINT})(?:\s+on(?:wards?)?)?", _after),
        (
            rf"\b(?:(?:in|during|within|over|for|of)\s+)?(?:the\s+)?(?:very\s+)?"
            rf"(first|last|final|opening|closing)\s+(?:({_LENGTH})|minute\b){_VIDEO}",
            _edge,
        ),
        (rf"\b(?:in|during|within)\s+the\s+{_NTH}", _nth_unit),
        (
            rf"{_IN_THE}(first|second|third|fourth|middle|last|final)\s+(half|third|quarter|fifth|tenth)\b{_VIDEO}",
            _part,
        ),
        (
            rf"\b(?:{_AROUND}\s+)?((?:a|one|\d+)\s+(?:half|thirds?|quarters?|fifths?|tenths?)|{_N}\s*%)\s+"
            rf"(?:of the way\s*)?(?:through|in|into)\b(?:\s+(?:the|this)\s+{_FILM})?",
            _share,
        ),
        (rf"\b(?:at|around|near)\s+(?:the\s+)?({_N}\s*%)(?:\s+(?:mark|point))?{_VIDEO}(?=\s*(?:$|[?.!,]))", _share),
        (rf"\b(?:right\s+)?(?:at|in|near)\s+(?:the\s+)?(?:very\s+)?(?:beginning|start|opening)\b{_VIDEO}", _start),
        (rf"\b(?:right\s+)?(?:at|in|near|towards?|by)\s+(?:the\s+)?(?:very\s+)?(?:end|ending|close)\b{_VIDEO}", _end),
        (rf"\b(?:at|in|around)\s+(?:the\s+)?(?:exact\s+)?middle\b{_VIDEO}(?!\s+of\b)", _halfway),
        (rf"\bhalfway through\b{_VIDEO}", _halfway),
        (
            rf"(?:{_AROUND}\s+)*(?:the\s+)?({_CLOCK}|{_PRIMES}|{_COMPACT})(?:\s*(?:mark|minutes|seconds|min|sec))?",
            _moment,
        ),
        (rf"(?:\b{_AROUND}\s+)*(?:the\s+)?({_NAMED})", _moment),
        (rf"\b(?:at|around|near|@)\s+(?:about\s+|around\s+)?(?:the\s+)?({_LENGTH})(?:\s+(?:mark|into?))?", _moment),
        (
            rf"(?:\b{_AROUND}\s+)?({_LENGTH})\s+in(?:to)?\b(?!\s+(?:which|what|an?\b|total|all))"
            rf"(?:\s+(?:the|this)\s+{_FILM})?",
            _moment,
        ),
    )
)


def _take_segments(text: str, segments: int, found: list[When]) -> str:
    """ "S19", "[S3]", "segment 4", "segments 4 to 7": their spans are filled in by whoever knows the segments."""

    def take(match: re.Match[str]) -> str:
        first = int(match.group(1))
        last = int(match.group(2) or first)
        for number in range(first, min(last, first + 400) + 1):
            found.append(When(Span(0, 0), match.group(0).strip(), "within", number, not 1 <= number <= segments))
        return " \x00 "

    named = r"\b(?:in\s+|during\s+|of\s+)?(?:segments?|segmentos?|segmente?)\s+(?:no\.?\s*|number\s+)?"
    text = re.sub(named + r"(\d{1,5})(?:\s*(?:-|to|and|bis|a)\s*(\d{1,5}))?", take, text)
    mark = r"(?:\b(?:in|during|at|of)\s+)?\[?(?<![\w-])s(\d{1,5})(?:\s*(?:-|to)\s*s(\d{1,5}))?(?![\w:])\]?"
    return re.sub(mark, take, text)


@lru_cache(maxsize=8)
def _phrases(language: str, changed_ns: int) -> tuple[tuple[re.Pattern[str], str], ...]:
    found = []
    for line in read_lines(f"words/{language}/times.txt"):
        pattern, _, replacement = line.partition(" = ")
        # The blank at the end of a replacement is cut off where the file is read.
        found.append((re.compile(pattern), replacement + " "))
    return tuple(found)
