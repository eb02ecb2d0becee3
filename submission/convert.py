"""A SavedModel as a flatbuffer for TensorFlow's LiteRT (TFLite) interpreter."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.precisions import FLOAT16, FLOAT32, INT8


def convert(folder: Path, batch_size: int, precision: str = FLOAT32) -> bytes:
    """The flatbuffer of a SavedModel, of builtin operations alone, for batches of one size.

    The size is fixed because then all shapes are constants: with any size, a reshape reads its shape while it runs, and
    XNNPACK leaves what touches it alone (measured: ConvNeXt-Tiny falls into 73 pieces instead of one, EfficientNetV2-B0
    into 17). Batch normalisation is folded into the convolutions before it by the converter.

    Operations of TensorFlow itself ("flex") are not allowed: each would copy its tensors out of the interpreter and
    back, and an interpreter without TensorFlow's kernels, as other packages have it, does not run them.

    Args:
        folder: a SavedModel with the signature `serving_default`, uint8 (n, H, W, C) to (n, K); weights in float32.
        batch_size: images at a time.
        precision: of the weights. Of float16 the interpreter makes float32 when it loads them; with int8 it rounds the
            activations before each product, too ("dynamic range").

    Raises:
        KitError: the net has an operation that the interpreter lacks, or is larger than its format (2 GiB) holds.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]
    ((name, spec),) = signature.structured_input_signature[1].items()

    @tf.function(input_signature=[tf.TensorSpec((batch_size, *spec.shape[1:]), tf.uint8)])
    def serve(images: "tf.Tensor") -> "tf.Tensor":
        (probs,) = signature(**{name: images}).values()
        return probs

    try:
        with warnings.catch_warnings(), _quiet():
            warnings.simplefilter("ignore")  # of its own deprecations
            converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], loaded)
            if precision != FLOAT32:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            # with scales by channel dense layers are FULLY_CONNECTED 12, which TensorFlow 2.15 does not run
            converter._experimental_disable_per_channel_quantization_for_dense_layers = precision == INT8
            if precision == FLOAT16:
                converter.target_spec.supported_types = [tf.float16]
            return converter.convert()
    except (ConverterError, tf.errors.OpError, ValueError, RuntimeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [repr(error)]
        told = [line for line in lines if "ops:" in line or "error:" in line] or lines[:1]  # the rest is the graph
        raise KitError(f"it cannot be converted: {told[-1][:300]}") from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the converter's screens of C++ messages; what matters of them is in its error."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
