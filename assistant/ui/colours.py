"""One colour per label, the same everywhere and every time."""

from __future__ import annotations

import colorsys
import hashlib

HUES = 24
# A label that names a colour has that hue: a lane of "a red circle" in blue would only confuse.
NAMED_HUES = {
    "red": 0.0,
    "orange": 0.07,
    "brown": 0.08,
    "yellow": 0.14,
    "green": 0.36,
    "cyan": 0.5,
    "teal": 0.48,
    "blue": 0.6,
    "purple": 0.77,
    "violet": 0.75,
    "magenta": 0.84,
    "pink": 0.91,
}
NEUTRALS = {"white", "black", "grey", "gray", "silver"}
# On these, in either theme, a bar is the label's colour mixed into the background; text stays in the text colour.
BAR_SHARE = 0.30


def label_colour(label: str) -> str:
    """The colour of a label as ``#rrggbb``: by its text alone, so that it never changes from page to page."""
    text = label.strip().lower()
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    words = text.split()
    named = next((NAMED_HUES[word] for word in words if word in NAMED_HUES), None)
    hue = digest[0] % HUES / HUES if named is None else named
    lightness = (0.42, 0.47, 0.52)[digest[1] % 3]
    neutral = named is None and any(word in NEUTRALS for word in words)
    red, green, blue = colorsys.hls_to_rgb(hue % 1.0, lightness, 0.0 if neutral else 0.62)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def mix(colour: str, background: str, share: float = BAR_SHARE) -> str:
    """``share`` of a colour laid over a background, all as ``#rrggbb``."""
    pairs = zip(_channels(colour), _channels(background), strict=True)
    return "#" + "".join(f"{round(share * over + (1 - share) * under):02x}" for over, under in pairs)


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(colour: str) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
