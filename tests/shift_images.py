"""Pictures for the tests of shifts."""

import numpy as np


def cell(height=32, width=40, channels=3, seed=0):
    """A smooth blob on a bright noisy background, values well spread: uint8 (height, width, channels)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    blob = np.exp(-(((y - height / 2) / (height / 4)) ** 2 + ((x - width / 2) / (width / 5)) ** 2))
    colour = np.array([120.0, 180.0, 60.0])[:channels]
    return np.clip(230 - blob[..., None] * colour + rng.normal(0, 8, (height, width, channels)), 0, 255).astype(
        np.uint8
    )
