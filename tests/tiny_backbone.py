"""A backbone that compiles in a second, for tests of what happens around it."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras import layers

from training.backbones.registry import BACKBONES, Backbone

NAME = "tiny_net"


def _make(shape: tuple[int, int, int], weights: str | None) -> keras.Model:
    images = keras.Input(shape)
    x = layers.Conv2D(6, 8, 8, name="first")(images)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.ReLU()(layers.Conv2D(8, 2, name="second")(x))
    return keras.Model(images, layers.GlobalAveragePooling2D()(x))


@contextmanager
def tiny_backbone() -> Iterator[str]:
    """Within the block there is a backbone of that name, with three layers that have weights."""
    BACKBONES[NAME] = Backbone(NAME, _make)
    try:
        yield NAME
    finally:
        del BACKBONES[NAME]
