"""The blocks and ripples of a strongly compressed JPEG."""

from typing import Any

import numpy as np
from keras import ops

from .draws import Draws
from .operation import Operation, Params, Shape, register
from .pixels import clip, constant

# ITU-T T.81, annex K: steps of the coefficients at quality 50, for luma and for chroma
_LUMA_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
_CHROMA_STEPS = np.full((8, 8), 99, np.float32)
_CHROMA_STEPS[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
).T  # pixel @ _TO_YCC
_FROM_YCC = np.linalg.inv(_TO_YCC).astype(np.float32)

_FREQUENCY = np.arange(8)[:, None]
_DCT = (0.5 * np.cos((2 * np.arange(8) + 1) * _FREQUENCY * np.pi / 16)).astype(np.float32)
_DCT[0] /= np.sqrt(2.0)


@register
class Jpeg(Operation):
    """JPEG's loss: 8x8 blocks whose cosine coefficients are rounded; steps up to those of quality 4. No subsampling."""

    name = "jpeg"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        # libjpeg's scale of the steps: 1 at quality 50, 12.5 at quality 4
        return {"scale": 12.5 * self.magnitude * draws.uniform(0.2, 1.0)}

    def apply(self, images: Any, params: Params) -> Any:
        n, height, width, channels = images.shape
        down, across = -height % 8, -width % 8
        padded = images if not (down or across) else _repeat_edges(images, down, across)
        colour = channels == 3
        middle = constant([128.0, 0.0, 0.0] if colour else [128.0] * channels)
        planes = (ops.matmul(padded, constant(_TO_YCC)) if colour else padded) - middle
        blocks = ops.reshape(planes, (n, (height + down) // 8, 8, (width + across) // 8, 8, channels))
        blocks = ops.transpose(blocks, (0, 5, 1, 3, 2, 4))  # (n, C, down, across, 8, 8)
        steps = [_LUMA_STEPS, _CHROMA_STEPS, _CHROMA_STEPS] if colour else [_LUMA_STEPS] * channels
        step = constant(np.reshape(steps, (1, channels, 1, 1, 8, 8))) * ops.reshape(params["scale"], (n, 1, 1, 1, 1, 1))
        step = ops.maximum(ops.round(step), 1.0)
        dct, back = constant(_DCT), constant(_DCT.T)
        coefficients = ops.round(ops.matmul(ops.matmul(dct, blocks), back) / step) * step
        blocks = ops.matmul(ops.matmul(back, coefficients), dct)
        planes = ops.reshape(ops.transpose(blocks, (0, 2, 4, 3, 5, 1)), padded.shape) + middle
        return clip(ops.matmul(planes, constant(_FROM_YCC)) if colour else planes)[:, :height, :width]


def _repeat_edges(images: Any, down: int, across: int) -> Any:
    return ops.pad(images, ((0, 0), (0, down), (0, across), (0, 0)), mode="symmetric")
