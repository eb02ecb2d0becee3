"""Choose the ensemble under shift, with honest scores, and write A/ensemble/ensemble.json."""

import argparse
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import write_json, write_text
from submission.kit.tuning import tunes
from training.runs import check_split, current_runs, open_run

from .calibrate import fit_temperature
from .methods import METHODS, Method
from .nested import NestedScore, nested_score
from .rows import Rows, build_rows
from .table import load_out_of_fold, load_select, predict_command, predicted_runs

# Weights fitted on clean images choose the wrong nets; none at all would let clean accuracy go for a hair's gain.
CLEAN_SHARE = 0.2


@tunes
def fit(artifacts: Path, runs: Sequence[str] | None, max_members: int, seed: int) -> dict[str, Any]:
    """Fit every method, choose one, write ensemble.json and table.csv.

    The objective is the accuracy on the shifted select suite (share 0.8) and on the clean one (0.2), each method scored
    on images that its weights were fitted without. Chosen is the method that fits the fewest numbers among those whose
    paired difference from the best is within one standard error.

    Args:
        artifacts: A.
        runs: names in A/runs; None for all that are predicted.
        max_members: limit of members in the ensemble, at least 1.
        seed: deals images to the nested folds.

    Returns:
        What ensemble.json holds.

    Raises:
        KitError: no run, an unknown run, or tables that do not fit together.
    """
    if max_members < 1:
        raise KitError(f"--max-members must be at least 1. Received: {max_members}")
    runs_dir = artifacts / "runs"
    names = _known_runs(runs_dir, runs)
    temperatures = [_temperature(runs_dir, run) for run in names]
    shifted, clean = (load_select(runs_dir, names, suite) for suite in ("an2dl", "clean"))
    rows = build_rows(shifted, clean, temperatures, CLEAN_SHARE, artifacts)

    scores = {method.name: nested_score(rows, method, max_members, seed) for method in METHODS}
    weights = {method.name: method.fit(rows, max_members) for method in METHODS}
    chosen = choose(scores)
    method = next(method for method in METHODS if method.name == chosen)
    weights_mv = weights[chosen]
    used_m, used_v = weights_mv.sum(1) > 0, weights_mv.sum(0) > 0
    ensemble = {
        "members": [
            {"name": names[m], "run": names[m], "temperature": temperatures[m]} for m in np.flatnonzero(used_m)
        ],
        "views": [rows.views[v] for v in np.flatnonzero(used_v)],
        "weights_mv": weights_mv[used_m][:, used_v].tolist(),
        "method": chosen,
        "left_out": [_alone(rows, m, name, seed) for m, name in enumerate(names) if not used_m[m]],
        "clean_share": CLEAN_SHARE,
        "tta_gain": _tta_gain(rows, method, scores, max_members, seed),
        "table": [_line(method, scores[method.name], weights[method.name], chosen) for method in METHODS],
    }
    write_text(artifacts / "ensemble" / "table.csv", _csv(ensemble["table"]))
    write_json(artifacts / "ensemble" / "ensemble.json", ensemble)
    return ensemble


def choose(scores: dict[str, NestedScore]) -> str:
    """The first name, in the order of `METHODS`, within one standard error (paired) of the most accurate."""
    best = max(scores.values(), key=lambda score: (round(score.accuracy, 12), -score.loss))
    for method in METHODS:
        shortfall, error = best.gain_over(scores[method.name])
        if shortfall <= error + 1e-12:
            return method.name
    raise AssertionError("the best is within one standard error of itself")


def _known_runs(runs_dir: Path, runs: Sequence[str] | None) -> list[str]:
    known = predicted_runs(runs_dir)
    unknown = [run for run in runs or [] if run not in known]
    if unknown:
        raise KitError(f"expected runs in state predicted: {', '.join(known)}. Received: {', '.join(unknown)}")
    artifacts = runs_dir.parent
    if not runs:
        runs = [run.name for run in current_runs(artifacts, ("predicted",))]
        if not runs:
            raise KitError(
                f"expected predicted runs of today's split, without --limit, in {runs_dir}. "
                f"Received: {', '.join(known)}, all of another split or limited. "
                f"Train again: `make train ARTIFACTS={artifacts}`."
            )
    for run in runs:
        check_split(open_run(runs_dir / run), artifacts)
    return sorted(set(runs))


def _temperature(runs_dir: Path, run: str) -> float:
    probs = load_out_of_fold(runs_dir, run)
    if "identity" not in probs.views or not len(probs.labels):
        raise KitError(
            f"expected out-of-fold predictions of the view identity of {run}. Received: views={probs.views}, "
            f"{len(probs.labels)} images. Run `{predict_command(runs_dir, run)}` again."
        )
    return fit_temperature(probs.probs_vnk[probs.views.index("identity")], probs.labels)


def _alone(rows: Rows, m: int, run: str, seed: int) -> dict[str, Any]:
    """A run's own accuracy under the identity view; with nothing to choose, nesting changes nothing in it."""
    single = next(method for method in METHODS if method.name == "single")
    score = nested_score(rows.with_members([m]), single, 1, seed)
    return {"run": run, "accuracy_shifted": score.suite_accuracy(True), "accuracy_clean": score.suite_accuracy(False)}


def _tta_gain(
    rows: Rows, method: Method, scores: dict[str, NestedScore], max_members: int, seed: int
) -> dict[str, float]:
    """What all views add to the identity view, weights chosen in the same way; accuracy, on each suite and on both."""
    without = nested_score(rows.with_views(["identity"]), method, max_members, seed)
    full = scores["single_tta" if method.name == "single" else method.name]
    gain, error = full.gain_over(without)
    return {
        "views": len(rows.views),
        "both": gain,
        "standard_error": error,
        "shifted": full.suite_accuracy(True) - without.suite_accuracy(True),
        "clean": full.suite_accuracy(False) - without.suite_accuracy(False),
    }


def _line(method: Method, score: NestedScore, weights_mv: np.ndarray, chosen: str) -> dict[str, Any]:
    return {
        "method": method.name,
        "description": method.description,
        "members": int((weights_mv.sum(1) > 0).sum()),
        "passes": int((weights_mv > 0).sum()),
        "accuracy": score.accuracy,
        "standard_error": score.standard_error,
        "accuracy_shifted": score.suite_accuracy(True),
        "accuracy_clean": score.suite_accuracy(False),
        "log_loss": score.loss,
        "chosen": method.name == chosen,
    }


def _csv(lines: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _print(ensemble: dict[str, Any]) -> None:
    print(
        f"{'method':16} members passes  shifted   clean    both   (s.e.)  log-loss   nested: chosen without the image"
    )
    for line in ensemble["table"]:
        print(
            f"{line['method']:16} {line['members']:7} {line['passes']:6} {line['accuracy_shifted']:8.4f} "
            f"{line['accuracy_clean']:7.4f} {line['accuracy']:7.4f} {line['standard_error']:8.4f} "
            f"{line['log_loss']:9.4f}   {'* ' if line['chosen'] else ''}{line['description']}"
        )
    if ensemble["left_out"]:
        alone = (
            f"{run['run']} (shifted {run['accuracy_shifted']:.4f}, clean {run['accuracy_clean']:.4f})"
            for run in ensemble["left_out"]
        )
        print(f"left out, each alone under the identity view: {', '.join(alone)}")
    gain = ensemble["tta_gain"]
    used = "used" if len(ensemble["views"]) > 1 else "not used"
    print(
        f"TTA ({gain['views']} views, {used}) changes accuracy by {100 * gain['shifted']:+.1f} points shifted, "
        f"{100 * gain['clean']:+.1f} clean, {100 * gain['both']:+.1f} both (s.e. {100 * gain['standard_error']:.1f})."
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ensembles.fit",
        description="Fit temperatures, member and view weights on the select suites; write A/ensemble/ensemble.json.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's folder A")
    parser.add_argument("--runs", nargs="+", metavar="RUN", help="names in A/runs; without it all that are predicted")
    parser.add_argument("--max-members", type=int, default=8, help="limit of members in the ensemble")
    parser.add_argument("--seed", type=int, default=0, help="deals the images to the nested folds")
    args = parser.parse_args(argv)
    ensemble = fit(args.artifacts, args.runs, args.max_members, args.seed)
    _print(ensemble)
    print(
        f"{args.artifacts / 'ensemble' / 'ensemble.json'}: {ensemble['method']}, {len(ensemble['members'])} members, "
        f"{len(ensemble['views'])} views. Next: python -m submission.export --artifacts {args.artifacts}"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
