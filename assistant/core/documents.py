"""JSON both ways, once: every document that leaves or enters the program goes through `dump` and `load`.

A dataclass is an object with its fields' names. A field ``span: Span`` stands flat among them, as ``start_seconds`` and
``end_seconds``; one whose metadata name a ``prefix`` stands flat with that prefix, and may be null. A class with
``schema`` is a document of its own, which says so first. Types are checked by msgspec, strictly: a text that reads like
a number is none, True is no number, and what a type does not name is left aside.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Json = dict[str, Any]
Value = TypeVar("Value")
_START, _END = "start_seconds", "end_seconds"


def dump(value: Any) -> Any:
    """The value as plain JSON data: objects, lists, texts, numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        document: Json = {"schema": value.schema} if hasattr(value, "schema") else {}
        for item in _fields(type(value)):
            inner = getattr(value, item.name)
            if item.prefix is None:
                document[item.name] = dump(inner)
            else:
                for name in (_START, _END):
                    document[item.prefix + name] = None if inner is None else getattr(inner, name)
        return document
    if isinstance(value, Mapping):
        return {key: dump(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [dump(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def load(kind: type[Value], document: Any) -> Value:
    """The value that a document holds; fields with a default may be missing, and what the type does not know may stand.

    Raises:
        ValueError: another schema, a missing field or one of the wrong kind; the message names the place.
    """
    schema = getattr(kind, "schema", None)
    if schema is not None and (not isinstance(document, Mapping) or document.get("schema") != schema):
        raise ValueError(f"not a {schema} document")
    try:
        value: Value = checked(kind, _shaper(kind)(document))  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"a damaged {schema or kind.__name__} document: {error}") from error
    return value


def checked(hint: Any, value: Any) -> Any:
    """The value as its type says, of plain data: objects made dataclasses, lists tuples, whole numbers fractions.

    Raises:
        ValueError: something is of another kind; the message names the place.
    """
    # Imported when a document is first read: the command line's help need not wait for it.
    import msgspec

    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def merged(base: Json, overrides: Mapping[str, Any]) -> Json:
    """The base with the overrides' leaves in place of its own."""
    return {
        **base,
        **{
            key: merged(base[key], value) if isinstance(value, Mapping) and isinstance(base.get(key), dict) else value
            for key, value in overrides.items()
        },
    }


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a dataclass. ``prefix``: how its span stands flat in the object, None where it is no such span."""

    name: str
    hint: Any
    prefix: str | None


@lru_cache(maxsize=256)
def _fields(kind: type) -> tuple[_Field, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Field(item.name, hints[item.name], item.metadata.get("prefix", "" if item.name == "span" else None))
        for item in fields(kind)
    )


@lru_cache(maxsize=256)
def _shaper(hint: Any) -> Callable[[Any], Any]:
    """A function that gives plain JSON data the shape that the type wants; what does not fit is left to the check."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        shapes = [_shaper(part) for part in inner if part is not type(None)]
        return shapes[0] if len(shapes) == 1 else _finite
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        one = _shaper(inner[0])
        return lambda value: tuple(one(item) for item in value) if isinstance(value, list | tuple) else value
    if origin is tuple:
        parts = [_shaper(part) for part in inner]

        def several(value: Any) -> Any:
            if not isinstance(value, list | tuple) or len(value) != len(parts):
                return value
            return tuple(part(item) for part, item in zip(parts, value, strict=True))

        return several
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        item_of = _shaper(inner[1])
        return lambda value: {k: item_of(v) for k, v in value.items()} if isinstance(value, Mapping) else value
    if isinstance(hint, type) and is_dataclass(hint):
        return _record(hint)
    if hint is Path:
        return lambda value: Path(value) if isinstance(value, str) else value
    return _finite


def _finite(value: Any) -> Any:
    """The value itself; JSON has no infinity, and Python's reader takes one all the same."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number must be finite")
    return value


def _record(kind: type) -> Callable[[Any], Any]:
    # Built when first used: a type may hold itself.
    known = [(item, lambda value, hint=item.hint: _shaper(hint)(value)) for item in _fields(kind)]

    def shape(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        shaped: Json = {}
        for item, shape_of in known:
            if item.prefix is not None:
                ends = {name: _finite(value.get(item.prefix + name)) for name in (_START, _END)}
                if item.prefix and None in ends.values():
                    continue
                shaped[item.name] = {name: end for name, end in ends.items() if end is not None}
            elif item.name in value:
                shaped[item.name] = shape_of(value[item.name])
        return shaped

    return shape
