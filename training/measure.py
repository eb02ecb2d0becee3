"""How long the steps of a recipe take on this machine."""

import dataclasses
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.image_set import ImageSet
from submission.kit.seeds import derive_seed

from .phases import phases_of
from .recipes import Recipe

WARM_UP, TIMED, TIMED_S = 3, 10, 8.0  # steps; no more of them after so many seconds
SAMPLE_BATCHES = 16


@dataclass(frozen=True)
class Measured:
    """Seconds of parts of a training.

    setup_s: building and compiling, once; epoch_s: of an epoch of each phase, with validation.
    """

    setup_s: float
    epoch_s: dict[str, float]

    def total_s(self, epochs: dict[str, int]) -> float:
        """Of a training with so many epochs of each phase."""
        return self.setup_s + sum(self.epoch_s[name] * count for name, count in epochs.items())


def measure(recipe: Recipe, data: ImageSet, rows: np.ndarray, num_images: int, num_validation: int) -> Measured:
    """Train a few real steps of each phase and validate a few batches, after a warm-up; nothing is kept.

    Args:
        recipe: what to measure; its row filter and its synthetic images are left out.
        data: A/data.
        rows: int (n,) training rows.
        num_images: of an epoch.
        num_validation: images of the fold left out.

    Raises:
        KitError: weights that cannot be loaded.
    """
    import keras

    from .augment.policies import get_policy
    from .net import build_net
    from .paging import paged
    from .phase_trainer import PhaseTrainer
    from .precision import layers_of, resolve_precision
    from .training_set import TrainingSet
    from .validation import Validator

    start = time.monotonic()
    data, batch_size = paged(data), recipe.batch_size
    sample = np.random.default_rng(derive_seed(0, "measure")).permutation(rows)[: SAMPLE_BATCHES * batch_size]
    training_set = TrainingSet(data, sample, "none", None, 0)
    recipe = dataclasses.replace(recipe, balance="none", images_per_class=None)
    keras.utils.set_random_seed(0)
    with layers_of(resolve_precision(recipe.precision)):
        net = build_net(recipe, data.image_shape, data.num_classes)
    validation_s = 0.0
    for policy in ("none", recipe.policy):
        validator = Validator(net, get_policy(policy), batch_size, 0)
        validator.score(data, sample[:batch_size])
        begin = time.monotonic()
        validator.score(data, sample[: 2 * batch_size])
        validation_s += (time.monotonic() - begin) / 2 * math.ceil(num_validation / batch_size)
    setup_s = time.monotonic() - start
    epoch_s = {}
    with tempfile.TemporaryDirectory() as folder:
        for phase in phases_of(recipe):
            begin = time.monotonic()
            trainer = PhaseTrainer(recipe, phase, net, training_set, 0, Path(folder))
            batches = trainer.batches(1)
            for index in range(WARM_UP):
                trainer.trainee.train_on_batch(batches[index % len(batches)][0])
            setup_s += time.monotonic() - begin
            begin, count = time.monotonic(), 0
            while count < TIMED and time.monotonic() - begin < TIMED_S:
                trainer.trainee.train_on_batch(batches[count % len(batches)][0])
                count += 1
            step_s = (time.monotonic() - begin) / count
            # a forward pass takes a third of a step; the statistics' refresh does ten at most
            epoch_s[phase.name] = (num_images // batch_size + 10 / 3) * step_s + validation_s * phase.has_scores
    return Measured(setup_s, epoch_s)
