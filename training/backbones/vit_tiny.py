"""ViT-Ti (Dosovitskiy et al. 2021; the Ti of Touvron et al. 2021) with patches of 8 pixels; 5.4 M parameters."""

import keras
from keras import layers

from .registry import Backbone, Shape, register
from .transformer import encoded

PATCH = 8  # 144 tokens at 96 pixels
WIDTH, DEPTH, HEADS = 192, 12, 3


def vit_tiny(shape: Shape, weights: str | None) -> keras.Model:
    """Features (n, 192) of images (n, h, w, c) in [-1, 1], sides multiples of 8; there are no "imagenet" weights."""
    inputs = keras.Input(shape)
    tokens = layers.Conv2D(WIDTH, PATCH, PATCH)(inputs)
    return keras.Model(inputs, encoded(tokens, DEPTH, HEADS), name="vit_tiny")


register(Backbone("vit_tiny", vit_tiny, multiple=PATCH))
