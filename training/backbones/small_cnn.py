"""A small residual CNN to be trained from scratch: 1.3 M parameters, fast on two CPU cores."""

import keras
from keras import layers

from .registry import Backbone, Shape, register

STAGES = ((32, 1), (64, 2), (128, 2), (192, 1))  # filters, residual blocks; each stage after the first halves the image


def _convolution(x, filters: int, size: int = 3, strides: int = 1):
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _block(x, filters: int, strides: int):
    """Two 3x3 convolutions with a shortcut (He et al. 2015, with the averaged shortcut of ResNet-D)."""
    y = layers.ReLU()(_convolution(x, filters, strides=strides))
    y = _convolution(y, filters)
    if strides > 1:
        x = layers.AveragePooling2D(strides, padding="same")(x)
    if x.shape[-1] != filters:
        x = _convolution(x, filters, size=1)
    return layers.ReLU()(layers.Add()([x, y]))


def small_cnn(shape: Shape, weights: str | None) -> keras.Model:
    """Features (n, 192) of images (n, h, w, c) in [-1, 1]; there are no "imagenet" weights.

    The stem halves the image twice at once, because convolutions on the full image would cost half of the time.
    """
    inputs = keras.Input(shape)
    x = layers.ReLU()(_convolution(inputs, STAGES[0][0], size=4, strides=4))
    for stage, (filters, blocks) in enumerate(STAGES):
        for block in range(blocks):
            x = _block(x, filters, strides=2 if stage > 0 and block == 0 else 1)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="small_cnn")


register(Backbone("small_cnn", small_cnn, smallest=8))
