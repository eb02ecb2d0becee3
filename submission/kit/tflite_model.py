"""A net run by TensorFlow's own LiteRT (TFLite) interpreter, whose kernels for CPUs are those of XNNPACK."""

from __future__ import annotations

import os
import warnings

import numpy as np

from .cores import usable_cores


class TfliteModel:
    """Call it with uint8 (n, H, W, C), n at least 1; it returns float32 (n, K) probabilities.

    All shapes are fixed, because a shape that is known at run time only keeps operations out of XNNPACK. So images
    run in batches of one size, and the last one is filled up with rows whose results are dropped.

    Args:
        path: a flatbuffer of builtin operations, one uint8 input and one float32 output.
        batch_size: images at a time; by default what the file was made for.
        num_threads: by default one for each core that the process may use.

    Raises:
        ValueError, RuntimeError: no such file, damaged, of operations that this TensorFlow does not know, or not to be
            run in batches of this size.
        ImportError, AttributeError: this TensorFlow comes without the interpreter.
    """

    def __init__(self, path: str | os.PathLike[str], batch_size: int | None = None, num_threads: int | None = None):
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow announces since 2.19 that it will move elsewhere
            self._interpreter = tf.lite.Interpreter(
                model_path=os.fspath(path), num_threads=usable_cores() if num_threads is None else num_threads
            )
        (given,), (returned,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if given["dtype"] != np.uint8 or returned["dtype"] != np.float32:
            raise ValueError(f"{path}: expected uint8 to float32. Received: {given['dtype']}, {returned['dtype']}")
        self._given, self._returned = given["index"], returned["index"]
        made_for, *image_shape = map(int, given["shape"])
        self.batch_size = made_for if batch_size is None else batch_size
        if self.batch_size != made_for:
            self._interpreter.resize_tensor_input(self._given, (self.batch_size, *image_shape))
        self._interpreter.allocate_tensors()
        self.image_shape = tuple(image_shape)
        shape = tuple(map(int, self._interpreter.get_output_details()[0]["shape"]))  # again: after a resize
        if len(shape) != 2 or shape[0] != self.batch_size:
            raise ValueError(f"{path}: expected probabilities ({self.batch_size}, K). Received: {shape}")
        self.num_classes = shape[1]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        probs = np.empty((len(images), self.num_classes), np.float32)
        for start in range(0, len(images), self.batch_size):
            batch = images[start : start + self.batch_size]
            # Written where the interpreter reads it; rows beyond `batch` keep what they had. No name may hold on to
            # its memory while it runs.
            self._interpreter.tensor(self._given)()[: len(batch)] = batch
            self._interpreter.invoke()
            probs[start : start + len(batch)] = self._interpreter.tensor(self._returned)()[: len(batch)]
        return probs
