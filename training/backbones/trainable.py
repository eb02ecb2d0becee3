"""Which part of a net a training changes."""

import math

import keras

from submission.kit.errors import KitError


def set_trainable(net: keras.Model, depth: float, freeze_batch_norm: bool) -> None:
    """Choose what is trained; to be called before a train step is compiled.

    Frozen batch norm keeps its statistics, scales and offsets and runs in inference mode even inside a train step, as
    Keras has it. Dropout and stochastic depth stay as they are in frozen layers.

    Args:
        net: from `build`; the head always trains.
        depth: share of the backbone's layers with weights, counted from its output, in [0, 1]: 0 for none, 1 for all;
            anything between, rounded up. Parallel branches (inception_xception) are cut at the same share.
        freeze_batch_norm: whether all batch norm of the backbone is frozen, in trained layers too.

    Raises:
        KitError: a depth out of its range.
    """
    if not 0.0 <= depth <= 1.0:
        raise KitError(f"expected a trainable depth in [0, 1]. Received: depth={depth}.")
    layers = weighted_layers(net.get_layer("backbone"))
    first = len(layers) - math.ceil(depth * len(layers) - 1e-9)  # 0.7 * 10 is a little more than 7
    for index, layer in enumerate(layers):
        is_batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = index >= first and not (freeze_batch_norm and is_batch_norm)
    net.get_layer("head").trainable = True


def weighted_layers(backbone: keras.Model) -> list[keras.Layer]:
    """Its layers that have weights, from the input to the output; parallel nets are interleaved."""
    return [layer for _, layer in _ranked(backbone)]


def _ranked(model: keras.Model) -> list[tuple[float, keras.Layer]]:
    """Layers with their relative position in (0, 1]."""
    own: list[keras.Layer] = []
    parallel: list[tuple[float, keras.Layer]] = []
    for layer in model.layers:
        if isinstance(layer, keras.Sequential):
            own += [inner for inner in layer.layers if inner.weights]
        elif isinstance(layer, keras.Model):
            parallel += _ranked(layer)
        elif layer.weights:
            own.append(layer)
    ranked = [((index + 1) / len(own), layer) for index, layer in enumerate(own)]
    return sorted([*ranked, *parallel], key=lambda pair: pair[0])
