"""From pixels in [0, 255] to what a net was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB in [0, 1]
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Scaling:
    """images * scale + offset, each one number or one a channel; with `bgr` the channels are reversed before."""

    scale: float | Sequence[float]
    offset: float | Sequence[float]
    bgr: bool = False

    def __call__(self, images: Any, name: str | None = None) -> Any:
        """Float (n, H, W, C) in [0, 255], symbolic or not, to the scaled images; float32 under any precision policy.

        Half precision has steps of 0.125 at 255, which would be a quantisation of the pixels.
        """
        if self.bgr:
            images = keras.ops.flip(images, axis=-1)
        return keras.layers.Rescaling(_listed(self.scale), _listed(self.offset), dtype="float32", name=name)(images)


def _listed(value: float | Sequence[float]) -> Any:
    return value if isinstance(value, float) else list(value)


AS_IS = Scaling(1.0, 0.0)
SYMMETRIC = Scaling(1 / 127.5, -1.0)  # [-1, 1]
SYMMETRIC_128 = Scaling(1 / 128, -1.0)  # EfficientNetV2-S, -M and -L: a little less than [-1, 1]
STANDARDISED = Scaling(
    tuple(1 / (255 * std) for std in IMAGENET_STD),
    tuple(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)),
)
BGR_CENTRED = Scaling(1.0, (-103.939, -116.779, -123.68), bgr=True)  # as Caffe's nets: not divided by anything
