"""Weights from a file, all of them or none."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from submission.kit.errors import KitError

if TYPE_CHECKING:
    import keras


def load_weights(net: keras.Model, path: Path, mend: str) -> None:
    """Load a `.weights.h5` file strictly.

    Keras only warns about layers that it does not find in the file, and leaves them with their random start.

    Args:
        net: the model; unchanged in shape, overwritten in value.
        path: the file.
        mend: what to do when it does not fit.

    Raises:
        KitError: missing, damaged, or not wholly that net's.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            net.load_weights(str(path))
    except (OSError, ValueError, KeyError, Warning) as error:
        text = " ".join(str(error).split())
        raise KitError(f"{path} does not fit the net {net.name!r}: {text[:300]}. {mend}") from error
