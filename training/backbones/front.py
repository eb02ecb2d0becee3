"""What happens to images before a backbone, on the device: size, channels, scaling."""

from typing import Any

import keras

from submission.kit.errors import KitError

from .registry import Backbone, Shape


def inner_shape(backbone: Backbone, image_shape: Shape, image_size: int | None = None) -> Shape:
    """(h, w, c) of the images that the backbone sees.

    The shorter side becomes `image_size`, or stays, but is never smaller than the backbone takes; the other side keeps
    the proportion; both are rounded up to the backbone's multiple.

    Raises:
        KitError: the backbone takes neither these channels nor one channel three times.
    """
    height, width, channels = image_shape
    shorter = min(height, width)
    factor = max(image_size or shorter, backbone.smallest) / shorter
    sides = [-(-round(side * factor) // backbone.multiple) * backbone.multiple for side in (height, width)]
    if backbone.channels not in (None, channels) and channels != 1:
        raise KitError(
            f"{backbone.name} takes images of 1 or {backbone.channels} channels. Received: {channels} channels."
        )
    return sides[0], sides[1], backbone.channels or channels


def prepared(images: Any, backbone: Backbone, inner: Shape) -> Any:
    """Symbolic images float (n, H, W, C) in [0, 255] to scaled ones of shape (n, *inner), float32.

    Resizing is bilinear; a single channel is repeated where the backbone wants three.
    """
    if tuple(images.shape[1:3]) != inner[:2]:
        images = keras.layers.Resizing(*inner[:2], interpolation="bilinear", dtype="float32")(images)
    if images.shape[-1] != inner[2]:
        images = keras.layers.Concatenate(dtype="float32")([images] * inner[2])
    return backbone.scaling(images, name="scaled")
