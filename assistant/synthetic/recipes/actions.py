"""Trains the demo pack's recogniser of actions: a small V-JEPA 2 classifier, from scratch, on generated clips.

With the class loss alone so small an encoder stays at chance for thousands of steps. Two more losses, which the truth
of the generated scenes makes free, teach it to follow the object: what each patch holds and how it changes, and, from
every token, where the object and the camera are and how they move. Their heads are thrown away afterwards.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.synthetic.recipes.clips import (
    FRAMES_PER_SECOND,
    NUM_FRAMES,
    SIZE,
    STATE_SIZE,
    coverage_targets,
    held_out_clip,
    training_clip,
    unknown_clip,
)
from assistant.synthetic.recipes.torch_run import adamw, best_device, finish, learning_rate
from assistant.synthetic.vocabulary import ACTIONS

if TYPE_CHECKING:
    import torch

STEPS = 5500
BATCH = 24
PEAK_RATE = 1e-3
HELD_OUT_FIRST_SEED = 100_000
_COVERAGE_SIZE = 10
_FINAL_CLIPS = 1400
_IMAGE_MEAN = (0.485, 0.456, 0.406)
_IMAGE_STD = (0.229, 0.224, 0.225)
_STEPS_OF_GENTLE_START = 1500


def train_actions(
    out: Path, *, work: Path, seed: int = 0, steps: int | None = None, report: Callable[[str], None]
) -> dict[str, float]:
    """The figures on held-out clips after training; the recogniser lies in ``out`` in the layout of transformers.

    Args:
        work: a folder for the checkpoint, from which the same call goes on where it was interrupted.
        steps: how many batches; less than the default is for trying out.
    """
    run = _Run(STEPS if steps is None else steps, seed)
    told = ("loss", "coverage", "state", "accuracy")
    finish(run, work / f"actions-{seed}-{run.total}.pt", "actions", told, 250, report)
    figures = held_out_figures(run.model, _FINAL_CLIPS)
    save(run.model, out, figures["none_below"])
    report(f"actions: held-out accuracy {figures['accuracy']:.3f} on {_FINAL_CLIPS} clips")
    return figures


class _Run:
    """See `torch_run.Run`."""

    def __init__(self, total: int, seed: int) -> None:
        import torch

        torch.manual_seed(seed)
        self.total, self.seed, self.step = total, seed, 0
        self.device = best_device()
        self.model = new_model().to(self.device)
        width = self.model.config.hidden_size
        self.heads = torch.nn.ModuleList(
            [torch.nn.Linear(width, _COVERAGE_SIZE), torch.nn.Linear(width, STATE_SIZE)]
        ).to(self.device)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad] + list(self.heads.parameters())
        self.optimizer = adamw(self.parameters, PEAK_RATE)

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(state["optimizer"])

    def take_step(self) -> np.ndarray:
        """One batch learnt; class loss, coverage loss, state loss and accuracy, float64 ``[4]``."""
        import torch
        from torch.nn import functional

        strength = min(1.0, self.step / _STEPS_OF_GENTLE_START)
        first = self.step * BATCH
        known = BATCH - 1
        batch = [training_clip(first + i, self.seed, strength) for i in range(known)]
        # One clip of a batch shows nothing that has a name here: every label shall be equally likely.
        frames = [*(clip.frames for clip in batch), unknown_clip(self.step, self.seed)]
        labels = torch.tensor([clip.label for clip in batch], device=self.device)
        cover = torch.from_numpy(coverage_targets(np.stack([clip.coverage for clip in batch]))).to(self.device)
        state = torch.from_numpy(np.stack([clip.state for clip in batch])).to(self.device)
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16):
            tokens = self.model.vjepa2.get_vision_features(as_input(frames).to(self.device))
            logits = self.model.classifier(self.model.pooler(tokens)).float()
            seen_cover = self.heads[0](tokens[:known]).float()
            seen_state = self.heads[1](tokens[:known]).float()
        doubt = torch.full((1, logits.shape[1]), 1 / logits.shape[1], device=self.device)
        target = torch.cat([functional.one_hot(labels, logits.shape[1]).float(), doubt])
        class_loss = functional.cross_entropy(logits, target)
        cover_loss = functional.mse_loss(seen_cover, cover)
        per_token = state.repeat_interleave(cover.shape[1] // state.shape[1], dim=1)
        state_loss = functional.smooth_l1_loss(seen_state, per_token)
        fade = 1.0 - 0.7 * self.step / self.total
        (class_loss + fade * (10 * cover_loss + 3 * state_loss)).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.total, PEAK_RATE)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        hits = float((logits[:known].argmax(-1) == labels).float().mean())
        return np.array([class_loss.item(), cover_loss.item(), state_loss.item(), hits])


def new_model() -> Any:
    """A `VJEPA2ForVideoClassification` of the demo pack's size with fresh weights."""
    from transformers import VJEPA2Config, VJEPA2ForVideoClassification

    labels = dict(enumerate(ACTIONS))
    config = VJEPA2Config(
        patch_size=16,
        crop_size=SIZE,
        frames_per_clip=NUM_FRAMES,
        tubelet_size=2,
        hidden_size=192,
        num_hidden_layers=4,
        num_attention_heads=4,
        mlp_ratio=4,
        # The predictor is part of the architecture and no part of recognising: as small as it may be.
        pred_hidden_size=24,
        pred_num_hidden_layers=1,
        pred_num_attention_heads=1,
        pred_num_mask_tokens=1,
        num_pooler_layers=1,
        # The default of 0.02 is for a width of 1024.
        initializer_range=0.05,
        id2label=labels,
        label2id={label: number for number, label in labels.items()},
    )
    model = VJEPA2ForVideoClassification(config)
    model.vjepa2.predictor.requires_grad_(False)
    # In bfloat16 on a CPU the fused attention is slower than the plain products (0.55 against 0.41 s a step).
    model.set_attn_implementation("eager")
    return model


def as_input(clips: Sequence[np.ndarray]) -> "torch.Tensor":
    """What the model reads of clips uint8 ``[16, 64, 64, 3]``: float32 ``[B, 16, 3, 64, 64]``, as by its processor."""
    import torch

    pixels = torch.from_numpy(np.stack(clips)).permute(0, 1, 4, 2, 3).float() / 255
    mean, std = (torch.tensor(v).view(1, 1, 3, 1, 1) for v in (_IMAGE_MEAN, _IMAGE_STD))
    return ((pixels - mean) / std).contiguous()


def held_out_figures(model: Any, count: int) -> dict[str, float]:
    """Accuracy on ``count`` clips of tuning seeds, each action's recall, and how well doubt tells unknown clips.

    ``none_below`` is the best probability that 97 of 100 held-out clips exceed, ``unknown_refused`` the share of clips
    without a fitting word that stay below it.
    """
    clips = [held_out_clip(HELD_OUT_FIRST_SEED + i) for i in range(count)]
    truth = np.array([clip.label for clip in clips])
    probabilities = _probabilities(model, [clip.frames for clip in clips])
    confusion = np.zeros((len(ACTIONS), len(ACTIONS)), dtype=np.int64)
    np.add.at(confusion, (truth, probabilities.argmax(axis=1)), 1)
    recalls = confusion.diagonal() / confusion.sum(axis=1).clip(min=1)
    none_below = float(np.quantile(probabilities.max(axis=1), 0.03))
    unknown = _probabilities(model, [unknown_clip(i, HELD_OUT_FIRST_SEED) for i in range(max(14, count // 7))])
    figures = {
        "accuracy": float(confusion.trace() / count),
        "none_below": none_below,
        "unknown_refused": float((unknown.max(axis=1) < none_below).mean()),
    }
    return figures | {f"recall/{action}": float(recall) for action, recall in zip(ACTIONS, recalls, strict=True)}


def _probabilities(model: Any, clips: Sequence[np.ndarray]) -> np.ndarray:
    """Softmax over the labels, float32 ``[clips, labels]``."""
    import torch

    model.eval()
    with torch.inference_mode():
        parts = [
            model(pixel_values_videos=as_input(clips[first : first + 28]).to(model.device)).logits.softmax(-1).cpu()
            for first in range(0, len(clips), 28)
        ]
    return torch.cat(parts).numpy()


def save(model: Any, out: Path, none_below: float) -> None:
    """Write the recogniser with its processor to ``out``, weights in float16, to be computed with in float32.

    ``clip_spec.json`` beside it says how the model wants to be fed and below which probability it knows nothing.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import LlavaOnevisionVideoProcessor

    out.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(out)
    path = out / "config.json"
    config = json.loads(path.read_text())
    # Half the size on disk; whoever loads with the stated type gets float32.
    config |= {"dtype": "float32", "architectures": [type(model).__name__]}
    path.write_text(json.dumps(config, indent=2) + "\n")
    spec = {"frames_per_second": FRAMES_PER_SECOND, "none_below": round(none_below, 2)}
    (out / "clip_spec.json").write_text(json.dumps(spec) + "\n")
    weights = {name: value.to("cpu", torch.float16).contiguous() for name, value in model.state_dict().items()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    # V-JEPA 2's own processor always crops to the middle square. Things happen at the edges of a frame, so this pack
    # squeezes the whole frame instead, through a processor that takes a height and a width.
    LlavaOnevisionVideoProcessor(
        size={"height": SIZE, "width": SIZE},
        resample=2,
        do_center_crop=False,
        image_mean=list(_IMAGE_MEAN),
        image_std=list(_IMAGE_STD),
    ).save_pretrained(out)
