"""One smear picture: red cells, a cell of the wanted type, a microscope and a stain of its own."""

import numpy as np

from . import shapes
from .cells import PAINTERS, platelet_piece
from .slide import Slide, absorbance

_RED_CELL = absorbance(214, 172, 164)


def draw_smear(class_name: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one cell of a type on a background of red cells.

    Stain, brightness, white balance, magnification, background and place vary from picture to picture in the same way
    for all types, so that the mean colour tells little.

    Args:
        class_name: a key of `cells.PAINTERS`.
        size: height and width in pixels.
        rng: all randomness of the picture comes from here.

    Returns:
        uint8 (size, size, 3).
    """
    slide = Slide(size, rng, magnification=rng.uniform(1.0, 1.4))
    _red_cells(slide)
    if rng.random() < 0.25:
        angle = rng.uniform(0, 2 * np.pi)
        far = rng.uniform(34, 50)
        dx, dy = np.float32(far * np.cos(angle)), np.float32(far * np.sin(angle))
        platelet_piece(slide, slide.x - dx, slide.y - dy, rng.uniform(3.0, 4.5))
    dx, dy = rng.uniform(-6, 6, 2).astype(np.float32)
    PAINTERS[class_name](slide, slide.x - dx, slide.y - dy)
    return _photograph(slide)


def _red_cells(slide: Slide) -> None:
    rng = slide.rng
    colour = _RED_CELL * np.float32(rng.uniform(0.6, 1.9)) * np.exp(rng.normal(0, 0.10, 3)).astype(np.float32)
    radius = rng.uniform(12, 17)
    pale = rng.uniform(0.2, 0.75)
    placed: list[np.ndarray] = []
    for _ in range(rng.integers(0, 26)):
        at = rng.uniform(-slide.half_width - 8, slide.half_width + 8, 2)
        if np.hypot(*at) < 20 or any(np.hypot(*(at - other)) < 1.7 * radius for other in placed):
            continue  # not behind the cell, and hardly over each other
        placed.append(at)
        x, y = slide.x - np.float32(at[0]), slide.y - np.float32(at[1])
        own = radius * rng.uniform(0.88, 1.12)
        cell = shapes.ellipse(x, y, own * rng.uniform(1.0, 1.2), own, rng.uniform(0, np.pi))
        cell = cell + slide.outline_noise(x, y, 0.4, waves=3)
        pallor = 1 - np.float32(pale) * np.exp(-(((cell + np.float32(own)) / np.float32(0.55 * own)) ** 2))
        slide.paint(slide.cover(cell, 1.6), colour, pallor)


def _photograph(slide: Slide) -> np.ndarray:
    rng = slide.rng
    stain = np.exp(rng.normal(0, 0.22) + rng.normal(0, 0.10, 3))
    white = np.array([246, 232, 222], np.float32) * np.exp(rng.normal(0, 0.04, 3) - rng.uniform(0, 0.38)).astype(
        np.float32
    )
    slope = rng.normal(0, 0.05, 2).astype(np.float32) / np.float32(slide.half_width)
    light = 1 + slope[0] * slide.x + slope[1] * slide.y + np.float32(0.012) * slide.noise(30)
    return slide.develop(
        white=light[..., None] * white, stain=stain, blur=rng.uniform(0.2, 0.8), noise=rng.uniform(1.0, 4.0)
    )
