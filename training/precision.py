"""The number format of a net's layers, for that net alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def on_gpu() -> bool:
    """Whether the backend computes on a GPU."""
    place = str(keras.ops.zeros(()).device).lower()
    return any(kind in place for kind in ("gpu", "cuda", "rocm"))


def resolve_precision(precision: str) -> str:
    """The dtype policy that "auto" means here; others as they are.

    Float16 is what every GPU has that TensorFlow runs on; JAX and PyTorch take bfloat16, which needs no loss scaling.
    """
    if precision != "auto":
        return precision
    if not on_gpu():
        return "float32"
    return "mixed_float16" if keras.backend.backend() == "tensorflow" else "mixed_bfloat16"


@contextmanager
def layers_of(precision: str) -> Iterator[None]:
    """Layers that are made within the block compute in that dtype policy, those made after it as before."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
