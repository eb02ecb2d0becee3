"""Optimizers and their schedules, by a recipe's names."""

from typing import Any

import keras

from .averaging import AveragesApart, ema_momentum
from .phases import CONTRASTIVE, Phase
from .recipes import Recipe

CLIP_NORM = 5.0  # of each variable's gradient; a step over it comes from a batch that says little


class AveragingAdamW(AveragesApart, keras.optimizers.AdamW):
    """AdamW (Loshchilov and Hutter 2019) whose averages are read on request only."""


class AveragingLion(AveragesApart, keras.optimizers.Lion):
    """Lion (Chen et al. 2023); wants a tenth of AdamW's learning rate and ten times its weight decay."""


class AveragingAdam(AveragesApart, keras.optimizers.Adam):
    """Adam (Kingma and Ba 2015); with a weight decay it is AdamW, since Keras' decay is decoupled."""


class AveragingSGD(AveragesApart, keras.optimizers.SGD):
    """Stochastic gradient descent with Nesterov's momentum."""


class AveragingRMSprop(AveragesApart, keras.optimizers.RMSprop):
    """RMSprop (Hinton 2012)."""


OPTIMIZERS: dict[str, Any] = {
    "adamw": AveragingAdamW,
    "lion": AveragingLion,
    "adam": AveragingAdam,
    "sgd": AveragingSGD,
    "rmsprop": AveragingRMSprop,
}


def make_optimizer(recipe: Recipe, phase: Phase, steps_per_epoch: int) -> Any:
    """The optimizer of a phase: biases and normalisation do not decay, gradients are clipped variable by variable.

    It counts batches, whether or not their gradients are summed up over several of them, so that schedule and moving
    average do not depend on `accumulate`. The contrastive phase keeps no moving average: nothing would read it.
    """
    options: dict[str, Any] = {"weight_decay": float(recipe.weight_decay), "clipnorm": CLIP_NORM}
    if recipe.accumulate > 1:
        options["gradient_accumulation_steps"] = recipe.accumulate
    if recipe.ema_epochs and phase.name != CONTRASTIVE:
        options |= {"use_ema": True, "ema_momentum": ema_momentum(recipe.ema_epochs, steps_per_epoch)}
    if recipe.optimizer == "sgd":
        options |= {"momentum": recipe.momentum, "nesterov": recipe.momentum > 0}
    optimizer = OPTIMIZERS[recipe.optimizer](make_schedule(recipe, phase, steps_per_epoch), **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def make_schedule(recipe: Recipe, phase: Phase, steps_per_epoch: int) -> Any:
    """A schedule over the batches of a phase; with "plateau" the rate of its first epoch, set anew by `plateau_rate`.

    The warm-up is linear and takes at most half of the phase.
    """
    if recipe.schedule == "plateau":
        return plateau_rate(recipe, phase, 1, 0)
    total = phase.epochs * steps_per_epoch
    warmup = min(round(recipe.warmup_epochs * steps_per_epoch), total // 2)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=phase.learning_rate / max(1, warmup),
        decay_steps=total - warmup,
        alpha=0.0 if recipe.schedule == "cosine" else 1.0,  # what is left at the end; all of it: it is constant
        warmup_target=phase.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def plateau_rate(recipe: Recipe, phase: Phase, epoch: int, reductions: int) -> float:
    """The learning rate of a whole epoch (1 is the first) of a phase with schedule "plateau".

    It warms up by whole epochs, since only a rate that is constant within an epoch can be set from outside.
    """
    warmup = min(recipe.warmup_epochs, phase.epochs / 2)
    return float(phase.learning_rate * min(1.0, epoch / max(1.0, warmup)) * recipe.plateau_factor**reductions)


def inner(optimizer: Any) -> Any:
    """The optimizer itself, without the loss scaling that float16 is wrapped in."""
    return getattr(optimizer, "inner_optimizer", optimizer)
