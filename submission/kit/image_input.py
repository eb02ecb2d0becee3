"""What a contest hands to `predict`, checked and brought to uint8 batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


class ImageInput:
    """Images as uint8, any rows of them at any time; memory is that of the rows asked for.

    Integers must lie in 0-255. Floats are rounded and must then lie in 0-255, but where the largest value of ALL images
    is 1 or less they are taken as scaled to 0-1 and multiplied by 255: no set of real 0-255 images is that dark, and
    passing it on as it is would silently give black images.

    Args:
        images: array (n, H, W, C), n may be 0; integers or floats. An array on disk (memory map) stays there.
        image_shape: (H, W, C) that the nets expect.
        batch_size: images read at a time to find the largest of floats.

    Raises:
        ValueError: another shape or dtype.
    """

    def __init__(self, images: Any, image_shape: tuple[int, int, int], batch_size: int = 64):
        images = images if isinstance(images, np.ndarray) else np.asarray(images)
        if images.ndim != 4 or images.shape[1:] != tuple(image_shape):
            wanted = ", ".join(map(str, image_shape))
            raise ValueError(f"expected images of shape (n, {wanted}). Received: {images.shape}")
        if images.dtype.kind not in "uif":
            raise ValueError(f"expected images of an integer or float dtype, 0-255. Received: dtype={images.dtype}")
        self._images = images
        self._scale = 1.0
        if images.dtype.kind == "f":
            starts = range(0, len(images), batch_size)
            top = max((float(images[start : start + batch_size].max()) for start in starts), default=0.0)
            self._scale = 255.0 if top <= 1 else 1.0

    def __len__(self) -> int:
        return len(self._images)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """uint8 (m, H, W, C), the images from `start` to before `stop` or the end.

        Raises:
            ValueError: values out of range or not finite.
        """
        return _to_uint8(self._images[start:stop], self._scale, start)


def batches(images: Any, image_shape: tuple[int, int, int], batch_size: int) -> Iterator[np.ndarray]:
    """Yield uint8 batches (at most `batch_size`, H, W, C), in order; arguments and errors as of `ImageInput`.

    Shape and dtype are checked at the first batch, before any net has run.
    """
    checked = ImageInput(images, image_shape, batch_size)
    for start in range(0, len(checked), batch_size):
        yield checked.rows(start, start + batch_size)


def _to_uint8(batch: np.ndarray, scale: float, start: int) -> np.ndarray:
    if batch.dtype == np.uint8 or not len(batch):
        return batch.astype(np.uint8, copy=False)
    if batch.dtype.kind == "f":
        batch = np.rint(batch * scale)
    low, high = batch.min(), batch.max()
    if not (low >= 0 and high <= 255):  # not `low < 0 or high > 255`: NaN must fail
        raise ValueError(
            f"expected finite values in 0-255. Received: {low} to {high} in images {start} to {start + len(batch) - 1}"
        )
    return batch.astype(np.uint8)
