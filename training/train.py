"""Train one member: a recipe on all folds but one. An interrupted run goes on, a done one is not repeated."""

import argparse
import dataclasses
import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import atomic_path, sha256_file, write_text
from submission.kit.image_set import ImageSet, open_image_set
from submission.kit.seeds import derive_seed
from submission.kit.tuning import tunes

from .folds import Folds, fold_name, load_folds
from .recipes import RECIPES, Recipe, get_recipe
from .runs import WEIGHTS, Run, check_split, create_run

CHECKPOINT = "last.state.npz"
REFRESH_BATCHES = 10


def configure(artifacts: Path, recipe: Recipe, fold: int, seed: int, limit: int | None = None) -> dict[str, Any]:
    """All that decides a run, as JSON: recipe, fold, seed, data, limit and backend.

    Raises:
        KitError: data or split missing; no such fold, backbone, policy or weights file; too few images for a batch.
    """
    import keras

    data = open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}")
    path = artifacts / "split" / "folds.csv"
    folds = load_folds(path)
    folds.check_of(data, f"python -m training.split --artifacts {artifacts}")
    _check(recipe, folds, fold, limit)
    return {
        "recipe": dataclasses.asdict(recipe),
        "fold": fold,
        "seed": seed,
        "limit": limit,
        "backend": keras.backend.backend(),
        "data": {
            "folds_sha256": sha256_file(path),
            "image_shape": list(data.image_shape),
            "class_names": data.class_names,
        },
    }


def _check(recipe: Recipe, folds: Folds, fold: int, limit: int | None) -> None:
    """Refuse what could only fail later, before anything of the run is written."""
    from .augment.policies import get_policy
    from .backbones import check_backbone

    num_images = len(folds.training_rows(fold))
    if limit is not None:
        if limit < 1:
            raise KitError(f"--limit must be at least 1. Received: {limit}.")
        num_images = min(num_images, limit)
    check_backbone(recipe.backbone, recipe.weights)
    policy = get_policy(recipe.policy)
    least = policy.min_batch_size()
    if recipe.batch_size < least:
        raise KitError(
            f"policy {policy.name!r} needs a batch of at least {least} images, one for each chain of a round. "
            f"Received: batch_size={recipe.batch_size}. Set batch_size={least} or more, or policy=flips."
        )
    if num_images < recipe.batch_size:
        smaller = f"set batch_size={num_images}" if num_images >= least else f"set batch_size={num_images} policy=flips"
        raise KitError(
            f"expected at least one batch of images to train on. Received: {num_images} images, "
            f"batch_size={recipe.batch_size}. Give more images, or {smaller}."
        )


@tunes
def train(run: Run, artifacts: Path) -> None:
    """Train a run to its end, from wherever it stands.

    Writes history.jsonl (a line an epoch), best.weights.h5 (averaged weights of the best epoch) and, after each epoch,
    last.state.npz. The order of the images and all draws follow from the seed; what stays random is the order in which
    several threads add floats.

    Args:
        run: from `runs.create_run`.
        artifacts: folder of one contest, with data/ and split/.

    Raises:
        KitError: data or split missing, too few images for a batch, a damaged checkpoint.
    """
    recipe = get_recipe(run.config["recipe"]["name"], run.config["recipe"])
    data = open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}")
    folds = load_folds(artifacts / "split" / "folds.csv")
    check_split(run, artifacts)
    rows = folds.training_rows(run.config["fold"])
    validation_rows = folds.rows(fold_name(run.config["fold"]))
    if run.config["limit"] is not None:
        generator = np.random.default_rng(derive_seed(run.config["seed"], "limit"))
        rows = np.sort(generator.permutation(rows)[: run.config["limit"]])
        validation_rows = np.sort(generator.permutation(validation_rows)[: run.config["limit"]])
    try:
        _train(run, recipe, data, rows, validation_rows)
    except Exception as error:  # whatever it is: the run is marked, the error goes on
        write_text(run.path / "error.txt", f"{type(error).__name__}: {error}\n")
        run.set_state("failed")
        raise
    (run.path / "error.txt").unlink(missing_ok=True)
    run.set_state("trained")


def _train(run: Run, recipe: Recipe, data: ImageSet, rows: np.ndarray, validation_rows: np.ndarray) -> None:
    import keras

    from .augment.engine import Augmenter
    from .augment.policies import get_policy
    from .augmented_net import AugmentedNet, use_xla
    from .averaging import averaged_weights, ema_momentum
    from .batches import ShuffledBatches
    from .checkpoint import load_checkpoint, save_checkpoint
    from .net import build_net
    from .validation import Validator

    seed = run.config["seed"]
    keras.utils.set_random_seed(derive_seed(seed, "init"))
    steps = len(rows) // recipe.batch_size
    net = build_net(recipe, data.image_shape, data.num_classes)
    trainee = AugmentedNet(
        net, Augmenter(get_policy(recipe.policy), recipe.batch_size, seed), True, recipe.label_smoothing
    )
    optimizer = make_optimizer(recipe, steps, ema_momentum(recipe.ema_epochs, steps))
    trainee.compile(optimizer=optimizer, jit_compile=use_xla())
    batches = ShuffledBatches(data, rows, recipe.batch_size, seed, epoch=-1)
    refresh = [batches[index][0] for index in range(min(REFRESH_BATCHES, 1 + steps // 5))]
    trainee(refresh[0])
    optimizer.build(trainee.trainable_variables)
    validators = {
        "clean": Validator(net, get_policy("none"), recipe.batch_size, derive_seed(seed, "validation")),
        "augmented": Validator(net, get_policy(recipe.policy), recipe.batch_size, derive_seed(seed, "validation")),
    }
    variables = [*trainee.trained_variables(), *optimizer.variables]
    counters: dict[str, Any] = {"epoch": 0, "best": math.inf, "best_epoch": 0}
    if (run.path / CHECKPOINT).exists():
        counters = load_checkpoint(run.path / CHECKPOINT, variables)
    _keep_lines(run.path / "history.jsonl", counters["epoch"])
    with tqdm(
        total=recipe.epochs * steps, initial=counters["epoch"] * steps, desc=run.name, unit="step", smoothing=0.02
    ) as bar:
        on_step = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
        while counters["epoch"] < recipe.epochs and not _stalled(counters, recipe):
            epoch, start = counters["epoch"] + 1, time.monotonic()
            batches = ShuffledBatches(data, rows, recipe.batch_size, seed, epoch)
            loss = trainee.fit(batches, verbose=0, shuffle=False, callbacks=[on_step]).history["loss"][0]
            train_seconds = time.monotonic() - start
            if not math.isfinite(loss):
                raise KitError(
                    f"the loss of {run.name} is {loss} in epoch {epoch}: lower it with --set learning_rate=..."
                )
            with averaged_weights(trainee, optimizer, refresh if recipe.ema_epochs else []):
                scores = {name: validator.score(data, validation_rows) for name, validator in validators.items()}
                mean_loss = sum(score.log_loss for score in scores.values()) / len(scores)
                if mean_loss < counters["best"]:
                    counters |= {"best": mean_loss, "best_epoch": epoch}
                    with atomic_path(run.path / WEIGHTS) as new:
                        net.save_weights(new)
            counters["epoch"] = epoch
            _append_line(
                run.path / "history.jsonl",
                {
                    "epoch": epoch,
                    "loss": round(loss, 5),
                    "val_accuracy": round(scores["clean"].accuracy, 5),
                    "val_log_loss": round(scores["clean"].log_loss, 5),
                    "val_aug_accuracy": round(scores["augmented"].accuracy, 5),
                    "val_aug_log_loss": round(scores["augmented"].log_loss, 5),
                    "learning_rate": float(keras.ops.convert_to_numpy(optimizer.learning_rate)),
                    "train_seconds": round(train_seconds, 2),
                    "seconds": round(time.monotonic() - start, 2),
                },
            )
            save_checkpoint(run.path / CHECKPOINT, variables, counters)
            bar.set_postfix(
                loss=f"{loss:.3f}",
                clean=f"{scores['clean'].accuracy:.3f}",
                augmented=f"{scores['augmented'].accuracy:.3f}",
            )


def make_optimizer(recipe: Recipe, steps_per_epoch: int, momentum: float) -> Any:
    """AdamW with a linear warm-up and a cosine schedule down to zero; biases and normalisation do not decay."""
    import keras

    from .averaging import AveragingAdamW

    total, warmup = recipe.epochs * steps_per_epoch, round(recipe.warmup_epochs * steps_per_epoch)
    warmup = min(warmup, total // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / max(1, warmup),
        decay_steps=total - warmup,
        warmup_target=recipe.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    ema = {"use_ema": True, "ema_momentum": momentum} if recipe.ema_epochs else {}
    optimizer = AveragingAdamW(schedule, weight_decay=recipe.weight_decay, clipnorm=5.0, **ema)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _stalled(counters: dict[str, Any], recipe: Recipe) -> bool:
    return counters["epoch"] - counters["best_epoch"] >= recipe.patience and counters["best_epoch"] > 0


def _append_line(path: Path, line: dict[str, Any]) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _keep_lines(path: Path, count: int) -> None:
    """Drop the lines of epochs after the checkpoint: a kill came between the two."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    write_text(path, "".join(lines[:count]))


def parse_changes(pairs: Sequence[str]) -> dict[str, Any]:
    """`["epochs=3", "policy=flips"]` to a dict; values are JSON where they can be, else text."""
    changes = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise KitError(f"--set takes FIELD=VALUE. Received: {pair!r}.")
        try:
            changes[key] = json.loads(value)
        except ValueError:
            changes[key] = value
    return changes


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.train", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--recipe", default="small_cnn", help=f"one of: {', '.join(RECIPES)}")
    parser.add_argument("--fold", type=int, default=0, help="the fold left out")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation")
    parser.add_argument(
        "--weights", help='"imagenet", a .weights.h5 file of the backbone, or "none"; default: the recipe\'s'
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="change fields of the recipe")
    parser.add_argument("--limit", type=int, help="a quick try on so many images, in a run of its own")
    parser.add_argument("--run-dir", type=Path, help="a directory of your choice; default: ARTIFACTS/runs/NAME")
    parser.add_argument("--name-to", type=Path, help="also write the name of the run directory to this file")
    args = parser.parse_args(argv)
    changes = parse_changes(args.set)
    if args.weights:
        changes["weights"] = None if args.weights == "none" else args.weights
    recipe = get_recipe(args.recipe, changes)
    config = configure(args.artifacts, recipe, args.fold, args.seed, args.limit)
    run = create_run(args.artifacts / "runs", config, args.run_dir)
    if run.state in ("trained", "predicted"):
        text = "up to date"
    else:
        train(run, args.artifacts)
        text = "trained"
    best = min(run.history(), key=lambda line: line["val_log_loss"] + line["val_aug_log_loss"])
    seconds = sum(line["seconds"] for line in run.history())
    if args.name_to:
        write_text(args.name_to, f"{run.name}\n")
    print(
        f"train: {run.name}: {text}, best epoch {best['epoch']} of {len(run.history())}, fold left out: clean "
        f"{best['val_accuracy']:.4f}, under the training policy {best['val_aug_accuracy']:.4f}, {seconds:.0f} s"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
