"""Weight files as Keras 2 wrote them and the Keras applications publish them, written without Keras."""

from pathlib import Path

import h5py
import keras
import numpy as np


def write_legacy(path: Path, net: keras.Model, rename=lambda name: name) -> None:
    """The weights of a net's layers, nested ones as one, in the layout of a published `_notop.h5`."""
    with h5py.File(path, "w") as file:
        names = [rename(layer.name) for layer in net.layers]
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4-tf"
        for name, layer in zip(names, net.layers, strict=True):
            group = file.create_group(name)
            weights = [f"{name}/{index}:0" for index in range(len(layer.weights))]
            group.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, value in zip(weights, layer.trainable_weights + layer.non_trainable_weights, strict=True):
                group.create_dataset(weight, data=keras.ops.convert_to_numpy(value))


def randomise(net: keras.Model, images: np.ndarray | None = None) -> keras.Model:
    """Fill a net so that no two tensors are alike; with images, its batch norm gets their statistics.

    Without those, the features of a deep net hardly depend on the image.
    """
    generator = np.random.default_rng(0)
    for weight in net.weights:
        if len(weight.shape) > 1:
            weight.assign(generator.normal(0, np.sqrt(2 / np.prod(weight.shape[:-1])), weight.shape))
        else:
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    if images is not None:
        norms = [layer for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 0.0
        net(images, training=True)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    return net
