"""What a sweep came to: A/sweeps/<name>/sweep.json, and pictures beside it."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.files import write_json

from ..select_scores import CLEAN, OBJECTIVE
from .drive import Done

LEAST_RUNS = 3  # two runs always have a rank correlation of 1 or -1


def rank_correlation(rows: Sequence[dict[str, Any]]) -> float | None:
    """Spearman's, of clean and shifted select scores; None for too few runs, or where all are alike.

    Args:
        rows: with "clean" and "shifted", which may be None.
    """
    from scipy.stats import spearmanr

    pairs = np.array([(row["clean"], row["shifted"]) for row in rows if None not in (row["clean"], row["shifted"])])
    if len(pairs) < LEAST_RUNS or np.ptp(pairs, axis=0).min() == 0:
        return None
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def grid_rows(done: Done) -> list[dict[str, Any]]:
    """A line a unit, best shifted score first, failed ones last."""
    rows = []
    for work, outcome in done.outcomes:
        select = work.run.metrics().get("select", {})
        history = work.run.history()
        rows.append(
            {
                "run": work.run.name,
                "state": outcome.state,
                "recipe": work.unit.recipe,
                "fold": work.unit.fold,
                "seed": work.unit.seed,
                "fields": work.unit.changes,
                "clean": select.get(CLEAN),
                "shifted": select.get(OBJECTIVE),
                "epochs": len(history),
                "seconds": round(sum(line["seconds"] for line in history), 1),
                "error": outcome.error or None,
            }
        )
    return sorted(rows, key=lambda row: (-(row["shifted"] or 0), row["run"]))


def search_rows(trials: Sequence[Any], space: dict[str, Any]) -> list[dict[str, Any]]:
    """A line a trial that has ended, in their order.

    Args:
        trials: Optuna's frozen trials.
        space: of the sweep.
    """
    from .study import ERROR, values_of

    rows = []
    for trial in trials:
        if not trial.state.is_finished():
            continue
        attributes = trial.user_attrs
        last = trial.intermediate_values[max(trial.intermediate_values)] if trial.intermediate_values else None
        rows.append(
            {
                "number": trial.number,
                "state": {"COMPLETE": "trained", "PRUNED": "pruned"}.get(trial.state.name, "failed"),
                "run": attributes.get("run"),
                "fields": values_of(space, trial.params) if trial.params else {},
                "clean": attributes.get("clean"),
                "shifted": trial.value if trial.state.name == "COMPLETE" else None,
                "last_shifted": last,
                "epochs": attributes.get("epochs", 0),
                "seconds": round(attributes.get("seconds", 0.0), 1),
                "error": attributes.get(ERROR),
            }
        )
    return rows


def importances(study: Any, space: dict[str, Any]) -> dict[str, float]:
    """Share of the differences between finished trials that each field explains, most first; empty for too few.

    By fANOVA (Hutter et al. 2014), fields with one value left out.
    """
    import optuna

    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    values = [trial.value for trial in complete]
    if len(values) < LEAST_RUNS or max(values) == min(values):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    single = {name for name, values in space.items() if len(getattr(values, "options", "ab")) == 1}
    return {name: round(float(share), 4) for name, share in found.items() if name not in single}


def write_results(folder: Path, name: str, rows: list[dict[str, Any]], importance: dict[str, float] | None) -> None:
    """Write sweep.json and the pictures.

    Args:
        folder: A/sweeps/<name>.
        name: of the sweep.
        rows: of `grid_rows` or `search_rows`.
        importance: of a search's fields; None for a grid.
    """
    from .pictures import write_pictures

    kind = "grid" if importance is None else "search"
    scored = [row for row in rows if row["shifted"] is not None]
    states = [row["state"] for row in rows]
    results: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "objective": f"{OBJECTIVE}.select",
        "counts": {state: states.count(state) for state in sorted(set(states))},
        "best": max(scored, key=lambda row: row["shifted"], default=None),
        "rank_correlation": rank_correlation(rows),
        "importance": importance,
        "rows": rows,
    }
    results["pictures"] = write_pictures(folder, results)
    write_json(folder / "sweep.json", results)
