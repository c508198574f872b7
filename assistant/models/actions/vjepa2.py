"""Actions with V-JEPA 2 (Assran et al. 2025, arXiv:2506.09985) through transformers, from the hub or a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from assistant.models.runtime.budget import in_batches, one_ahead

if TYPE_CHECKING:
    import torch

# How many encoder tokens go through in one pass: enough to keep the cores busy, little enough for an ordinary memory.
# On a CPU one clip of ViT-L's 2,048 tokens keeps all cores busy, and more of them would only delay the first segment;
# the demo pack's clips of 128 tokens are as quick 16 at a time as 64.
_TOKENS_PER_PASS = {"cpu": 2_048, "cuda": 65_536, "mps": 16_384}
# Finding out what stands still takes longer than it saves where a clip has fewer tokens; ViT-L's clips have 2,048.
LEAST_TOKENS = 1_024


# Rates: Something-Something v2 has 12 frames a second, and the published evaluation files (configs/inference/*/ssv2)
# take every 4th for ViT-L and every 2nd for ViT-g. Diving48 is filmed at about 30 frames a second and
# configs/inference/*/diving48 take every 2nd; that file names the stride, the 30 is ours.
_SSV2_LARGE, _SSV2_GIANT, _DIVING = Protocol(3.0, 0.2), Protocol(6.0, 0.2), Protocol(15.0, 0.2)
PUBLISHED: Mapping[str, Protocol] = {
    "vjepa2-vitl-fpc16-256-ssv2": _SSV2_LARGE,
    "vjepa2-vitg-fpc64-384-ssv2": _SSV2_GIANT,
    "vjepa2-vitl-fpc32-256-diving48": _DIVING,
    "vjepa2-vitg-fpc32-384-diving48": _DIVING,
}
# The same four by what their configuration says, for folders that were renamed: labels, frames.
_BY_SHAPE: Mapping[tuple[int, int], Protocol] = {
    (174, 16): _SSV2_LARGE,
    (174, 64): _SSV2_GIANT,
    (48, 32): _DIVING,
}


def published_spec(name: str) -> ClipSpec:
    """How one of the published probes wants to be fed, from its name alone; a `KeyError` for any other name."""
    own = name.rsplit("/", 1)[-1]
    frames, size = re.findall(r"fpc(\d+)-(\d+)", own)[0] if own in PUBLISHED else ("0", "0")
    return ClipSpec(int(frames), PUBLISHED[own].frames_per_second, int(size))


def clip_spec(name: str | os.PathLike[str]) -> ClipSpec:
    """How the checkpoint wants to be fed, read from its small files alone; raises what `VJepa2Recognizer` raises."""
    return _checkpoint(name).spec


def framing_of(name: str | os.PathLike[str]) -> framing.Framing:
    """How the checkpoint frames its pictures, read from its small files alone; raises what `clip_spec` raises."""
    return _checkpoint(name).framing


def _checkpoint(name: str | os.PathLike[str]) -> Checkpoint:
    return protocol.read_checkpoint(name, vetting.vjepa2_config, _shape, PUBLISHED, _BY_SHAPE)


def _shape(_: Path, config: Mapping[str, Any]) -> tuple[int, int]:
    """Frames of a clip, and pixels of the square that the model sees."""
    return int(config["frames_per_clip"]), int(config.get("crop_size", 256))


@dataclass(frozen=True)
class _Tokens:
    """The tokens ``[N, D]`` of one clip, and how many of them were computed."""

    rows: torch.Tensor
    computed: int


class VJepa2Recognizer:
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
        self.tubelet = int(read.config.get("tubelet_size", 2))
        self._grid = self.framing.size // int(read.config.get("patch_size", 16))
        self.device = devices.choose_device(device)
        size = checkpoints.weights_bytes(read.folder)
        integers = devices.uses_integers(precision, self.device, size)
        self.precision = "int8" if integers else devices.choose_precision(precision, self.device, size)
        self._model = _load(read.folder, self.device, self.precision)
        self.labels = protocol.labels_in(read.folder, self._model.config.id2label)

    @property
    def frame_size(self) -> int:
        """The shortest edge, in pixels, at which frames should arrive: what this model scales them to anyway."""
        return self.framing.edge

    @property
    def grid(self) -> tuple[int, int, int]:
        """The shape of one clip's tokens: tubelets, rows, columns."""
        return self.spec.num_frames // self.tubelet, self._grid, self._grid

    @property
    def clips_per_pass(self) -> int:
        """How many clips go through the encoder together; more at a time are no quicker."""
        return max(1, _TOKENS_PER_PASS[self.device] // self._clip_tokens)

    @property
    def _clip_tokens(self) -> int:
        """How many tokens one clip has."""
        return int(np.prod(self.grid))

    def recognize(self, clips: Sequence[Sequence[Clip]], views: int = 1, save_work: bool = False) -> list[Recognition]:
        """One recognition per segment.

        The tokens of a segment's clips are joined before the pooler, and the softmax is averaged over the views, as
        in the published evaluation; the logits and the embedding are averaged over the views too.

        Args:
            save_work: compute what stands still now and then only, see `vjepa2_still`.

        Raises:
            ValueError: a segment without clips, or a clip with another number of frames than the protocol's.
            ModelFailed: out of memory.
        """
        if any(not segment for segment in clips):
            raise ValueError("a segment needs at least one clip")
        jobs = (
            view
            for segment in clips
            for clip in segment
            for view in self.framing.views(self._whole(clip).frames, views)
        )
        seen = views if self.framing.fit == "shortest" else 1
        tokens = self._encoded(jobs, save_work)
        return [self._recognition(tokens, len(segment), seen) for segment in clips]

    def prepare(self, clip: Clip) -> torch.Tensor:
        """The clip as the model sees it in one view, normalised, float32 ``[T, 3, size, size]`` on the CPU."""
        return self.framing.normalized(self.framing.square(self._whole(clip).frames))

    def logits(self, pixels: torch.Tensor) -> NDArray[np.float32]:
        """Logits float32 ``[B, labels]`` of prepared clips ``[B, T, 3, size, size]``, which may have been perturbed."""
        import torch

        step = self.clips_per_pass
        with devices.enough_memory(self.name, self.device), torch.inference_mode():
            parts = [self._pool(self._tokens(pixels[first : first + step]))[1] for first in range(0, len(pixels), step)]
            return torch.cat(parts).numpy()

    def crops(self, clip: Clip) -> NDArray[np.uint8]:
        """The clip as the model sees it in one view, before normalising, uint8 ``[T, size, size, 3]``."""
        return self.framing.square(self._whole(clip).frames).permute(0, 2, 3, 1).contiguous().numpy()

    def square_logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits float32 ``[B, labels]`` of clips made of such crops, uint8 ``[B, T, size, size, 3]``."""
        return self.logits(self._normalized(crops))

    def _normalized(self, crops: NDArray[np.uint8]) -> torch.Tensor:
        import torch

        images = torch.from_numpy(np.require(crops, requirements=["C", "W"])).to(self.device)
        return self.framing.normalized(images.movedim(-1, -3))

    def encode(self, clip: Clip) -> torch.Tensor:
        """The encoder's tokens of one clip, ``[T/2, size/16, size/16, D]``, on the model's device."""
        import torch

        with devices.enough_memory(self.name, self.device), torch.inference_mode():
            return self._tokens(self.prepare(clip)[None])[0].unflatten(0, self.grid)

    def _whole(self, clip: Clip) -> Clip:
        """The clip with an even number of frames; refused where it is not the protocol's."""
        if len(clip.frames) % 2:  # V-JEPA 2 reads frames in pairs, so an odd clip repeats its last frame
            clip = Clip(
                np.concatenate([clip.frames, clip.frames[-1:]]),
                np.append(clip.pts_seconds, clip.pts_seconds[-1]),
            )
        if len(clip.frames) != self.spec.num_frames:
            # The model itself would take any even number and answer something else without a word.
            raise ValueError(f"{self.name} reads {self.spec.num_frames} frames, not {len(clip.frames)}")
        return clip

    def _encoded(self, crops: Iterator[torch.Tensor], save_work: bool) -> Iterator[_Tokens]:
        """The tokens of each clip's crops, computed batch by batch as they are asked for."""
        batches = (self._encode(batch, save_work) for batch in in_batches(crops, self.clips_per_pass))
        # A GPU computes while the processor goes on; a CPU would only be later with its first result.
        for found in batches if self.device == "cpu" else one_ahead(batches):
            yield from found

    def _encode(self, batch: list[torch.Tensor], save_work: bool) -> list[_Tokens]:
        """The tokens of each clip; on a GPU perhaps not computed yet."""
        import torch

        on_gpu = self.device == "cuda"
        with devices.enough_memory(self.name, self.device), torch.inference_mode():
            stacked = torch.stack(batch)
            if on_gpu:  # only from pinned memory does a copy not hold the processor up
                stacked = stacked.pin_memory()
            pixels = self.framing.normalized(stacked.to(self.device, non_blocking=on_gpu))
            if save_work and self._clip_tokens >= LEAST_TOKENS:
                return self._encode_changes(batch, pixels)
            return [_Tokens(rows, len(rows)) for rows in self._tokens(pixels)]

    def _encode_changes(self, crops: list[torch.Tensor], pixels: torch.Tensor) -> list[_Tokens]:
        """The tokens of each clip, of which those are computed whose places change.

        What is found in a clip must not hang on the clips beside it, so only clips with equally many go together.
        """
        from assistant.models.actions.vjepa2_still import StillEncoder, still_of, together

        model = self._model
        encoder = StillEncoder(model.vjepa2.encoder)
        stills = [still_of(clip, self.tubelet, self.framing.size // self._grid) for clip in crops]
        counts = [len(still.kept) for still in stills]
        found: dict[int, _Tokens] = {}
        for count in sorted(set(counts)):
            members = [index for index, own in enumerate(counts) if own == count]
            part = pixels[members].to(model.dtype)
            if stills[members[0]].whole:
                rows = self._tokens(part)
            else:
                rows = encoder(part, together([stills[index] for index in members], part.device))
            found.update((index, _Tokens(own, count)) for index, own in zip(members, rows, strict=True))
        return [found[index] for index in range(len(crops))]

    def _recognition(self, tokens: Iterator[_Tokens], clips: int, views: int) -> Recognition:
        """The recognition of the next segment; ``tokens`` come clip by clip, and view by view within a clip."""
        import torch

        own = [[next(tokens) for _ in range(views)] for _ in range(clips)]
        with devices.enough_memory(self.name, self.device), torch.inference_mode():
            joined = torch.stack([torch.cat([clip[view].rows for clip in own]) for view in range(views)])
            pooled, logits = self._pool(joined)
            probabilities = logits.softmax(-1).mean(0)
            changes = torch.stack([self._changes(clip[0].rows) for clip in own]).cpu()
            return Recognition(
                probabilities.numpy(),
                logits.mean(0).numpy(),
                pooled.mean(0).numpy(),
                changes.numpy(),
                tokens=sum(view.computed for clip in own for view in clip),
                tokens_without=clips * views * self._clip_tokens,
            )

    def _changes(self, tokens: torch.Tensor) -> torch.Tensor:
        """How far the tokens' mean moves from tubelet to tubelet, ``[T/2 - 1]``, in units of their spread in space."""
        grid = tokens.float().unflatten(0, self.grid).flatten(1, 2)
        means = grid.mean(1)
        spread = (grid - means[:, None]).square().sum(-1).mean().sqrt()
        return (means[1:] - means[:-1]).norm(dim=-1) / spread.clamp_min(1e-6)

    def _tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        model = self._model
        # Asked of the encoder itself: the model around it would gather every token once more, in 64-bit indices.
        tokens: torch.Tensor = model.vjepa2.encoder(pixels.to(model.device, model.dtype)).last_hidden_state
        return tokens

    def _pool(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pooled vectors ``[B, D]`` and logits ``[B, labels]`` of tokens ``[B, N, D]``, both float32 on the CPU."""
        pooled = self._model.pooler(tokens)
        return pooled.float().cpu(), self._model.classifier(pooled).float().cpu()


def _load(folder: Path, device: str, precision: str) -> Any:
    """The classifier in evaluation mode, without its predictor, which recognition never asks."""
    from transformers import VJEPA2ForVideoClassification

    remedy = f"use one of {', '.join(PUBLISHED)}, or another checkpoint with a trained classifier"
    copied, dtype = vetting.vjepa2_copy(folder), "bfloat16" if precision == "int8" else precision
    model = protocol.load_classifier(VJEPA2ForVideoClassification, folder, copied, dtype, ".predictor.", remedy)
    model.vjepa2.predictor = None
    model = model.to(device).eval().requires_grad_(False)
    if device == "cpu" and precision in ("bfloat16", "int8"):
        from assistant.models.actions import vjepa2_fast

        vjepa2_fast.optimize(model)
        if precision == "int8":
            vjepa2_fast.turn_to_integers(model)
    return model
