"""A picture again, slightly changed: what a careless collector stores twice."""

import io

import numpy as np

from .slide import DESIGN_PX

NEAR_COPIES = ("brightness", "shift", "jpeg", "noise")


def near_copy(image: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    """Change a picture so little that it remains the same picture.

    Args:
        image: uint8 (S, S, 3).
        how: one of `NEAR_COPIES`: brightness by up to 12 %, a shift by 1 or 2 of 96 pixels with repeated border, a JPEG
            round trip of quality 60 to 85, or noise of 2 to 4 grey levels.
        rng: draws the strength.

    Returns:
        uint8 (S, S, 3).
    """
    if how == "brightness":
        return _to_uint8(image * (1 + rng.choice([-1, 1]) * rng.uniform(0.04, 0.12)))
    if how == "shift":
        return _shift(image, *_steps(len(image), rng))
    if how == "jpeg":
        return _jpeg(image, int(rng.integers(60, 86)))
    if how == "noise":
        return _to_uint8(image + rng.normal(0, rng.uniform(2, 4), image.shape))
    raise ValueError(f"how must be one of {NEAR_COPIES}. Received: how={how!r}")


def _to_uint8(image: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _steps(size: int, rng: np.random.Generator) -> tuple[int, int]:
    """Pixels down and right: one or two of 96, never none in both directions."""
    unit = max(1, round(size / DESIGN_PX))
    down, right = rng.choice([-1, 1], 2) * rng.integers(1, 3 if size >= DESIGN_PX else 2, 2) * unit
    return (int(down), 0) if rng.random() < 0.5 else (int(down), int(right))


def _shift(image: np.ndarray, down: int, right: int) -> np.ndarray:
    rows = np.clip(np.arange(image.shape[0]) - down, 0, image.shape[0] - 1)
    columns = np.clip(np.arange(image.shape[1]) - right, 0, image.shape[1] - 1)
    return image[rows][:, columns]


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
