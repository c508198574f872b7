"""Actions with any video classifier of transformers: VideoMAE (Tong et al. 2022, arXiv:2203.12602), TimeSformer
(Bertasius et al. 2021, arXiv:2102.05095), ViViT (Arnab et al. 2021, arXiv:2103.15691) and what comes after them.

Many published VideoMAE and TimeSformer checkpoints are CC-BY-NC: their licence is the folder's to name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.media.sampling import Clip, ClipSpec
from assistant.models.actions import protocol
from assistant.models.actions.protocol import Checkpoint, Protocol
from assistant.models.packs import checkpoints, vetting
from assistant.models.protocols import Recognition
from assistant.models.runtime import device as devices
from assistant.models.runtime import framing
from assistant.models.runtime.budget import in_batches

if TYPE_CHECKING:
    import torch

# Kinetics is filmed at about 30 frames a second. VideoMAE takes every 4th of them, TimeSformer every 32nd, ViViT every
# 2nd (their own configurations); on Something-Something v2 VideoMAE spreads 16 frames over a clip of about 4 s.
PUBLISHED: Mapping[str, Protocol] = {
    "videomae-small-finetuned-kinetics": Protocol(7.5, 0.2),
    "videomae-base-finetuned-kinetics": Protocol(7.5, 0.2),
    "videomae-large-finetuned-kinetics": Protocol(7.5, 0.2),
    "videomae-huge-finetuned-kinetics": Protocol(7.5, 0.2),
    "videomae-small-finetuned-ssv2": Protocol(4.0, 0.2),
    "videomae-base-finetuned-ssv2": Protocol(4.0, 0.2),
    "timesformer-base-finetuned-k400": Protocol(30 / 32, 0.2),
    "timesformer-base-finetuned-k600": Protocol(30 / 32, 0.2),
    "vivit-b-16x2-kinetics400": Protocol(15.0, 0.2),
}
# Clips in one pass: a clip of ViT-B keeps two cores busy, an accelerator wants more.
_CLIPS_PER_PASS = {"cpu": 1, "cuda": 16, "mps": 4}


def clip_spec(name: str | os.PathLike[str]) -> ClipSpec:
    """How the checkpoint wants to be fed, from its small files; raises what `TransformersVideoRecognizer` raises."""
    return _checkpoint(name).spec


def framing_of(name: str | os.PathLike[str]) -> framing.Framing:
    """How the checkpoint frames its pictures, from its small files alone."""
    return _checkpoint(name).framing


def _checkpoint(name: str | os.PathLike[str]) -> Checkpoint:
    return protocol.read_checkpoint(name, vetting.video_config, _shape, PUBLISHED, {})


def _shape(folder: Path, config: Mapping[str, Any]) -> tuple[int, int]:
    """Frames of a clip, and pixels of the square that the model sees."""
    frames = config.get("num_frames")
    if type(frames) is not int or not 1 <= frames <= 512:
        raise checkpoints.damaged(folder, f"config.json has num_frames {frames!r}")
    size = config.get("image_size")
    sides = set(size) if isinstance(size, list) else {size}
    if len(sides) != 1 or type(side := sides.pop()) is not int or not 16 <= side <= 2048:
        raise checkpoints.damaged(folder, f"config.json has image_size {size!r}")
    return frames, side


def _tubelet(config: Mapping[str, Any]) -> int:
    """Frames that the encoder joins into one token: a number in VideoMAE, a block in ViViT, one in TimeSformer."""
    value = config.get("tubelet_size", 1)
    return int(value[0] if isinstance(value, list) else value)


class TransformersVideoRecognizer:
    """Says what is being done in clips; see `assistant.models.protocols.ActionRecognizer`.

    Args:
        name: a folder with ``config.json``, safetensors and a processor, or the name of a hub repository in the cache.
        device, precision: as in the settings.
        none_below: overrides what the checkpoint says.

    Raises:
        ModelUnavailable: not on this machine, damaged, without a trained classifier, or without a known frame rate.
    """

    def __init__(
        self,
        name: str | os.PathLike[str],
        device: str = "auto",
        precision: str = "auto",
        none_below: float | None = None,
    ) -> None:
        read = _checkpoint(name)
        self.name, self.revision = checkpoints.display_name(name, read.folder), checkpoints.revision(read.folder)
        self.spec, self.framing = read.spec, read.framing
        self.none_below = read.none_below if none_below is None else none_below
        self.tubelet = _tubelet(read.config)
        self.device = devices.choose_device(device)
        wanted = "bfloat16" if precision == "int8" else precision
        self.precision = devices.choose_precision(wanted, self.device, checkpoints.weights_bytes(read.folder))
        self._model = _load(read.folder, self.device, self.precision)
        self.labels = protocol.labels_in(read.folder, self._model.config.id2label)

    @property
    def frame_size(self) -> int:
        """The shortest edge, in pixels, at which frames should arrive: what this model scales them to anyway."""
        return self.framing.edge

    @property
    def clips_per_pass(self) -> int:
        """How many clips go through the model together; more at a time are no quicker."""
        return _CLIPS_PER_PASS[self.device]

    def recognize(self, clips: Sequence[Sequence[Clip]], views: int = 1, save_work: bool = False) -> list[Recognition]:
        """One recognition per segment: the softmax averaged over its clips and views, as these models are evaluated.

        Args:
            save_work: there is nothing to save in these models; every clip is computed whole.

        Raises:
            ValueError: a segment without clips, or a clip with another number of frames than the protocol's.
            ModelFailed: out of memory.
        """
        if any(not segment for segment in clips):
            raise ValueError("a segment needs at least one clip")
        crops = [
            [view for clip in segment for view in self.framing.views(self._checked(clip).frames, views)]
            for segment in clips
        ]
        results = self._forward(view for segment in crops for view in segment)
        return [self._recognition([next(results) for _ in segment]) for segment in crops]

    def crops(self, clip: Clip) -> NDArray[np.uint8]:
        """The clip as the model sees it in one view, before normalising, uint8 ``[T, size, size, 3]``."""
        return self.framing.square(self._checked(clip).frames).permute(0, 2, 3, 1).contiguous().numpy()

    def square_logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits float32 ``[B, labels]`` of clips made of such crops, uint8 ``[B, T, size, size, 3]``."""
        import torch

        images = torch.from_numpy(np.require(crops, requirements=["C", "W"])).movedim(-1, -3)
        return np.stack([logits for logits, _ in self._forward(iter(images))])

    def _checked(self, clip: Clip) -> Clip:
        if len(clip.frames) != self.spec.num_frames:
            raise ValueError(f"{self.name} reads {self.spec.num_frames} frames, not {len(clip.frames)}")
        return clip

    def _forward(self, crops: Iterator[torch.Tensor]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Logits ``[labels]`` and the mean of the last tokens ``[D]`` of each clip's crops uint8 ``[T, 3, S, S]``."""
        import torch

        for batch in in_batches(crops, self.clips_per_pass):
            with devices.enough_memory(self.name, self.device), torch.inference_mode():
                pixels = self.framing.normalized(torch.stack(batch).to(self.device)).to(self._model.dtype)
                out = self._model(pixel_values=pixels, output_hidden_states=True)
                pooled = out.hidden_states[-1].mean(1).float().cpu().numpy()
                logits = out.logits.float().cpu().numpy()
            yield from zip(logits, pooled, strict=True)

    @staticmethod
    def _recognition(results: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> Recognition:
        logits = np.stack([one for one, _ in results])
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = (powers / powers.sum(axis=1, keepdims=True)).mean(axis=0)
        return Recognition(probabilities, logits.mean(axis=0), np.stack([two for _, two in results]).mean(axis=0))


def _load(folder: Path, device: str, precision: str) -> Any:
    """The classifier in evaluation mode."""
    from transformers import AutoModelForVideoClassification

    remedy = "use a checkpoint with a trained classifier"
    copied = vetting.video_copy(folder)
    model = protocol.load_classifier(AutoModelForVideoClassification, folder, copied, precision, "", remedy)
    return model.to(device).eval().requires_grad_(False)
