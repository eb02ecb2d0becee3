"""Operations one after the other, those that are matrices composed into one warp."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from keras import ops

from . import colour, geometry, jpeg, occlusion, stain, texture, tone  # noqa: F401  (registers the operations)
from .draws import Draws
from .geometry import Geometric
from .operation import Operation, make_operation

Chain = tuple[tuple[str, float], ...]  # names and magnitudes; () changes nothing


def chain_function(chain: Chain) -> Callable[[Any, Draws], Any]:
    """A function of images (n, H, W, C), any type, and draws: the images, float32, after all operations of `chain`.

    Raises:
        KitError: an unknown operation. ValueError: a magnitude outside of [0, 1].
    """
    operations = [make_operation(name, magnitude) for name, magnitude in chain]

    def apply(images: Any, draws: Draws) -> Any:
        images = ops.cast(images, "float32")
        for fill_mode, group in groupby(operations, lambda one: getattr(one, "fill_mode", None)):
            images = (_composed if fill_mode else _in_turn)(list(group), images, draws)
        return images

    return apply


def _in_turn(operations: Sequence[Operation], images: Any, draws: Draws) -> Any:
    for operation in operations:
        images = operation(images, draws)
    return images


def _composed(operations: Sequence[Any], images: Any, draws: Draws) -> Any:
    """Matrices with the same fill, earlier ones to the left, as one warp: the pixels are interpolated once."""
    first, *others = operations
    assert isinstance(first, Geometric)
    matrix = first.matrix(images.shape, draws)
    for operation in others:
        matrix = ops.matmul(matrix, operation.matrix(images.shape, draws))
    return first.apply(images, {"matrix": matrix})
