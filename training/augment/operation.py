"""What every operation offers, and the registry of operations by name."""

from typing import Any, ClassVar, TypeAlias

import keras
from keras import ops

from submission.kit.errors import KitError

Params = dict[str, Any]
Shape = tuple[int, int, int, int]
Seed: TypeAlias = "keras.random.SeedGenerator"


class Operation:
    """One kind of change, drawn anew for every image.

    Args:
        magnitude: strength in [0, 1]; the draws of `sample` spread up to it. 0 leaves images as they are
            wherever the operation has a strength at all (an inversion has none).
    """

    name: ClassVar[str]

    def __init__(self, magnitude: float = 1.0) -> None:
        if not 0.0 <= magnitude <= 1.0:
            raise ValueError(f"magnitude must be in [0, 1]. Received: magnitude={magnitude!r}")
        self.magnitude = magnitude

    def sample(self, shape: Shape, seed: Seed) -> Params:
        """Parameters for a batch of `shape` (n, H, W, C): a dict of tensors whose first axis is n."""
        raise NotImplementedError

    def apply(self, images: Any, params: Params) -> Any:
        """Change float32 images (n, H, W, C) in [0, 255]; the result has the same shape and range."""
        raise NotImplementedError

    def __call__(self, images: Any, seed: Seed) -> Any:
        return self.apply(images, self.sample(tuple(images.shape), seed))


OPERATIONS: dict[str, type[Operation]] = {}


def register(cls: type[Operation]) -> type[Operation]:
    """Class decorator: makes an operation known by its `name`; a second one of that name raises."""
    if cls.name in OPERATIONS:
        raise ValueError(f"operation {cls.name!r} is registered twice")
    OPERATIONS[cls.name] = cls
    return cls


def make_operation(name: str, magnitude: float = 1.0) -> Operation:
    """An operation by name; `KitError` lists the known names."""
    if name not in OPERATIONS:
        raise KitError(f"unknown operation. Received: {name!r}. Known: {', '.join(sorted(OPERATIONS))}.")
    return OPERATIONS[name](magnitude)


def uniform(shape: Shape, low: float, high: float, seed: Seed) -> Any:
    """A draw for each of the n images of `shape`, as a tensor (n, 1, 1, 1), ready to broadcast over images."""
    return keras.random.uniform((shape[0], 1, 1, 1), low, high, seed=seed)


def signed(shape: Shape, low: float, high: float, seed: Seed) -> Any:
    """Draws (n, 1, 1, 1) whose size is uniform in [low, high] and whose sign is even odds."""
    draw = keras.random.uniform((shape[0], 1, 1, 1), -1.0, 1.0, seed=seed)
    return ops.where(draw < 0, -1.0, 1.0) * (low + (high - low) * ops.abs(draw))


def clip(images: Any) -> Any:
    """Back into [0, 255]."""
    return ops.clip(images, 0.0, 255.0)


def luma(images: Any) -> Any:
    """Grey level (n, H, W, 1) by the weights of ITU-R BT.601, as Pillow's mode L; one channel stays as it is."""
    if images.shape[-1] == 1:
        return images
    return 0.299 * images[..., 0:1] + 0.587 * images[..., 1:2] + 0.114 * images[..., 2:3]
