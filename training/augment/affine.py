"""Transforms of the plane as matrices, and the ranges of a warp that is composed of many."""

import math
from dataclasses import dataclass
from typing import Any

from keras import ops

from .draws import Draws


def centred_matrix(a: Any, b: Any, c: Any, d: Any, move_x: Any = 0.0, move_y: Any = 0.0) -> Any:
    """Matrices that take an output place to its input place, both in pixels from the image's centre, x first.

    Args:
        a, b, c, d: the rows of [[a, b], [c, d]], each (n, 1, 1, 1) or a number (one of them a tensor).
        move_x, move_y: by how many pixels the content moves, right and down.

    Returns:
        float32 (n, 3, 3). Of two changes of an image, the earlier one's matrix stands left in the product.
    """
    zero = ops.zeros_like(a + b + c + d + move_x + move_y)
    parts = (a, b, -(a * move_x + b * move_y), c, d, -(c * move_x + d * move_y), 0.0, 0.0, 1.0)
    return ops.reshape(ops.concatenate([zero + part for part in parts], axis=-1), (-1, 3, 3))


def warp_rows(matrix: Any, height: int, width: int) -> Any:
    """Matrices (n, 3, 3) about the centre as the rows (n, 8) that `apply_warp` takes, about the corner."""
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    to_centre = ops.convert_to_tensor([[1.0, 0.0, -centre_x], [0.0, 1.0, -centre_y], [0.0, 0.0, 1.0]])
    to_corner = ops.convert_to_tensor([[1.0, 0.0, centre_x], [0.0, 1.0, centre_y], [0.0, 0.0, 1.0]])
    matrix = ops.matmul(ops.matmul(to_corner, matrix), to_centre)
    flat = ops.reshape(matrix, (-1, 9))
    return flat[:, :8] / flat[:, 8:]


def rotation(angle: Any, scale: Any = 1.0) -> Any:
    """By an angle in radians (n, 1, 1, 1); a scale over 1 enlarges what is seen of the image, so that cells shrink."""
    cos, sin = scale * ops.cos(angle), scale * ops.sin(angle)
    return centred_matrix(cos, -sin, sin, cos)


def turn(draws: Draws, square: bool) -> Any:
    """One of the eight turns and mirrorings of the square, each equally often; of four where H and W differ."""
    mirror_x, mirror_y = 1.0 - 2.0 * draws.chance(0.5), 1.0 - 2.0 * draws.chance(0.5)
    swap = draws.chance(0.5) if square else 0.0 * mirror_x
    return centred_matrix(mirror_x * (1.0 - swap), mirror_x * swap, mirror_y * swap, mirror_y * (1.0 - swap))


@dataclass(frozen=True)
class AffineRange:
    """How far each part of a composed warp may go.

    Args:
        rotation: standard deviation of the angle, degrees; cut off at twice as much.
        shear: bound of the shear factors along x and along y.
        zoom: bound of the logarithm of the scale.
        translation: bound as a share of the side.
        strong_share: share of the images that get `strong_shear` along one axis; as many others `strong_translation`.
    """

    rotation: float = 12.0
    shear: float = 0.12
    zoom: float = 0.2
    translation: float = 0.06
    strong_share: float = 0.22
    strong_shear: float = 0.75
    strong_translation: float = 0.42

    def sample(self, height: int, width: int, draws: Draws) -> Any:
        """Draw warps: rotation, then zoom and shear about the centre, then translation; (n, 3, 3)."""
        turned = rotation(draws.normal(math.radians(self.rotation)), ops.exp(draws.uniform(-self.zoom, self.zoom)))
        strong = draws.uniform(0.0, 1.0)
        sheared = ops.cast(strong < self.strong_share, "float32")
        moved = ops.cast(strong > 1.0 - self.strong_share, "float32")
        along_x = draws.chance(0.5)

        def shear(chosen: Any) -> Any:
            more = draws.uniform(-self.strong_shear, self.strong_shear)
            return draws.uniform(-self.shear, self.shear) + sheared * chosen * more

        def move(side: int) -> Any:
            more = moved * draws.uniform(-self.strong_translation, self.strong_translation)
            return side * (draws.uniform(-self.translation, self.translation) + more)

        sheared_and_moved = centred_matrix(
            1.0, shear(along_x), shear(1.0 - along_x), 1.0, move_x=move(width), move_y=move(height)
        )
        return ops.matmul(turned, sheared_and_moved)

    def vocabulary(self) -> set[str]:
        """Names of the operations that the warp is composed of."""
        names = {"rotate"} if self.rotation else set()
        names |= {"zoom"} if self.zoom else set()
        names |= {"shear_x", "shear_y"} if self.shear or (self.strong_share and self.strong_shear) else set()
        moves = self.translation or (self.strong_share and self.strong_translation)
        return names | ({"translate_x", "translate_y"} if moves else set())
