"""From a backbone's name to a net: images in, logits out."""

from collections.abc import Sequence
from pathlib import Path

import keras

from ..weights import load_weights
from .front import inner_shape, prepared
from .registry import BACKBONES, Shape, check_backbone

# Statistics of about the last ten batches. Keras' nets have .99 or .999, made for trainings of a million steps: after a
# thousand steps their statistics are still those of the start, or of ImageNet.
BATCH_NORM_MOMENTUM = 0.9


def build(
    name: str,
    image_shape: Shape,
    num_classes: int,
    weights: str | None = None,
    *,
    image_size: int | None = None,
    head_units: Sequence[int] = (),
    dropout: float = 0.0,
    l2: float = 0.0,
) -> keras.Model:
    """A net with a fresh classification head.

    The graph does not depend on `weights`: a net built with the same other arguments takes its weight files, and has
    its variables in the same order. Its layers are those in front, without weights, the last of them "scaled";
    "backbone" (a Model, laid out as the Keras application of that name), "features", and "head" (a Model). Features
    and logits are float32 under any precision policy. Everything can be trained, until `set_trainable` says otherwise.

    Args:
        name: a registered backbone.
        image_shape: (H, W, C) of the images.
        num_classes: K.
        weights: "imagenet" (Keras downloads them), the path of a `.weights.h5` file of the headless backbone or of a
            legacy Keras `_notop.h5` file, or None.
        image_size: length to which the shorter side is resized on the device; None leaves the images as they are.
            Images smaller than the backbone takes are enlarged.
        head_units: widths of dense ReLU layers between features and logits.
        dropout: share dropped before each dense layer of the head, in [0, 1).
        l2: factor of the squared norm of the head's kernels; found in `net.losses`.

    Returns:
        Model: float (n, H, W, C) in [0, 255] -> logits (n, K).

    Raises:
        KitError: unknown name; weights that are not there or do not fit; channels that the backbone refuses.
    """
    check_backbone(name, weights)
    spec = BACKBONES[name]
    inner = inner_shape(spec, image_shape, image_size)
    made = spec.make(inner, weights if weights == "imagenet" else None)
    backbone = keras.Model(made.input, made.output, name="backbone")
    if weights not in (None, "imagenet"):
        mend = f"Give a file saved from that backbone without its top: {name} of `python -m training.backbones`."
        constants = load_weights(backbone, Path(str(weights)), mend, spec.constants)
        if constants and spec.check_constants:
            spec.check_constants(constants)
    _follow_quickly(backbone)
    images = keras.Input(image_shape, name="images")
    features = backbone(prepared(images, spec, inner))
    features = keras.layers.Activation("linear", dtype="float32", name="features")(features)
    head = _head(features.shape[-1], num_classes, head_units, dropout, l2)
    return keras.Model(images, head(features), name=name)


def features_of(net: keras.Model) -> keras.Model:
    """The net without its head: the same input -> features float32 (n, D); shares the weights of `net`."""
    return keras.Model(net.input, net.get_layer("features").output, name=f"{net.name}_features")


def head_of(net: keras.Model) -> keras.Model:
    """The head alone: features (n, D) -> logits float32 (n, K); shares the weights of `net`."""
    return net.get_layer("head")


def _head(num_features: int, num_classes: int, units: Sequence[int], dropout: float, l2: float) -> keras.Model:
    def dense(x, width: int, **options):
        x = keras.layers.Dropout(dropout, dtype="float32")(x) if dropout else x
        regularizer = keras.regularizers.L2(l2) if l2 else None
        return keras.layers.Dense(width, kernel_regularizer=regularizer, dtype="float32", **options)(x)

    features = keras.Input((num_features,))
    x = features
    for width in units:
        x = dense(x, width, activation="relu")
    return keras.Model(features, dense(x, num_classes, name="logits"), name="head")


def _follow_quickly(net: keras.Model) -> None:
    for layer in net.layers:
        if isinstance(layer, keras.Model):
            _follow_quickly(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, BATCH_NORM_MOMENTUM)
