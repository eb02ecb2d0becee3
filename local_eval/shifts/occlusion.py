"""The dark L on two sides and the single straight bar."""

import numpy as np

from .operation import Operation, Params, draw, register_operation
from .planes import paint

_PIXELS = 96  # widths below are written as pixels of the contest's 96 x 96 images


def bar_mask(height: int, width: int, degrees: int, offset: float, thickness: float) -> np.ndarray:
    """Where a straight bar lies.

    Args:
        height, width: the image's, in pixels.
        degrees: 0 (horizontal), 45 (rising to the right), 90 (vertical), 135.
        offset: distance of the bar's middle line from the image's centre, as a fraction of the shorter side.
        thickness: across the bar, in pixels.

    Returns:
        bool (height, width).
    """
    y, x = np.arange(height)[:, None] - (height - 1) / 2, np.arange(width)[None, :] - (width - 1) / 2
    angle = np.deg2rad(degrees)
    across = x * np.sin(angle) + y * np.cos(angle) - offset * min(height, width)
    return np.abs(across) < thickness / 2


@register_operation("border")
class Border(Operation):
    """Shift right and up by a few pixels; the strips that fall free, left and bottom, get one dark grey."""

    _SHIFT = ((1, 2), (2, 4), (2, 6), (2, 8), (4, 10))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        right, up = draw(rng, self._SHIFT, severity) / _PIXELS, draw(rng, self._SHIFT, severity) / _PIXELS
        fill = 0 if rng.random() < 0.7 else int(rng.integers(1, 25))
        return {"right": right, "up": up, "fill": fill}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        right, up = max(1, round(params["right"] * width)), max(1, round(params["up"] * height))
        result = np.full_like(image, params["fill"])
        result[: height - up, right:] = image[up:, : width - right]
        return result


@register_operation("bar")
class Bar(Operation):
    """One straight bar from edge to edge, black three times in four, else grey; severity sets its thickness."""

    _THICKNESS = ((6, 7), (7, 8), (8, 9), (9, 10.5), (10.5, 12))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        thickness = draw(rng, self._THICKNESS, severity) / _PIXELS
        fill = 0 if rng.random() < 0.75 else int(rng.integers(96, 161))
        return {
            "degrees": 45 * int(rng.integers(4)),
            "offset": float(rng.uniform(-0.4, 0.4)),
            "thickness": thickness,
            "fill": fill,
        }

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        thickness = max(1.0, params["thickness"] * min(height, width))
        mask = bar_mask(height, width, params["degrees"], params["offset"], thickness)
        return paint(image, mask, params["fill"])
