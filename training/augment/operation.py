"""What every operation offers, and the registry of operations by name."""

from typing import Any, ClassVar

from submission.kit.errors import KitError

from .draws import Draws, Seed

Params = dict[str, Any]
Shape = tuple[int, int, int, int]


class Operation:
    """One kind of change, drawn anew for every image.

    Args:
        magnitude: strength in [0, 1]; the draws of `sample` spread up to it. 0 leaves images as they are
            wherever the operation has a strength at all (an inversion has none).
    """

    name: ClassVar[str]
    has_strength: ClassVar[bool] = True

    def __init__(self, magnitude: float = 1.0) -> None:
        if not 0.0 <= magnitude <= 1.0:
            raise ValueError(f"magnitude must be in [0, 1]. Received: magnitude={magnitude!r}")
        self.magnitude = magnitude

    def sample(self, shape: Shape, draws: Draws) -> Params:
        """Parameters for a batch of `shape` (n, H, W, C): a dict of tensors whose first axis is n."""
        raise NotImplementedError

    def apply(self, images: Any, params: Params) -> Any:
        """Change float32 images (n, H, W, C) in [0, 255]; the result has the same shape and range."""
        raise NotImplementedError

    def __call__(self, images: Any, seed: Draws | Seed) -> Any:
        """Sample and apply; a generator instead of draws is asked for fresh ones."""
        draws = seed if isinstance(seed, Draws) else Draws.fresh(images.shape[0], seed)
        return self.apply(images, self.sample(tuple(images.shape), draws))


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
