"""Rotation, shear, zoom and translation of an image, composed into one warp."""

import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from .operation import Seed


@dataclass(frozen=True)
class AffineRange:
    """How far each part of the warp may go.

    Args:
        rotation: standard deviation of the angle, degrees.
        shear: bound of the shear factors along x and along y.
        zoom: bound of the logarithm of the scale.
        translation: bound as a share of the side.
        strong_share: share of the images that get `strong_shear` along one axis; as many others `strong_translation`.
    """

    rotation: float = 12.0
    shear: float = 0.12
    zoom: float = 0.2
    translation: float = 0.06
    strong_share: float = 0.22
    strong_shear: float = 0.75
    strong_translation: float = 0.42


def _pick(n: int, share: float, seed: Seed) -> Any:
    return ops.cast(keras.random.uniform((n,), seed=seed) < share, "float32")


def sample_warp(n: int, height: int, width: int, bounds: AffineRange, seed: Seed) -> Any:
    """Draw n warps.

    Returns:
        float32 (n, 8): the rows that `keras.ops.image.affine_transform` takes, output pixel to input pixel, x first.
    """

    def draw(bound: float) -> Any:
        return keras.random.uniform((n,), -bound, bound, seed=seed)

    angle = keras.random.truncated_normal((n,), 0.0, math.radians(bounds.rotation), seed=seed)
    scale = ops.exp(draw(bounds.zoom))
    strong = keras.random.uniform((n,), seed=seed)
    sheared = ops.cast(strong < bounds.strong_share, "float32")
    moved = ops.cast(strong > 1.0 - bounds.strong_share, "float32")
    along_x = _pick(n, 0.5, seed)
    shear_x = draw(bounds.shear) + sheared * along_x * draw(bounds.strong_shear)
    shear_y = draw(bounds.shear) + sheared * (1.0 - along_x) * draw(bounds.strong_shear)
    move_x = width * (draw(bounds.translation) + moved * draw(bounds.strong_translation))
    move_y = height * (draw(bounds.translation) + moved * draw(bounds.strong_translation))
    return compose_warp(angle, scale, shear_x, shear_y, move_x, move_y, height, width)


def compose_warp(
    angle: Any, scale: Any, shear_x: Any, shear_y: Any, move_x: Any, move_y: Any, height: int, width: int
) -> Any:
    """Rotation, then zoom and shear about the centre, then translation, as one output-to-input transform.

    Args:
        angle: radians (n,); scale: (n,) over 1 enlarges what is seen of the image, so that cells shrink;
            shear_x, shear_y: factors (n,); move_x, move_y: pixels (n,).

    Returns:
        float32 (n, 8).
    """
    cos, sin = scale * ops.cos(angle), scale * ops.sin(angle)
    # [[cos, -sin], [sin, cos]] @ [[1, shear_x], [shear_y, 1]]
    a, b, c, d = cos - sin * shear_y, cos * shear_x - sin, sin + cos * shear_y, sin * shear_x + cos
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    from_x, from_y = centre_x + move_x, centre_y + move_y
    zero = ops.zeros_like(a)
    rows = [a, b, centre_x - a * from_x - b * from_y, c, d, centre_y - c * from_x - d * from_y, zero, zero]
    return ops.stack(rows, axis=-1)


def apply_warp(images: Any, warp: Any, fill_mode: str, fill: float = 0.0) -> Any:
    """Bilinear warp of images (n, H, W, C); `fill_mode` is "constant" (with `fill`) or "reflect"."""
    return ops.image.affine_transform(
        images, warp, interpolation="bilinear", fill_mode=fill_mode, fill_value=fill, data_format="channels_last"
    )
