"""Train a run from wherever it stands to its end: phases, epochs, scores, checkpoints."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from submission.kit.errors import KitError
from submission.kit.files import atomic_path, write_json, write_text
from submission.kit.folds import fold_name, load_folds
from submission.kit.image_set import ImageSet, open_image_set
from submission.kit.seeds import derive_seed
from submission.kit.tuning import tunes

from .event_file import EVENTS, append_event, write_events
from .history import append_line, keep_lines
from .phases import HEAD, Phase, phases_of
from .progress import Progress
from .quick import limited_rows
from .recipes import Recipe, get_recipe
from .runs import DONE, METRICS, WEIGHTS, Run, check_split
from .select_scores import SelectScores, open_select

CHECKPOINT = "last.state.npz"
HISTORY, ERROR = "history.jsonl", "error.txt"


@tunes
def train(run: Run, artifacts: Path, select: Sequence[str] = (), every_epoch: bool = False) -> None:
    """Train a run to its end, from wherever it stands.

    Writes history.jsonl (a line an epoch; the same as TensorBoard's events), best.weights.h5 (averaged weights of the
    best epoch), metrics.json (scores of that epoch by class) and, after each epoch, last.state.npz. The order of the
    images and all draws follow from the seed; what stays random is the order in which several threads add floats.

    Args:
        run: from `runs.create_run`.
        artifacts: folder of one contest, with data/ and split/.
        select: suites on whose select parts the best epoch is scored too, for choices between runs; no part of the
            training depends on them.
        every_epoch: whether each epoch is scored there, as `select_<suite>` in its line.

    Raises:
        KitError: data, split or suite missing, too few images for a batch, a damaged checkpoint, a loss that is not
            finite.
    """
    recipe = get_recipe(run.config["recipe"]["name"], run.config["recipe"])
    data = open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}")
    check_split(run, artifacts)
    folds = load_folds(artifacts / "split" / "folds.csv")
    fold = run.config["fold"]
    rows, validation_rows = limited_rows(
        data.labels, folds.training_rows(fold), folds.rows(fold_name(fold)), recipe, run.config
    )
    for suite in select:
        open_select(artifacts, suite, run.config["data"]["folds_sha256"])  # a mistake is told before an hour's training
    before = run.state
    try:
        training = _Training(run, recipe, data, rows, validation_rows)
        training.score_on(artifacts, select, every_epoch)
        training.run_all()
    except Exception as error:  # whatever it is: the run is marked, the error goes on
        write_text(run.path / ERROR, f"{type(error).__name__}: {error}\n")
        if before not in DONE:
            run.set_state("failed")
        raise
    (run.path / ERROR).unlink(missing_ok=True)
    if before not in DONE:  # a done run that is scored on more suites keeps its predictions
        run.set_state("trained")


class _Training:
    """One run, from its net to its metrics."""

    def __init__(self, run: Run, recipe: Recipe, data: ImageSet, rows: np.ndarray, validation_rows: np.ndarray) -> None:
        import keras

        from .augment.policies import get_policy
        from .net import build_net
        from .paging import paged
        from .precision import layers_of
        from .training_set import open_training_set
        from .validation import Validator

        self.run, self.recipe, self.seed = run, recipe, run.config["seed"]
        self.most_steps: int | None = run.config["steps"]
        self.validation_data, self.validation_rows = paged(data), validation_rows
        self.training_set = open_training_set(recipe, data, rows, self.seed, run.path)
        keras.utils.set_random_seed(derive_seed(self.seed, "init"))
        with layers_of(run.config["precision"]):
            self.net = build_net(recipe, data.image_shape, data.num_classes)
        self.phases = phases_of(recipe)
        draws = derive_seed(self.seed, "validation")
        self.validators = {
            name: Validator(self.net, get_policy(policy), recipe.batch_size, draws)
            for name, policy in (("clean", "none"), ("augmented", recipe.policy))
        }
        self.progress = Progress()
        self.select: SelectScores | None = None
        self.every_epoch = False

    def score_on(self, artifacts: Path, suites: Sequence[str], every_epoch: bool) -> None:
        """Score the net on the select parts of suites too."""
        if suites:
            folds_sha256 = self.run.config["data"]["folds_sha256"]
            self.select = SelectScores(self.validators["clean"], artifacts, suites, folds_sha256)
            self.every_epoch = every_epoch

    def run_all(self) -> None:
        """All phases, then the metrics."""
        from .checkpoint import read_counters

        checkpoint = self.run.path / CHECKPOINT
        if checkpoint.exists():
            self.progress = Progress(**read_counters(checkpoint))
        keep_lines(self.run.path / HISTORY, self.progress.lines)
        write_events(self.run.path / EVENTS, self.run.history())
        resumes = checkpoint.exists()
        while self.progress.phase < len(self.phases):
            self._run_phase(self.phases[self.progress.phase], resumes)
            self.progress, resumes = self.progress.next_phase(), False
        self._write_metrics()

    def _run_phase(self, phase: Phase, resumes: bool) -> None:
        from .checkpoint import load_checkpoint, save_checkpoint
        from .phase_trainer import PhaseTrainer

        is_last = phase == self.phases[-1]
        averages = is_last and self.recipe.swa_epochs > 0
        trainer = PhaseTrainer(
            self.recipe, phase, self.net, self.training_set, self.seed, self.run.path, averages, self.most_steps
        )
        path = self.run.path / CHECKPOINT
        if resumes:
            load_checkpoint(path, trainer.variables)
        elif self.progress.phase > 0:
            # the weights that the phase starts from may be replaced before its first checkpoint
            save_checkpoint(path, trainer.variables, self.progress.to_json())
        done = self.progress.epoch * trainer.steps
        bar = tqdm(
            total=phase.epochs * trainer.steps,
            initial=done,
            desc=f"{self.run.name} {phase.name}",
            unit="step",
            smoothing=0.02,
        )
        with bar:
            while self.progress.begin_epoch(phase, self.recipe, averages):
                line = self._run_epoch(trainer, phase, bar.update)
                append_line(self.run.path / HISTORY, line)
                append_event(self.run.path / EVENTS, line)
                save_checkpoint(path, trainer.variables, self.progress.to_json())
                bar.set_postfix({key: line[key] for key in ("loss", "val_accuracy", "val_aug_accuracy") if key in line})
        if phase.name == HEAD and not is_last:
            self._load_best()

    def _run_epoch(self, trainer, phase: Phase, on_step: Callable) -> dict:
        start, start_cpu = time.monotonic(), time.process_time()
        epoch = self.progress.epoch + 1
        loss = trainer.train_epoch(epoch, self.progress.reductions, on_step)
        train_seconds, train_cpu_seconds = time.monotonic() - start, time.process_time() - start_cpu
        in_average = self.progress.swa_from is not None
        if in_average:
            trainer.take_average()
        line = {"epoch": self.progress.lines + 1, "phase": phase.name, "phase_epoch": epoch, "loss": round(loss, 5)}
        self._check_finite(loss, line)
        if phase.has_scores:
            with trainer.averaged(equal=in_average):
                scores = {
                    name: validator.score(self.validation_data, self.validation_rows)
                    for name, validator in self.validators.items()
                }
                shifted = self.select.accuracies() if self.select and self.every_epoch else {}
                mean_loss = sum(score.log_loss for score in scores.values()) / len(scores)
                self._check_finite(mean_loss, line)
                if self.progress.end_epoch(mean_loss, True, self.recipe):
                    with atomic_path(self.run.path / WEIGHTS) as new:
                        self.net.save_weights(new)
            line |= {
                "val_accuracy": round(scores["clean"].accuracy, 5),
                "val_log_loss": round(scores["clean"].log_loss, 5),
                "val_aug_accuracy": round(scores["augmented"].accuracy, 5),
                "val_aug_log_loss": round(scores["augmented"].log_loss, 5),
                **{f"select_{suite}": round(accuracy, 5) for suite, accuracy in shifted.items()},
            }
        else:
            self.progress.end_epoch(loss, False, self.recipe)
        return line | {
            "learning_rate": trainer.learning_rate,
            "train_seconds": round(train_seconds, 2),
            "train_cpu_seconds": round(train_cpu_seconds, 2),  # of all threads: the same on a busy machine
            "seconds": round(time.monotonic() - start, 2),
        }

    def _check_finite(self, loss: float, line: dict) -> None:
        if not math.isfinite(loss):
            raise KitError(
                f"the loss of {self.run.name} is {loss} in epoch {line['phase_epoch']} of phase {line['phase']}: "
                "lower the learning rate with --set learning_rate=... (or head_learning_rate=...)."
            )

    def _load_best(self) -> None:
        from .weights import load_weights

        load_weights(self.net, self.run.path / WEIGHTS, f"Delete {self.run.path} and run `make train` again.")

    def _write_metrics(self) -> None:
        from .metrics import metrics_of
        from .training_set import FEATURES, SYNTHETIC, SYNTHETIC_FEATURES

        self._load_best()
        labels = self.validation_data.labels[self.validation_rows]
        names = self.validation_data.class_names
        found = {
            name: metrics_of(labels, validator.logits(self.validation_data, self.validation_rows), names)
            for name, validator in self.validators.items()
        }
        select = self.run.metrics().get("select", {}) | (self.select.accuracies() if self.select else {})
        metrics = {"class_names": names, "num_images": len(labels), **found}
        write_json(self.run.path / METRICS, metrics | ({"select": select} if select else {}))
        for made in (FEATURES, SYNTHETIC, SYNTHETIC_FEATURES):  # as large as the data, and made again from the seed
            (self.run.path / made).unlink(missing_ok=True)
