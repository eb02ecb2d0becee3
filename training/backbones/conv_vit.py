"""A transformer on a convolutional stem (Xiao et al. 2021, Early convolutions help transformers see better); 5.0 M.

The stem stands for the first block of `vit_tiny`. It learns faster from few images, where patches must first find out
that neighbouring pixels belong together.
"""

import keras
from keras import layers

from .registry import Backbone, Shape, register
from .transformer import encoded

STEM = (24, 48, 96)  # filters; each convolution halves the image
WIDTH, DEPTH, HEADS = 192, 11, 3


def conv_vit(shape: Shape, weights: str | None) -> keras.Model:
    """Features (n, 192) of images (n, h, w, c) in [-1, 1], sides multiples of 8; there are no "imagenet" weights."""
    inputs = keras.Input(shape)
    x = inputs
    for filters in STEM:
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    tokens = layers.Conv2D(WIDTH, 1)(x)
    return keras.Model(inputs, encoded(tokens, DEPTH, HEADS), name="conv_vit")


register(Backbone("conv_vit", conv_vit, multiple=2 ** len(STEM)))
