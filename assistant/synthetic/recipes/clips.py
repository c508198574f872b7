"""Clips of generated scenes, as a recogniser gets them from a video file: sampled, squeezed, compressed, blurred."""

import io
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from assistant.synthetic.render import render_with_mask
from assistant.synthetic.scenes import MOMENT_ACTIONS, Scene, pose, sample_scene
from assistant.synthetic.vocabulary import ACTIONS

SIZE = 64
"""Height and width in pixels; the whole frame is squeezed into the square, so nothing is cropped away."""
NUM_FRAMES = 16
FRAMES_PER_SECOND = 5.0
SPAN_SECONDS = NUM_FRAMES / FRAMES_PER_SECOND
STATE_SIZE = 11
_LABELS = tuple(ACTIONS)
# Out of order, a move along a line would be a shake; these become nothing that has a name.
_ORDERED = ("coming closer", "going away", "circling")
_VIDEO_RATES = (12.0, 15.0, 24.0, 25.0, 30.0, 60.0)


@dataclass(frozen=True)
class ClipSample:
    """One clip with its truth."""

    frames: np.ndarray
    """uint8 ``[16, 64, 64, 3]``."""
    label: int
    """Index into the action words."""
    coverage: np.ndarray
    """How much of each pixel is object, float32 ``[16, 64, 64]``."""
    state: np.ndarray
    """Place, size and movement of object and camera in each pair of frames, float32 ``[8, STATE_SIZE]``, of order 1."""
    scene: Scene
    times_seconds: np.ndarray


def training_clip(index: int, seed: int, strength: float) -> ClipSample:
    """Training clip number ``index`` of the run ``seed``.

    Args:
        strength: from 0 (faint textures, clean frames) to 1 (everything as in the world), for a gentle start.
    """
    rng = random.Random(f"training {seed} {index}")
    scene = _fainter(sample_scene(rng, action=_LABELS[index % len(_LABELS)]), 0.25 + 0.75 * strength)
    times = _jittered_times(rng, scene)
    clip = _clip(scene, times)
    frames = disturbed(rng, clip.frames, times, scene) if rng.random() < strength else clip.frames
    return replace(clip, frames=frames)


def unknown_clip(index: int, seed: int) -> np.ndarray:
    """Frames (uint8 ``[16, 64, 64, 3]``) that none of the action words fits, so that a recogniser learns to doubt.

    A crowd of objects that each do something else, a cut in the middle, frames out of order, or coloured clouds that
    drift through one another, somewhat as the picture of a real video does.
    """
    rng = random.Random(f"unknown {seed} {index}")
    kind = rng.choice(("crowd", "cut", "disorder", "clouds", "clouds"))
    first = training_clip(rng.randrange(2**31), seed, 1.0)
    if kind == "crowd":
        frames = first.frames.astype(np.float32)
        for _ in range(rng.randrange(3, 7)):
            other = training_clip(rng.randrange(2**31), seed, 0.0)
            frames += other.coverage[..., None] * (other.frames - frames)
        return frames.astype(np.uint8)
    if kind == "cut":
        at = rng.randrange(5, 12)
        return np.concatenate([first.frames[:at], training_clip(rng.randrange(2**31), seed, 1.0).frames[at:]])
    if kind == "disorder":
        moving = first
        while moving.scene.action not in _ORDERED:
            moving = training_clip(rng.randrange(2**31), seed, 1.0)
        return moving.frames[rng.sample(range(NUM_FRAMES), NUM_FRAMES)]
    return drifting_clouds(np.random.default_rng(rng.randrange(2**31)))


def drifting_clouds(draws: np.random.Generator) -> np.ndarray:
    """Several layers of noise whose spectrum falls like a photograph's, each moving and swelling by itself."""
    side = 2 * SIZE
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side))) + 1 / side
    power = frequency ** -draws.uniform(1.1, 2.0)
    frames = np.full((NUM_FRAMES, SIZE, SIZE, 3), draws.uniform(40, 200, 3), np.float32)
    for number in range(draws.integers(2, 6)):
        spectrum = np.fft.fft2(draws.standard_normal((4, side, side))) * power
        layer = np.fft.ifft2(spectrum).real.astype(np.float32)
        layer /= layer.std(axis=(1, 2), keepdims=True)
        speed, start = draws.normal(0, 2.5, 2), draws.integers(0, side, 2)
        swell = draws.normal(0, 0.15)
        for index in range(NUM_FRAMES):
            shift = (start + speed * index).astype(int)
            seen = np.roll(layer, tuple(shift), axis=(1, 2))[:, :SIZE, :SIZE]
            weight = np.clip(2 * (seen[3] + swell * index) if number else np.ones_like(seen[3]), 0, 1)[..., None]
            # Photographs differ more in brightness than in colour.
            colors = 128 + 55 * seen[0][..., None] + 18 * seen[:3].transpose(1, 2, 0)
            frames[index] += weight * (colors - frames[index])
    return np.clip(frames, 0, 255).astype(np.uint8)


def held_out_clip(seed: int) -> ClipSample:
    """The clip of tuning seed ``seed`` (100,000 to 199,999): centred, as at run time, lightly compressed."""
    rng = random.Random(f"tuning {seed}")
    scene = sample_scene(rng, action=_LABELS[seed % len(_LABELS)])
    clip = _clip(scene, centred_times(scene.duration_seconds))
    return replace(clip, frames=compressed(clip.frames, 75))


def centred_times(duration_seconds: float) -> np.ndarray:
    """The 16 sampling times of a segment so long: 5 a second about its middle, or spread over what is there."""
    span = min(SPAN_SECONDS, duration_seconds)
    return (duration_seconds - span) / 2 + (np.arange(NUM_FRAMES) + 0.5) / NUM_FRAMES * span


def _jittered_times(rng: random.Random, scene: Scene) -> np.ndarray:
    """Sampling times as a real video and an imperfect segmentation would give them."""
    rate = rng.choice(_VIDEO_RATES)
    trim = rng.uniform(0.0, 0.12)
    room = scene.duration_seconds - trim
    span = min(room, rng.choice((SPAN_SECONDS, rng.uniform(2.4, 3.6))))
    start = (room - span) / 2
    if rng.random() < 0.5:
        start = rng.uniform(0.0, room - span)
        if scene.action in MOMENT_ACTIONS and scene.moment_seconds is not None:
            # What happens at one moment must happen inside the clip, or the clip shows something else.
            low, high = scene.moment_seconds + 0.4 - span, scene.moment_seconds - 0.4
            start = min(max(start, low), high)
    times = start + (np.arange(NUM_FRAMES) + rng.random()) / NUM_FRAMES * span
    return np.clip(np.round(times * rate) / rate, 0.0, scene.duration_seconds)


def _fainter(scene: Scene, strength: float) -> Scene:
    look = scene.look
    far = tuple(n + strength * (f - n) for n, f in zip(look.near_rgb, look.far_rgb, strict=True))
    return replace(scene, look=replace(look, far_rgb=(far[0], far[1], far[2])))


def _clip(scene: Scene, times: np.ndarray) -> ClipSample:
    frames, coverage = render_with_mask(scene, times, SIZE, SIZE)
    return ClipSample(frames, _LABELS.index(scene.action), coverage, _state(scene, times), scene, times)


def _state(scene: Scene, times: np.ndarray) -> np.ndarray:
    """What an encoder that follows the scene must know in each pair of frames, float32 ``[8, STATE_SIZE]``."""
    middle = times.reshape(-1, 2).mean(axis=1)
    half = 0.1
    now, before, after = pose(scene, middle), pose(scene, middle - half), pose(scene, middle + half)
    width, height = scene.sides
    there = now.opacity
    per_second = 1 / (2 * half)
    columns = [
        4 * (now.x / width - 0.5) * there,
        4 * (now.y / height - 0.5) * there,
        6 * now.radius * there,
        2 * there - 1,
        5 * (after.x - before.x) / width * per_second * there,
        5 * (after.y - before.y) / height * per_second * there,
        3 * np.log(after.radius / before.radius) * per_second * there,
        0.6 * (after.angle - before.angle) * per_second * there,
        8 * (after.camera_x - before.camera_x) / width * per_second,
        8 * (after.camera_y - before.camera_y) / height * per_second,
        3 * np.log(after.zoom / before.zoom) * per_second,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def disturbed(rng: random.Random, frames: np.ndarray, times: np.ndarray, scene: Scene) -> np.ndarray:
    """The frames (uint8 ``[T, 64, 64, 3]``) as out of a video file: fades, brightness, blur, compression, noise."""
    if rng.random() < 0.15:
        frames = _faded(rng, frames, times, scene)
    if rng.random() < 0.4:
        gamma, gain = rng.uniform(0.75, 1.3), rng.uniform(0.85, 1.08)
        table = np.clip(255 * gain * (np.arange(256) / 255) ** gamma, 0, 255).astype(np.uint8)
        frames = table[frames]
    if rng.random() < 0.35:
        radius = rng.uniform(0.3, 0.9)
        frames = _as_strip(frames, lambda strip: strip.filter(ImageFilter.GaussianBlur(radius)))
    if rng.random() < 0.2:
        side = rng.randrange(36, 60)
        frames = _as_strip(frames, lambda strip: _resampled(strip, side))
    if rng.random() < 0.3:
        quality = rng.randrange(35, 90)
        frames = compressed(frames, quality)
    if rng.random() < 0.3:
        noise = np.random.default_rng(rng.randrange(2**31)).standard_normal(frames.shape, dtype=np.float32)
        frames = np.clip(frames + noise * rng.uniform(1.0, 6.0), 0, 255).astype(np.uint8)
    return frames


def _faded(rng: random.Random, frames: np.ndarray, times: np.ndarray, scene: Scene) -> np.ndarray:
    """Let the scene begin or end in a fade from or to one colour, as an edited video does."""
    length = rng.uniform(0.15, 0.5)
    edge = times if rng.random() < 0.5 else scene.duration_seconds - times
    weight = np.clip(edge / length, 0.0, 1.0).astype(np.float32)[:, None, None, None]
    black = rng.random() < 0.5
    rgb = np.array([0, 0, 0] if black else [rng.randrange(256) for _ in range(3)], dtype=np.float32)
    return (frames * weight + rgb * (1 - weight)).astype(np.uint8)


def _as_strip(frames: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """All frames changed at once, as one tall picture: one call a clip instead of sixteen."""
    strip = Image.fromarray(np.ascontiguousarray(frames).reshape(-1, SIZE, 3))
    return np.asarray(change(strip)).reshape(frames.shape)


def _resampled(strip: Image.Image, side: int) -> Image.Image:
    small = strip.resize((side, side * (strip.height // SIZE)), Image.Resampling.BILINEAR)
    return small.resize(strip.size, Image.Resampling.BICUBIC)


def compressed(frames: np.ndarray, quality: int) -> np.ndarray:
    """The frames after JPEG; their size is a multiple of its blocks, so none touches its neighbour in the strip."""

    def through_jpeg(strip: Image.Image) -> Image.Image:
        stream = io.BytesIO()
        strip.save(stream, "JPEG", quality=quality)
        return Image.open(stream)

    return _as_strip(frames, through_jpeg)


def coverage_targets(coverage: np.ndarray, patch: int = 16) -> np.ndarray:
    """What each patch of the encoder sees, float32 ``[B, 8 * (64 / patch) ** 2, 10]`` in token order.

    Of each pair of frames and each patch: how much of it, of its left half and of its upper half is object in either
    frame, and how that mass moves, comes and goes between them. From ``coverage``, float ``[B, 16, 64, 64]``.
    """
    batch, side = len(coverage), SIZE // patch
    cells = coverage.reshape(batch, NUM_FRAMES // 2, 2, side, patch, side, patch)
    whole = cells.mean(axis=(4, 6))
    left = cells[..., : patch // 2].mean(axis=(4, 6))
    upper = cells[:, :, :, :, : patch // 2].mean(axis=(4, 6))
    change = cells[:, :, 1] - cells[:, :, 0]
    ramp = np.linspace(-1, 1, patch, dtype=np.float32)
    moved_x = np.einsum("ntiajb,b->ntij", change.reshape(batch, NUM_FRAMES // 2, side, patch, side, patch), ramp)
    moved_y = np.einsum("ntiajb,a->ntij", change.reshape(batch, NUM_FRAMES // 2, side, patch, side, patch), ramp)
    scale = 10 / patch**2
    targets = [
        *(value[:, :, k] for value in (whole, left, upper) for k in (0, 1)),
        scale * moved_x,
        scale * moved_y,
        5 * change.mean(axis=(3, 5)),
        5 * np.abs(change).mean(axis=(3, 5)),
    ]
    stacked = np.stack(targets, axis=-1)
    assert math.prod(stacked.shape[1:4]) == (NUM_FRAMES // 2) * side * side
    return stacked.reshape(batch, -1, len(targets)).astype(np.float32)
