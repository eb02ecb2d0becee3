"""Which method is taken, and the table that says why."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .limits import Limits
from .methods import METHODS, Method
from .nested import NestedScore, nested_scores
from .paired import by_group, mean_and_error
from .rows import Rows


def choose(scores: Mapping[str, NestedScore]) -> str:
    """The first shippable name, in the order of `METHODS`, within one standard error (paired) of the most accurate."""
    values = {
        name: [by_group(one, score.rows.shares, score.rows.groups) for one in (score.correct, score.losses)]
        for name, score in scores.items()
    }
    return pick({name: value[0] for name, value in values.items()}, {name: value[1] for name, value in values.items()})


def pick(correct: Mapping[str, np.ndarray], losses: Mapping[str, np.ndarray]) -> str:
    """The rule of `choose`, from values of groups of pictures, (G,), whose mean is the accuracy or the log-loss."""
    shippable = [method.name for method in METHODS if method.ships and method.name in correct]
    best = max(shippable, key=lambda name: (round(float(correct[name].mean()), 12), -float(losses[name].mean())))
    for name in shippable:
        shortfall, error = mean_and_error(correct[best] - correct[name])
        if shortfall <= error + 1e-12:
            return name
    raise AssertionError("the best is within one standard error of itself")


def method_line(
    method: Method,
    score: NestedScore,
    left_out: NestedScore | None,
    weights_mv: np.ndarray,
    limits: Limits,
    chosen: str,
) -> dict[str, Any]:
    """One line of the table; None where there is nothing to say.

    Args:
        method: that is told of.
        score: nested.
        left_out: with the family of each row left out of the fit; None where there is one alone.
        weights_mv: (M, V) fitted on all rows.
        limits: with the costs.
        chosen: name of the method that is taken.
    """
    families = score.family_accuracies()
    raw_error, error = score.calibration_errors()
    line = {
        "method": method.name,
        "description": method.description,
        "members": int((weights_mv.sum(1) > 0).sum()),
        "passes": int((weights_mv > 0).sum()),
        "accuracy": score.accuracy,
        "standard_error": score.standard_error,
        "accuracy_shifted": score.side_accuracy(True),
        "accuracy_clean": score.side_accuracy(False),
        "accuracy_worst_family": min(families.values(), default=math.nan),
        "accuracy_family_left_out": left_out.accuracy if left_out is not None else math.nan,
        "balanced_accuracy": score.balanced_accuracy,
        "log_loss": score.loss,
        "calibration_error_raw": raw_error,
        "calibration_error": error,
        "seconds": limits.seconds(weights_mv) if limits.num_images else None,
        "size_mb": limits.size_mb(weights_mv),
    }
    told = {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in line.items()}
    return told | {"chosen": method.name == chosen}


def alone(rows: Rows, m: int, run: str) -> dict[str, Any]:
    """A run's own accuracy under the identity view; with nothing to choose, there is nothing to nest."""
    right = rows.probs_mvnk[m, rows.views.index("identity")].argmax(-1) == rows.labels
    told: dict[str, Any] = {"run": run}
    for name, mask in (("accuracy_shifted", rows.shifted), ("accuracy_clean", ~rows.shifted)):
        told[name] = float(rows.shares[mask] @ right[mask] / rows.shares[mask].sum()) if mask.any() else None
    return told


def views_gain(
    rows: Rows, method: Method, scores: Mapping[str, NestedScore], limits: Limits, seed: int
) -> dict[str, float | None]:
    """What views add to the identity view, weights chosen in the same way; accuracy, on each side and on both."""
    name = "single_tta" if method.name == "single" else method.name
    known = {one.name: one for one in METHODS}
    full = scores[name] if name in scores else nested_scores(rows, [known[name]], limits, seed)[name]
    alone_rows, alone_limits = rows.with_views(["identity"]), limits.of_views(["identity"])
    without = nested_scores(alone_rows, [method], alone_limits, seed, shown="without views")[method.name]
    gain, error = full.gain_over(without)
    sides = {
        key: full.side_accuracy(side) - without.side_accuracy(side)
        for key, side in (("shifted", True), ("clean", False))
    }
    return {
        "views": len(rows.views),
        "both": gain,
        "standard_error": error,
        **{key: None if math.isnan(value) else value for key, value in sides.items()},
    }


def format_table(lines: Sequence[Mapping[str, Any]]) -> str:
    """The table as it is printed; a column that says nothing is left out."""
    columns = [
        ("members", "members", "d"),
        ("passes", "passes", "d"),
        ("accuracy_shifted", "shifted", ".4f"),
        ("accuracy_clean", "clean", ".4f"),
        ("accuracy", "both", ".4f"),
        ("standard_error", "(s.e.)", ".4f"),
        ("accuracy_worst_family", "worst", ".4f"),
        ("accuracy_family_left_out", "unseen", ".4f"),
        ("log_loss", "log-loss", ".4f"),
        ("calibration_error_raw", "ECE raw", ".4f"),
        ("calibration_error", "ECE", ".4f"),
        ("seconds", "seconds", ".1f"),
        ("size_mb", "MB", ".1f"),
    ]
    columns = [column for column in columns if any(line[column[0]] is not None for line in lines)]
    if len({line["accuracy_worst_family"] for line in lines} - {line["accuracy_shifted"] for line in lines}) == 0:
        columns = [column for column in columns if column[0] != "accuracy_worst_family"]  # one family alone
    texts = [["method", *(title for _, title, _ in columns)]]
    for line in lines:
        cells = [format(line[key], spec) if line[key] is not None else "-" for key, _, spec in columns]
        texts.append([line["method"], *cells])
    widths = [max(len(text[n]) for text in texts) for n in range(len(texts[0]))]
    told = ["nested: chosen without the image"] + [
        f"{'* ' if line['chosen'] else ''}{line['description']}" for line in lines
    ]
    printed = []
    for text, end in zip(texts, told, strict=True):
        aligned = (cell.rjust(width) for cell, width in zip(text[1:], widths[1:], strict=True))
        printed.append(f"{text[0]:{widths[0]}} {' '.join(aligned)}   {end}")
    return "\n".join(printed)
