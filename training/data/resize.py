"""Pictures to one size: the middle of a picture, then an antialiased filter."""

import numpy as np
from PIL import Image


def fitted(picture: Image.Image, size: tuple[int, int], crop: int | None = None) -> Image.Image:
    """The middle of a picture, as large a part as has the wanted proportions, at the wanted size.

    Args:
        picture: mode "L" or "RGB".
        size: (height, width) wanted.
        crop: side of the square in the middle to take first; a smaller picture is taken as far as it reaches.
    """
    height, width = size
    if crop is not None:
        picture = _middle(picture, min(crop, picture.width), min(crop, picture.height))
    scale = min(picture.width / width, picture.height / height)
    picture = _middle(picture, max(1, round(width * scale)), max(1, round(height * scale)))
    if picture.size == (width, height):
        return picture
    # Lanczos when it shrinks (Pillow widens the filter by the scale, so nothing aliases); it rings when it enlarges
    how = Image.Resampling.LANCZOS if scale > 1 else Image.Resampling.BICUBIC
    return picture.resize((width, height), how)


def resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A batch uint8 (n, H, W, C), C 1 or 3, at another size (height, width)."""
    if images.shape[1:3] == size:
        return images
    made = np.empty((len(images), *size, images.shape[3]), np.uint8)
    for row, image in enumerate(images):
        plain = np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image)
        made[row] = np.asarray(fitted(Image.fromarray(plain), size)).reshape(made.shape[1:])
    return made


def _middle(picture: Image.Image, width: int, height: int) -> Image.Image:
    if picture.size == (width, height):
        return picture
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))
