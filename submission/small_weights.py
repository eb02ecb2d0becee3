"""A Keras net whose kernels are stored in half or a quarter of the bytes, and made float32 where they are used."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from submission.kit.precisions import FLOAT16, INT8

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_LEAST_VALUES = 1024  # smaller ones would save nothing; normalisations and biases are among them


def with_small_weights(
    net: "keras.Model", precision: str
) -> "tuple[list[tf.Variable], Callable[[tf.Tensor], tf.Tensor]]":
    """The variables to save, and the net as a function of images that reads them.

    Kernels (two axes or more, 1,024 values or more) are stored as float16, or as int8 with one scale for each channel
    of the output, symmetric about 0; all else stays as it is, normalisations too.

    Args:
        net: uint8 (n, H, W, C) -> probabilities (n, K), under Keras' TensorFlow backend.
        precision: "float16" or "int8".

    Source: Jacob et al. 2018, "Quantization and Training of Neural Networks" (per channel: Krishnamoorthi 2018).
    """
    if precision not in (FLOAT16, INT8):
        raise ValueError(f"precision must be {FLOAT16} or {INT8}. Received: {precision!r}")
    saved: list[tf.Variable] = []
    readers: list[Callable[[], Any]] = []
    for variable in (*net.trainable_variables, *net.non_trainable_variables):
        stored, read = _store(np.asarray(variable), precision)
        saved += stored
        readers.append(read)
    num_trainable = len(net.trainable_variables)

    def call(images: "tf.Tensor") -> "tf.Tensor":
        values = [read() for read in readers]
        probs, _ = net.stateless_call(values[:num_trainable], values[num_trainable:], images, training=False)
        return probs

    return saved, call


def quantize(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 of the kernel's shape, and float32 scales that broadcast to it: the product is within half a scale of it."""
    channel = kernel.ndim - (2 if kernel.shape[-1] == 1 else 1)  # depthwise kernels are (h, w, c, 1)
    largest = np.abs(kernel).max(tuple(axis for axis in range(kernel.ndim) if axis != channel), keepdims=True)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.rint(kernel / scale).astype(np.int8), scale


def _store(value: np.ndarray, precision: str) -> "tuple[list[tf.Variable], Callable[[], Any]]":
    """Variables, and what reads the value back in float32."""
    import tensorflow as tf

    is_kernel = value.dtype == np.float32 and value.ndim >= 2 and value.size >= _LEAST_VALUES
    if is_kernel and precision == INT8:
        integers, scale = quantize(value)
        small, scales = tf.Variable(integers, trainable=False), tf.Variable(scale, trainable=False)
        return [small, scales], lambda: tf.cast(small, tf.float32) * scales
    if is_kernel and np.abs(value).max() < np.finfo(np.float16).max:
        half = tf.Variable(value.astype(np.float16), trainable=False)
        return [half], lambda: tf.cast(half, tf.float32)
    plain = tf.Variable(value, trainable=False)
    return [plain], lambda: tf.convert_to_tensor(plain)
