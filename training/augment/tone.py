"""One curve for all channels, or one for each: brightness to autocontrast."""

from typing import Any

from keras import ops

from .operation import Operation, Params, Seed, Shape, clip, luma, register, signed, uniform


@register
class Brightness(Operation):
    """Adds one value to all pixels, up to +-130 at full magnitude."""

    name = "brightness"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"delta": signed(shape, 0.0, 130.0 * self.magnitude, seed)}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(images + params["delta"])


@register
class Contrast(Operation):
    """Scales the distance to the image's mean grey (Pillow's ImageEnhance.Contrast, its mean unrounded)."""

    name = "contrast"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"factor": 1.0 + self.magnitude * uniform(shape, -0.85, 1.2, seed)}

    def apply(self, images: Any, params: Params) -> Any:
        mean = ops.mean(luma(images), axis=(1, 2, 3), keepdims=True)
        return clip(mean + params["factor"] * (images - mean))


@register
class Gamma(Operation):
    """255 (x / 255) ** gamma, gamma from 1/3 to 3 at full magnitude: dark and light images without clipping."""

    name = "gamma"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"gamma": ops.exp(1.1 * self.magnitude * uniform(shape, -1.0, 1.0, seed))}

    def apply(self, images: Any, params: Params) -> Any:
        return 255.0 * ops.exp(params["gamma"] * ops.log(ops.maximum(images, 1e-3) / 255.0))


@register
class Range(Operation):
    """Squeezes [0, 255] into a random sub-range: washed-out, foggy or very dark images."""

    name = "range"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        width = 1.0 - self.magnitude * uniform(shape, 0.3, 0.9, seed)
        return {"width": width, "low": 255.0 * (1.0 - width) * uniform(shape, 0.0, 1.0, seed)}

    def apply(self, images: Any, params: Params) -> Any:
        return params["low"] + params["width"] * images


@register
class Invert(Operation):
    """255 - x. It has no strength."""

    name = "invert"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {}

    def apply(self, images: Any, params: Params) -> Any:
        return 255.0 - images


@register
class Solarise(Operation):
    """Inverts what is at or over a threshold (Pillow's ImageOps.solarize); threshold from 255 down to 20."""

    name = "solarise"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"threshold": 256.0 - 236.0 * self.magnitude * uniform(shape, 0.2, 1.0, seed)}

    def apply(self, images: Any, params: Params) -> Any:
        return ops.where(images < params["threshold"], images, 255.0 - images)


@register
class Posterise(Operation):
    """Rounds down to steps of a power of two: from 7 bits down to 1 (Pillow's ImageOps.posterize)."""

    name = "posterise"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"step": ops.power(2.0, ops.round(0.5 + 7.0 * self.magnitude * uniform(shape, 0.4, 0.95, seed)))}

    def apply(self, images: Any, params: Params) -> Any:
        return ops.floor(images / params["step"]) * params["step"]


@register
class Equalise(Operation):
    """Flattens the histogram of each channel: x becomes 255 times the share of pixels below it, on the full range.

    Source: Pillow's ImageOps.equalize; its integer steps differ by at most a few grey levels.
    """

    name = "equalise"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {}

    def apply(self, images: Any, params: Params) -> Any:
        n, height, width, channels = images.shape
        rows, pixels = n * channels, height * width
        level = ops.cast(ops.reshape(ops.transpose(images, (0, 3, 1, 2)), (rows, pixels)), "int32")
        slot = ops.reshape(level + 256 * ops.reshape(ops.arange(rows), (rows, 1)), (-1,))
        counts = ops.segment_sum(ops.ones((rows * pixels,), "float32"), slot, num_segments=rows * 256)
        counts = ops.reshape(counts, (rows, 256))
        below = ops.cumsum(counts, axis=1) - counts
        # the darkest level present goes to 0, the brightest to 255
        top = ops.max(ops.where(counts > 0, below, 0.0), axis=1, keepdims=True)
        table = ops.where(top > 0, 255.0 * below / ops.maximum(top, 1.0), ops.arange(256, dtype="float32"))
        flat = ops.take(ops.reshape(table, (-1,)), slot)
        return ops.transpose(ops.reshape(clip(flat), (n, channels, height, width)), (0, 2, 3, 1))


@register
class Autocontrast(Operation):
    """Stretches each channel to [0, 255] (Pillow's ImageOps.autocontrast with cutoff 0)."""

    name = "autocontrast"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {}

    def apply(self, images: Any, params: Params) -> Any:
        low = ops.min(images, axis=(1, 2), keepdims=True)
        high = ops.max(images, axis=(1, 2), keepdims=True)
        scale = ops.where(high > low, 255.0 / ops.maximum(high - low, 1e-3), 1.0)
        return clip(ops.where(high > low, (images - low) * scale, images))
