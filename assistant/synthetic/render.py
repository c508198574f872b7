"""Frames of a scene at any times and any size, from numpy alone."""

import math
import random

import numpy as np

from assistant.synthetic.scenes import Pose, Scene, pose

# Frames are painted in groups of about this many pixels: large enough that numpy's overhead does not count, small
# enough that the arrays stay in the cache.
_PIXELS_AT_ONCE = 80_000
_WAVES_OF_NOISE = 14
# Thin enough, in radii of the object, that a small black star with a white outline still is a black star.
_OUTLINE = 0.08
_GRAIN_TILE = np.random.default_rng(7).standard_normal((512, 512, 3)).astype(np.float32)


def render(scene: Scene, times_seconds: np.ndarray, width: int, height: int) -> np.ndarray:
    """The frames at ``times_seconds`` (float ``[T]``, from the scene's start), uint8 ``[T, height, width, 3]``.

    The picture always is the whole frame of the scene: where ``width / height`` is not its aspect, it is squeezed.
    """
    return render_with_mask(scene, times_seconds, width, height)[0]


def render_with_mask(scene: Scene, times_seconds: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The frames as `render` gives them, and how much of each pixel is object, float32 ``[T, height, width]``."""
    times = np.asarray(times_seconds, dtype=np.float64)
    frames = np.empty((len(times), height, width, 3), dtype=np.uint8)
    masks = np.zeros((len(times), height, width), dtype=np.float32)
    at_once = max(1, _PIXELS_AT_ONCE // (width * height))
    still = _background(scene, pose(scene, times[:1]), width, height) if _background_stands(scene) else None
    for first in range(0, len(times), at_once):
        group = slice(first, first + at_once)
        at = pose(scene, times[group])
        canvas = _background(scene, at, width, height) if still is None else np.repeat(still, len(at.x), axis=0)
        _paint_object(scene, at, canvas, masks[group])
        _add_grain(scene, times[group], canvas)
        np.clip(canvas, 0.0, 1.0, out=canvas)
        np.multiply(canvas, 255.0, out=canvas)
        canvas += 0.5
        frames[group] = canvas.astype(np.uint8)
    return frames, masks


def _background_stands(scene: Scene) -> bool:
    return scene.action not in ("camera panning", "camera zooming") and scene.drift_x == 0 and scene.drift_y == 0


def _background(scene: Scene, at: Pose, width: int, height: int) -> np.ndarray:
    """The picture without the object, float32 ``[T, height, width, 3]`` from 0 to 1."""
    look = scene.look
    count = len(at.x)
    near = np.array(look.near_rgb, dtype=np.float32)
    if look.texture == "plain":
        return np.broadcast_to(near, (count, height, width, 3)).copy()
    across, down = scene.sides
    # Each frame's pixel centres in the background's own coordinates (shorter sides, origin at the frame's centre).
    x = ((np.arange(width) + 0.5) / width - 0.5)[None] * across / at.zoom[:, None] - at.camera_x[:, None]
    y = ((np.arange(height) + 0.5) / height - 0.5)[None] * down / at.zoom[:, None] - at.camera_y[:, None]
    value = _texture(scene, x, y)
    step = np.array(look.far_rgb, dtype=np.float32) - near
    canvas = value[..., None] * step
    canvas += near
    return canvas


def _texture(scene: Scene, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The pattern's value from 0 to 1, float32 ``[T, H, W]``, at columns ``x`` ``[T, W]`` and rows ``y`` ``[T, H]``."""
    look = scene.look
    cosine, sine = math.cos(look.texture_angle), math.sin(look.texture_angle)
    if look.texture == "gradient":
        slope = (x * cosine)[:, None, :] + (y * sine)[:, :, None]
        return np.clip(0.5 + 0.6 * slope, 0.0, 1.0).astype(np.float32)
    draws = random.Random(scene.texture_seed)
    number = 2 * math.pi / look.period
    if look.texture == "noise":
        headings = [(draws.uniform(0, 2 * math.pi), draws.uniform(0.45, 1.5)) for _ in range(_WAVES_OF_NOISE)]
        waves = [(number * k * math.cos(h), number * k * math.sin(h), draws.uniform(0, 6.28)) for h, k in headings]
        value = _sum_of_waves(waves, x, y) * np.float32(1.6 / math.sqrt(_WAVES_OF_NOISE))
    else:
        value = _sum_of_waves([(number * cosine, number * sine, draws.uniform(0, 6.28))], x, y)
        if look.texture == "checks":
            value *= _sum_of_waves([(-number * sine, number * cosine, draws.uniform(0, 6.28))], x, y)
    value *= np.float32(0.5 * look.crispness)
    value += np.float32(0.5)
    return np.clip(value, 0.0, 1.0, out=value)


def _sum_of_waves(waves: list[tuple[float, float, float]], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The sum of ``cos(a x + b y + c)``, float32 ``[T, H, W]``.

    A plane wave is a product of rows and columns, so a whole field of them is one matrix product: no cosine a pixel.
    """
    a, b, c = (np.array(column)[:, None] for column in zip(*waves, strict=True))
    along = a * x[:, None, :] + c
    upward = b * y[:, None, :]
    columns = np.concatenate([np.cos(along), np.sin(along)], axis=1).astype(np.float32)
    rows = np.concatenate([np.cos(upward), -np.sin(upward)], axis=1).astype(np.float32)
    return np.matmul(rows.transpose(0, 2, 1), columns)


def _paint_object(scene: Scene, at: Pose, canvas: np.ndarray, masks: np.ndarray) -> None:
    """Paint the object over ``canvas`` (float32 ``[T, H, W, 3]``) and its coverage into ``masks``, both in place."""
    if not at.opacity.any():
        return
    look = scene.look
    height, width = masks.shape[1:]
    across, down = scene.sides
    pixel = max(across / width, down / height)
    reach = 1.25 * at.radius + look.softness + 2 * pixel
    left, right = _window(at.x - reach, at.x + reach, width / across, width)
    top, bottom = _window(at.y - reach, at.y + reach, height / down, height)
    if left >= right or top >= bottom:
        return
    columns = ((np.arange(left, right) + 0.5) * (across / width)).astype(np.float32)
    rows = ((np.arange(top, bottom) + 0.5) * (down / height)).astype(np.float32)
    radius, angle = (v.astype(np.float32)[:, None, None] for v in (at.radius, at.angle))
    dx = (columns[None, :] - at.x.astype(np.float32)[:, None])[:, None, :]
    dy = (rows[None, :] - at.y.astype(np.float32)[:, None])[:, :, None]
    cosine, sine = np.cos(angle) / radius, np.sin(angle) / radius
    u = dx * cosine + dy * sine
    v = dy * cosine - dx * sine
    edge = (radius / np.float32(pixel + look.softness)).astype(np.float32)
    outside = _distance(scene.shape, u, v)
    cover = np.clip(0.5 - outside * edge, 0.0, 1.0)
    cover *= at.opacity.astype(np.float32)[:, None, None]

    paint = (1.0 + np.float32(look.shading) * np.clip(dy / radius, -1.0, 1.0))[..., None]
    paint = np.broadcast_to(paint * np.array(look.object_rgb, np.float32), (*cover.shape, 3))
    if look.outline_rgb is not None:
        paint = _blend(paint, look.outline_rgb, np.clip(0.5 + (outside + _OUTLINE) * edge, 0.0, 1.0))
    if look.marked:
        dot = np.hypot(u - 0.42, v) - 0.17
        dark = sum(look.object_rgb) > 1.2
        tint = tuple(c * 0.25 if dark else 0.45 + 0.5 * c for c in look.object_rgb)
        paint = _blend(paint, tint, np.clip(0.5 - dot * edge, 0.0, 1.0))
    part = canvas[:, top:bottom, left:right]
    part += cover[..., None] * (paint - part)
    masks[:, top:bottom, left:right] = cover


def _window(low: np.ndarray, high: np.ndarray, pixels_per_unit: float, size: int) -> tuple[int, int]:
    """The pixels from the lowest to the highest place, cut to the picture."""
    first = max(0, math.floor(float(low.min()) * pixels_per_unit))
    return first, min(size, math.ceil(float(high.max()) * pixels_per_unit))


def _blend(paint: np.ndarray, rgb: tuple[float, ...], amount: np.ndarray) -> np.ndarray:
    weight = amount[..., None].astype(np.float32)
    return paint + weight * (np.array(rgb, np.float32) - paint)


def _distance(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """About how far each place is outside the shape (negative: inside), in radii of the object."""
    if shape == "circle":
        return np.sqrt(u * u + v * v) - np.float32(0.95)
    if shape == "square":
        return np.maximum(np.abs(u), np.abs(v)) - np.float32(0.82)
    if shape == "bar":
        return np.maximum(np.abs(u) - np.float32(1.1), np.abs(v) - np.float32(0.32))
    if shape == "triangle":
        lean = np.abs(v) * np.float32(math.sqrt(0.75)) + u * np.float32(0.5)
        return np.maximum(lean, -u) - np.float32(0.58)
    if shape == "star":
        return _star_distance(u, v)
    raise ValueError(f"{shape!r} is not a shape of the world")


def _star_distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Five points: fold the plane into one tenth of the star, then measure from the one straight edge that is left."""
    tip, dent = 1.15, 0.50
    turn = np.arctan2(v, u)
    fifth = np.float32(2 * math.pi / 5)
    folded = np.abs(turn - fifth * np.round(turn / fifth))
    length = np.sqrt(u * u + v * v)
    along, aside = length * np.cos(folded), length * np.sin(folded)
    end_x, end_y = dent * math.cos(math.pi / 5), dent * math.sin(math.pi / 5)
    edge_x, edge_y = end_x - tip, end_y
    norm = math.hypot(edge_x, edge_y)
    normal_x, normal_y = edge_y / norm, -edge_x / norm
    return (along - np.float32(tip)) * np.float32(normal_x) + aside * np.float32(normal_y)


def _add_grain(scene: Scene, times_seconds: np.ndarray, canvas: np.ndarray) -> None:
    """Add picture noise that follows from the time, in place: a shifted, mirrored part of one tile."""
    if scene.look.grain <= 0:
        return
    height, width = canvas.shape[1:3]
    for frame, time in zip(canvas, times_seconds, strict=True):
        draws = random.Random(scene.texture_seed ^ round(time * 1000))
        row, column = draws.randrange(256), draws.randrange(256)
        tile = _GRAIN_TILE[row : row + 256, column : column + 256]
        rows, columns = -(-height // 256), -(-width // 256)
        noise = np.tile(tile, (rows, columns, 1))[:height, :width] if rows * columns > 1 else tile[:height, :width]
        frame += np.float32(scene.look.grain) * noise
