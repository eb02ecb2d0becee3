"""All that trains a net for one phase: trainee, optimizer, batches and averages."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras

from submission.kit.seeds import derive_seed

from .augment.engine import Augmenter
from .augment.policies import get_policy
from .augmented_net import AugmentedNet, ConsistentNet, ContrastiveNet, FeatureHead, Trainee, use_xla
from .averaging import EqualAverage, averaged_weights
from .backbones import features_of, head_of, set_trainable
from .balance.features import write_features
from .batches import ShuffledBatches
from .losses import ClassLoss
from .optimizers import inner, make_optimizer, plateau_rate
from .phases import CONTRASTIVE, HEAD, TUNE, Phase
from .recipes import Recipe
from .training_set import FEATURES, SYNTHETIC_FEATURES, TrainingSet, feature_set

EMA_REFRESH, SWA_REFRESH = 10, 50  # batches: an equal average is further from the weights that the statistics are of


class PhaseTrainer:
    """Trains `net` in place, epoch by epoch.

    Args:
        recipe: of the run.
        phase: one of its phases.
        net: float (n, H, W, C) in [0, 255] -> logits (n, K); which of its layers train is set here.
        training_set: images and rows.
        seed: of the run.
        folder: of the run; features of a frozen backbone are kept there.
        averages: whether the phase ends in an equal average of the weights (`swa_epochs`).
        most_steps: of an epoch; None for no bound.
    """

    def __init__(
        self,
        recipe: Recipe,
        phase: Phase,
        net: keras.Model,
        training_set: TrainingSet,
        seed: int,
        folder: Path,
        averages: bool = False,
        most_steps: int | None = None,
    ) -> None:
        self.recipe, self.phase, self.net = recipe, phase, net
        self.seed = derive_seed(seed, phase.name)
        self.most_steps = most_steps
        self.training_set = training_set
        if phase.name == HEAD:
            set_trainable(net, 0.0, True)
        else:
            set_trainable(net, recipe.trainable_depth, recipe.freeze_batch_norm)
        self.trainee = self._trainee(folder)
        self.steps = len(self.batches(1))
        self.optimizer = make_optimizer(recipe, phase, self.steps)
        if net.dtype_policy.name == "mixed_float16":  # a trainee is float32: Keras would not wrap by itself
            self.optimizer = keras.optimizers.LossScaleOptimizer(self.optimizer)
        self.trainee.compile(optimizer=self.optimizer, jit_compile=use_xla())
        self.optimizer.build(self.trainee.trainable_variables)
        self.average = EqualAverage(self.trainee.trainable_variables) if averages else None

    def _trainee(self, folder: Path) -> Trainee:
        recipe = self.recipe
        loss = ClassLoss(recipe.loss, recipe.label_smoothing, recipe.focal_gamma, self.training_set.class_weights)
        if self.phase.name == HEAD and recipe.balance == "smote_features":
            found = write_features(
                folder / FEATURES,
                features_of(self.net),
                self.training_set.data,
                self.training_set.rows,
                recipe.batch_size,
            )
            self.training_set = feature_set(found, self.training_set, folder / SYNTHETIC_FEATURES)
            return FeatureHead(head_of(self.net), loss)
        copies = 2 if self.phase.name == CONTRASTIVE or recipe.jsd_weight else 1
        augmenter = Augmenter(get_policy(recipe.policy), copies * recipe.batch_size, self.seed)
        if self.phase.name == CONTRASTIVE:
            return ContrastiveNet(features_of(self.net), augmenter, recipe.contrastive_temperature)
        if recipe.jsd_weight:
            return ConsistentNet(self.net, augmenter, loss, recipe.jsd_weight)
        return AugmentedNet(self.net, augmenter, loss)

    @property
    def variables(self) -> list[keras.Variable]:
        """All that the phase may change, each once, in an order that is the same in every process."""
        found = [
            *self.net.trainable_variables,
            *self.net.non_trainable_variables,
            *self.trainee.trained_variables(),
            *self.optimizer.variables,
            *(self.average.variables if self.average else []),
        ]
        return list({id(variable): variable for variable in found}.values())

    def batches(self, epoch: int) -> ShuffledBatches:
        """The batches of an epoch; 1 is the first, and 0 is for the refresh of batch-norm statistics."""
        return ShuffledBatches(
            self.training_set.data,
            self.training_set.epoch_rows(epoch - 1),
            self.recipe.batch_size,
            self.seed,
            epoch,
            self.recipe.shuffle,
            self.most_steps,
        )

    def train_epoch(self, epoch: int, reductions: int, on_step: Callable[[], Any]) -> float:
        """One epoch; returns its mean loss.

        Args:
            epoch: 1 is the first.
            reductions: how often the learning rate was reduced, with schedule "plateau".
            on_step: called after every batch.
        """
        if self.recipe.schedule == "plateau":
            self.optimizer.learning_rate = plateau_rate(self.recipe, self.phase, epoch, reductions)
        callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: on_step())
        fitted = self.trainee.fit(self.batches(epoch), verbose=0, shuffle=False, callbacks=[callback])
        return float(fitted.history["loss"][0])

    def take_average(self) -> None:
        """Take the weights as they are into the equal average."""
        assert self.average is not None
        self.average.update(self.trainee.trainable_variables)

    def averaged(self, equal: bool) -> AbstractContextManager[None]:
        """Within the block the net has the weights that are scored and kept: the equal or the moving average."""
        if equal and self.average is not None:
            return averaged_weights(self.trainee, self.average.assign_averages, self._refresh(SWA_REFRESH))
        optimizer = inner(self.optimizer)
        if optimizer.use_ema:
            return averaged_weights(self.trainee, optimizer.assign_averages, self._refresh(EMA_REFRESH))
        return averaged_weights(self.trainee, lambda variables: None, [])

    def _refresh(self, most: int) -> Iterator[dict]:
        if self.phase.name == TUNE and not self.recipe.freeze_batch_norm:
            batches = self.batches(0)
            for index in range(min(most, 1 + self.steps // 5, len(batches))):
                yield batches[index][0]

    @property
    def learning_rate(self) -> float:
        """As it is after the last step."""
        return float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))
