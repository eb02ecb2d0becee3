"""U-Net (Ronneberger et al. 2015) as a classifier: encoder, decoder with skips, pooling; 7.8 M parameters.

Half as wide as the original. The features are those of the decoder beside those of the bottom, since 32 decoder
channels alone say little about a class.
"""

import keras
from keras import layers

from .registry import Backbone, Shape, register

FILTERS = (32, 64, 128, 256)  # of the levels above the bottom, from the full image down
BOTTOM = 512


def _convolutions(x, filters: int):
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return x


def unet(shape: Shape, weights: str | None) -> keras.Model:
    """Features (n, 544) of images (n, h, w, c) in [-1, 1], sides multiples of 16; there are no "imagenet" weights."""
    inputs = keras.Input(shape)
    x, skips = inputs, []
    for filters in FILTERS:
        x = _convolutions(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    bottom = _convolutions(x, BOTTOM)
    x = bottom
    for filters, skip in zip(reversed(FILTERS), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(filters, 2, 2)(x)
        x = _convolutions(layers.Concatenate()([skip, x]), filters)
    features = [layers.GlobalAveragePooling2D()(x), layers.GlobalAveragePooling2D()(bottom)]
    return keras.Model(inputs, layers.Concatenate()(features), name="unet")


register(Backbone("unet", unet, multiple=2 ** len(FILTERS)))
