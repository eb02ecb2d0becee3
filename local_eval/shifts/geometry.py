"""Shear, rotation and translation; what comes in over the edge is the mirrored image."""

import numpy as np

from .mirror import mirror
from .operation import Operation, Params, draw, draw_sign, register_operation, to_uint8
from .planes import pixels_of, remap


def warp(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Linear map about the image's centre, bilinear, mirrored beyond the edges.

    Args:
        image: uint8 (H, W, C).
        matrix: float (2, 2); output offset (y, x) from the centre -> input offset, in pixels.

    Returns:
        uint8 (H, W, C).
    """
    height, width = image.shape[:2]
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    y, x = np.arange(height)[:, None] - centre[0], np.arange(width)[None, :] - centre[1]
    in_y = matrix[0, 0] * y + matrix[0, 1] * x + centre[0]
    in_x = matrix[1, 0] * y + matrix[1, 1] * x + centre[1]
    return remap(image, in_y, in_x)


def slide(image: np.ndarray, factor: float, axis: int) -> np.ndarray:
    """Each line moved along itself by `factor` x its distance from the middle, linear, mirrored beyond the edges.

    Args:
        image: uint8 (H, W, C).
        factor: the line below (axis 1) or right of (axis 0) the middle one moves left or up by so many pixels.
        axis: that the lines lie along: 1 moves rows sideways, 0 moves columns up and down.

    Returns:
        uint8 (H, W, C).
    """
    height, width, channels = image.shape
    moved = factor * (np.arange(image.shape[1 - axis]) - (image.shape[1 - axis] - 1) / 2)
    whole = np.floor(moved)
    part, whole = (moved - whole).astype(np.float32), whole.astype(np.intp)
    pixels = pixels_of(np.ascontiguousarray(image)).ravel()
    # One pixel more than the line has: the next one's neighbours are the same pixels, one place on.
    if axis == 1:
        places = mirror(np.arange(width + 1) + whole[:, None], width) + np.arange(0, height * width, width)[:, None]
        taken = pixels.take(places).view(np.uint8).reshape(height, -1).astype(np.float32)
        near, far, part = taken[:, :-channels], taken[:, channels:], part[:, None]
    else:
        places = mirror(np.arange(height + 1)[:, None] + whole, height) * width + np.arange(width)
        taken = pixels.take(places).view(np.uint8).reshape(height + 1, -1).astype(np.float32)
        near, far, part = taken[:-1], taken[1:], np.repeat(part, channels)
    return to_uint8(near + (far - near) * part).reshape(image.shape)


@register_operation("shear")
class Shear(Operation):
    """Slant along one axis: a factor of 0.5 makes a disc 1.6 times as long as wide, 1 makes it 2.6 times."""

    _FACTOR = ((0.1, 0.2), (0.2, 0.35), (0.35, 0.5), (0.5, 0.7), (0.7, 1.0))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        factor = draw(rng, self._FACTOR, severity) * draw_sign(rng)
        return {"axis": "xy"[rng.integers(2)], "factor": factor}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        # Half the time of a warp with the same matrix.
        return slide(image, params["factor"], 1 if params["axis"] == "x" else 0)


@register_operation("rotate")
class Rotate(Operation):
    """Turn about the centre; positive degrees are counter-clockwise as seen."""

    _DEGREES = ((5, 10), (10, 15), (15, 20), (20, 30), (30, 45))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"degrees": draw(rng, self._DEGREES, severity) * draw_sign(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        angle = np.deg2rad(params["degrees"])
        return warp(image, np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]))


@register_operation("translate")
class Translate(Operation):
    """Shift by whole pixels along x, y or both."""

    _FRACTION = ((0.05, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        down = draw(rng, self._FRACTION, severity) * draw_sign(rng)
        right = draw(rng, self._FRACTION, severity) * draw_sign(rng)
        axes = rng.integers(3)  # 0: x only, 1: y only, 2: both
        return {"down": 0.0 if axes == 0 else down, "right": 0.0 if axes == 1 else right}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        rows = mirror(np.arange(height) - round(params["down"] * height), height)
        columns = mirror(np.arange(width) - round(params["right"] * width), width)
        return image[rows].take(columns, axis=1)
