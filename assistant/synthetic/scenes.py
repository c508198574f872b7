"""One scene of the generated world: what happens, where, when and how it looks, all as numbers.

Lengths are fractions of the frame's shorter side unless a name says ``frame``: frame coordinates run from 0 to 1 over
the width and over the height, the origin at the top left. All is a function of time, never of a frame index.
"""

import colorsys
import math
import random
from dataclasses import dataclass, replace

import numpy as np

from assistant.synthetic.vocabulary import ACTIONS, BACKGROUNDS, COLORS, SHAPES

ASPECTS = (16 / 9, 4 / 3, 1.0, 9 / 16)
CAMERA_ACTIONS = ("camera panning", "camera zooming")
MOMENT_ACTIONS = ("appearing", "vanishing")
# The camera can only be seen to move against something that has places in it.
TEXTURED = ("stripes", "checks", "noise")

_DIRECTIONS = {
    "moving left": math.pi,
    "moving right": 0.0,
    "moving up": -math.pi / 2,
    "moving down": math.pi / 2,
}
# Hue in degrees (low, high), saturation (low, high), value (low, high): ranges that stay clearly that colour.
_SHADES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((-8, 6), (0.80, 1.0), (0.70, 0.95)),
    "green": ((105, 140), (0.65, 1.0), (0.45, 0.80)),
    "blue": ((214, 236), (0.75, 1.0), (0.60, 0.95)),
    "yellow": ((52, 60), (0.80, 1.0), (0.88, 1.0)),
    "orange": ((22, 31), (0.88, 1.0), (0.90, 1.0)),
    "purple": ((272, 294), (0.60, 0.95), (0.50, 0.80)),
    "white": ((0, 360), (0.0, 0.03), (0.94, 1.0)),
    "black": ((0, 360), (0.0, 0.30), (0.02, 0.11)),
}
_LEAST_CONTRAST = 0.36

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """How a scene is painted; colours are RGB from 0 to 1."""

    object_rgb: RGB
    shading: float
    """Brightness change across the object, 0 to about 0.2."""
    outline_rgb: RGB | None
    marked: bool
    """Whether an off-centre dot is painted on the object, so that even a circle can be seen to turn."""
    softness: float
    """Width of the object's edge, a fraction of the shorter side, beside the one pixel of anti-aliasing."""
    near_rgb: RGB
    far_rgb: RGB
    texture: str
    """The pattern behind: plain, gradient, stripes, checks or noise."""
    period: float
    texture_angle: float
    crispness: float
    """1 = sinusoidal pattern, 8 = hard edges."""
    grain: float
    """Standard deviation of the picture noise, 0 to about 0.03."""


@dataclass(frozen=True)
class Scene:
    """One action of one object before one background."""

    action: str
    color: str
    shape: str
    background: str
    duration_seconds: float
    aspect: float
    """Width over height."""
    texture_seed: int
    frame_x: float
    """Where the object's centre is at half time, frame coordinates."""
    frame_y: float
    radius: float
    """The object's radius at half time."""
    angle: float
    direction: float
    """Direction of travel or axis of shaking, radians, y down."""
    travel: float
    """Length of the whole path, in frame coordinates."""
    ratio: float
    """Size at the end over size at the start, of the object or of the whole picture."""
    rate_hz: float
    """Turns or shakes a second; negative turns the other way."""
    amplitude: float
    phase: float
    easing: float
    """0 = even speed, 1 = slow start and end."""
    moment_seconds: float | None
    """When the object appears or vanishes."""
    fade_seconds: float
    drift_x: float
    """Speed of the background by itself, shorter sides a second."""
    drift_y: float
    look: Look

    @property
    def description(self) -> str:
        """The label of what is seen, for example ``red circle``."""
        return f"{self.color} {self.shape}"

    @property
    def sides(self) -> tuple[float, float]:
        """Width and height of the frame in shorter sides."""
        return max(self.aspect, 1.0), max(1.0 / self.aspect, 1.0)


@dataclass(frozen=True)
class Pose:
    """Where everything is at each of T times: float64 ``[T]`` each, lengths in shorter sides from the top left."""

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    angle: np.ndarray
    opacity: np.ndarray
    camera_x: np.ndarray
    """How far the background's own coordinates have been shifted."""
    camera_y: np.ndarray
    zoom: np.ndarray
    """How much the background is enlarged about the frame's centre; 1 at half time."""


def pose(scene: Scene, times_seconds: np.ndarray) -> Pose:
    """Where everything is at ``times_seconds`` (float ``[T]``, from the scene's start)."""
    times = np.asarray(times_seconds, dtype=np.float64)
    width, height = scene.sides
    ones = np.ones_like(times)
    x, y, radius = ones * scene.frame_x * width, ones * scene.frame_y * height, ones * scene.radius
    angle, opacity, zoom = ones * scene.angle, ones.copy(), ones.copy()
    camera_x, camera_y = scene.drift_x * times, scene.drift_y * times

    done = np.clip(times / scene.duration_seconds, 0.0, 1.0)
    # From -0.5 to 0.5 over the scene; a blend of even speed and a smooth start and stop.
    progress = (1 - scene.easing) * done + scene.easing * done * done * (3 - 2 * done) - 0.5
    turn = 2 * math.pi * (scene.rate_hz * times + scene.phase)
    scale = np.exp(math.log(scene.ratio) * progress)
    if scene.action in _DIRECTIONS or scene.action == "camera panning":
        shift_x = progress * scene.travel * math.cos(scene.direction) * width
        shift_y = progress * scene.travel * math.sin(scene.direction) * height
        x, y = x + shift_x, y + shift_y
        if scene.action == "camera panning":
            camera_x, camera_y = camera_x + shift_x, camera_y + shift_y
    elif scene.action in ("coming closer", "going away"):
        radius = radius * scale
    elif scene.action == "camera zooming":
        zoom = scale
        x, y = width / 2 + (x - width / 2) * scale, height / 2 + (y - height / 2) * scale
        radius = radius * scale
    elif scene.action == "rotating":
        angle = scene.angle + turn
    elif scene.action == "shaking":
        x = x + scene.amplitude * math.cos(scene.direction) * np.sin(turn)
        y = y + scene.amplitude * math.sin(scene.direction) * np.sin(turn)
    elif scene.action == "circling":
        x, y = x + scene.amplitude * np.cos(turn), y + scene.amplitude * np.sin(turn)
    elif scene.moment_seconds is not None:
        opacity = np.clip(0.5 + (times - scene.moment_seconds) / max(scene.fade_seconds, 1e-6), 0.0, 1.0)
        if scene.action == "vanishing":
            opacity = 1.0 - opacity
    return Pose(x, y, radius, angle, opacity, camera_x, camera_y, zoom)


def place(scene: Scene, time_seconds: float) -> tuple[float, float, float]:
    """The object's centre in frame coordinates, and its radius as a fraction of the frame's shorter side.

    While the object is not there, the place where it is going to be or has been; see `visible`.
    """
    at = pose(scene, np.array([time_seconds]))
    width, height = scene.sides
    return float(at.x[0]) / width, float(at.y[0]) / height, float(at.radius[0])


def box(scene: Scene, time_seconds: float) -> tuple[float, float, float, float]:
    """The object's box ``(left, top, right, bottom)`` in frame coordinates, clipped to the frame."""
    x, y, radius = place(scene, time_seconds)
    width, height = scene.sides
    across, down = radius / width, radius / height
    return max(0.0, x - across), max(0.0, y - down), min(1.0, x + across), min(1.0, y + down)


def visible(scene: Scene, time_seconds: float) -> bool:
    """Whether the object is (at least half) there at that time."""
    return bool(pose(scene, np.array([time_seconds])).opacity[0] >= 0.5)


def sample_scene(
    rng: random.Random,
    *,
    action: str | None = None,
    color: str | None = None,
    shape: str | None = None,
    duration_seconds: float | None = None,
    aspect: float | None = None,
) -> Scene:
    """One scene that follows from ``rng`` alone; what is given is kept, the rest is drawn.

    Raises:
        ValueError: a word outside the vocabulary.
    """
    action = _choose(rng, action, tuple(ACTIONS))
    color = _choose(rng, color, COLORS)
    shape = _choose(rng, shape, SHAPES)
    background = rng.choice(TEXTURED if action in CAMERA_ACTIONS else BACKGROUNDS)
    if duration_seconds is None:
        duration_seconds = _sample_duration(rng, action)
    aspect = aspect if aspect is not None else rng.choice(ASPECTS)
    direction, travel, ratio, rate_hz, amplitude = _sample_motion(rng, action, duration_seconds)
    radius = rng.uniform(0.14, 0.21) if ratio != 1.0 or travel > 0 else rng.uniform(0.13, 0.26)
    if action == "rotating":
        radius = rng.uniform(0.17, 0.27)
    frame_x, frame_y = _sample_middle(rng, action, direction, travel, amplitude, aspect)
    drift_x = drift_y = 0.0
    if background == "drifting":
        heading, speed = rng.uniform(0, 2 * math.pi), rng.uniform(0.04, 0.13)
        drift_x, drift_y = speed * math.cos(heading), speed * math.sin(heading)
    look = _sample_look(rng, color, background, direction if action == "camera panning" else None)
    if action == "rotating" and shape == "circle":
        look = replace(look, marked=True)
    return Scene(
        action=action,
        color=color,
        shape=shape,
        background=background,
        duration_seconds=duration_seconds,
        aspect=aspect,
        texture_seed=rng.randrange(2**31),
        frame_x=frame_x,
        frame_y=frame_y,
        radius=radius,
        angle=rng.uniform(0, 2 * math.pi),
        direction=direction,
        travel=travel,
        ratio=ratio,
        rate_hz=rate_hz,
        amplitude=amplitude,
        phase=rng.random(),
        easing=rng.uniform(0.0, 0.8) if duration_seconds < 5.0 else 0.0,
        moment_seconds=duration_seconds * rng.uniform(0.3, 0.7) if action in MOMENT_ACTIONS else None,
        fade_seconds=rng.choice((0.0, rng.uniform(0.05, 0.4))),
        drift_x=drift_x,
        drift_y=drift_y,
        look=look,
    )


def _choose(rng: random.Random, given: str | None, words: tuple[str, ...]) -> str:
    if given is None:
        return rng.choice(words)
    if given not in words:
        raise ValueError(f"{given!r} is not one of {', '.join(words)}")
    return given


def _sample_duration(rng: random.Random, action: str) -> float:
    if action not in MOMENT_ACTIONS and rng.random() < 0.15:
        return rng.uniform(6.0, 9.0)
    return rng.uniform(2.6, 4.6)


def _sample_motion(
    rng: random.Random, action: str, duration_seconds: float
) -> tuple[float, float, float, float, float]:
    """Direction, travel, size ratio, rate and amplitude of the action, each neutral where it plays no part."""
    direction, travel, ratio, rate_hz, amplitude = rng.uniform(0, 2 * math.pi), 0.0, 1.0, 0.0, 0.0
    # What goes on for long must go far, or a window of three seconds would show hardly any of it.
    lasting = duration_seconds > 5.0
    if action in _DIRECTIONS:
        direction = _DIRECTIONS[action] + rng.uniform(-0.25, 0.25)
        travel = rng.uniform(0.55, 0.66) if lasting else rng.uniform(0.36, 0.62)
    elif action == "camera panning":
        travel = rng.uniform(0.55, 0.66) if lasting else rng.uniform(0.36, 0.60)
    elif action in ("coming closer", "going away", "camera zooming"):
        ratio = rng.uniform(2.4, 3.4) if lasting else rng.uniform(1.8, 3.0)
        if action == "going away" or (action == "camera zooming" and rng.random() < 0.5):
            ratio = 1 / ratio
    elif action == "rotating":
        # At five frames a second a square must turn by less than 45 degrees a frame, or it seems to turn back.
        rate_hz = rng.uniform(0.15, 0.38) * rng.choice((-1, 1))
    elif action == "shaking":
        rate_hz, amplitude = rng.uniform(0.7, 1.8), rng.uniform(0.06, 0.13)
    elif action == "circling":
        rate_hz, amplitude = rng.uniform(0.28, 0.6) * rng.choice((-1, 1)), rng.uniform(0.14, 0.23)
    return direction, travel, ratio, rate_hz, amplitude


def _sample_middle(
    rng: random.Random, action: str, direction: float, travel: float, amplitude: float, aspect: float
) -> tuple[float, float]:
    """Frame coordinates at half time such that the whole path stays inside the frame."""
    width, height = max(aspect, 1.0), max(1.0 / aspect, 1.0)
    reach_x = abs(travel * math.cos(direction)) / 2 + amplitude / width
    reach_y = abs(travel * math.sin(direction)) / 2 + amplitude / height
    # A zoom carries the object away from the centre, by up to the root of the ratio.
    edge = 0.32 if action == "camera zooming" else 0.16
    room_x, room_y = max(0.0, 0.5 - edge - reach_x), max(0.0, 0.5 - edge - reach_y)
    return 0.5 + rng.uniform(-room_x, room_x), 0.5 + rng.uniform(-room_y, room_y)


def _sample_look(rng: random.Random, color: str, background: str, pan_direction: float | None) -> Look:
    """A look whose background can be told from the object; ``pan_direction`` keeps stripes across the camera's way."""
    object_rgb = _shade(rng, color)
    texture = rng.choice(TEXTURED) if background == "drifting" else background
    near_rgb = _backdrop(rng, object_rgb)
    far_rgb = _backdrop(rng, object_rgb)
    while texture in TEXTURED and _contrast(near_rgb, far_rgb) < 0.16:
        far_rgb = _backdrop(rng, object_rgb)
    angle = rng.uniform(0, 2 * math.pi)
    if pan_direction is not None:
        # The angle is the one in which the pattern changes: stripes along the camera's way would not seem to move.
        angle = pan_direction + rng.uniform(-0.5, 0.5)
    outline: RGB | None = None
    if rng.random() < 0.25:
        outline = (0.95, 0.95, 0.95) if _luma(object_rgb) < 0.45 else (0.08, 0.08, 0.08)
    return Look(
        object_rgb=object_rgb,
        shading=rng.uniform(0.0, 0.18),
        outline_rgb=outline,
        marked=rng.random() < 0.3,
        softness=rng.choice((0.0, rng.uniform(0.0, 0.03))),
        near_rgb=near_rgb,
        far_rgb=far_rgb,
        texture=texture,
        period=rng.uniform(0.28, 0.55),
        texture_angle=angle,
        crispness=rng.choice((1.0, 2.0, 8.0)),
        grain=rng.choice((0.0, rng.uniform(0.0, 0.025))),
    )


def _shade(rng: random.Random, color: str) -> RGB:
    hue, saturation, value = (rng.uniform(low, high) for low, high in _SHADES[color])
    return colorsys.hsv_to_rgb((hue % 360) / 360, saturation, value)


def _backdrop(rng: random.Random, object_rgb: RGB) -> RGB:
    """A muted colour far enough from the object's."""
    while True:
        rgb = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.0, 0.5), rng.uniform(0.22, 0.85))
        if _contrast(rgb, object_rgb) >= _LEAST_CONTRAST:
            return rgb


def _luma(rgb: RGB) -> float:
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]


def _contrast(one: RGB, other: RGB) -> float:
    """Euclidean distance of two colours, brightness counted twice: 0 = the same, above 1 = black against white."""
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) / 3 + (_luma(one) - _luma(other)) ** 2)
