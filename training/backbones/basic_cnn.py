"""Five convolutional layers, each halving the image: the plain net that a project starts with; 1.6 M parameters."""

import keras
from keras import layers

from .registry import Backbone, Shape, register

FILTERS = (32, 64, 128, 256, 512)


def basic_cnn(shape: Shape, weights: str | None) -> keras.Model:
    """Features (n, 512) of images (n, h, w, c) in [-1, 1]; there are no "imagenet" weights."""
    inputs = keras.Input(shape)
    x = inputs
    for filters in FILTERS:
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D()(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="basic_cnn")


register(Backbone("basic_cnn", basic_cnn))
