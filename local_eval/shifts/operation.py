"""What one alteration of an image is, and the register of them by canonical name."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from submission.kit.errors import KitError

Params = Mapping[str, Any]

SEVERITIES = (1, 2, 3, 4, 5)

_OPERATIONS: dict[str, "Operation"] = {}


class Operation:
    """One alteration: `sample` draws its parameters, `apply` uses them and draws nothing.

    Lengths in the parameters are fractions of the image, so that they suit any size.
    """

    name: ClassVar[str] = ""
    graded: ClassVar[bool] = True  # False: as strong at severity 1 as at 5
    needs_colour: ClassVar[bool] = False  # True: without effect on an image of one channel

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        """Draw parameters.

        Args:
            rng: the only source of randomness.
            severity: 1 (weak) to 5 (strong).

        Raises:
            ValueError: another severity.
        """
        raise NotImplementedError

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        """Alter one image.

        Args:
            image: uint8 (H, W, C), C 1 or 3 (RGB); it is not changed.
            params: what `sample` returned.

        Returns:
            uint8 (H, W, C), a new array.
        """
        raise NotImplementedError


class Tabled(Operation):
    """An operation whose five severities are five settings, so that a benchmark can bring its own five."""

    settings: ClassVar[tuple[Any, ...]] = ()

    def draw(self, rng: np.random.Generator, setting: Any) -> Params:
        """Draw what a setting leaves open.

        Args:
            rng: the only source of randomness.
            setting: one entry of `settings`, or another of the same form.
        """
        raise NotImplementedError

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return self.draw(rng, pick(self.settings, severity))


def register_operation(name: str) -> Callable[[type[Operation]], type[Operation]]:
    """Class decorator: enter an operation under `name`. `ValueError` if the name is taken."""

    def enter(cls: type[Operation]) -> type[Operation]:
        if name in _OPERATIONS:
            raise ValueError(f"an operation named {name!r} is registered already: {type(_OPERATIONS[name]).__name__}")
        cls.name = name
        _OPERATIONS[name] = cls()
        return cls

    return enter


def get_operation(name: str) -> Operation:
    """The operation of that name; `KitError` lists the known names for an unknown one."""
    try:
        return _OPERATIONS[name]
    except KeyError:
        raise KitError(f"expected an operation out of {', '.join(_OPERATIONS)}. Received: {name!r}.") from None


def operation_names() -> tuple[str, ...]:
    """The registered names, in the order of registration."""
    return tuple(_OPERATIONS)


def pick(table: tuple[Any, ...], severity: int) -> Any:
    """The entry of a five-entry table that belongs to a severity."""
    if severity not in SEVERITIES:
        raise ValueError(f"severity must be one of {SEVERITIES}. Received: severity={severity!r}")
    return table[severity - 1]


def draw(rng: np.random.Generator, table: tuple[tuple[float, float], ...], severity: int) -> float:
    """Uniform between the two limits that belong to a severity."""
    low, high = pick(table, severity)
    return float(rng.uniform(low, high))


def draw_sign(rng: np.random.Generator) -> int:
    """-1 or 1, equally likely."""
    return 1 if rng.random() < 0.5 else -1


def draw_seed(rng: np.random.Generator) -> int:
    """A seed to be kept among the parameters, for what has too many random numbers to keep them all."""
    return int(rng.integers(2**31))


def generator(seed: int) -> np.random.Generator:
    """The generator of a drawn seed: numpy's fastest, since noise is most of an operation's time."""
    return np.random.Generator(np.random.SFC64(seed))


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Round to nearest, clip to 0-255."""
    values = np.rint(values)
    np.maximum(values, 0, out=values)
    np.minimum(values, 255, out=values)
    return values.astype(np.uint8)
