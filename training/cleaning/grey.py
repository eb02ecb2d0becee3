"""The grey picture on which hashes and comparisons work."""

import numpy as np
from PIL import Image


def grey_image(image: np.ndarray) -> Image.Image:
    """One image as a Pillow picture of mode "L".

    Args:
        image: uint8 (H, W, C), 0-255. Three channels are weighted as Pillow does (ITU-R 601), other numbers averaged.
    """
    if image.shape[-1] == 3:
        return Image.fromarray(np.ascontiguousarray(image)).convert("L")
    if image.shape[-1] == 1:
        return Image.fromarray(np.ascontiguousarray(image[..., 0]))
    return Image.fromarray(image.mean(-1).astype(np.uint8))
