"""Channels mixed or treated apart: saturation, greyscale, hue, channel shift, gain and shuffle."""

import math
from typing import Any

import numpy as np
from keras import ops

from .draws import Draws
from .operation import Operation, Params, Shape, register
from .pixels import LUMA, clip, constant, mix_channels, per_channel, rows

_GREY = np.repeat(np.array(LUMA, np.float32)[:, None], 3, axis=1)  # pixel @ _GREY: its luma in all channels
_REST = np.eye(3, dtype=np.float32) - _GREY

# RGB to luma and the two chroma axes of YIQ, and back; hue turns the chroma plane
_TO_YIQ = np.array([LUMA, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135)])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)
_TURN_COS = (_TO_YIQ.T @ np.diag([0.0, 1.0, 1.0]) @ _FROM_YIQ.T).astype(np.float32)
_TURN_SIN = (_TO_YIQ.T @ np.array([[0.0, 0, 0], [0, 0, 1], [0, -1, 0]]) @ _FROM_YIQ.T).astype(np.float32)
_STILL = (_TO_YIQ.T @ np.diag([1.0, 0.0, 0.0]) @ _FROM_YIQ.T).astype(np.float32)


@register
class Saturation(Operation):
    """Blends with grey: 0 is greyscale, 1 unchanged, up to 3 at full magnitude (Pillow's ImageEnhance.Color)."""

    name = "saturation"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"factor": 1.0 + self.magnitude * draws.uniform(-1.0, 2.0)}

    def apply(self, images: Any, params: Params) -> Any:
        if images.shape[-1] != 3:
            return images
        return clip(mix_channels(images, constant(_GREY) + params["factor"][:, 0] * constant(_REST)))


@register
class Greyscale(Operation):
    """Full greyscale for about half of the images, partial for the others; the channel count stays."""

    name = "greyscale"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"share": self.magnitude * ops.minimum(draws.uniform(0.5, 1.5), 1.0)}

    def apply(self, images: Any, params: Params) -> Any:
        if images.shape[-1] != 3:
            return images
        # a weighted mean of what is in range; the clip is for the last bit of the weights' sum
        return clip(mix_channels(images, constant(_GREY) + (1.0 - params["share"][:, 0]) * constant(_REST)))


@register
class Hue(Operation):
    """Turns the colour plane around the grey axis, by up to half a turn; the luma stays (rotation in YIQ)."""

    name = "hue"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"angle": draws.signed(0.15 * self.magnitude, math.pi * self.magnitude)}

    def apply(self, images: Any, params: Params) -> Any:
        if images.shape[-1] != 3:
            return images
        angle = params["angle"][:, 0]
        turned = ops.cos(angle) * constant(_TURN_COS) + ops.sin(angle) * constant(_TURN_SIN)
        return clip(mix_channels(images, constant(_STILL) + turned))


@register
class ChannelShift(Operation):
    """Adds a value of its own to each channel, up to +-100 at full magnitude."""

    name = "channel_shift"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"delta": draws.triple(-100.0 * self.magnitude, 100.0 * self.magnitude)}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(ops.reshape(rows(images) + per_channel(params["delta"], images), images.shape))


@register
class ChannelGain(Operation):
    """Multiplies each channel by a factor of its own, 0.4 to 1.6 at full magnitude: white balance, tint."""

    name = "channel_gain"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"factor": 1.0 + draws.triple(-0.6 * self.magnitude, 0.6 * self.magnitude)}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(ops.reshape(rows(images) * per_channel(params["factor"], images), images.shape))


@register
class ChannelShuffle(Operation):
    """Puts the three channels in one of their six orders; one channel stays as it is."""

    name = "channel_shuffle"
    has_strength = False

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"order": ops.argsort(ops.reshape(draws.triple(0.0, 1.0), (shape[0], 3)), axis=-1)}

    def apply(self, images: Any, params: Params) -> Any:
        if images.shape[-1] != 3:
            return images
        return mix_channels(images, ops.one_hot(params["order"], 3, axis=1, dtype="float32"))  # (n, from, to)
