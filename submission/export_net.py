"""A Keras net as a TensorFlow SavedModel that any TensorFlow from 2.15 on can run, without Keras."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from submission.kit.errors import KitError
from submission.kit.files import atomic_path
from submission.kit.precisions import FLOAT32

from .small_weights import with_small_weights

if TYPE_CHECKING:
    import keras

_SYSTEM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def export_net(
    net: "keras.Model", folder: str | Path, image_shape: tuple[int, int, int], precision: str = FLOAT32
) -> None:
    """Write a SavedModel, atomically; an older one in `folder` is replaced.

    It is the graph and the weights only, not a Keras object: measured, a `.keras` file of Keras 3.15 does not load in
    3.4, while this loads in TensorFlow 2.15.1, 2.17.0 and 2.21.0 with the same numbers but for rounding. Two exports of
    one net may differ in bytes (names in the graph, a random fingerprint), not in what they compute.

    Args:
        net: uint8 (n, H, W, C) -> probabilities (n, K), under Keras' TensorFlow backend.
        folder: where.
        image_shape: (H, W, C).
        precision: of the weights in the file; what runs computes in float32 in any case.

    Raises:
        KitError: Keras runs on another backend, the net does not return (n, K), or TensorFlow cannot save it.
        OSError: the disk is full, a quota is reached, or the folder may not be written.
    """
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        backend = keras.backend.backend()
        raise KitError(f"expected Keras' TensorFlow backend. Received: {backend}. Run with KERAS_BACKEND=tensorflow.")

    if precision == FLOAT32:
        weights, call = [variable.value for variable in net.variables], lambda images: net(images, training=False)
    else:
        weights, call = with_small_weights(net, precision)

    @tf.function(input_signature=[tf.TensorSpec((None, *image_shape), tf.uint8, name="images")])
    def serve(images: "tf.Tensor") -> "dict[str, tf.Tensor]":
        return {"probs": tf.cast(call(images), tf.float32)}

    shape = tuple(serve.get_concrete_function().structured_outputs["probs"].shape)
    if len(shape) != 2 or shape[1] is None:
        raise KitError(f"expected a net that returns probabilities (n, K). Received: {shape}")
    module = tf.Module()
    module.weights = weights
    module.serve = serve
    with atomic_path(folder) as new:
        try:
            tf.saved_model.save(module, str(new), signatures={"serving_default": serve})
        except tf.errors.OpError as error:
            raise _translated(error.message, folder) from None


def _translated(message: str, folder: str | Path) -> Exception:
    """TensorFlow tells what the system said in words alone; from them the error that Python would have raised."""
    for code in _SYSTEM_ERRORS:
        if os.strerror(code) in message:
            return OSError(code, os.strerror(code), str(folder))
    return KitError(f"expected TensorFlow to write a SavedModel to {folder}. Received: {message}")
