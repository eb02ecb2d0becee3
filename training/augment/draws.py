"""The random numbers of a batch: one table of uniform draws, from which operations take their parameters."""

import math
from typing import Any, TypeAlias

import keras
from keras import ops

Seed: TypeAlias = keras.random.SeedGenerator
COLUMNS = 24  # draws an image in one stage; `Draws` says if a chain needs more


class _Words(keras.random.SeedGenerator):
    """A seed that is a tensor of the step, where `keras.random` wants a generator."""

    def __init__(self, words: Any) -> None:
        self._words = words

    def next(self, ordered: bool = True) -> Any:
        return self._words


class Draws:
    """Independent uniform draws for each of n images, handed out in turn.

    All draws of a stage come from one call of `keras.random`: that saves hundreds of small operations in a step, and
    keeps what runs inside `keras.ops.switch` and `keras.ops.scan` free of state, as JAX demands.

    Args:
        table: float32 (columns, n, 1, 1, 1) in [0, 1).
        words: seed of `normal_field`, as `keras.random.SeedGenerator.next` returns it.
    """

    def __init__(self, table: Any, words: Any) -> None:
        self.table = table
        self.words = words
        self._next = 0

    @classmethod
    def fresh(cls, n: int, seed: Seed) -> "Draws":
        """Draws for n images that nothing has used before."""
        return cls(keras.random.uniform((COLUMNS, n, 1, 1, 1), seed=seed), seed.next())

    def part(self, start: int, end: int) -> "Draws":
        """The draws of the images from `start` to `end`, for a chain of its own."""
        return Draws(self.table[:, start:end], self.words)

    def _column(self) -> Any:
        if self._next >= self.table.shape[0]:
            raise IndexError(f"a chain takes more than {self.table.shape[0]} draws an image: raise COLUMNS")
        self._next += 1
        return self.table[self._next - 1]

    def uniform(self, low: float, high: float) -> Any:
        """A draw in [low, high) an image, (n, 1, 1, 1), ready to broadcast over images."""
        return low + (high - low) * self._column()

    def signed(self, low: float, high: float) -> Any:
        """Draws (n, 1, 1, 1) whose size is uniform in [low, high] and whose sign is even odds."""
        draw = self.uniform(-1.0, 1.0)
        return ops.where(draw < 0, -1.0, 1.0) * (low + (high - low) * ops.abs(draw))

    def chance(self, share: float) -> Any:
        """1.0 for a share of the images, 0.0 for the others: (n, 1, 1, 1)."""
        return ops.cast(self._column() < share, "float32")

    def normal(self, deviation: float) -> Any:
        """Normal draws (n, 1, 1, 1), cut off at twice the deviation."""
        inside = 0.9545 * self.uniform(-1.0, 1.0)  # the share of a normal distribution within two deviations
        return deviation * math.sqrt(2.0) * ops.erfinv(inside)

    def triple(self, low: float, high: float) -> Any:
        """A draw for each of three channels, (n, 1, 1, 3)."""
        return ops.concatenate([self.uniform(low, high) for _ in range(3)], axis=-1)

    def normal_field(self, shape: tuple[int, ...]) -> Any:
        """Standard normal draws (n, *shape), for noise: too many to come from the table, which gives their seed."""
        moved = ops.cast(ops.floor(ops.reshape(self._column()[:1], (1,)) * 2.0**24), self.words.dtype)
        return keras.random.normal((self.table.shape[1], *shape), seed=_Words(self.words + moved))
