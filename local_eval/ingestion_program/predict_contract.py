"""What the images' folders look like, and what `predict` must return. Standard library and numpy only, Python 3.7."""

import json

import numpy as np


def check_predictions(predictions, num_images, num_classes=None):
    """The predictions as int64 (N,).

    Args:
        predictions: what `predict` returned: (N,) or (N, 1) integer class indices.
        num_images: N.
        num_classes: K, or None where it is not known here (the scoring program checks it again).

    Raises:
        ValueError: wrong count, shape, type or range; the message says what came and what mends it.
    """
    if predictions is None:
        raise ValueError("predict returned None: expected (n,) integer class indices. Is a `return` missing?")
    try:
        array = np.asarray(predictions)
    except ValueError as error:
        raise ValueError(f"predict returned a ragged list ({error}): expected (n,) class indices.") from None
    received = f"Received: shape {array.shape}, dtype {array.dtype}."
    if array.ndim == 2 and array.shape[1] > 1:
        raise ValueError(
            f"expected class indices of shape (n,), not one-hot rows or probabilities. {received} "
            "Return np.argmax(probabilities, axis=1)."
        )
    if array.shape not in ((num_images,), (num_images, 1)):
        raise ValueError(f"expected one class index for each of {num_images} images. {received}")
    array = array.reshape(num_images)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"expected integer class indices. {received} Some are NaN or infinite.")
    if array.dtype.kind not in "iu":
        raise ValueError(f"expected integer class indices. {received} Return np.argmax(..., axis=1).")
    top = np.iinfo(np.int64).max if num_classes is None else num_classes - 1
    if num_images and (array.min() < 0 or array.max() > top):
        raise ValueError(
            "expected class indices in [0, {}). Received: values from {} to {}.".format(
                "K" if num_classes is None else num_classes, array.min(), array.max()
            )
        )
    return array.astype(np.int64)


def suite_folders(input_dir):
    """Where the images are: {"": input_dir}, or {suite: folder} by name where each suite has a folder.

    Raises:
        FileNotFoundError: there are no images.
    """
    if (input_dir / "images.npy").exists():
        return {"": input_dir}
    found = {path.parent.name: path.parent for path in sorted(input_dir.glob("*/images.npy"))}
    if not found:
        raise FileNotFoundError("the input data hold neither images.npy nor folders with one")
    return found


def read_num_classes(folder):
    """K of a suite, from class_names.json, or None."""
    names = folder / "class_names.json"
    return len(json.loads(names.read_text(encoding="utf-8"))) if names.exists() else None
