"""Features of the frozen backbone, once for all epochs of a head phase."""

from pathlib import Path

import keras
import numpy as np

from submission.kit.files import atomic_path
from submission.kit.image_set import ImageSet

from ..batches import batch_inputs


def write_features(path: Path, features: keras.Model, data: ImageSet, rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Features of some rows as they are, not altered: a memory-mapped file, made if it is not there.

    Args:
        path: .npy file.
        features: float (n, H, W, C) in [0, 255] -> (n, D).
        data: the image set.
        rows: int (n,).
        batch_size: images at a time.

    Returns:
        float32 (n, D).
    """
    if not path.exists():
        with atomic_path(path) as new, open(new, "wb") as file:
            shape = (len(rows), features.output_shape[-1])
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for start in range(0, len(rows), batch_size):
                chosen = rows[start : start + batch_size]
                images = batch_inputs(data, np.resize(chosen, batch_size))["images"]
                found = np.asarray(features.predict_on_batch(images.astype(np.float32)), np.float32)[: len(chosen)]
                file.write(np.ascontiguousarray(found).data)
    return np.load(path, mmap_mode="r")
