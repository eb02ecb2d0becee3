"""Small pictures and image sets with known faults, for the tests of cleaning."""

import numpy as np
from scipy import ndimage

from submission.kit.image_set import ImageSet, open_image_set, write_image_set


def picture(seed: int, size: int = 64, channels: int = 3) -> np.ndarray:
    """A random texture, uint8 (size, size, channels)."""
    rng = np.random.default_rng(seed)
    fine = ndimage.gaussian_filter(rng.normal(size=(size, size, channels)), (1.5, 1.5, 0))
    coarse = ndimage.gaussian_filter(rng.normal(size=(size, size, 1)), (7, 7, 0))
    return np.clip(128 + 110 * fine + 500 * coarse, 0, 255).astype(np.uint8)


def make_set(folder, images, labels, class_names=("a", "b", "c")) -> ImageSet:
    """Write `folder`/data and open it."""
    images = np.stack(images)
    batches = [(images, np.array(labels))]
    write_image_set(folder / "data", batches, len(images), images.shape[1:], {"class_names": list(class_names)})
    return open_image_set(folder / "data", "none")
