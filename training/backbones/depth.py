"""Which part of a net trains; its two halves."""

import keras


def _backbone(net: keras.Model) -> keras.Model:
    return next(layer for layer in net.layers if isinstance(layer, keras.Model))


def set_trainable(net: keras.Model, depth: float, freeze_batch_norm: bool) -> None:
    """Let the head and a share of the backbone's weighted layers, counted from its output, train."""
    net.trainable = True
    layers = [
        layer for layer in _backbone(net)._flatten_layers(include_self=False) if not isinstance(layer, keras.Model)
    ]
    weighted = [layer for layer in layers if layer.weights]
    free = round(depth * len(weighted))
    for place, layer in enumerate(weighted):
        frozen_norm = freeze_batch_norm and isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = place >= len(weighted) - free and not frozen_norm


def features_of(net: keras.Model) -> keras.Model:
    """Same input -> features (n, D) before the head; shares its weights."""
    return keras.Model(net.input, net.get_layer("features").output)


def head_of(net: keras.Model) -> keras.Model:
    """Features (n, D) -> logits; shares its weights."""
    layers = net.layers
    start = layers.index(net.get_layer("features")) + 1
    features = keras.Input(net.get_layer("features").output.shape[1:])
    x = features
    for layer in layers[start:]:
        x = layer(x)
    return keras.Model(features, x)
