"""Averaged weights, and batch-norm statistics that fit them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops


def ema_momentum(epochs: float, steps_per_epoch: int) -> float:
    """Momentum of a moving average whose averaging time is so many epochs."""
    return max(0.0, 1.0 - 1.0 / max(1.0, epochs * steps_per_epoch))


class AveragesApart:
    """Mixed into an optimizer with `use_ema`: `fit` leaves the raw weights alone.

    Keras swaps the averages in at every end of `fit`. A run calls `fit` once an epoch, and would start each epoch from
    the averages of the one before.
    """

    def finalize_variable_values(self, var_list: list) -> None:
        """Called by `fit`; does nothing."""

    def assign_averages(self, var_list: list) -> None:
        """Overwrite the variables with their moving averages, if there are any."""
        super().finalize_variable_values(var_list)  # type: ignore[misc]
        for variable in var_list:
            # a copy: on JAX both are one array now, which the next compiled call gives away
            variable.assign(ops.copy(variable))


class EqualAverage:
    """Stochastic weight averaging (Izmailov et al. 2018): the mean of the weights after some epochs, all alike.

    Args:
        variables: the weights that are averaged; the means are variables too, saved with a run's state.
    """

    def __init__(self, variables: list[keras.Variable]) -> None:
        self.means = [keras.Variable(ops.zeros(variable.shape), trainable=False) for variable in variables]
        self.count = keras.Variable(0.0, trainable=False)

    @property
    def variables(self) -> list[keras.Variable]:
        return [self.count, *self.means]

    def update(self, variables: list[keras.Variable]) -> None:
        """Take the weights as they are now into the mean."""
        self.count.assign(self.count + 1.0)
        for mean, variable in zip(self.means, variables, strict=True):
            mean.assign(mean + (variable - mean) / self.count)

    def assign_averages(self, variables: list[keras.Variable]) -> None:
        """Overwrite the variables with their means; before the first update they stay as they are."""
        if float(ops.convert_to_numpy(self.count)):
            for mean, variable in zip(self.means, variables, strict=True):
                variable.assign(ops.copy(mean))


@contextmanager
def averaged_weights(
    trainee: Any, assign_averages: Callable[[list[keras.Variable]], None], batches: Iterable[dict]
) -> Iterator[None]:
    """Within the block the net has its averaged weights; afterwards everything is as it was.

    Batch-norm statistics belong to the raw weights, since only trainable variables are averaged: they are refreshed by
    running `batches` through the trainee, which is in training mode.
    """
    variables = trainee.trained_variables()
    before = [ops.convert_to_numpy(variable) for variable in variables]
    assign_averages(trainee.trainable_variables)
    for batch in batches:
        trainee.predict_on_batch(batch)
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
