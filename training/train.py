"""Train one member: a recipe on all folds but one. An interrupted run goes on, a done one is not repeated."""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, write_text

from .balance.table import told
from .configure import configure, open_contest
from .history import best_line
from .loop import train
from .policy_file import write_policy
from .recipes import RECIPES
from .recipes.scratch import recipe_with
from .run_lock import locked
from .runs import DONE, Run, create_run
from .training_set import BALANCE, DROPPED


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


def closing_line(run: Run, state: str) -> str:
    """What a run came to.

    Args:
        run: trained.
        state: "trained" or "up to date".
    """
    history = run.history()
    best = best_line(history)
    seconds = sum(line["seconds"] for line in history)
    texts = [
        f"train: {run.name}: {state}, best epoch {best['epoch']} of {len(history)} ({best['phase']} phase), fold left "
        f"out: clean {best['val_accuracy']:.4f}, under the training policy {best['val_aug_accuracy']:.4f}, "
        f"{seconds:.0f} s"
    ]
    if (run.path / DROPPED).exists():
        with open(run.path / DROPPED, encoding="utf-8", newline="") as file:
            count = sum(1 for _ in csv.reader(file)) - 1
        texts.append(f"{count} training images left out as {run.config['recipe']['row_filter']}: see {DROPPED}")
    if (run.path / BALANCE).exists() and (balanced := told(read_json(run.path / BALANCE, "make train"))):
        texts.append(balanced)
    return "; ".join(texts)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.train", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--recipe", default="small_cnn", help=f"one of: {', '.join(RECIPES)}")
    parser.add_argument("--fold", type=int, default=0, help="the fold left out")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation")
    parser.add_argument(
        "--weights",
        help='"imagenet", a .weights.h5 file of the backbone, or "none": from scratch, with all layers at once; '
        "default: the recipe's",
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="change fields of the recipe")
    parser.add_argument(
        "--budget",
        metavar="TIME",
        help="time for the whole training, such as 10m, 1h or 8h: recipe default picks net and epochs by it, "
        "measured on this machine; with another recipe it scales the epochs",
    )
    parser.add_argument("--limit", type=int, help="a quick try on so many images, in a run of its own")
    parser.add_argument(
        "--steps", type=int, help="a quick try of so many steps an epoch, one epoch a phase, in a run of its own"
    )
    parser.add_argument(
        "--select",
        nargs="+",
        default=[],
        metavar="SUITE",
        help="score the run on the select parts of these suites, too",
    )
    parser.add_argument("--select-epochs", action="store_true", help="do so after every epoch")
    parser.add_argument("--run-dir", type=Path, help="a directory of your choice; default: ARTIFACTS/runs/NAME")
    parser.add_argument("--name-to", type=Path, help="also write the name of the run directory to this file")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    changes = parse_changes(args.set)
    if args.weights:
        changes["weights"] = None if args.weights == "none" else args.weights
    recipe = recipe_with(args.recipe, changes)
    contest = open_contest(args.artifacts)
    remarks = []
    if args.budget is not None:
        from .budget import recipe_within

        recipe, told = recipe_within(args.budget, recipe, args.artifacts, contest, args.fold, changes)
        remarks.append(told)
    config, quick = configure(contest, recipe, args.fold, args.seed, args.limit, args.steps)
    if quick:
        remarks.append(f"quick try: {quick}")
    run = create_run(args.artifacts / "runs", config, args.run_dir)
    state = "up to date"
    with locked(run.path):
        write_policy(run)
        if run.state not in DONE or set(args.select) - set(run.metrics().get("select", {})):
            train(run, args.artifacts, args.select, args.select_epochs)
            state = "trained"
    if args.name_to:
        write_text(args.name_to, f"{run.name}\n")
    print("; ".join([closing_line(run, state), *remarks]))
    return 0


if __name__ == "__main__":
    run_main(main)
