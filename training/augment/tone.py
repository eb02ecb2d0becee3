"""One curve for all channels, or one for each: brightness to autocontrast."""

from typing import Any

import numpy as np
from keras import ops

from .draws import Draws
from .operation import Operation, Params, Shape, register
from .pixels import LUMA, channel_mean, channel_range, clip, constant, per_channel, rows


@register
class Brightness(Operation):
    """Adds one value to all pixels, up to +-130 at full magnitude."""

    name = "brightness"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"delta": draws.signed(0.0, 130.0 * self.magnitude)}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(images + params["delta"])


@register
class Contrast(Operation):
    """Scales the distance to the image's mean grey (Pillow's ImageEnhance.Contrast, its mean unrounded)."""

    name = "contrast"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"factor": 1.0 + self.magnitude * draws.uniform(-0.85, 1.2)}

    def apply(self, images: Any, params: Params) -> Any:
        mean = channel_mean(images)
        if images.shape[-1] == 3:
            mean = ops.sum(mean * constant(LUMA), axis=-1, keepdims=True)
        return clip(images * params["factor"] + mean * (1.0 - params["factor"]))


@register
class Gamma(Operation):
    """255 (x / 255) ** gamma, gamma from 1/3 to 3 at full magnitude: dark and light images without clipping."""

    name = "gamma"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"gamma": ops.exp(1.1 * self.magnitude * draws.uniform(-1.0, 1.0))}

    def apply(self, images: Any, params: Params) -> Any:
        # exp(log) is several times faster than power on a CPU
        return 255.0 * ops.exp(params["gamma"] * ops.log(ops.maximum(images, 1e-3) / 255.0))


@register
class Range(Operation):
    """Squeezes [0, 255] into a random sub-range: washed-out, foggy or very dark images."""

    name = "range"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        width = 1.0 - self.magnitude * draws.uniform(0.3, 0.9)
        return {"width": width, "low": 255.0 * (1.0 - width) * draws.uniform(0.0, 1.0)}

    def apply(self, images: Any, params: Params) -> Any:
        return params["low"] + params["width"] * images


@register
class Invert(Operation):
    """255 - x."""

    name = "invert"
    has_strength = False

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {}

    def apply(self, images: Any, params: Params) -> Any:
        return 255.0 - images


@register
class Solarise(Operation):
    """Inverts what is at or over a threshold (Pillow's ImageOps.solarize); threshold from 255 down to 20."""

    name = "solarise"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"threshold": 256.0 - 236.0 * self.magnitude * draws.uniform(0.2, 1.0)}

    def apply(self, images: Any, params: Params) -> Any:
        return images + ops.cast(images >= params["threshold"], "float32") * (255.0 - 2.0 * images)


@register
class Posterise(Operation):
    """Rounds down to steps of a power of two: from 7 bits down to 1 (Pillow's ImageOps.posterize)."""

    name = "posterise"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"step": ops.power(2.0, ops.round(0.5 + 7.0 * self.magnitude * draws.uniform(0.4, 0.95)))}

    def apply(self, images: Any, params: Params) -> Any:
        return ops.floor(images / params["step"]) * params["step"]


@register
class Equalise(Operation):
    """Flattens the histogram of each channel: x becomes 255 times the share of pixels below it, on the full range.

    Source: Pillow's ImageOps.equalize; its integer steps differ by at most a few grey levels.
    """

    name = "equalise"
    has_strength = False

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {}

    def apply(self, images: Any, params: Params) -> Any:
        n, _, width, channels = images.shape
        levels = 256 * n * channels  # a histogram for each channel of each image, one after the other
        first = 256 * np.arange(n * channels, dtype=np.int32).reshape(n, 1, channels)
        first = ops.convert_to_tensor(np.tile(first, (1, 1, width)))  # as in `rows`
        slot = ops.reshape(ops.cast(rows(images), "int32") + first, (-1,))
        counts = ops.segment_sum(ops.ones_like(slot, dtype="float32"), slot, num_segments=levels)
        counts = ops.reshape(counts, (n * channels, 256))
        below = ops.cumsum(counts, axis=1) - counts
        # the darkest level present goes to 0, the brightest to 255
        top = ops.max(ops.where(counts > 0, below, 0.0), axis=1, keepdims=True)
        table = ops.where(top > 0, 255.0 * below / ops.maximum(top, 1.0), ops.arange(256, dtype="float32"))
        table = ops.minimum(table, 255.0)
        return ops.reshape(ops.take(ops.reshape(table, (levels,)), slot), images.shape)


@register
class Autocontrast(Operation):
    """Stretches each channel to [0, 255] (Pillow's ImageOps.autocontrast with cutoff 0)."""

    name = "autocontrast"
    has_strength = False

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {}

    def apply(self, images: Any, params: Params) -> Any:
        low, high = channel_range(images)
        flat = high <= low
        scale = ops.where(flat, 1.0, 255.0 / ops.maximum(high - low, 1e-3))
        offset = ops.where(flat, 0.0, -low * scale)
        stretched = rows(images) * per_channel(scale, images) + per_channel(offset, images)
        return clip(ops.reshape(stretched, images.shape))
