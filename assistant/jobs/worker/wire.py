"""Settings on their way to the worker and back, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from assistant.config import Settings
from assistant.core.fields import checked
from assistant.core.timeline import Json


def settings_to_json(settings: Settings) -> Json:
    """Settings as they travel to the worker."""
    return {**asdict(settings), "home": str(settings.home)}


def settings_from_json(document: Mapping[str, Any]) -> Settings:
    """The reverse of `settings_to_json`.

    Raises:
        ValueError: something is missing, or of another kind than it must be.
    """
    try:
        settings: Settings = _built(Settings, document)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"damaged settings: {error!r}") from error
    return checked(settings)


def merged(base: Json, overrides: Mapping[str, Any]) -> Json:
    """The base with the overrides' leaves in place of its own."""
    return {
        **base,
        **{
            key: merged(base[key], value) if isinstance(value, Mapping) and isinstance(base.get(key), dict) else value
            for key, value in overrides.items()
        },
    }


def _built(kind: type, document: Mapping[str, Any]) -> Any:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for item in fields(kind):
        if item.name in document:
            value, hint = document[item.name], hints[item.name]
            if is_dataclass(hint) and isinstance(hint, type):
                value = _built(hint, value)
            elif hint is Path:
                value = Path(value)
            elif isinstance(value, list):
                value = tuple(value)
            values[item.name] = value
    return kind(**values)
