"""Whether values that were read from outside are what their types say: text is text, numbers are numbers."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Value = TypeVar("Value")
_Check = Callable[[Any], None]
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "nothing"}


class Misfit(ValueError):
    """A value of another kind than its place wants; ``place`` grows from the inside."""

    def __init__(self, wanted: str, value: object, place: str = "") -> None:
        self.wanted, self.value, self.place = wanted, value, place
        super().__init__(f"{place.lstrip('.') or 'it'} must be {wanted}, not {type(value).__name__}")

    def inside(self, place: str) -> Misfit:
        return Misfit(self.wanted, self.value, place + self.place)


def checked(value: Value, hint: Hashable = None) -> Value:
    """The value itself, once all that it holds fits its type: a dataclass's annotations, or ``hint``.

    Numbers must be finite, ``True`` is no number, and a `Literal` is one of its values. Types that say nothing of what
    they hold (arrays, ``Any``) are not looked into.

    Raises:
        ValueError: something is of another kind; the message names the place.
    """
    wanted: Any = hint if hint is not None else type(value)
    _check_of(wanted)(value)
    return value


def number(value: Any) -> float:
    """The number itself; a text that reads like one is none.

    Raises:
        ValueError: not a finite number.
    """
    return float(checked(value, float))


def listed(value: Any) -> tuple[Any, ...]:
    """What a list holds; neither the letters of a text nor the keys of an object.

    Raises:
        ValueError: not a list.
    """
    if not isinstance(value, list | tuple):
        raise Misfit("a list", value)
    return tuple(value)


@lru_cache(maxsize=256)
def _check_of(hint: Any) -> _Check:
    """A function that raises `Misfit` for what does not fit; built once for each type, since documents are long."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(hint)
    if origin is Literal:
        return _plain(lambda value: isinstance(value, str) and value in inner, f"one of {', '.join(map(str, inner))}")
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return _sequence(_check_of(inner[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_check_of(inner[1]))
    if is_dataclass(hint) and isinstance(hint, type):
        return _record(hint)
    if hint is float:
        return _plain(lambda value: type(value) in (int, float) and abs(value) <= sys.float_info.max, _NAMES[float])
    if hint in (str, int, bool, type(None)):
        return _plain(lambda value: type(value) is hint, _NAMES[hint])
    if hint is Path:
        return _plain(lambda value: isinstance(value, Path), "a path")
    return lambda value: None


def _plain(fits: Callable[[Any], bool], wanted: str) -> _Check:
    def check(value: Any) -> None:
        if not fits(value):
            raise Misfit(wanted, value)

    return check


def _one_of(hint: Any) -> _Check:
    checks = [_check_of(part) for part in get_args(hint)]
    wanted = " or ".join(_NAMES.get(part, getattr(part, "__name__", str(part))) for part in get_args(hint))

    def check(value: Any) -> None:
        for one in checks:
            try:
                one(value)
            except Misfit:
                continue
            return
        raise Misfit(wanted, value)

    return check


def _sequence(one: _Check) -> _Check:
    def check(value: Any) -> None:
        if not isinstance(value, tuple):
            raise Misfit("a list", value)
        for index, item in enumerate(value):
            try:
                one(item)
            except Misfit as error:
                raise error.inside(f"[{index}]") from None

    return check


def _mapping(one: _Check) -> _Check:
    def check(value: Any) -> None:
        if not isinstance(value, Mapping):
            raise Misfit("an object", value)
        for key, item in value.items():
            if not isinstance(key, str):
                raise Misfit("text", key)
            try:
                one(item)
            except Misfit as error:
                raise error.inside(f".{key}") from None

    return check


def _record(kind: type) -> _Check:
    hints = get_type_hints(kind)
    checks = [(item.name, _check_of(hints[item.name])) for item in fields(kind)]

    def check(value: Any) -> None:
        if not isinstance(value, kind):
            raise Misfit(kind.__name__, value)
        for name, one in checks:
            try:
                one(getattr(value, name))
            except Misfit as error:
                raise error.inside(f".{name}") from None

    return check
