"""SE-ResNet-50 (Hu et al. 2018): ResNet-50 whose blocks weigh their channels; 26.1 M parameters, none pretrained."""

import keras
from keras import layers

from .registry import Backbone, Shape, register

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))  # inner filters, blocks; a block's output has four times as many
REDUCTION = 16


def _convolution(x, filters: int, size: int, strides: int = 1, **options):
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(epsilon=1e-5, **options)(x)


def _squeeze_excite(x):
    """Each channel times a number in (0, 1), which two dense layers find from the channels' means."""
    channels = x.shape[-1]
    weights = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = layers.Dense(channels // REDUCTION, activation="relu")(weights)
    return layers.Multiply()([x, layers.Dense(channels, activation="sigmoid")(weights)])


def _block(x, filters: int, strides: int):
    y = layers.ReLU()(_convolution(x, filters, 1))
    y = layers.ReLU()(_convolution(y, filters, 3, strides))
    # the block starts as its shortcut (Goyal et al. 2017): a deep net from scratch learns sooner
    y = _squeeze_excite(_convolution(y, 4 * filters, 1, gamma_initializer="zeros"))
    if strides > 1 or x.shape[-1] != 4 * filters:
        x = _convolution(x, 4 * filters, 1, strides)
    return layers.ReLU()(layers.Add()([x, y]))


def se_resnet50(shape: Shape, weights: str | None) -> keras.Model:
    """Features (n, 2048) of images (n, h, w, c) in [-1, 1]; there are no "imagenet" weights."""
    inputs = keras.Input(shape)
    x = layers.ReLU()(_convolution(inputs, STAGES[0][0], 7, 2))
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for stage, (filters, blocks) in enumerate(STAGES):
        for block in range(blocks):
            x = _block(x, filters, strides=2 if stage > 0 and block == 0 else 1)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="se_resnet50")


register(Backbone("se_resnet50", se_resnet50))
