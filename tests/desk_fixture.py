"""A library with one real small video and a timeline made by hand, and an engine over it that loads no model."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np

from assistant.config import ROOT, Limits, Settings
from assistant.core.timeline import (
    Absence,
    ActionScore,
    Answer,
    Citation,
    Claim,
    Description,
    Provenance,
    Segment,
    Shot,
    Span,
    Timeline,
    Utterance,
    Video,
)
from assistant.exports.render import Material, render
from assistant.media.frames import jpeg, strip
from assistant.models.actions.vjepa2 import framing_of
from assistant.models.packs.catalog import Pack, demo_pack
from assistant.models.runtime.device import Machine
from assistant.store import Library
from assistant.ui import services as shared
from assistant.ui.services import Services

PACK = ROOT / "assistant" / "packs" / "demo"
SIZE, RATE, SECONDS = (320, 180), 12, 24
ROWS = [
    (0, 5, "moving left", 0.83, "a red circle", 0.71, "the red circle moves left", ()),
    (5, 9, "turning", 0.81, "a green bar", 0.66, "now a green bar turns", ()),
    (9, 14, "shaking", 0.22, "a blue square", 0.44, "", ("none_of_my_labels",)),
    (14, 19, "approaching", 0.57, "a yellow star over a striped wall", 0.39, "seven, friday", ("models_disagree",)),
    (19, 24, "vanishing", 0.91, "a red circle", 0.8, "the circle is gone", ()),
]
NOTES = {
    "none_of_my_labels": "none of the 14 labels fits well: best 0.22",
    "models_disagree": "the best label needs a shape that moves, but the looks stay the same",
}
COLOURS = [(220, 60, 50), (60, 170, 80), (60, 90, 220), (230, 200, 60), (220, 60, 50)]


def write_video(path: Path) -> Path:
    """A moving disc on a changing background, H.264, no sound."""
    path.write_bytes(_encoded())
    return path


@lru_cache(maxsize=1)
def _encoded(seconds: int = SECONDS) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "30", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for index in range(seconds * RATE):
            frame = av.VideoFrame.from_ndarray(picture_at(index / RATE), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return file.getvalue()


def picture_at(seconds: float) -> np.ndarray:
    """One frame uint8 ``[180, 320, 3]``."""
    wide, tall = SIZE
    which = next((i for i, row in enumerate(ROWS) if row[0] <= seconds < row[1]), 4)
    image = np.full((tall, wide, 3), (236, 238, 242) if which % 2 else (40, 46, 58), np.uint8)
    y, x = np.mgrid[:tall, :wide]
    centre = 40 + (240 * ((seconds * 0.35) % 1))
    image[(x - centre) ** 2 + (y - 90) ** 2 < 34**2] = COLOURS[which]
    return image


def timeline_of(video: Video) -> Timeline:
    rivals = ["circling", "moving up", "appearing"]
    segments = []
    for number, (start, end, action, score, looks, fit, words, flags) in enumerate(ROWS, 1):
        rest = (1 - score) / 2
        segments.append(
            Segment(
                number,
                Span(start, end),
                (ActionScore(action, score), *(ActionScore(r, rest / (i + 1)) for i, r in enumerate(rivals))),
                (Description(looks, fit), Description("a plain grey wall", (1 - fit) / 2), Description("a dog", 0.01)),
                (Utterance(Span(start + 1.25, end - 0.5), words),) if words else (),
                (start + end) / 2,
                flags,
                {flag: NOTES[flag] for flag in flags},
                tuple(start + (i + 0.5) * (end - start) / 8 for i in range(8)),
            )
        )
    return Timeline(
        video,
        tuple(segments),
        tuple(Shot(s.span, "cut" if s.id > 1 else "start") for s in segments),
        tuple(u.span for s in segments for u in s.utterances),
        (Absence("speech", "no voice between 0:09 and 0:14"),),
        Provenance("demo", {"model": "vjepa2-tiny"}, {"model": "clip-tiny"}, {"model": "whisper-tiny"}),
    )


def fill(library: Library, folder: Path, name: str = "shapes lesson.mp4") -> str:
    """Add the video with its timeline and pictures; its hash."""
    path = write_video(folder / "shapes.mp4")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    video = Video(str(path), sha256, float(SECONDS), *SIZE, RATE, True, "h264", "", "mp4")
    library.add_video(path, name, video)
    timeline = timeline_of(video)
    for segment in timeline.segments:
        library.save_picture(sha256, f"keyframe-{segment.id}.jpg", jpeg(picture_at(segment.keyframe_seconds)))
        frames = [picture_at(at) for at in segment.frame_seconds]
        library.save_picture(sha256, f"frames-{segment.id}.jpg", strip(frames))
    library.save_timeline(sha256, timeline)
    return sha256


@dataclass
class FakeAssistant:
    """The engine's surface over a real library; answers from the timeline, piece by piece."""

    settings: Settings
    library: Library
    pause_seconds: float = 0.0
    pack: Pack = field(default_factory=lambda: replace(demo_pack(ROOT, Machine(0, 1)), note="models that know shapes"))
    measured: dict[int, dict] = field(default_factory=dict)
    models: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            has_chat_model=lambda: False, framing=lambda: framing_of(PACK / "actions")
        )
    )

    early = None  # what subtitles tell before anything is decoded

    def early_timeline(self, sha256):
        return self.early

    def timeline(self, sha256: str) -> Timeline | None:
        return self.library.timeline(sha256)

    def suggestions(self, sha256: str) -> list[str]:
        return ["What happens in it?", "What is said at 0:06?", "Does a dog appear?", 'Why "turning" in segment 2?']

    def ask(self, sha256, question, *, history: Sequence = (), answerer="auto", cancelled=lambda: False) -> Iterator:
        if "dog" in question:
            yield Answer(question, "That is not in this video.", found=False)
            return
        timeline = self.timeline(sha256)
        words = []
        for segment in timeline.segments[: 40 if "long" in question else 3]:
            words += f"First {segment.description.label} is {segment.action.label} [S{segment.id}].".split()
        words += ["And", "a", "comet", "falls", "[S99]."]
        words = words * (40 if "long" in question else 1)
        said = ""
        for word in words:
            if cancelled():
                return
            time.sleep(self.pause_seconds)
            said += word + " "
            yield word + " "
        cited = timeline.segments[:3]
        yield Answer(
            question,
            said.strip(),
            tuple(Citation(s.id, s.span) for s in cited),
            (
                Claim("A red circle moves left [S1].", "supported", (1,)),
                Claim("And a comet falls [S99].", "unsupported", (), reason="no segment shows a comet"),
            ),
            (99,),
        )

    def export(self, sha256: str, kind: str) -> tuple[str, bytes]:
        """Just the timeline."""
        return f"shapes.{kind}", render(Material("shapes", self.timeline(sha256)), kind)

    def explained(self, sha256: str, segment_id: int, label: str | None = None) -> SimpleNamespace | None:
        """An explanation as soon as it was measured; see `measure`."""
        return SimpleNamespace(to_json=lambda: self.measured[segment_id]) if segment_id in self.measured else None

    def measure(self, sha256: str, segment_id: int) -> None:
        """What the job of an explanation leaves behind."""
        segment = self.timeline(sha256).segment(segment_id)
        times = np.linspace(segment.span.start_seconds, segment.span.end_seconds, 9)
        document = {
            "schema": "explanation/1",
            "segment_id": segment_id,
            "label": segment.action.label,
            "score": segment.action.score,
            "rivals": [{"label": a.label, "score": a.score} for a in segment.actions[1:]],
            "temporal": [
                {"start_seconds": a, "end_seconds": b, "importance": i}
                for a, b, i in zip(times[:-1], times[1:], (0.1, 0.2, 0.7, 0.9, 0.6, 0.3, -0.1, 0.05), strict=True)
            ],
            "spatial": {"grid": [[0, 0.1, 0.2, 0], [0.1, 0.9, 0.7, 0.1], [0, 0.3, 0.2, 0]]},
            "controls": {
                "reversed": {"label": "moving right", "score": 0.7},
                "frozen": {"label": "staying still", "score": 0.5},
                "shuffled": {"label": "shaking", "score": 0.4},
            },
            "faithfulness": {"better_than_random": True},
            "text": "The middle of the segment carries the label: without it the score falls from 0.83 to 0.12.",
        }
        self.measured[segment_id] = document


class FakeJobs:
    """A queue that holds what it is given and runs nothing."""

    def __init__(self, jobs: Sequence = ()) -> None:
        self.all = list(jobs)

    def submit(self, path: Path, name: str, *, kind: str = "analyze", options: dict | None = None) -> SimpleNamespace:
        given = {"kind": kind, "options": options or {}, "sha256": (options or {}).get("sha256")}
        job = job_of(name=name, path=path, number=len(self.all) + 1, **given)
        self.all.append(job)
        return job

    def jobs(self) -> list:
        return list(self.all)

    def job(self, job_id: str):
        return next((job for job in self.all if job.id == job_id), None)

    def cancel(self, job_id: str) -> None:
        self.job(job_id).state = "cancelled"

    def retry(self, job_id: str):
        self.job(job_id).state = "waiting"


@contextmanager
def desk(home: Path) -> Iterator[Services]:
    """The services of the app's pages and routes over an empty library, installed while the block runs."""
    settings = Settings(home=home, limits=Limits(max_bytes=3_000_000))
    with Library(settings.home) as library:
        made = Services(settings, FakeAssistant(settings, library), FakeJobs())
        shared.install(made)
        try:
            yield made
        finally:
            shared.install(None)


def job_of(number: int = 1, name: str = "talk.mp4", path: Path = Path("talk.mp4"), **values) -> SimpleNamespace:
    job = {
        "id": f"{number:032x}",
        "kind": "analyze",
        "sha256": None,
        "name": name,
        "path": path,
        "options": {},
        "state": "waiting",
        "stage": "",
        "message": "",
        "fraction": 0.0,
        "seconds_left": None,
        "reason": "",
        "segments_done": 0,
        "started_at": None,
        "finished_at": None,
    }
    return SimpleNamespace(**(job | values))
