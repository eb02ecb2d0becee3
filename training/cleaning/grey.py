"""The grey pictures on which hashes and comparisons work."""

import numpy as np
from PIL import Image


def grey_images(images: np.ndarray) -> np.ndarray:
    """A batch in grey, uint8 (n, H, W).

    Args:
        images: uint8 (n, H, W, C), 0-255. Three channels are weighted as Pillow does (ITU-R 601), others averaged.
    """
    n, height, width, channels = images.shape
    if channels == 1:
        return np.ascontiguousarray(images[..., 0])
    if channels != 3:
        return images.mean(-1).astype(np.uint8)
    if not n:
        return np.empty((n, height, width), np.uint8)
    # one tall picture: Pillow's own conversion, called once
    tall = Image.fromarray(np.ascontiguousarray(images).reshape(n * height, width, 3))
    return np.asarray(tall.convert("L")).reshape(n, height, width)


def grey_image(image: np.ndarray) -> Image.Image:
    """One image uint8 (H, W, C) as a Pillow picture of mode "L"."""
    return Image.fromarray(grey_images(image[None])[0])
