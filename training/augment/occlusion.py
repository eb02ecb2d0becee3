"""Parts of the image covered: bars at any angle, borders on some sides, cut-out boxes. Lengths scale with the image."""

import math
from typing import Any

import keras
from keras import ops

from .operation import Operation, Params, Seed, Shape, register, uniform


def _grid(height: int, width: int) -> tuple[Any, Any]:
    """Pixel centres in units of the shorter side, 0 in the middle: y (1, H, 1, 1), x (1, 1, W, 1)."""
    unit = float(min(height, width))
    y = (ops.arange(height, dtype="float32") - (height - 1) / 2) / unit
    x = (ops.arange(width, dtype="float32") - (width - 1) / 2) / unit
    return ops.reshape(y, (1, height, 1, 1)), ops.reshape(x, (1, 1, width, 1))


def _cover(images: Any, mask: Any, fill: Any) -> Any:
    return ops.where(mask, fill, images)


def _fill(shape: Shape, seed: Seed) -> Any:
    """A covering colour (n, 1, 1, 1): black for about two in three, else a grey."""
    return ops.maximum(255.0 * uniform(shape, -1.6, 0.8, seed), 0.0)


@register
class Bar(Operation):
    """A straight bar across the image at any angle, 4 to 16 % of the side wide at full magnitude; black or grey."""

    name = "bar"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {
            "angle": uniform(shape, 0.0, math.pi, seed),
            "offset": uniform(shape, -0.4, 0.4, seed),
            "half_width": self.magnitude * uniform(shape, 0.02, 0.08, seed),
            "fill": _fill(shape, seed),
        }

    def apply(self, images: Any, params: Params) -> Any:
        y, x = _grid(*images.shape[1:3])
        distance = x * ops.cos(params["angle"]) + y * ops.sin(params["angle"]) - params["offset"]
        return _cover(images, ops.abs(distance) < params["half_width"], params["fill"])


@register
class Border(Operation):
    """One strip along the left or right and one along the top or bottom, each up to 12 % of the side: a dark L."""

    name = "border"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        bound = 0.12 * self.magnitude
        return {
            "across": uniform(shape, -bound, bound, seed),
            "down": uniform(shape, -bound, bound, seed),
            "fill": ops.maximum(255.0 * uniform(shape, -1.5, 0.4, seed), 0.0),
        }

    def apply(self, images: Any, params: Params) -> Any:
        height, width = images.shape[1:3]
        y, x = _grid(height, width)
        unit = float(min(height, width))
        across, down = params["across"], params["down"]
        side_x = ops.where(across < 0, -x, x) > width / unit / 2 - ops.abs(across)
        side_y = ops.where(down < 0, -y, y) > height / unit / 2 - ops.abs(down)
        return _cover(images, ops.logical_or(side_x, side_y), params["fill"])


@register
class Cutout(Operation):
    """A rectangle of up to 40 % of the side, black, grey or noise-free colour (DeVries and Taylor 2017)."""

    name = "cutout"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        bound = 0.2 * self.magnitude
        return {
            "x": uniform(shape, -0.5, 0.5, seed),
            "y": uniform(shape, -0.5, 0.5, seed),
            "half_width": uniform(shape, 0.25 * bound, bound, seed),
            "half_height": uniform(shape, 0.25 * bound, bound, seed),
            "fill": keras.random.uniform((shape[0], 1, 1, 1), 0.0, 255.0, seed=seed),
        }

    def apply(self, images: Any, params: Params) -> Any:
        y, x = _grid(*images.shape[1:3])
        inside_x = ops.abs(x - params["x"]) < params["half_width"]
        inside_y = ops.abs(y - params["y"]) < params["half_height"]
        return _cover(images, ops.logical_and(inside_x, inside_y), params["fill"])
