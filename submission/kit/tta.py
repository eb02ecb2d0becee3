"""The eight views of test-time augmentation: the symmetries of a square, exact, without interpolation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import KitError


@dataclass(frozen=True)
class View:
    """One symmetry of the square: optional transposition, then optional reversal of rows and of columns.

    Calling it maps images (n, H, W, C) of any dtype to the same dtype and, unless `swaps_sides`, the same shape.
    Works on numpy arrays (a view on the same memory, no copy) and on TensorFlow tensors, also in a `tf.function`.
    """

    name: str
    swaps_sides: bool
    reverses_rows: bool
    reverses_columns: bool

    def __call__(self, images: Any) -> Any:
        if self.swaps_sides:
            if isinstance(images, np.ndarray):
                images = np.swapaxes(images, 1, 2)
            else:
                import tensorflow as tf  # here, because training may run where there is no tensorflow

                images = tf.transpose(images, [0, 2, 1, 3])
        if self.reverses_rows:
            images = images[:, ::-1]
        if self.reverses_columns:
            images = images[:, :, ::-1]
        return images


# Rotations turn counter-clockwise, as np.rot90(images, k, axes=(1, 2)) does; "flip" mirrors left and right, first.
VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        View("identity", False, False, False),
        View("rot90", True, True, False),
        View("rot180", False, True, True),
        View("rot270", True, False, True),
        View("flip", False, False, True),
        View("flip_rot90", True, False, False),
        View("flip_rot180", False, True, False),
        View("flip_rot270", True, True, True),
    )
}


def views_for(image_shape: Iterable[int]) -> list[str]:
    """Names of the views that keep the shape: all eight for square images, else the four without a quarter turn.

    Args:
        image_shape: (H, W, C).
    """
    height, width, _ = image_shape
    return [name for name, view in VIEWS.items() if height == width or not view.swaps_sides]


def check_views(names: Iterable[str], image_shape: Iterable[int]) -> None:
    """Raise `KitError` naming every view that is unknown, or that would swap the sides of images not square."""
    allowed = views_for(image_shape)
    bad = [name for name in names if name not in allowed]
    if bad:
        raise KitError(f"expected views among {allowed} for images {tuple(image_shape)}. Received: {bad}")
