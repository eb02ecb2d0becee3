"""All that can be asked of a run by name: what decides it, its state, its scores."""

from collections.abc import Sequence
from typing import Any

from submission.kit.errors import KitError
from submission.kit.probs_file import load_probs

from ..history import best_line
from ..runs import Run

COLUMNS = (
    "run",
    "state",
    "recipe",
    "backbone",
    "fold",
    "seed",
    "epochs",
    "val",
    "val_aug",
    "clean.select",
    "an2dl.select",
)
"""Shown if no others are named."""


def values_of(run: Run) -> dict[str, Any]:
    """A run's values.

    run, state; fields of its recipe under their own names (recipe is the recipe's name), fold, seed, limit, steps,
    backend, precision; done: epochs done, best_epoch, seconds; val, val_aug, loss: accuracies and selection's loss of
    the best epoch on the fold left out; `<suite>.select`: accuracy on a suite's select part under the identity view.
    """
    fields = dict(run.config.get("recipe", {}))
    values: dict[str, Any] = {"run": run.name, "state": run.state, "recipe": fields.pop("name", None), **fields}
    values |= {name: value for name, value in run.config.items() if name not in ("recipe", "data")}
    history = run.history()
    values |= {"done": len(history), "seconds": round(sum(line.get("seconds", 0.0) for line in history), 1)}
    scored = [line for line in history if "val_log_loss" in line]
    if scored:
        best = best_line(scored)
        values |= {
            "best_epoch": best["epoch"],
            "val": best["val_accuracy"],
            "val_aug": best["val_aug_accuracy"],
            "loss": round((best["val_log_loss"] + best["val_aug_log_loss"]) / 2, 5),
        }
    return values | {f"{suite}.select": accuracy for suite, accuracy in select_accuracies(run).items()}


def select_accuracies(run: Run) -> dict[str, float]:
    """Accuracy by suite: as `training.sweep` has scored it, else of the predictions that `training.predict` wrote."""
    found = dict(run.metrics().get("select", {}))
    for path in run.path.glob("probs_*_select.npz"):
        suite = path.stem.removeprefix("probs_").removesuffix("_select")
        if suite not in found:
            probs = load_probs(path)
            view = probs.views.index("identity") if "identity" in probs.views else 0
            found[suite] = float((probs.probs_vnk[view].argmax(-1) == probs.labels).mean())
    return dict(sorted(found.items()))


def check_names(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Refuse names that no run has.

    Raises:
        KitError: with the known ones.
    """
    known = {*COLUMNS, *(name for row in rows for name in row)}
    unknown = [name for name in names if name not in known]
    if unknown and rows:
        raise KitError(f"no run has such a value. Received: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
