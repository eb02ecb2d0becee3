"""64-bit perceptual hashes that survive a one-sided border."""

import imagehash
import numpy as np
from PIL import Image

BORDER = 1 / 24
"""Part of each side that is cut off before hashing: a copy shifted with a constant fill differs most at its border."""


def cut_border(grey: Image.Image) -> Image.Image:
    """The picture without `BORDER` on each side (4 of 96 pixels)."""
    dx, dy = round(grey.width * BORDER), round(grey.height * BORDER)
    return grey.crop((dx, dy, grey.width - dx, grey.height - dy))


def phash64(grey: Image.Image) -> np.uint64:
    """imagehash's pHash of the inner picture, packed into one integer.

    Args:
        grey: picture of mode "L", any size.
    """
    return np.packbits(imagehash.phash(cut_border(grey)).hash.ravel()).view(np.uint64)[0]
