"""What is known of one contest alone, AN2DL 2024-25: its file has no class names, so they are here."""

import numpy as np

from .cells import PAINTERS

CLASS_NAMES = tuple(PAINTERS)
"""Names of labels 0 to 7."""

COUNTS = (1052, 2381, 1285, 2226, 1049, 1393, 2530, 1843)
"""Images of each class in training_set.npz, by which the file is known again."""


def is_contest_file(labels: np.ndarray, image_shape: tuple[int, ...]) -> bool:
    """Whether these are the labels and the shape (H, W, C) of the contest's training_set.npz."""
    return image_shape == (96, 96, 3) and np.bincount(labels).tolist() == list(COUNTS)
