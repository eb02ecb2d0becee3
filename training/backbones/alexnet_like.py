"""AlexNet's five convolutions (Krizhevsky et al. 2012) for images of about 100 pixels; 3.8 M parameters.

Unlike the original: batch norm for local response normalisation, "same" padding, and pooling in place of flattening,
so that the size of the net does not depend on the image's. Its two dense layers are the head's: `head_units`.
"""

import keras
from keras import layers

from .registry import Backbone, Shape, register

# filters, side of the kernel, stride, whether pooling follows
CONVOLUTIONS = ((96, 11, 4, True), (256, 5, 1, True), (384, 3, 1, False), (384, 3, 1, False), (256, 3, 1, False))


def alexnet_like(shape: Shape, weights: str | None) -> keras.Model:
    """Features (n, 256) of images (n, h, w, c) in [-1, 1]; there are no "imagenet" weights."""
    inputs = keras.Input(shape)
    x = inputs
    for filters, size, strides, pooled in CONVOLUTIONS:
        x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        if pooled:
            x = layers.MaxPooling2D(3, 2, padding="same")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="alexnet_like")


register(Backbone("alexnet_like", alexnet_like))
