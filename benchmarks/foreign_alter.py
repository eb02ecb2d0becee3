"""What the makers of the foreign sets share."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

Alter = Callable[[Image.Image, np.random.Generator], Image.Image]


def to_image(values: np.ndarray) -> Image.Image:
    """Rounded and clipped to 0-255."""
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def to_array(image: Image.Image) -> np.ndarray:
    """float32 (H, W, 3), 0-255."""
    return np.asarray(image, dtype=np.float32)


def one_of(makers: Sequence[Callable[[float, np.random.Generator], Alter]], strength: float) -> Alter:
    """One of them an image."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        return makers[int(rng.integers(len(makers)))](strength, rng)(image, rng)

    return alter


def jpeg(quality: int) -> Alter:
    """Written and read as JPEG."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return alter
