"""Times in questions and in answers: which stretch of the video is meant by "at 0:32" or "in the last minute"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from assistant.chat.rules.words import NUMBERS
from assistant.core.timeline import Span

_COUNT = "|".join(sorted(NUMBERS, key=len, reverse=True))
_NUMBER = rf"(?:\d+(?:\.\d+)?|{_COUNT}|an?|half an?)"
_CLOCK = r"(?<![\d:.])\d{1,2}:[0-5]\d(?::[0-5]\d)?(?:\.\d+)?(?![\d:])"
_UNIT = r"(?:hours?|hrs?|h|minutes?|mins?|min|m|seconds?|secs?|sec|s)"
_AMOUNT = rf"{_NUMBER}[\s-]*{_UNIT}\b(?:\s*(?:and\s+)?{_NUMBER}\s*{_UNIT}\b)*"
_NAMED = r"(?:seconds?|minutes?|sec)\s+(?:\d+(?:\.\d+)?|" + _COUNT + r")\b"
_TIME = rf"(?:{_CLOCK}|(?:the\s+)?{_NAMED}|{_AMOUNT}(?:\s+(?:in|into)\b(?!\s+(?:which|what)))?)"
_ENDS = r"(?:the\s+)?(?:very\s+)?"
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the video that a question names; `moment` where it names one point in time."""

    span: Span
    text: str
    moment: bool = False
    outside: bool = False  # it lies wholly outside the video


def find_windows(text: str, duration_seconds: float) -> tuple[tuple[Window, ...], str]:
    """The stretches that a text in lower case names, and the text with each replaced by a space."""
    found: list[Window] = []
    for pattern, make in _PATTERNS:

        def take(match: re.Match[str], make: _Maker = make) -> str:
            span, moment = make(match, duration_seconds)
            found.append(_window(span, match.group(0).strip(), moment, duration_seconds))
            return " "

        text = pattern.sub(take, text)
    return tuple(found), text


def clock_times(text: str) -> list[float]:
    """The points in time that a text states, in seconds (``0:32``, ``at 12 seconds``, ``second 12``)."""
    lower = text.lower()
    times = [seconds_of(match.group(0)) for match in re.finditer(_CLOCK, lower)]
    lower = re.sub(_CLOCK, " ", lower)
    pattern = rf"(?:\b(?:at|around|at about|after|before|by)\s+({_AMOUNT})|({_NAMED}))"
    times += [seconds_of(match.group(1) or match.group(2)) for match in re.finditer(pattern, lower)]
    return times


def durations(text: str) -> list[float]:
    """The lengths of time that a text states, in seconds (``for 4 seconds``)."""
    return [seconds_of(match.group(0)) for match in re.finditer(rf"\b{_AMOUNT}", text.lower())]


def seconds_of(text: str) -> float:
    """The seconds that a written time or length stands for."""
    if clock := re.search(_CLOCK, text):
        seconds = 0.0
        for part in clock.group(0).split(":"):
            seconds = seconds * 60 + float(part)
        return seconds
    if named := re.search(r"(seconds?|minutes?|sec)\s+(\d+(?:\.\d+)?|" + _COUNT + r")\b", text):
        return _value(named.group(2)) * (60.0 if named.group(1).startswith("min") else 1.0)
    total = 0.0
    for value, unit in re.findall(rf"({_NUMBER})[\s-]*({_UNIT})\b", text):
        scale = 3600.0 if unit.startswith("h") else 60.0 if unit in ("m", "min") or unit.startswith("min") else 1.0
        total += _value(value) * scale
    return total


_Maker = Callable[[re.Match[str], float], tuple[Span, bool]]


def _value(word: str) -> float:
    if word in ("a", "an"):
        return 1.0
    if word.startswith("half"):
        return 0.5
    return float(NUMBERS[word]) if word in NUMBERS else float(word)


def _window(span: Span, text: str, moment: bool, duration: float) -> Window:
    outside = span.start_seconds >= duration if not moment else span.start_seconds > duration + 1e-6
    return Window(span, text, moment, outside or span.end_seconds < 0)


def _between(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    first, second = match.group(1), match.group(2)
    if re.fullmatch(r"\d+(?:\.\d+)?", first):
        # "between 10 and 20 seconds": the unit of the second holds for both.
        unit = re.search(rf"{_UNIT}$", second)
        first += f" {unit.group(0)}" if unit else " s"
    ends = sorted((seconds_of(first), seconds_of(second)))
    return Span(*ends), False


def _before(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    return Span(0.0, seconds_of(match.group(1))), False


def _after(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    start = seconds_of(match.group(1))
    return Span(start, max(start, duration)), False


def _few(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    """The first or last so many seconds; "few seconds" are five, a lone unit is one of it."""
    which, amount, unit = match.group(1), match.group(2), match.group("u")
    length = seconds_of(amount) if amount else {"minute": 60.0, "hour": 3600.0}.get(unit, 5.0)
    if which in ("first", "opening"):
        return Span(0.0, min(length, duration)), False
    return Span(max(0.0, duration - length), duration), False


def _part(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    size = duration / _PARTS[match.group(2)]
    number = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": _PARTS[match.group(2)] - 1}[match.group(1)]
    number = min(number, _PARTS[match.group(2)] - 1)
    return Span(number * size, (number + 1) * size), False


def _start(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    return Span(0.0, 0.0), True


def _end(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    return Span(duration, duration), True


def _halfway(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    return Span(duration / 2, duration / 2), True


def _moment(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    seconds = seconds_of(match.group(1))
    return Span(seconds, seconds), True


def _before_end(match: re.Match[str], duration: float) -> tuple[Span, bool]:
    seconds = max(0.0, duration - seconds_of(match.group(1)))
    return Span(seconds, seconds), True


_EDGE = r"(?:\s+of\s+(?:the|this)\s+(?:video|clip|film|movie|recording|footage|scene))?"
# In this order: a longer form is taken before the shorter one inside it.
_PATTERNS: tuple[tuple[re.Pattern[str], _Maker], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (
            rf"\b(?:between|from|in between)\s+({_CLOCK}|(?:the\s+)?{_NAMED}|{_AMOUNT}|\d+(?:\.\d+)?)"
            rf"\s*(?:and|to|until|till|-|–|through)\s*({_TIME})",
            _between,
        ),
        (rf"({_CLOCK})\s*[-–]\s*({_CLOCK})", _between),
        (rf"\b({_AMOUNT})\s+before\s+the\s+end{_EDGE}", _before_end),
        (rf"\b(?:before|until|till|up to|prior to|earlier than)\s+({_TIME})", _before),
        (rf"\b(?:after|since|from|later than)\s+({_TIME})(?:\s+on(?:wards?)?)?", _after),
        (
            rf"\b(?:in|during|within|over|for|of)?\s*(?:the\s+)?(first|last|final|opening|closing)\s+"
            rf"(?:({_AMOUNT})|(?:(?:few|couple of)\s+)?(?P<u>minute|seconds|hour)){_EDGE}",
            _few,
        ),
        (
            r"\b(?:in|during|within|over|of)?\s*(?:the\s+)?(first|second|third|fourth|last)\s+"
            rf"(half|third|quarter|fifth)\b{_EDGE}",
            _part,
        ),
        (rf"\b(?:at|in|from|near|right at)\s+{_ENDS}(?:beginning|start|opening){_EDGE}", _start),
        (rf"\b(?:at|in|near|towards?|by|right at)\s+{_ENDS}(?:end|ending|finish|close){_EDGE}", _end),
        (rf"\b(?:at|in|around)\s+{_ENDS}middle{_EDGE}|\bhalf\s?-?way\s+(?:through|in|into)?{_EDGE}", _halfway),
        (
            rf"\b(?:at|around|about|near|in|by|@)?\s*(?:the\s+)?({_CLOCK})(?:\s+(?:mark|minutes|seconds|min|sec))?",
            _moment,
        ),
        (rf"\b(?:at|around|about|near|in|by|@)?\s*(?:the\s+)?({_NAMED})", _moment),
        (rf"\b(?:at|around|about|near|@)\s+(?:the\s+)?({_AMOUNT})(?:\s+(?:mark|into?))?{_EDGE}", _moment),
        (rf"\b({_AMOUNT})\s+in(?:to)?\b{_EDGE}", _moment),
    )
)
