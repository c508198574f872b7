"""The demo pack's judge of what is of its world: trained on generated clips and on pictures out of chance alone.

The threshold comes from windows of generated videos of tuning seeds, as files and through the whole pipeline. No real
video has any part in it.
"""

import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from assistant import config
from assistant.analysis import pipeline
from assistant.analysis.analyzer import AnalysisContext
from assistant.engine import Assistant
from assistant.media.sampling import Clip
from assistant.models.domain import Domain
from assistant.synthetic.film import write_video
from assistant.synthetic.recipes.clips import FRAMES_PER_SECOND, NUM_FRAMES, disturbed, held_out_clip
from assistant.synthetic.recipes.foreign import foreign_clip

TUNING_SEED = 100_000
CLIPS, VIDEOS = 2400, 24
_LOOKED_AT = [2, 6, 10, 14]  # of a clip's frames, as the analysis spreads them
_HIDDEN, _NETWORKS = 32, 5
_KEPT = 0.995  # of the tuning windows
_EPOCHS, _BATCH, _RATE, _DECAY = 30, 128, 3e-3, 0.05
_JITTER = 0.4  # of the features' spread, so that the network does not learn single clips
Windows = tuple[np.ndarray, list[np.ndarray]]


def train_domain(
    out: Path, *, work: Path, seed: int = 0, steps: int | None = None, report: Callable[[str], None]
) -> dict[str, float]:
    """Write the judge to ``out``; which share of the tuning windows it keeps, and of the foreign clips it refuses.

    Args:
        work: unused; it is trained anew in some minutes.
        steps: how many clips of each side, for trying out.
    """
    del work
    count = steps or CLIPS
    report(f"embedding {count} clips of each side")
    own = _embedded([_own_clip(number) for number in range(count)])
    foreign = _embedded([foreign_clip(number) for number in range(count)])
    judge = fit(own, foreign, seed)
    videos = max(1, VIDEOS * count // CLIPS)
    report(f"setting the threshold on {videos} generated videos")
    found = [windows_of(TUNING_SEED + 50_000 + number) for number in range(videos)]
    windows = np.concatenate([embeddings for embeddings, _ in found]), [one for _, frames in found for one in frames]
    judge = with_thresholds(judge, windows)
    judge.save(out)
    figures = {
        "kept": float((judge.scores(*windows) <= 0).mean()),
        "foreign refused": float((judge.scores(*foreign) > 0).mean()),
        "windows": float(len(windows[0])),
    }
    report(", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    return figures


def with_thresholds(judge: Domain, windows: Windows) -> Domain:
    """The judge with thresholds that keep nearly all of these windows of its own world."""
    scores = judge.scores(*windows), judge.scene_scores(windows[1])
    return replace(judge, thresholds=np.array([np.quantile(one, _KEPT) for one in scores], np.float32))


def fit(own: Windows, foreign: Windows, seed: int) -> Domain:
    """A judge whose thresholds are 0, from windows of either side."""
    import torch

    torch.manual_seed(seed)
    scene = [np.stack([part.mean(axis=0) for part in side[1]]) for side in (own, foreign)]
    features = np.concatenate(
        [np.concatenate([side[0], s], axis=1) for side, s in zip((own, foreign), scene, strict=True)]
    )
    wanted = np.r_[np.zeros(len(own[0])), np.ones(len(foreign[0]))]
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    x = torch.tensor((features - mean) / scale, dtype=torch.float32)
    y = torch.tensor(wanted, dtype=torch.float32)
    width = scene[0].shape[1]
    linear = _learned(torch.nn.Linear(width, 1), x[:, -width:], y)
    networks = [_learned(_network(x.shape[1]), x, y) for _ in range(_NETWORKS)]
    numbers = {
        "mean": mean,
        "scale": scale,
        "linear": np.r_[_array(linear.weight)[0], _array(linear.bias)],
        # Several networks whose mean is taken are one, beside each other.
        "hidden": np.concatenate([_array(n[0].weight).T for n in networks], axis=1),
        "hidden_bias": np.concatenate([_array(n[0].bias) for n in networks]),
        "out": np.r_[
            np.concatenate([_array(n[3].weight)[0] for n in networks]) / _NETWORKS,
            np.mean([_array(n[3].bias) for n in networks], axis=0),
        ],
        "thresholds": np.zeros(2),
    }
    return Domain(**{name: np.asarray(value, np.float32) for name, value in numbers.items()})


def windows_of(seed: int, seconds: float = 30.0) -> Windows:
    """Embeddings of the windows of one generated video, written as a file and read by the pipeline."""
    with tempfile.TemporaryDirectory(prefix="domain-") as folder:
        path = Path(folder) / "world.mp4"
        write_video(path, seed, seconds)
        settings = config.Settings(home=Path(folder) / "home", pack="demo")
        engine = Assistant(settings)
        timeline = engine.analyze(path, only=("actions", "scene"))
        found = pipeline.window_vectors(AnalysisContext(settings, engine.models, engine.library), timeline.video)
        engine.library.close()
    return found


def _own_clip(number: int) -> np.ndarray:
    rng = random.Random(f"domain {TUNING_SEED + number}")
    clip = held_out_clip(TUNING_SEED + number)
    return clip.frames if rng.random() < 0.4 else disturbed(rng, clip.frames, clip.times_seconds, clip.scene)


def _embedded(clips: list[np.ndarray]) -> Windows:
    from assistant.models.actions.vjepa2 import VJepa2Recognizer
    from assistant.models.scene.openclip import OpenClipEncoder

    recognizer = VJepa2Recognizer(config.DEMO_FOLDER / "actions", "cpu", "float32")
    encoder = OpenClipEncoder(config.DEMO_FOLDER / "descriptions", "cpu", "float32")
    times = np.arange(NUM_FRAMES) / FRAMES_PER_SECOND
    found = recognizer.recognize([[Clip(frames, times)] for frames in clips])
    frames = encoder.embed_frames(np.concatenate([clip[_LOOKED_AT] for clip in clips]))
    return np.stack([one.embedding for one in found]), np.split(frames, len(clips))


def _network(features: int) -> Any:
    import torch

    return torch.nn.Sequential(
        torch.nn.Linear(features, _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(_HIDDEN, 1)
    )


def _learned(judge: Any, inputs: Any, wanted: Any) -> Any:
    import torch

    optimizer = torch.optim.AdamW(judge.parameters(), _RATE, weight_decay=_DECAY)
    judge.train()
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(inputs)).split(_BATCH):
            noise = _JITTER * torch.randn(len(batch), inputs.shape[1])
            found = judge(inputs[batch] + noise)[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(found, wanted[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return judge.eval()


def _array(parameter: Any) -> np.ndarray:
    return np.asarray(parameter.detach().numpy())
