"""Pixels moved, each kind by its name: flips, turns, rotation, shear, translation, zoom, perspective, elastic."""

import math
from typing import Any, ClassVar

import numpy as np
from keras import ops

from .affine import centred_matrix, rotation, warp_rows
from .draws import Draws
from .operation import Operation, Params, Shape, register
from .pixels import constant
from .warp import apply_warp, displace


class Geometric(Operation):
    """An operation that is a matrix: those that follow each other compose into one warp (see `chain`).

    What lies outside the image is black, or mirrored with `fill_mode` "reflect".
    """

    fill_mode: ClassVar[str] = "constant"

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        """Output place to input place, about the centre, float32 (n, 3, 3)."""
        raise NotImplementedError

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"matrix": self.matrix(shape, draws)}

    def apply(self, images: Any, params: Params) -> Any:
        return apply_warp(images, warp_rows(params["matrix"], *images.shape[1:3]), self.fill_mode)


@register
class Flip(Geometric):
    """Left and right swapped for half of the images."""

    name = "flip"
    has_strength = False

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        return centred_matrix(1.0 - 2.0 * draws.chance(0.5), 0.0, 0.0, 1.0)


@register
class FlipVertical(Geometric):
    """Top and bottom swapped for half of the images."""

    name = "flip_vertical"
    has_strength = False

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        return centred_matrix(1.0, 0.0, 0.0, 1.0 - 2.0 * draws.chance(0.5))


@register
class QuarterTurn(Geometric):
    """Turned by 0 to 3 quarters; by 0 or 2 where height and width differ."""

    name = "quarter_turn"
    has_strength = False

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        quarters = ops.floor(draws.uniform(0.0, 4.0))
        quarters = quarters if shape[1] == shape[2] else 2.0 * ops.floor(quarters / 2.0)
        cos, sin = (ops.round(function(math.pi / 2 * quarters)) for function in (ops.cos, ops.sin))
        return centred_matrix(cos, -sin, sin, cos)


@register
class Rotate(Geometric):
    """By up to 30 degrees either way at full magnitude."""

    name = "rotate"

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        return rotation(draws.signed(0.0, math.radians(30.0) * self.magnitude))


@register
class ShearX(Geometric):
    """Rows shifted against each other, by a factor of up to 0.5 at full magnitude: elongated cells."""

    name = "shear_x"

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        return centred_matrix(1.0, draws.signed(0.0, 0.5 * self.magnitude), 0.0, 1.0)


@register
class ShearY(Geometric):
    """Columns shifted against each other, by a factor of up to 0.5 at full magnitude."""

    name = "shear_y"

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        return centred_matrix(1.0, 0.0, draws.signed(0.0, 0.5 * self.magnitude), 1.0)


@register
class TranslateX(Geometric):
    """Left or right by up to 45 % of the width at full magnitude."""

    name = "translate_x"

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        return centred_matrix(1.0, 0.0, 0.0, 1.0, move_x=shape[2] * draws.signed(0.0, 0.45 * self.magnitude))


@register
class TranslateY(Geometric):
    """Up or down by up to 45 % of the height at full magnitude."""

    name = "translate_y"

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        return centred_matrix(1.0, 0.0, 0.0, 1.0, move_y=shape[1] * draws.signed(0.0, 0.45 * self.magnitude))


@register
class TranslateMirrored(Geometric):
    """Along both axes by up to 45 % of the side at full magnitude; mirrored outside."""

    name = "translate_mirrored"
    fill_mode = "reflect"

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        bound = 0.45 * self.magnitude
        move_x, move_y = shape[2] * draws.uniform(-bound, bound), shape[1] * draws.uniform(-bound, bound)
        return centred_matrix(1.0, 0.0, 0.0, 1.0, move_x, move_y)


@register
class Zoom(Geometric):
    """Content enlarged or shrunk by a factor of up to 1.65 at full magnitude."""

    name = "zoom"

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        scale = ops.exp(draws.signed(0.0, 0.5 * self.magnitude))
        return centred_matrix(scale, 0.0, 0.0, scale)


@register
class Perspective(Geometric):
    """The image plane tilted: at full magnitude one corner may look three times as near as the other."""

    name = "perspective"
    fill_mode = "reflect"

    def matrix(self, shape: Shape, draws: Draws) -> Any:
        # the divisor stays within 1 +- 1/2 at the corners
        bound = self.magnitude / 2.0
        tilt_x, tilt_y = draws.uniform(-bound, bound) / shape[2], draws.uniform(-bound, bound) / shape[1]
        zero, one = ops.zeros_like(tilt_x), ops.ones_like(tilt_x)
        parts = [one, zero, zero, zero, one, zero, tilt_x, tilt_y, one]
        return ops.reshape(ops.concatenate(parts, axis=-1), (-1, 3, 3))


_KNOTS = 6  # random displacements along each side, smoothly joined


@register
class Elastic(Operation):
    """Pixels moved by a smooth random field, standard deviation up to 6 % of the side (Simard et al. 2003)."""

    name = "elastic"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        strength = 0.06 * min(shape[1:3]) * self.magnitude * draws.uniform(0.3, 1.0)
        return {"knots": strength * draws.normal_field((2, _KNOTS, _KNOTS))}

    def apply(self, images: Any, params: Params) -> Any:
        down, across = _between_knots(images.shape[1]), _between_knots(images.shape[2])
        field = ops.matmul(ops.matmul(down, params["knots"]), ops.transpose(across))  # (n, 2, H, W)
        return displace(images, field[:, 0], field[:, 1], "reflect")


def _between_knots(size: int) -> Any:
    """(size, knots): weights of the knots for each pixel, a Gaussian of their distance; the squares sum to 1."""
    place = (np.arange(size) + 0.5) / size * (_KNOTS - 1)
    weights = np.exp(-((place[:, None] - np.arange(_KNOTS)) ** 2))
    return constant(weights / np.sqrt((weights**2).sum(axis=1, keepdims=True)))
