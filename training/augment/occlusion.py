"""Parts of the image covered: bars at any angle, borders on some sides, cut-out boxes. Lengths scale with the image."""

import math
from typing import Any

import numpy as np
from keras import ops

from .draws import Draws
from .operation import Operation, Params, Shape, register
from .pixels import constant, rows


def pixel_grid(height: int, width: int, channels: int) -> tuple[Any, Any]:
    """Pixel centres in units of the shorter side, 0 in the middle, for `rows`: y (1, H, 1), x (1, 1, W * C)."""
    unit = float(min(height, width))
    y = (np.arange(height, dtype=np.float32) - (height - 1) / 2) / unit
    x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / unit
    return constant(y.reshape(1, height, 1)), constant(np.repeat(x, channels).reshape(1, 1, width * channels))


def _row_params(params: Params) -> dict[str, Any]:
    """Parameters (n, 1, 1, 1) as (n, 1, 1)."""
    return {key: value[:, 0] for key, value in params.items()}


def _cover(images: Any, covered: Any, fill: Any) -> Any:
    """`fill` where `covered`, a boolean that broadcasts to `rows(images)`."""
    # products: a select that broadcasts is several times slower on a CPU
    hidden = ops.cast(covered, "float32")
    return ops.reshape(rows(images) * (1.0 - hidden) + hidden * fill, images.shape)


def _fill(draws: Draws, least: float, most: float) -> Any:
    """A covering grey (n, 1, 1, 1): black wherever the draw in [least, most) is below nought."""
    return ops.maximum(255.0 * draws.uniform(least, most), 0.0)


@register
class Bar(Operation):
    """A straight bar across the image at any angle, 4 to 16 % of the side wide at full magnitude; black or grey."""

    name = "bar"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {
            "angle": draws.uniform(0.0, math.pi),
            "offset": draws.uniform(-0.4, 0.4),
            "half_width": self.magnitude * draws.uniform(0.02, 0.08),
            "fill": _fill(draws, -1.6, 0.8),
        }

    def apply(self, images: Any, params: Params) -> Any:
        y, x = pixel_grid(*images.shape[1:])
        p = _row_params(params)
        distance = x * ops.cos(p["angle"]) + (y * ops.sin(p["angle"]) - p["offset"])
        return _cover(images, ops.abs(distance) < p["half_width"], p["fill"])


@register
class GridMask(Operation):
    """Parallel bars at any angle, for half of the images crossed by others; up to 45 % of each period is covered.

    Source: Chen et al. 2020, with any angle.
    """

    name = "grid_mask"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {
            "angle": draws.uniform(0.0, math.pi),
            "period": draws.uniform(0.2, 0.6),
            "across": draws.uniform(0.0, 1.0),
            "down": draws.uniform(0.0, 1.0),
            "covered": self.magnitude * draws.uniform(0.1, 0.45),
            "crossed": draws.chance(0.5),
            "fill": _fill(draws, -1.6, 0.8),
        }

    def apply(self, images: Any, params: Params) -> Any:
        y, x = pixel_grid(*images.shape[1:])
        p = _row_params(params)
        cos, sin = ops.cos(p["angle"]) / p["period"], ops.sin(p["angle"]) / p["period"]
        u = x * cos + (y * sin + p["across"])
        v = y * cos - (x * sin - p["down"])
        bars = u - ops.floor(u) < p["covered"]
        crossing = v - ops.floor(v) < p["covered"] * p["crossed"]
        return _cover(images, ops.logical_or(bars, crossing), p["fill"])


@register
class Border(Operation):
    """One strip along the left or right and one along the top or bottom, each up to 12 % of the side: a dark L."""

    name = "border"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        bound = 0.12 * self.magnitude
        return {
            "across": draws.uniform(-bound, bound),
            "down": draws.uniform(-bound, bound),
            "fill": _fill(draws, -1.5, 0.4),
        }

    def apply(self, images: Any, params: Params) -> Any:
        height, width = images.shape[1:3]
        y, x = pixel_grid(*images.shape[1:])
        unit = float(min(height, width))
        p = _row_params(params)
        kept_x = x * ops.sign(p["across"]) <= width / unit / 2 - ops.abs(p["across"])
        kept_y = y * ops.sign(p["down"]) <= height / unit / 2 - ops.abs(p["down"])
        hidden = 1.0 - ops.cast(kept_x, "float32") * ops.cast(kept_y, "float32")
        return _cover(images, hidden, p["fill"])


@register
class Cutout(Operation):
    """A rectangle of up to 40 % of the side, in a grey (DeVries and Taylor 2017)."""

    name = "cutout"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        bound = 0.2 * self.magnitude
        return {
            "x": draws.uniform(-0.5, 0.5),
            "y": draws.uniform(-0.5, 0.5),
            "half_width": draws.uniform(0.25 * bound, bound),
            "half_height": draws.uniform(0.25 * bound, bound),
            "fill": draws.uniform(0.0, 255.0),
        }

    def apply(self, images: Any, params: Params) -> Any:
        y, x = pixel_grid(*images.shape[1:])
        p = _row_params(params)
        hidden = box(x - p["x"], p["half_width"]) * box(y - p["y"], p["half_height"])
        return _cover(images, hidden, p["fill"])


def box(distance: Any, half: Any) -> Any:
    """1.0 within `half`, else 0.0."""
    return ops.cast(ops.abs(distance) < half, "float32")
