"""MobileNetV3Small (Howard et al. 2019), Keras' own, with its scaling inside; 0.94 M parameters without its top."""

import keras

from submission.kit.errors import KitError

from .registry import register

SMALLEST = 32  # sides of the smallest images that Keras' net takes; smaller ones are enlarged inside


@register("mobilenet_v3_small", pretrained=True)
def mobilenet_v3_small(image_shape: tuple[int, int, int], weights: str | None) -> keras.Model:
    """Features (n, 576) of images (n, H, W, C) in [0, 255].

    Raises:
        KitError: ImageNet weights are asked for and cannot be loaded, or for images without three channels.
    """
    height, width, channels = image_shape
    inner_shape = (max(SMALLEST, height), max(SMALLEST, width), channels)
    try:
        net = keras.applications.MobileNetV3Small(
            input_shape=inner_shape, include_top=False, weights=weights, pooling="avg", include_preprocessing=True
        )
    except Exception as error:  # Keras raises a bare Exception when a download fails
        if weights is None:
            raise
        raise KitError(
            f"the {weights!r} weights of mobilenet_v3_small could not be loaded ({error}). "
            "Without a network give a local file: --weights FILE.weights.h5, or --weights none."
        ) from error
    if inner_shape == tuple(image_shape):
        return net
    images = keras.Input(image_shape)
    return keras.Model(images, net(keras.layers.Resizing(*inner_shape[:2])(images)))
