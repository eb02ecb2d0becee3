"""The nets of keras.applications, each with the scaling that its ImageNet weights were trained with.

Scaling: Keras' own where a net has it inside (EfficientNet, EfficientNetV2, ConvNeXt, MobileNetV3), else that of the
net's preprocess_input. Keras' own is left out, since it depends on the weights: EfficientNet without "imagenet" gets
no ImageNet statistics, and a net rebuilt to take a run's weights would see other images than the one that was trained.
"""

import warnings
from typing import Any

import keras
import numpy as np

from submission.kit.errors import KitError

from .registry import Backbone, Shape, register
from .scaling import BGR_CENTRED, IMAGENET_MEAN, IMAGENET_STD, STANDARDISED, SYMMETRIC, SYMMETRIC_128, Scaling


def _keras_net(name: str, application: str, shape: Shape, weights: str | None, options: dict[str, Any]) -> keras.Model:
    """The application without its top."""
    make = getattr(keras.applications, application)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")
            return make(include_top=False, weights=weights, input_shape=shape, pooling="avg", **options)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        if weights is None:
            raise
        raise KitError(
            f"the {weights!r} weights of {name} could not be loaded ({error}). "
            "Without a network give a local file: --weights FILE.weights.h5, or --weights none."
        ) from error


def _add(
    name: str,
    application: str,
    scaling: Scaling,
    smallest: int = 32,
    first: str | None = None,
    last: str | None = None,
    **options: Any,
) -> None:
    """Register an application.

    Args:
        name: ours.
        application: Keras'.
        scaling: what its ImageNet weights want.
        smallest: side of the smallest image that Keras builds it for.
        first: name of its first layer that is kept; None for all of them.
        last: name of the layer whose pooled output are the features; None for the application's own end.
        options: passed to the application.
    """

    def make(shape: Shape, weights: str | None) -> keras.Model:
        net = _keras_net(name, application, shape, weights, options)
        inputs, outputs = net.input, net.output
        if last:
            outputs = keras.layers.GlobalAveragePooling2D()(net.get_layer(last).output)
        if first:
            if weights:
                constants = [layer for layer in net.layers if isinstance(layer, keras.layers.Normalization)]
                _check_normalization([keras.ops.convert_to_numpy(weight) for weight in constants[0].weights])
            inputs = net.get_layer(first).input
        return keras.Model(inputs, outputs, name=name)

    constants: dict[str, Any] = {"constants": "normalization", "check_constants": _check_normalization} if first else {}
    register(Backbone(name, make, scaling, smallest, channels=3, pretrained=True, **constants))


def _check_normalization(arrays: list[np.ndarray]) -> None:
    """EfficientNet's files hold the mean and, as the "variance", the deviation; Keras divides by its root twice.

    Source: https://github.com/tensorflow/tensorflow/issues/49930.
    """
    expected = (IMAGENET_MEAN, IMAGENET_STD)
    if any(np.shape(a) != (3,) or not np.allclose(a, e, atol=1e-3) for a, e in zip(arrays, expected, strict=False)):
        raise KitError(
            f"expected EfficientNet weights for images scaled by ImageNet's mean {IMAGENET_MEAN} and deviation "
            f"{IMAGENET_STD}. Received: {[np.asarray(array).tolist() for array in arrays[:2]]} in the layer "
            "'normalization'. Save the weights of a net that was trained with these."
        )


_BARE: dict[str, Any] = {"include_preprocessing": False}

_add("mobilenet_v1", "MobileNet", SYMMETRIC)
_add("mobilenet_v1_to_13", "MobileNet", SYMMETRIC, last="conv_dw_13_relu")
_add("mobilenet_v2", "MobileNetV2", SYMMETRIC)
_add("mobilenet_v2_035", "MobileNetV2", SYMMETRIC, alpha=0.35)
_add("mobilenet_v3_small", "MobileNetV3Small", SYMMETRIC, **_BARE)
_add("mobilenet_v3_large", "MobileNetV3Large", SYMMETRIC, **_BARE)
_add("nasnet_mobile", "NASNetMobile", SYMMETRIC)
_add("xception", "Xception", SYMMETRIC, smallest=71)
_add("inception_v3", "InceptionV3", SYMMETRIC, smallest=75)
_add("resnet50", "ResNet50", BGR_CENTRED)
_add("resnet50_v2", "ResNet50V2", SYMMETRIC)
_add("vgg16", "VGG16", BGR_CENTRED)
_add("densenet121", "DenseNet121", STANDARDISED)
_add("densenet201", "DenseNet201", STANDARDISED)
_add("efficientnet_b2", "EfficientNetB2", STANDARDISED, first="stem_conv_pad")
_add("efficientnet_b3", "EfficientNetB3", STANDARDISED, first="stem_conv_pad")
_add("efficientnet_b7", "EfficientNetB7", STANDARDISED, first="stem_conv_pad")
_add("efficientnet_v2_b0", "EfficientNetV2B0", STANDARDISED, **_BARE)
_add("efficientnet_v2_b3", "EfficientNetV2B3", STANDARDISED, **_BARE)
_add("efficientnet_v2_s", "EfficientNetV2S", SYMMETRIC_128, **_BARE)
_add("efficientnet_v2_m", "EfficientNetV2M", SYMMETRIC_128, **_BARE)
_add("efficientnet_v2_l", "EfficientNetV2L", SYMMETRIC_128, **_BARE)
_add("convnext_tiny", "ConvNeXtTiny", STANDARDISED, **_BARE)
_add("convnext_base", "ConvNeXtBase", STANDARDISED, **_BARE)
_add("convnext_xlarge", "ConvNeXtXLarge", STANDARDISED, **_BARE)
