"""Frames as a model wants them: resized, cropped and normalised, a batch at once, as its own processor would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Fit = Literal["shortest", "squash", "longest"]
Interpolation = Literal["bilinear", "bicubic", "nearest-exact"]
_BY_NUMBER: dict[int, Interpolation] = {0: "nearest-exact", 2: "bilinear", 3: "bicubic"}  # the numbers of PIL


@dataclass(frozen=True, slots=True)
class Framing:
    """How a frame becomes the square that a model sees.

    Args:
        fit: ``shortest`` scales the shortest edge to ``edge`` and crops the middle; ``squash`` scales both edges, so
            nothing is cropped away; ``longest`` scales the longest edge and pads with ``fill``.
        edge: pixels of the scaled edge.
        size: pixels of the square.
        mean, std: of each channel, for values in 0..1.
        resampler: whose arithmetic: open_clip's transforms work on Pillow's images, transformers' on torch's tensors.
            They differ by several levels of 256 beside sharp edges, and cut half a pixel of margin differently.
    """

    fit: Fit
    edge: int
    size: int
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fill: int = 0
    resampler: Literal["pillow", "torch"] = "torch"

    def square(self, frames: NDArray[np.uint8]) -> torch.Tensor:
        """The frames uint8 ``[N, H, W, 3]`` as uint8 ``[N, 3, size, size]``."""
        if self.fit == "squash":
            return self._resize(_channels_first(frames), self.size, self.size)
        if self.fit == "longest":
            return self._padded(_channels_first(frames))
        images = self._resize(_channels_first(frames), *_scaled(frames.shape[1], frames.shape[2], self.edge))
        top, left = (self._half(edge - self.size) for edge in images.shape[2:])
        return images[:, :, top : top + self.size, left : left + self.size]

    def views(self, frames: NDArray[np.uint8], count: int) -> list[torch.Tensor]:
        """The frames seen ``count`` times, spread along their longer edge, each uint8 ``[N, 3, size, size]``.

        As in V-JEPA's own evaluation, several views scale the shortest edge to ``size`` itself, so that they reach
        from edge to edge; a squashed frame is seen whole already and gives one view.
        """
        if count == 1 or self.fit != "shortest":
            return [self.square(frames)]
        images = self._resize(_channels_first(frames), *_scaled(frames.shape[1], frames.shape[2], self.size))
        height, width = images.shape[2:]
        step = (max(height, width) - self.size) // (count - 1)
        starts = [index * step for index in range(count)]
        if height > width:
            return [images[:, :, start : start + self.size] for start in starts]
        return [images[:, :, :, start : start + self.size] for start in starts]

    def normalized(self, crops: torch.Tensor) -> torch.Tensor:
        """uint8 ``[..., 3, size, size]`` as float32 with the model's mean and deviation."""
        import torch

        mean = torch.tensor(self.mean, device=crops.device).view(3, 1, 1) * 255.0
        std = torch.tensor(self.std, device=crops.device).view(3, 1, 1) * 255.0
        return (crops.float() - mean) / std

    def _half(self, margin: int) -> int:
        return round(margin / 2.0) if self.resampler == "pillow" else margin // 2

    def _resize(self, images: torch.Tensor, height: int, width: int) -> torch.Tensor:
        import torch

        if images.shape[2:] == (height, width):
            return images
        if self.resampler == "pillow":
            return _resized_by_pillow(images, height, width, self.interpolation)
        if self.interpolation == "nearest-exact":
            return torch.nn.functional.interpolate(images, (height, width), mode=self.interpolation)
        return torch.nn.functional.interpolate(
            images, (height, width), mode=self.interpolation, antialias=True, align_corners=False
        )

    def _padded(self, images: torch.Tensor) -> torch.Tensor:
        import torch

        share = self.size / max(images.shape[2:])
        height, width = (max(1, round(edge * share)) for edge in images.shape[2:])
        images = self._resize(images, height, width)
        top, left = (self.size - height) // 2, (self.size - width) // 2
        edges = (left, self.size - width - left, top, self.size - height - top)
        return torch.nn.functional.pad(images, edges, value=self.fill)


def from_processor(config: Mapping[str, Any], default_size: int) -> Framing:
    """What a saved video processor of transformers says about frames.

    Raises:
        ValueError: a size or resampling that is not understood.
    """
    size = config.get("size") or {"shortest_edge": int(default_size * 256 / 224)}
    if isinstance(size, int):
        size = {"shortest_edge": size}
    crop = config.get("crop_size") or default_size
    crop = crop if isinstance(crop, int) else int(crop["height"])
    mean, std = _normalizing(config)
    common: dict[str, Any] = {
        "interpolation": _interpolation(config.get("resample", 2)),
        "mean": mean,
        "std": std,
        # The one processor of the supported models that still works on Pillow's images.
        "resampler": "pillow" if config.get("image_processor_type") == "VivitImageProcessor" else "torch",
    }
    if "shortest_edge" in size and config.get("do_center_crop", True):
        return Framing("shortest", int(size["shortest_edge"]), crop, **common)
    if "height" in size and size["height"] == size["width"]:
        return Framing("squash", int(size["height"]), int(size["height"]), **common)
    raise ValueError(f"a processor with size {size} does not give crops")


def _normalizing(config: Mapping[str, Any]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and deviation for values in 0..1, whatever the processor scales bytes to before it subtracts its own.

    ViViT's scales them to -1..1 (``offset``) and normalises that once more.
    """
    scale = float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0
    offset = 1.0 if config.get("offset") else 0.0
    plain = not config.get("do_normalize", True)
    mean = (0.0,) * 3 if plain else _three(config.get("image_mean") or (0.485, 0.456, 0.406))
    std = (1.0,) * 3 if plain else _three(config.get("image_std") or (0.229, 0.224, 0.225))
    if not 0.0 < scale <= 1.0:
        raise ValueError(f"a rescale_factor of {scale}")
    to_unit = 255.0 * scale
    red, green, blue = ((value + offset) / to_unit for value in mean)
    r, g, b = (value / to_unit for value in std)
    return (red, green, blue), (r, g, b)


def from_open_clip(config: Mapping[str, Any]) -> Framing:
    """What the preprocess configuration of an open_clip model says about frames.

    Raises:
        ValueError: a size, mode or interpolation that is not understood.
    """
    size = config["size"]
    if not isinstance(size, int):
        if len(set(size)) != 1:
            raise ValueError(f"a model that wants {size} pixels does not see crops")
        size = int(size[0])
    fit: Fit = config.get("resize_mode", "shortest")
    # open_clip itself takes everything but "bilinear" for bicubic ("random" is meant for training).
    interpolation: Interpolation = "bilinear" if config.get("interpolation") == "bilinear" else "bicubic"
    mean, std = _three(config["mean"]), _three(config["std"])
    fill = int(config.get("fill_color", 0))
    return Framing(fit, size, size, interpolation, mean, std, fill, "pillow")


def _resized_by_pillow(images: torch.Tensor, height: int, width: int, interpolation: Interpolation) -> torch.Tensor:
    from PIL import Image

    method = Image.Resampling.BICUBIC if interpolation == "bicubic" else Image.Resampling.BILINEAR
    frames = images.permute(0, 2, 3, 1).numpy()
    resized = [np.asarray(Image.fromarray(frame).resize((width, height), method)) for frame in frames]
    return _channels_first(np.stack(resized))


def _scaled(height: int, width: int, shortest: int) -> tuple[int, int]:
    # The longer edge is cut, not rounded, as torchvision and the processors built on it do.
    if height <= width:
        return shortest, int(shortest * width / height)
    return int(shortest * height / width), shortest


def _channels_first(frames: NDArray[np.uint8]) -> torch.Tensor:
    import torch

    # torch wants memory that it may write to; only what is not (a view of bytes, say) is copied.
    return torch.from_numpy(np.require(frames, requirements=["C", "W"])).permute(0, 3, 1, 2)


def _interpolation(value: Any) -> Interpolation:
    try:
        return _BY_NUMBER[int(value)]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"resampling {value!r} is not supported") from error


def _three(values: Any) -> tuple[float, float, float]:
    if isinstance(values, (int, float)):
        return (float(values),) * 3
    red, green, blue = (float(value) for value in values)
    return red, green, blue
