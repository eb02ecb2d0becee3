"""The contest's picture, drawn here."""

import io

import numpy as np
from PIL import Image, ImageDraw

SIDE = 256
_CELLS = 4
_PAPER, _INK = (247, 241, 236), (46, 33, 58)
_COLOURS = ((122, 81, 149), (239, 86, 117), (255, 166, 0), (0, 63, 92))


def logo_png(num_classes: int) -> bytes:
    """A PNG of 256 x 256: a slide of round cells, one crossed by the dark bar of the shifted images.

    Args:
        num_classes: sets the pattern, so that two contests differ.
    """
    picture = Image.new("RGB", (SIDE, SIDE), _PAPER)
    draw = ImageDraw.Draw(picture)
    rng = np.random.default_rng(num_classes)
    step = SIDE // _CELLS
    for row in range(_CELLS):
        for column in range(_CELLS):
            radius = int(rng.integers(step // 4, step * 2 // 5))
            x, y = column * step + step // 2, row * step + step // 2
            colour = _COLOURS[int(rng.integers(len(_COLOURS)))]
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
            core, shift = radius // 2, int(rng.integers(-radius // 4, radius // 4 + 1))
            draw.ellipse((x - core + shift, y - core, x + core + shift, y + core), fill=_INK)
    draw.line((-10, SIDE * 3 // 4, SIDE + 10, SIDE // 4), fill=(15, 12, 18), width=18)
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()
