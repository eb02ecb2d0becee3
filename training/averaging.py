"""Averaged weights, and batch-norm statistics that fit them."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from .augmented_net import AugmentedNet


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
            variable.assign(keras.ops.copy(variable))


class AveragingAdamW(AveragesApart, keras.optimizers.AdamW):
    """AdamW (Loshchilov and Hutter 2019) whose averages are read on request only."""


@contextmanager
def averaged_weights(trainee: AugmentedNet, optimizer: AveragesApart, batches: list[dict]) -> Iterator[None]:
    """Within the block the net has the optimizer's averaged weights; afterwards everything is as it was.

    Batch-norm statistics belong to the raw weights, since Keras averages trainable variables only: they are
    refreshed by running `batches` through the net in training mode.
    """
    variables = trainee.trained_variables()
    before = [keras.ops.convert_to_numpy(variable) for variable in variables]
    optimizer.assign_averages(trainee.trainable_variables)
    for batch in batches:
        trainee.predict_on_batch(batch)
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
