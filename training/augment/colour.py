"""Channels mixed or treated apart: saturation, greyscale, hue, channel shift, gain and shuffle."""

import math
from typing import Any

import keras
from keras import ops

from .operation import Operation, Params, Seed, Shape, clip, luma, register, signed, uniform


@register
class Saturation(Operation):
    """Blends with grey: 0 is greyscale, 1 unchanged, up to 3 at full magnitude (Pillow's ImageEnhance.Color)."""

    name = "saturation"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"factor": 1.0 + self.magnitude * uniform(shape, -1.0, 2.0, seed)}

    def apply(self, images: Any, params: Params) -> Any:
        grey = luma(images)
        return clip(grey + params["factor"] * (images - grey))


@register
class Greyscale(Operation):
    """Full greyscale for about half of the images, partial for the others; the channel count stays."""

    name = "greyscale"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"share": self.magnitude * ops.minimum(uniform(shape, 0.5, 1.5, seed), 1.0)}

    def apply(self, images: Any, params: Params) -> Any:
        return images + params["share"] * (luma(images) - images)


@register
class Hue(Operation):
    """Turns the colour plane around the grey axis, by up to half a turn; the luma stays (rotation in YIQ)."""

    name = "hue"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"angle": signed(shape, 0.15 * self.magnitude, math.pi * self.magnitude, seed)}

    def apply(self, images: Any, params: Params) -> Any:
        if images.shape[-1] != 3:
            return images
        cos, sin = ops.cos(params["angle"]), ops.sin(params["angle"])
        red, green, blue = images[..., 0:1], images[..., 1:2], images[..., 2:3]
        luminance = luma(images)
        i = 0.595716 * red - 0.274453 * green - 0.321263 * blue
        q = 0.211456 * red - 0.522591 * green + 0.311135 * blue
        i, q = cos * i - sin * q, sin * i + cos * q
        return clip(
            ops.concatenate(
                [
                    luminance + 0.9563 * i + 0.6210 * q,
                    luminance - 0.2721 * i - 0.6474 * q,
                    luminance - 1.1070 * i + 1.7046 * q,
                ],
                axis=-1,
            )
        )


@register
class ChannelShift(Operation):
    """Adds a value of its own to each channel, up to +-100 at full magnitude."""

    name = "channel_shift"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        bound = 100.0 * self.magnitude
        return {"delta": keras.random.uniform((shape[0], 1, 1, 3), -bound, bound, seed=seed)}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(images + params["delta"][..., : images.shape[-1]])


@register
class ChannelGain(Operation):
    """Multiplies each channel by a factor of its own, 0.4 to 1.6 at full magnitude: white balance, tint."""

    name = "channel_gain"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        bound = 0.6 * self.magnitude
        return {"factor": 1.0 + keras.random.uniform((shape[0], 1, 1, 3), -bound, bound, seed=seed)}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(images * params["factor"][..., : images.shape[-1]])


@register
class ChannelShuffle(Operation):
    """Puts the three channels in one of their six orders. It has no strength; one channel stays as it is."""

    name = "channel_shuffle"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"order": ops.argsort(keras.random.uniform((shape[0], 3), seed=seed), axis=-1)}

    def apply(self, images: Any, params: Params) -> Any:
        if images.shape[-1] != 3:
            return images
        mixing = ops.one_hot(params["order"], 3, axis=1, dtype="float32")  # (n, from, to)
        return ops.matmul(images, mixing[:, None])
