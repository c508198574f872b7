"""What a generated video will show and say: scenes in a row with their transitions and sentences, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assistant.core.timeline import Span, Transition
from assistant.synthetic.narration import SAMPLE_RATE_HZ, Voice, sample_voice, say
from assistant.synthetic.render import render
from assistant.synthetic.scenes import MOMENT_ACTIONS, Scene, box, sample_scene, visible
from assistant.synthetic.truth import Box, Event, Fade, Truth
from assistant.synthetic.vocabulary import ACTIONS, COLORS, SHAPES, aside_sentence, scene_sentence

SIZES = ((320, 180), (384, 216), (426, 240), (480, 270), (320, 240), (360, 270), (240, 240), (180, 320), (216, 384))
FRAME_RATES = (
    *(Fraction(rate) for rate in (12, 15, 24, 25, 30, 50, 60)),
    Fraction(24_000, 1001),
    Fraction(30_000, 1001),
)
PRESETS = ("ultrafast", "superfast", "veryfast", "faster")
BED_KINDS = ("silence", "hiss", "hum")

# Half of the least pause between two sentences: each stays this far from the ends of its scene.
_PAUSE_SECONDS = 0.32
# Mean difference of two tiny pictures, of 255: below it a cut would hardly be one.
_LEAST_CHANGE = 26.0
_BOX_STEP_SECONDS = 0.5


@dataclass(frozen=True)
class Line:
    """A sentence, who says it and when (video time)."""

    text: str
    voice: Voice
    span: Span
    loudness: float
    """Root mean square of its samples, full scale = 1."""


@dataclass(frozen=True)
class Part:
    """One scene in its place. ``entry_seconds`` is the length of the transition into it, 0 for a cut."""

    scene: Scene
    span: Span
    entry: Transition
    entry_seconds: float
    line: Line | None
    noise_loudness: float
    """Root mean square of the noise that sounds in this scene alone, 0 for none."""

    @property
    def lead_seconds(self) -> float:
        """How long the scene is on screen before its span begins."""
        return self.entry_seconds / 2 if self.entry == "dissolve" else 0.0

    def scene_time(self, seconds: float) -> float:
        """The scene's own time at this video time."""
        return seconds - self.span.start_seconds + self.lead_seconds


@dataclass(frozen=True)
class Script:
    """Everything from which a video is made; follows from the seed and the length alone."""

    seed: int
    seconds: float
    width: int
    height: int
    frame_rate: Fraction
    crf: int
    preset: str
    keyframe_seconds: float
    audio_rate_hz: int
    audio_bits_per_second: int
    bed: str
    bed_loudness: float
    hum_hz: float
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class _Slot:
    """The time and the words of a scene before it is drawn."""

    span: Span
    action: str
    entry: Transition
    entry_seconds: float


def write_script(seed: int, seconds: float) -> Script:
    """The script of the video with this seed, about ``seconds`` long (to the nearest frame).

    Raises:
        ValueError: shorter than a second.
        AssistantError: espeak-ng cannot speak.
    """
    if seconds < 1.0:
        raise ValueError(f"a video of {seconds} s is too short for a scene")
    rng = random.Random(f"video {seed}")
    width, height = rng.choice(SIZES)
    rate = rng.choice(FRAME_RATES)
    crf, preset = rng.randint(18, 31), rng.choice(PRESETS)
    keyframe_seconds = rng.uniform(1.0, 10.0)
    audio_rate_hz, bits = rng.choice((44_100, 48_000)), rng.choice((48_000, 64_000, 96_000))
    bed = rng.choice(BED_KINDS)
    bed_loudness = 0.0 if bed == "silence" else 10 ** (rng.uniform(-58, -42) / 20)
    voices = [sample_voice(rng) for _ in range(rng.choice((1, 1, 2)))]
    return Script(
        seed=seed,
        seconds=float(round(seconds * rate) / rate),
        width=width,
        height=height,
        frame_rate=rate,
        crf=crf,
        preset=preset,
        keyframe_seconds=keyframe_seconds,
        audio_rate_hz=audio_rate_hz,
        audio_bits_per_second=bits,
        bed=bed,
        bed_loudness=bed_loudness,
        hum_hz=rng.choice((50.0, 60.0, 100.0, 120.0)),
        parts=_parts(rng, _slots(rng, seconds, rate), width / height, voices),
    )


def truth_of(script: Script) -> Truth:
    """What is true of the video that is made from the script, without its questions."""
    events = tuple(_event(part) for part in script.parts)
    fades = tuple(
        Fade(Span(at - part.entry_seconds / 2, at + part.entry_seconds / 2), part.entry)
        for part in script.parts
        if part.entry in ("fade", "dissolve")
        for at in [part.span.start_seconds]
    )
    return Truth(
        seed=script.seed,
        duration_seconds=script.seconds,
        width=script.width,
        height=script.height,
        frame_rate=float(script.frame_rate),
        cuts_seconds=tuple(part.span.start_seconds for part in script.parts if part.entry == "cut"),
        fades=fades,
        events=events,
    )


@lru_cache(maxsize=64)
def spoken(text: str, voice: Voice) -> NDArray[np.float32]:
    """The sentence without the silence before and after it, float32 ``[samples]`` at 16 kHz, root mean square 1."""
    samples = say(text, voice)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * max(float(np.abs(samples).max(initial=0.0)), 1e-9))
    samples = samples[loud[0] : loud[-1] + 1] if len(loud) else samples
    rms = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    return (samples / max(rms, 1e-9)).astype(np.float32)


def _slots(rng: random.Random, seconds: float, rate: Fraction) -> list[_Slot]:
    """Actions, lengths and transitions that fill the time; boundaries lie on frames."""
    actions: list[str] = []
    lengths: list[float] = []
    while sum(lengths) < seconds:
        action = rng.choice([name for name in ACTIONS if not actions or name != actions[-1]])
        lasting = action not in MOMENT_ACTIONS and rng.random() < 0.12
        actions.append(action)
        lengths.append(rng.uniform(6.0, 9.0) if lasting else rng.uniform(2.7, 4.6))
    excess = sum(lengths) - seconds
    if len(lengths) > 1 and excess > lengths[-1] / 2:
        actions.pop()
        lengths.pop()
    stretch = seconds / sum(lengths)
    slots: list[_Slot] = []
    end = 0.0
    total = 0.0
    for index, (action, length) in enumerate(zip(actions, lengths, strict=True)):
        start, total = end, total + length * stretch
        end = float(round(Fraction(total) * rate) / rate)
        entry: Transition = "start" if index == 0 else rng.choices(("cut", "fade", "dissolve"), (6, 1, 1))[0]
        soft = rng.uniform(0.4, 0.8) if entry in ("fade", "dissolve") else 0.0
        slots.append(_Slot(Span(start, end), action, entry, soft))
    return slots


def _parts(rng: random.Random, slots: list[_Slot], aspect: float, voices: list[Voice]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for index, slot in enumerate(slots):
        after = slots[index + 1] if index + 1 < len(slots) else None
        tail = after.entry_seconds / 2 if after and after.entry == "dissolve" else 0.0
        scene = _scene(rng, slot, tail, aspect, parts)
        line = None if rng.random() < 0.3 else _line(rng, slot, after, scene, rng.choice(voices))
        # Noise where nobody speaks, so that a transcriber has something to be silent about.
        noisy = line is None and rng.random() < 0.25
        noise_loudness = 10 ** (rng.uniform(-45, -32) / 20) if noisy else 0.0
        parts.append(Part(scene, slot.span, slot.entry, slot.entry_seconds, line, noise_loudness))
    return tuple(parts)


def _scene(rng: random.Random, slot: _Slot, tail: float, aspect: float, before: list[Part]) -> Scene:
    """A scene for the slot that cannot be taken for the one before it."""
    lead = slot.entry_seconds / 2 if slot.entry == "dissolve" else 0.0
    color, shape = _thing(rng, [(part.scene.color, part.scene.shape) for part in before])
    best: tuple[float, Scene] | None = None
    for _ in range(12):
        scene = sample_scene(
            rng,
            action=slot.action,
            color=color,
            shape=shape,
            duration_seconds=slot.span.seconds + lead + tail,
            aspect=aspect,
        )
        change = _change(before[-1], scene) if before else _LEAST_CHANGE
        if best is None or change > best[0]:
            best = (change, scene)
        if change >= _LEAST_CHANGE:
            break
    assert best is not None
    return best[1]


def _thing(rng: random.Random, seen: list[tuple[str, str]]) -> tuple[str, str]:
    """A colour and a shape: mostly new ones, now and then somebody who comes back, once."""
    once = [thing for thing in seen[:-1] if seen.count(thing) == 1]
    if once and rng.random() < 0.2:
        return rng.choice(once)
    things = [(color, shape) for color in COLORS for shape in SHAPES]
    return rng.choice([thing for thing in things if thing not in seen] or things)


def _change(before: Part, scene: Scene) -> float:
    """Mean difference, of 255, between the end of one scene and the start of the next."""
    last = render(before.scene, np.array([before.scene.duration_seconds]), 16, 16)
    first = render(scene, np.array([0.0]), 16, 16)
    return float(np.abs(last.astype(np.float32) - first.astype(np.float32)).mean())


def _line(rng: random.Random, slot: _Slot, after: _Slot | None, scene: Scene, voice: Voice) -> Line | None:
    """A sentence that fits into the slot with a pause on both sides, or None where none of a few did."""
    margin_after = _PAUSE_SECONDS + (after.entry_seconds / 2 if after else 0.0)
    first = slot.span.start_seconds + _PAUSE_SECONDS + slot.entry_seconds / 2
    room = slot.span.end_seconds - margin_after - first
    loudness = 10 ** (rng.uniform(-24, -16) / 20)
    for _ in range(4):
        aside = rng.random() < 0.35
        text = aside_sentence(rng) if aside else scene_sentence(scene.action, scene.color, scene.shape, rng)
        seconds = len(spoken(text, voice)) / SAMPLE_RATE_HZ
        if 0.0 < seconds <= room:
            start = first + rng.uniform(0.0, room - seconds)
            return Line(text, voice, Span(start, start + seconds), loudness)
    return None


def _event(part: Part) -> Event:
    scene = part.scene
    offset = part.span.start_seconds - part.lead_seconds
    moment = None if scene.moment_seconds is None else offset + scene.moment_seconds
    return Event(
        span=part.span,
        action=scene.action,
        description=scene.description,
        speech=part.line.text if part.line else None,
        speech_span=part.line.span if part.line else None,
        background=scene.background,
        entry=part.entry,
        moment_seconds=moment,
        boxes=tuple(_boxes(part)),
    )


def _boxes(part: Part) -> list[Box]:
    count = max(1, round(part.span.seconds / _BOX_STEP_SECONDS))
    step = part.span.seconds / count
    boxes = []
    for index in range(count):
        seconds = part.span.start_seconds + (index + 0.5) * step
        at = part.scene_time(seconds)
        left, top, right, bottom = (round(side, 4) for side in box(part.scene, at))
        boxes.append(Box(round(seconds, 3), left, top, right, bottom, visible(part.scene, at)))
    return boxes
