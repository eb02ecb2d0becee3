"""InceptionV3 and Xception side by side on one image, each with its own scaling; their features are joined; 42.7 M."""

import keras

from . import keras_nets  # noqa: F401  (registers the parts)
from .registry import BACKBONES, Backbone, Shape, register
from .scaling import AS_IS

PARTS = ("inception_v3", "xception")


def inception_xception(shape: Shape, weights: str | None) -> keras.Model:
    """Features (n, 4096) of images (n, h, w, 3) in [0, 255]; with "imagenet" both parts have their weights."""
    images = keras.Input(shape)
    features = [BACKBONES[part].make(shape, weights)(BACKBONES[part].scaling(images)) for part in PARTS]
    return keras.Model(images, keras.layers.Concatenate()(features), name="inception_xception")


register(
    Backbone(
        "inception_xception",
        inception_xception,
        AS_IS,
        smallest=max(BACKBONES[part].smallest for part in PARTS),
        channels=3,
        pretrained=True,
    )
)
