"""Where weights are averaged: one net, its training images for batch statistics, and its fold left out for tasting."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from submission.kit.files import atomic_path, write_json, write_text
from submission.kit.folds import fold_name, load_folds
from submission.kit.image_set import open_image_set
from submission.kit.seeds import derive_seed

from .augment.policies import get_policy
from .checkpoint import load_checkpoint
from .history import append_line
from .loop import CHECKPOINT, HISTORY, METRICS
from .metrics import metrics_of
from .net import build_net
from .paging import paged
from .phase_trainer import SWA_REFRESH, PhaseTrainer
from .phases import TUNE, phases_of
from .precision import layers_of
from .quick import limited_rows
from .recipes import get_recipe
from .runs import WEIGHTS, Run
from .training_set import FEATURES, SYNTHETIC, SYNTHETIC_FEATURES, open_training_set
from .validation import Validator
from .weights import load_weights

Weights = list[np.ndarray]


class Pot:
    """Averages weights of one run's net.

    Args:
        artifacts: A.
        run: the soup's own; its files are written there.

    Raises:
        KitError: data or split missing.
    """

    def __init__(self, artifacts: Path, run: Run) -> None:
        self.run, self.start = run, time.monotonic()
        self.recipe = get_recipe(run.config["recipe"]["name"], run.config["recipe"])
        self.data = paged(open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}"))
        folds, fold, seed = load_folds(artifacts / "split" / "folds.csv"), run.config["fold"], run.config["seed"]
        rows, self.validation_rows = limited_rows(
            self.data.labels, folds.training_rows(fold), folds.rows(fold_name(fold)), self.recipe, run.config
        )
        training_set = open_training_set(self.recipe, self.data, rows, seed, run.path)
        with layers_of(run.config["precision"]):
            self.net = build_net(self.recipe, self.data.image_shape, self.data.num_classes)
        self.phase = phases_of(self.recipe)[-1]
        self.trainer = PhaseTrainer(
            self.recipe,
            self.phase,
            self.net,
            training_set,
            seed,
            run.path,
            self.recipe.swa_epochs > 0,
            run.config["steps"],
        )
        draws = derive_seed(seed, "validation")
        self.validators = {
            name: Validator(self.net, get_policy(policy), self.recipe.batch_size, draws)
            for name, policy in (("clean", "none"), ("augmented", self.recipe.policy))
        }

    def read(self, run: Run, last: bool) -> Weights:
        """The weights of a run's best epoch, or of its last."""
        if last:
            load_checkpoint(run.path / CHECKPOINT, self.trainer.variables)
        else:
            load_weights(self.net, run.path / WEIGHTS, f"Delete {run.path} and run `make train` again.")
        return [ops.convert_to_numpy(variable).copy() for variable in self.net.weights]

    @staticmethod
    def stir(mean: Weights, more: Weights, count: int) -> Weights:
        """The mean of `count` + 1 nets, from that of `count` and one more."""
        return [
            (old + (new.astype(np.float32) - old) / (count + 1)).astype(old.dtype)
            if np.issubdtype(old.dtype, np.floating)
            else old
            for old, new in zip(mean, more, strict=True)
        ]

    def taste(self, weights: Weights, refresh: bool = False) -> float:
        """What epochs are chosen by, too: the mean of the two log-losses on the fold left out."""
        return self._scores(weights, refresh)["selection_loss"]

    def finish(self, weights: Weights, refresh: bool) -> dict[str, Any]:
        """Write the net's weights, metrics.json and a line of history; returns the line, with its selection_loss."""
        scores = self._scores(weights, refresh)
        with atomic_path(self.run.path / WEIGHTS) as new:
            self.net.save_weights(new)
        labels, names = self.data.labels[self.validation_rows], self.data.class_names
        found = {
            name: metrics_of(labels, validator.logits(self.data, self.validation_rows), names)
            for name, validator in self.validators.items()
        }
        write_json(self.run.path / METRICS, {"class_names": names, "num_images": len(labels), **found})
        line = {
            "epoch": 1,
            "phase": "soup",
            "phase_epoch": 1,
            "loss": scores["val_log_loss"],
            **{key: value for key, value in scores.items() if key != "selection_loss"},
            "learning_rate": 0.0,
            "train_seconds": 0.0,
            "seconds": round(time.monotonic() - self.start, 2),
        }
        write_text(self.run.path / HISTORY, "")  # of an attempt that was killed
        append_line(self.run.path / HISTORY, line)
        for made in (FEATURES, SYNTHETIC, SYNTHETIC_FEATURES):  # as large as the data, and made again from the seed
            (self.run.path / made).unlink(missing_ok=True)
        return line | {"selection_loss": scores["selection_loss"]}

    def _scores(self, weights: Weights, refresh: bool) -> dict[str, float]:
        for variable, value in zip(self.net.weights, weights, strict=True):
            variable.assign(value)
        if refresh and self.phase.name == TUNE:
            refresh_statistics(self.net, self._run_batches)
        scores = {name: validator.score(self.data, self.validation_rows) for name, validator in self.validators.items()}
        return {
            "val_accuracy": round(scores["clean"].accuracy, 5),
            "val_log_loss": round(scores["clean"].log_loss, 5),
            "val_aug_accuracy": round(scores["augmented"].accuracy, 5),
            "val_aug_log_loss": round(scores["augmented"].log_loss, 5),
            "selection_loss": sum(score.log_loss for score in scores.values()) / len(scores),
        }

    def _run_batches(self) -> int:
        batches = self.trainer.batches(0)
        count = min(SWA_REFRESH, len(batches))
        for index in range(count):
            self.trainer.trainee.predict_on_batch(batches[index][0])
        return count


def refresh_statistics(net: keras.Model, run_batches: Callable[[], int]) -> None:
    """Batch-norm statistics from some batches alone, nothing left of the old ones.

    A layer's statistics are moving averages. They start at zero here, and what zero has weighed after n batches,
    momentum^n, is divided out: the exact weighted mean of the n batches.

    Args:
        net: the model; batch norm that is frozen is left as it is.
        run_batches: runs batches through the net in training mode and returns how many, at least 1.
    """
    norms = list(_norms(net))
    if not norms:
        return
    for norm in norms:
        norm.moving_mean.assign(ops.zeros_like(norm.moving_mean))
        norm.moving_variance.assign(ops.zeros_like(norm.moving_variance))
    count = run_batches()
    for norm in norms:
        share = 1 - norm.momentum**count
        norm.moving_mean.assign(norm.moving_mean / share)
        norm.moving_variance.assign(norm.moving_variance / share)


def _norms(model: keras.Model) -> Iterator[keras.layers.BatchNormalization]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _norms(layer)
        elif isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            yield layer
