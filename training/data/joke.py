"""The two joke pictures that the contest's data are spoilt with: a drawn face over a smear."""

import numpy as np

from . import shapes
from .slide import Slide, absorbance

_INK = absorbance(40, 30, 30)
_EYE = absorbance(252, 250, 244)
_SKINS = {"joke_a": absorbance(124, 172, 48), "joke_b": absorbance(232, 192, 160)}
_HAIR = absorbance(176, 88, 32)


def draw_joke(kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a face: uint8 (size, size, 3). `kind` is joke_a (green, with ears) or joke_b (with hair)."""
    slide = Slide(size, rng, magnification=1.0)
    x, y = slide.x, slide.y
    skin = _SKINS[kind]
    if kind == "joke_a":
        for side in (-1, 1):
            slide.paint(slide.cover(shapes.capsule(x, y, (side * 20, -12), (side * 36, -22), 4)), skin)
    else:
        slide.paint(slide.cover(shapes.ellipse(x, y + 12, 29, 24, 0)), _HAIR)
    slide.paint(slide.cover(shapes.ellipse(x, y - 2, 33, 25, np.pi / 2)), skin)
    for side in (-1, 1):
        slide.paint(slide.cover(shapes.disc(x - side * 11, y + 8, 6.5)), _EYE)
        slide.paint(slide.cover(shapes.disc(x - side * 10, y + 7, 2.5)), _INK)
    mouth = np.maximum(np.abs(shapes.disc(x, y - 6, 13)) - np.float32(1.8), 12 - y)
    slide.paint(slide.cover(mouth), _INK)
    white = np.array([240, 228, 214], np.float32)
    return slide.develop(white, np.ones(3), blur=0.4, noise=3.0)
