"""Trains the demo pack's image_text_encoder: a small CLIP, from scratch, on single frames of the generated world.

It learns the colour and shape of what is seen, the two together, and what lies behind, each from sentences in many
forms, so that averaging over templates works as with a large CLIP. Words that never occur in training get a zero
embedding: in a prompt they say nothing, rather than something random.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.synthetic.recipes.clips import SIZE, compressed, disturbed
from assistant.synthetic.recipes.torch_run import adamw, best_device, finish, learning_rate
from assistant.synthetic.render import render
from assistant.synthetic.scenes import Scene, pose, sample_scene
from assistant.synthetic.vocabulary import COLORS, SHAPES, description

# Held-out accuracy: 0.78 after 2,500 steps, 0.953 after 6,000, 0.962 after 9,000; colours were right in 0.999 of frames
# from the first of these on, the rest are shapes of few pixels.
STEPS = 9000
BATCH = 64
PEAK_RATE = 1e-3
HELD_OUT_FIRST_SEED = 100_000
_FINAL_FRAMES = 2000
LABELS = tuple(description(color, shape) for color in COLORS for shape in SHAPES)
BACKDROPS = {
    "plain": ("plain", "one colour", "smooth"),
    "gradient": ("gradient", "shaded"),
    "stripes": ("striped", "stripes"),
    "checks": ("checked", "checks", "checkered"),
    "noise": ("noisy", "noise", "spotted", "cloudy"),
}
TEMPLATES = (
    "{}",
    "a {}",
    "the {}",
    "a photo of a {}",
    "a photo of the {}",
    "a picture of a {}",
    "an image of a {}",
    "a video of a {}",
    "a frame of a video of a {}",
    "a frame of a video with a {}",
    "a drawing of a {}",
    "a blurry photo of a {}",
    "a close-up photo of a {}",
    "a small {}",
    "a large {}",
    "this is a {}",
    "there is a {} in the picture",
    "a {} in a video",
    "a {} in front of a background",
    "one can see a {}",
    "a video frame of a {}",
    "a still from a film, showing a {}",
    "a scene with a {}",
    "there is a {} in the scene",
    # The seven that CLIP's authors found to matter, since people average over them.
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)
BACKDROP_TEMPLATES = ("a {} background", "a picture with a {} background", "a photo of something on a {} background")
_CONFIG: dict[str, Any] = {
    "embed_dim": 64,
    # A list of layers asks for CLIP's residual network. A transformer of this size learnt the colours in 300 steps and
    # was still guessing at the shapes after 500.
    "vision_cfg": {"image_size": SIZE, "layers": [2, 2, 2, 1], "width": 16, "head_width": 64},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 48, "heads": 2, "layers": 2},
}
_PREPROCESS: dict[str, Any] = {
    "size": SIZE,
    "mode": "RGB",
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
    # The whole frame is squeezed into the square: a wide video keeps its edges.
    "resize_mode": "squash",
}


@dataclass(frozen=True)
class Still:
    """One frame with its truth."""

    frame: np.ndarray
    """uint8 ``[64, 64, 3]``."""
    scene: Scene
    there: bool = True
    """Whether the object is to be seen; of an empty frame nothing shall be claimed."""


def train_descriptions(
    out: Path, *, work: Path, seed: int = 0, steps: int | None = None, report: Callable[[str], None]
) -> dict[str, float]:
    """The figures on held-out frames after training; the image-text encoder lies in ``out`` in the layout of open_clip.

    Args:
        work: a folder for the checkpoint, from which the same call goes on where it was interrupted.
        steps: how many batches; less than the default is for trying out.
    """
    run = _Run(STEPS if steps is None else steps, seed)
    finish(run, work / f"descriptions-{seed}-{run.total}.pt", "descriptions", ("loss", "accuracy"), 100, report)
    run.forget_unused_words()
    save(run.model, out)
    figures = held_out_figures(run.model, run.tokenizer, _FINAL_FRAMES)
    report(f"descriptions: held-out accuracy {figures['accuracy']:.3f} on {_FINAL_FRAMES} frames")
    return figures


@dataclass(frozen=True)
class _Rivals:
    """Sentences of which one is true of each frame."""

    sentences: list[str]
    truth: list[int]
    weight: float = 1.0
    of_the_object: bool = True


class _Run:
    """See `torch_run.Run`."""

    def __init__(self, total: int, seed: int) -> None:
        import torch

        torch.manual_seed(seed)
        self.total, self.seed, self.step = total, seed, 0
        self.device = best_device()
        self.model, self.tokenizer = new_model()
        # A third quicker on a CPU than the default layout.
        self.model.to(self.device, memory_format=torch.channels_last)
        self.optimizer = adamw(list(self.model.parameters()), PEAK_RATE)

    def state(self) -> dict[str, Any]:
        return {"step": self.step, "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])

    def take_step(self) -> np.ndarray:
        """One batch learnt; its loss and its accuracy over the 40 labels, float64 ``[2]``."""
        import torch

        strength = min(1.0, self.step / 300)
        first = self.step * BATCH
        stills = [training_still(first + i, self.seed, strength) for i in range(BATCH)]
        rng = random.Random(f"prompts {self.seed} {self.step}")
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16):
            pixels = as_input(stills).to(self.device, memory_format=torch.channels_last)
            images = self.model.encode_image(pixels, normalize=True)
        loss, hits = self._loss(images.float(), stills, rng)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.total, PEAK_RATE)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, np.log(60))
        self.step += 1
        return np.array([loss.item(), hits])

    def _loss(self, images: Any, stills: Sequence[Still], rng: random.Random) -> tuple[Any, float]:
        """Cross-entropy against every sentence of each of four lists of rivals, each list in one form of words."""
        import torch
        from torch.nn import functional

        template, other, behind = rng.choice(TEMPLATES), rng.choice(TEMPLATES), rng.choice(BACKDROP_TEMPLATES)
        backdrops = [rng.choice(words) for words in BACKDROPS.values()]
        # At times the sentence also names what lies behind, at random: the object must count all the same.
        tail = f" on a {rng.choice(backdrops)} background" if rng.random() < 0.3 else ""
        lists = [
            _Rivals([template.format(x) + tail for x in LABELS], [LABELS.index(s.scene.description) for s in stills]),
            _Rivals([other.format(f"{x} thing") for x in COLORS], [COLORS.index(s.scene.color) for s in stills], 0.3),
            _Rivals([other.format(x) for x in SHAPES], [SHAPES.index(s.scene.shape) for s in stills], 0.3),
            _Rivals(
                [behind.format(x) for x in backdrops],
                [list(BACKDROPS).index(s.scene.look.texture) for s in stills],
                0.2,
                of_the_object=False,
            ),
        ]
        tokens = self.tokenizer([sentence for rivals in lists for sentence in rivals.sentences])
        texts = self.model.encode_text(tokens.to(self.device), normalize=True)
        logits = self.model.logit_scale.exp() * images @ texts.float().T
        there = torch.tensor([still.there for still in stills], device=self.device)
        loss, start = logits.new_zeros(()), 0
        for rivals in lists:
            part = logits[:, start : start + len(rivals.sentences)]
            start += len(rivals.sentences)
            target = functional.one_hot(torch.tensor(rivals.truth), len(rivals.sentences)).float().to(self.device)
            if rivals.of_the_object:
                target[~there] = 1 / len(rivals.sentences)
            loss = loss + rivals.weight * functional.cross_entropy(part, target)
        right = logits[:, : len(LABELS)].argmax(-1) == torch.tensor(lists[0].truth, device=self.device)
        return loss, float(right[there].float().mean())

    def forget_unused_words(self) -> None:
        """Set the embedding of every word that no training sentence holds to zero."""
        import torch

        words = [*LABELS, *(f"{color} thing" for color in COLORS), *SHAPES]
        sentences = [t.format(word) for t in TEMPLATES for word in words]
        sentences += [t.format(w) for t in BACKDROP_TEMPLATES for ws in BACKDROPS.values() for w in ws]
        sentences += [f"{w} on a {w} background" for ws in BACKDROPS.values() for w in ws]
        used = torch.unique(self.tokenizer(sentences))
        unused = torch.ones(self.model.token_embedding.num_embeddings, dtype=torch.bool)
        unused[used] = False
        with torch.no_grad():
            self.model.token_embedding.weight[unused] = 0.0


def training_still(index: int, seed: int, strength: float) -> Still:
    """Training frame number ``index`` of the run ``seed``; ``strength`` 0 = clean, 1 = as out of a video file."""
    rng = random.Random(f"still {seed} {index}")
    there = index % 20 != 19
    scene = sample_scene(rng, action=None if there else "appearing")
    assert there or scene.moment_seconds is not None
    gone = scene.moment_seconds or 0.0
    times = np.array([_time_when_there(rng, scene) if there else max(0.0, gone - rng.uniform(0.4, 2.0))])
    frames = render(scene, times, SIZE, SIZE)
    if rng.random() < strength:
        frames = disturbed(rng, frames, times, scene)
    return Still(frames[0], scene, there)


def held_out_still(seed: int) -> Still:
    """The frame of tuning seed ``seed`` (100,000 to 199,999), lightly compressed."""
    rng = random.Random(f"held-out still {seed}")
    scene = sample_scene(rng, color=COLORS[seed % len(COLORS)])
    frames = render(scene, np.array([_time_when_there(rng, scene)]), SIZE, SIZE)
    return Still(compressed(frames, 75)[0], scene)


def _time_when_there(rng: random.Random, scene: Scene) -> float:
    """A time at which the object is to be seen, all of it and not nearly faded."""
    while True:
        time_seconds = rng.uniform(0.0, scene.duration_seconds)
        if pose(scene, np.array([time_seconds])).opacity[0] > 0.7:
            return time_seconds


def new_model() -> tuple[Any, Any]:
    """An open_clip model of the demo pack's size with fresh weights, and its tokenizer."""
    import open_clip
    from open_clip.model import CLIP

    model = CLIP(**_CONFIG)
    return model, open_clip.SimpleTokenizer(context_length=_CONFIG["text_cfg"]["context_length"])


def as_input(stills: Sequence[Still]) -> Any:
    """What the model reads, float32 ``[B, 3, 64, 64]``, as open_clip's preprocessing would make it."""
    import torch

    pixels = torch.from_numpy(np.stack([still.frame for still in stills])).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(_PREPROCESS[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    return ((pixels - mean) / std).contiguous()


def held_out_figures(model: Any, tokenizer: Any, count: int) -> dict[str, float]:
    """Top-1 over the 40 labels, over colours and over shapes, with the mean of a few templates, on tuning frames."""
    import torch

    model.eval()
    device = next(model.parameters()).device
    with torch.inference_mode():
        prompts = ["{}", "a photo of a {}", "a picture of a {}", "a video frame of a {}", "a scene with a {}"]
        tokens = [tokenizer([p.format(label) for label in LABELS]).to(device) for p in prompts]
        texts = torch.stack([model.encode_text(t, normalize=True) for t in tokens]).mean(dim=0)
        right = np.zeros(3)
        for first in range(0, count, 100):
            stills = [held_out_still(HELD_OUT_FIRST_SEED + first + i) for i in range(min(100, count - first))]
            guesses = (model.encode_image(as_input(stills).to(device), normalize=True) @ texts.T).argmax(-1).tolist()
            for still, guess in zip(stills, guesses, strict=True):
                color, shape = LABELS[guess].split(" ")
                same = (color == still.scene.color, shape == still.scene.shape)
                right += (all(same), *same)
    return dict(zip(("accuracy", "color_accuracy", "shape_accuracy"), (right / count).tolist(), strict=True))


def save(model: Any, out: Path) -> None:
    """Write the image-text encoder to ``out`` so that open_clip reads it as ``local-dir:``, weights in float16."""
    import torch
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": _CONFIG, "preprocess_cfg": _PREPROCESS}
    (out / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {name: value.to("cpu", torch.float16).contiguous() for name, value in model.state_dict().items()}
    save_file(weights, out / "open_clip_model.safetensors")
