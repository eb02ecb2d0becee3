"""The registry of backbones and the one function that builds a net from it."""

from collections.abc import Callable
from pathlib import Path

import keras

from submission.kit.errors import KitError

from ..weights import load_weights

# Statistics of about the last ten batches. Keras' nets have .99 or .999, made for trainings of a million steps: after a
# thousand steps their statistics are still those of the start.
BATCH_NORM_MOMENTUM = 0.9

# name -> function(image_shape, weights) -> Model: float (n, H, W, C) in [0, 255] -> features (n, D)
BACKBONES: dict[str, Callable[[tuple[int, int, int], str | None], keras.Model]] = {}


PRETRAINED: set[str] = set()  # names of the backbones for which there are "imagenet" weights


def register(name: str, pretrained: bool) -> Callable:
    """Decorator: makes a feature extractor known by name; a second one of that name raises.

    Args:
        name: its name.
        pretrained: whether there are "imagenet" weights for it.
    """

    def add(function: Callable) -> Callable:
        if name in BACKBONES:
            raise ValueError(f"backbone {name!r} is registered twice")
        BACKBONES[name] = function
        if pretrained:
            PRETRAINED.add(name)
        return function

    return add


def check_backbone(name: str, weights: str | None) -> None:
    """Raise `KitError` for an unknown backbone, or weights that are not to be had."""
    if name not in BACKBONES:
        raise KitError(f"unknown backbone. Received: {name!r}. Known: {', '.join(sorted(BACKBONES))}.")
    if weights == "imagenet" and name not in PRETRAINED:
        raise KitError(
            f"{name} has no pretrained weights. Received: weights='imagenet'. Leave them out, or take another."
        )
    if weights not in (None, "imagenet") and not Path(str(weights)).is_file():
        raise KitError(
            f'expected weights "imagenet", none or a .weights.h5 file. Received: {weights!r}, which is no file.'
        )


def build(
    name: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    weights: str | None = None,
    *,
    image_size: int | None = None,
    head_units: tuple[int, ...] = (),
    dropout: float = 0.0,
    l2: float = 0.0,
) -> keras.Model:
    """A net with a fresh classification head.

    Args:
        name: a registered backbone.
        image_shape: (H, W, C) of the images.
        num_classes: K.
        weights: "imagenet" (Keras downloads them), the path of a `.weights.h5` file of the headless backbone, or None.
        dropout: share of the features dropped before the head, in [0, 1).

    Returns:
        Model: float (n, H, W, C) in [0, 255] -> logits (n, K).

    Raises:
        KitError: unknown name; weights that are not there or do not fit.
    """
    check_backbone(name, weights)
    local_file = weights not in (None, "imagenet")
    inner = (image_size, image_size, image_shape[2]) if image_size else image_shape
    backbone = BACKBONES[name](inner, None if local_file else weights)
    if local_file:
        load_weights(backbone, Path(str(weights)), "Give a file saved from that backbone without its top.")
    _follow_quickly(backbone)
    images = keras.Input(image_shape)
    x = backbone(keras.layers.Resizing(*inner[:2])(images) if image_size else images)
    x = keras.layers.Identity(name="features")(x)
    kernel = {"kernel_regularizer": keras.regularizers.L2(l2)} if l2 else {}
    for n, width in enumerate(head_units):
        x = keras.layers.Dropout(dropout)(x) if dropout else x
        x = keras.layers.Dense(width, "relu", name=f"head_{n}", **kernel)(x)
    x = keras.layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(images, keras.layers.Dense(num_classes, name="logits", **kernel)(x), name=name)


def _follow_quickly(net: keras.Model) -> None:
    for layer in net.layers:
        if isinstance(layer, keras.Model):
            _follow_quickly(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, BATCH_NORM_MOMENTUM)
