"""Shear, rotation and translation; what comes in over the edge is the mirrored image."""

import numpy as np

from .mirror import mirror
from .operation import Operation, Params, draw, draw_sign, register_operation, to_uint8


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
    floor_y, floor_x = np.floor(in_y), np.floor(in_x)
    part_y = (in_y - floor_y)[..., None].astype(np.float32)
    part_x = (in_x - floor_x)[..., None].astype(np.float32)
    top, left = floor_y.astype(np.int64), floor_x.astype(np.int64)
    rows, columns = (mirror(top, height), mirror(top + 1, height)), (mirror(left, width), mirror(left + 1, width))
    upper = image[rows[0], columns[0]] * (1 - part_x) + image[rows[0], columns[1]] * part_x
    lower = image[rows[1], columns[0]] * (1 - part_x) + image[rows[1], columns[1]] * part_x
    return to_uint8(upper * (1 - part_y) + lower * part_y)


@register_operation("shear")
class Shear(Operation):
    """Slant along one axis: a factor of 0.5 makes a disc 1.6 times as long as wide, 1 makes it 2.6 times."""

    _FACTOR = ((0.1, 0.2), (0.2, 0.35), (0.35, 0.5), (0.5, 0.7), (0.7, 1.0))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        factor = draw(rng, self._FACTOR, severity) * draw_sign(rng)
        return {"axis": "xy"[rng.integers(2)], "factor": factor}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        matrix = np.eye(2)
        matrix[(1, 0) if params["axis"] == "x" else (0, 1)] = params["factor"]
        return warp(image, matrix)


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
        return image[rows[:, None], columns[None, :]]
