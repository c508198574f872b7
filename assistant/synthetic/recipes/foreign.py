"""Clips that are of no generated world: pictures out of chance alone, with the statistics of photographs and screens.

A model that knows its own world only has to notice what is foreign to it, and learns that from these: no picture of a
real video is used. Leaves that lie over each other have the edges, areas and spectra of photographs (dead leaves, Lee,
Mumford and Huang 2001; as stand-ins for photographs, Baradad et al. 2021, arXiv:2106.05963); beside them clouds, pages
of text-like marks, and flat or dark pictures.
"""

import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from assistant.synthetic.recipes.clips import NUM_FRAMES, SIZE, compressed, drifting_clouds

_CANVAS = 160  # pixels; the camera moves over it
_KINDS = ("leaves", "leaves", "leaves", "leaves", "clouds", "page", "page", "flat", "wall", "wall")


def foreign_clip(number: int) -> np.ndarray:
    """Frames uint8 ``[16, 64, 64, 3]`` of the foreign clip of this number."""
    rng = random.Random(f"foreign {number}")
    draws = np.random.default_rng(rng.randrange(2**31))
    kind = rng.choice(_KINDS)
    if kind == "clouds":
        frames = drifting_clouds(draws)
    else:
        make = {"leaves": _leaves, "page": _page, "flat": _flat, "wall": _wall}[kind]
        frames = _filmed(rng, make(rng, draws))
        if kind == "wall" or (kind == "leaves" and rng.random() < 0.6):
            frames = _walkers(rng, frames)
    return _treated(rng, draws, frames)


def _leaves(rng: random.Random, draws: np.random.Generator) -> Image.Image:
    """Shapes of all sizes over each other, plain, shaded or grained, the small ones in great number."""
    canvas = Image.new("RGB", (_CANVAS, _CANVAS), _colour(rng, rng.random()))
    draw = ImageDraw.Draw(canvas)
    vivid, smallest = rng.random() * 0.6, rng.uniform(1.0, 5.0)
    for _ in range(int(rng.uniform(60, 700))):
        # Areas fall with the third power of the radius, as things at every distance do.
        radius = min(70.0, smallest / math.sqrt(max(rng.random(), 1e-4)))
        _leaf(rng, draw, rng.uniform(0, _CANVAS), rng.uniform(0, _CANVAS), radius, _colour(rng, vivid))
    picture: np.ndarray = np.asarray(canvas, np.float32)
    if rng.random() < 0.7:  # grain of the surfaces, and light that falls from one side
        picture = picture + draws.standard_normal(picture.shape[:2])[..., None] * rng.uniform(2, 14)
    ramp = np.linspace(-1, 1, _CANVAS, dtype=np.float32)
    light = 1 + rng.uniform(-0.5, 0.5) * ramp[:, None] + rng.uniform(-0.4, 0.4) * ramp[None]
    picture = np.clip(picture * light[..., None], 0, 255).astype(np.uint8)
    return Image.fromarray(picture).filter(ImageFilter.GaussianBlur(rng.uniform(0.0, 1.4)))


def _leaf(
    rng: random.Random, draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: tuple[int, int, int]
) -> None:
    kind = rng.random()
    if kind < 0.3:
        draw.ellipse((x - radius, y - radius * rng.uniform(0.3, 1), x + radius, y + radius * 0.8), fill=colour)
        return
    corners = 4 if kind < 0.6 else rng.randrange(3, 9)
    stretch, turn = rng.uniform(0.15, 1.0), rng.uniform(0, 2 * math.pi)
    points = []
    for corner in range(corners):
        angle = 2 * math.pi * (corner + rng.uniform(-0.3, 0.3)) / corners
        along, across = radius * math.cos(angle), stretch * radius * math.sin(angle)
        cos, sin = math.cos(turn), math.sin(turn)
        points.append((x + along * cos - across * sin, y + along * sin + across * cos))
    draw.polygon(points, fill=colour)


def _page(rng: random.Random, draws: np.random.Generator) -> Image.Image:
    """Rows of marks on paper or a screen: slides, titles, menus, code."""
    dark = rng.random() < 0.4
    paper = _colour(rng, 0.3, (0, 70) if dark else (170, 255))
    canvas = Image.new("RGB", (_CANVAS, _CANVAS), paper)
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.randrange(0, 5)):
        x, y = rng.uniform(0, _CANVAS), rng.uniform(0, _CANVAS)
        draw.rectangle((x, y, x + rng.uniform(8, 90), y + rng.uniform(6, 70)), fill=_colour(rng, rng.random()))
    for _ in range(rng.randrange(1, 7)):
        height, y = rng.uniform(2, 14), rng.uniform(0, _CANVAS)
        left, ink = rng.uniform(0, 70), _colour(rng, 0.3, (150, 255) if dark else (0, 110))
        for _ in range(rng.randrange(1, 9)):
            x = left
            while x < left + rng.uniform(20, 120):
                width = height * rng.uniform(0.15, 0.7)
                draw.rectangle((x, y + height * rng.choice((0, 0.3)), x + width, y + height), fill=ink)
                x += width + height * rng.choice((0.15, 0.15, 0.5))
            y += height * 1.6
    return canvas


def _flat(rng: random.Random, draws: np.random.Generator) -> Image.Image:
    """Hardly anything: black, white, a night, a wall."""
    level = rng.choice((0, 0, 255, rng.randrange(256)))
    picture = np.full((_CANVAS, _CANVAS, 3), level, np.float32) + draws.standard_normal(3) * rng.uniform(0, 6)
    picture += draws.standard_normal((_CANVAS, _CANVAS, 1)) * rng.uniform(0, 10)
    picture *= 1 + rng.uniform(-0.3, 0.3) * np.linspace(-1, 1, _CANVAS)[:, None, None]
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def _wall(rng: random.Random, draws: np.random.Generator) -> Image.Image:
    """A room: two or three plain surfaces under a light, a few things on them; somebody comes before it."""
    canvas = Image.new("RGB", (_CANVAS, _CANVAS), _colour(rng, 0.3))
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.randrange(1, 4)):
        y, slope = rng.uniform(0.2, 0.9) * _CANVAS, rng.uniform(-40, 40)
        draw.polygon([(0, y), (_CANVAS, y + slope), (_CANVAS, _CANVAS), (0, _CANVAS)], fill=_colour(rng, 0.3))
    for _ in range(rng.randrange(0, 12)):
        _leaf(rng, draw, rng.uniform(0, _CANVAS), rng.uniform(0, _CANVAS), rng.uniform(3, 25), _colour(rng, 0.4))
    picture: np.ndarray = np.asarray(canvas, np.float32)
    picture = picture * (1 + rng.uniform(-0.4, 0.4) * np.linspace(-1, 1, _CANVAS, dtype=np.float32)[None, :, None])
    picture = picture + draws.standard_normal((_CANVAS, _CANVAS, 1)) * rng.uniform(0, 8)
    soft = ImageFilter.GaussianBlur(rng.uniform(0.0, 2.5))
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).filter(soft)


def _filmed(rng: random.Random, canvas: Image.Image) -> np.ndarray:
    """The canvas through a camera: still, trembling, panning or zooming; sometimes cut to another place."""
    width = rng.uniform(60, 130)
    x, y = rng.uniform(0, _CANVAS - width), rng.uniform(0, _CANVAS - width)
    speed = rng.choice((0.0, 0.0, 0.4, 1.5))
    dx, dy, grow = rng.gauss(0, speed), rng.gauss(0, speed), 1 + rng.gauss(0, 0.004 * speed)
    tremble, cut = rng.choice((0.0, 0.2, 0.8)), rng.randrange(3, 13) if rng.random() < 0.15 else NUM_FRAMES
    frames = []
    for index in range(NUM_FRAMES):
        if index == cut:
            x, y = rng.uniform(0, _CANVAS - width), rng.uniform(0, _CANVAS - width)
        left, top = x + rng.gauss(0, tremble), y + rng.gauss(0, tremble)
        box = (left, top, left + width, top + width)
        frames.append(np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.BOX, box=_inside(box))))
        x, y, width = x + dx, y + dy, min(width * grow, _CANVAS)
    return np.stack(frames)


def _inside(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, _ = box
    width = min(right - left, _CANVAS)
    left, top = min(max(0.0, left), _CANVAS - width), min(max(0.0, top), _CANVAS - width)
    return left, top, left + width, top + width


def _walkers(rng: random.Random, frames: np.ndarray) -> np.ndarray:
    """Somebody in the picture: pieces that keep together, move, and stir each for itself."""
    frames = frames.copy()
    for _ in range(rng.randrange(1, 3)):
        pieces = [
            (rng.gauss(0, 5), rng.gauss(0, 9), rng.uniform(2, 9), rng.uniform(2, 12), _colour(rng, rng.random() * 0.6))
            for _ in range(rng.randrange(4, 14))
        ]
        x, y, scale = rng.uniform(5, 59), rng.uniform(10, 54), rng.uniform(0.5, 2.5)
        dx, dy, stir = rng.gauss(0, 1.2), rng.gauss(0, 0.4), rng.uniform(0, 2.5)
        for index in range(NUM_FRAMES):
            picture = Image.fromarray(frames[index])
            draw = ImageDraw.Draw(picture)
            for px, py, w, h, colour in pieces:
                cx, cy = x + scale * px + rng.gauss(0, stir), y + scale * py + rng.gauss(0, stir)
                draw.ellipse(
                    (cx - scale * w / 2, cy - scale * h / 2, cx + scale * w / 2, cy + scale * h / 2), fill=colour
                )
            frames[index] = np.asarray(picture)
            x, y = x + dx, y + dy
    return frames


def _treated(rng: random.Random, draws: np.random.Generator, frames: np.ndarray) -> np.ndarray:
    """As cameras and files leave it: exposure, grey, bars, noise, compression."""
    shown: np.ndarray = frames.astype(np.float32)
    if rng.random() < 0.15:
        shown = np.repeat(shown.mean(axis=3, keepdims=True), 3, axis=3)
    shown = 255 * (np.clip(shown, 0, 255) / 255) ** rng.uniform(0.6, 1.7) * rng.uniform(0.4, 1.1)
    if rng.random() < 0.4:
        shown += draws.standard_normal(shown.shape) * rng.uniform(1, 8)
    if rng.random() < 0.2:
        bar = rng.randrange(3, 20)
        if rng.random() < 0.5:
            shown[:, :bar] = shown[:, -bar:] = 0
        else:
            shown[:, :, :bar] = shown[:, :, -bar:] = 0
    done = np.clip(shown, 0, 255).astype(np.uint8)
    return compressed(done, rng.randrange(35, 95)) if rng.random() < 0.7 else done


def _colour(rng: random.Random, vivid: float, levels: tuple[int, int] = (0, 255)) -> tuple[int, int, int]:
    """A colour about a grey of these levels; ``vivid`` 0: grey, 1: any."""
    grey = rng.uniform(*levels)
    red, green, blue = (int(min(255, max(0, grey + vivid * rng.gauss(0, 70)))) for _ in range(3))
    return red, green, blue
