"""A Keras net as a TensorFlow SavedModel that any TensorFlow from 2.15 on can run, without Keras."""

from pathlib import Path
from typing import TYPE_CHECKING

from submission.kit.errors import KitError
from submission.kit.files import atomic_path

if TYPE_CHECKING:
    import keras


def export_net(net: "keras.Model", folder: str | Path, image_shape: tuple[int, int, int]) -> None:
    """Write a SavedModel, atomically; an older one in `folder` is replaced.

    It is the graph and the weights only, not a Keras object: measured, a `.keras` file of Keras 3.15 does not load in
    3.4, while this loads in TensorFlow 2.15.1, 2.17.0 and 2.21.0 with the same numbers but for rounding. Two exports of
    one net may differ in bytes (names in the graph, a random fingerprint), not in what they compute.

    Args:
        net: uint8 (n, H, W, C) -> probabilities (n, K), under Keras' TensorFlow backend.
        folder: where.
        image_shape: (H, W, C).

    Raises:
        KitError: Keras runs on another backend, or the net does not return (n, K).
    """
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        backend = keras.backend.backend()
        raise KitError(f"expected Keras' TensorFlow backend. Received: {backend}. Run with KERAS_BACKEND=tensorflow.")

    @tf.function(input_signature=[tf.TensorSpec((None, *image_shape), tf.uint8, name="images")])
    def serve(images: "tf.Tensor") -> "dict[str, tf.Tensor]":
        return {"probs": tf.cast(net(images, training=False), tf.float32)}

    shape = tuple(serve.get_concrete_function().structured_outputs["probs"].shape)
    if len(shape) != 2 or shape[1] is None:
        raise KitError(f"expected a net that returns probabilities (n, K). Received: {shape}")
    module = tf.Module()
    module.weights = [variable.value for variable in net.variables]
    module.serve = serve
    with atomic_path(folder) as new:
        tf.saved_model.save(module, str(new), signatures={"serving_default": serve})
