"""Images without content: one colour, or almost."""

import numpy as np

ALMOST_LEVELS = 3.0
"""Standard deviation, in grey levels, under which a picture is empty. The emptiest of 11,959 real cells has 23."""


def invalid_reason(image: np.ndarray) -> str:
    """Why an image is invalid: "blank (one colour)", "blank (almost one colour)", or "" for a valid one.

    Args:
        image: uint8 (H, W, C), 0-255. Judged channel by channel, so that a uniform red is as blank as a uniform grey.
    """
    pixels = image.reshape(-1, image.shape[-1])
    if (pixels == pixels[0]).all():
        return "blank (one colour)"
    if pixels.std(axis=0, dtype=np.float32).max() < ALMOST_LEVELS:
        return "blank (almost one colour)"
    return ""
