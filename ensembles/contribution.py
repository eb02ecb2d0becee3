"""Say what each member and view brings to the ensemble: alone, left out, against the others, in milliseconds and MB."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, write_text
from submission.kit.tuning import tunes

from .candidates import SUITES, Candidates, load_candidates
from .fit import csv_text
from .rows import Rows


@tunes
def contribution(artifacts: Path) -> tuple[list[dict[str, Any]], list[str], np.ndarray]:
    """Write contribution.csv and disagreement.png into A/ensemble, for the members and views of A/ensemble.

    Args:
        artifacts: A, with an ensemble.

    Returns:
        Lines of the table, see `contribution_lines`; names of the answers that are compared; and float64 (n, n), the
        share of rows for which two of them name other classes.

    Raises:
        KitError: no ensemble, or its runs are not there any more.
    """
    ensemble = read_json(artifacts / "ensemble" / "ensemble.json", f"python -m ensembles.fit --artifacts {artifacts}")
    runs = [member["run"] for member in ensemble["members"]]
    found = load_candidates(artifacts, runs, ensemble.get("suites", SUITES))
    unknown = [view for view in ensemble["views"] if view not in found.rows.views]
    if unknown or sorted(runs) != found.names:
        raise KitError(
            f"expected predictions of {', '.join(runs)} under {ensemble['views']}. Received: {', '.join(found.names)} "
            f"under {found.rows.views}. Run `python -m ensembles.fit --artifacts {artifacts}` again."
        )
    rows = found.rows.with_views(ensemble["views"])
    weights_mv = np.array(ensemble["weights_mv"])[[runs.index(name) for name in found.names]]
    lines = contribution_lines(rows, weights_mv, found)
    names, differing = disagreement(rows, weights_mv, found.names)
    write_text(artifacts / "ensemble" / "contribution.csv", csv_text(lines))
    from .disagreement_picture import draw

    draw(artifacts / "ensemble" / "disagreement.png", names, differing)
    return lines, names, differing


def contribution_lines(rows: Rows, weights_mv: np.ndarray, found: Candidates) -> list[dict[str, Any]]:
    """A line for each member, each view and each pair of weight above 0.

    Args:
        rows: M members, V views.
        weights_mv: (M, V) of the ensemble.
        found: names and costs of the members.

    Returns:
        Dictionaries with "kind" ("member", "view" or "pair"), "name", "weight", "passes"; accuracies by the shares of
        the rows: "solo" and "solo_shifted" of that part alone, its weights renormalised, and "gain" and "gain_shifted",
        what the ensemble loses without it; "correlation" of its errors with those of the rest; "ms_per_image" of its
        passes and "size_mb" (None where not measured, or not its own).
    """
    whole = rows.mixture(weights_mv)
    lines = []
    for kind, name, mask in _parts(rows, weights_mv, found.names):
        part = np.where(mask, weights_mv, 0)
        share = part.sum()
        alone_nk = rows.mixture(part)
        rest_nk = whole - alone_nk if share < 1 - 1e-9 else None
        errors = [mixed.argmax(-1) != rows.labels for mixed in (alone_nk, rest_nk) if mixed is not None]
        used = [(int(m), int(v)) for m, v in np.argwhere(part > 0)]
        costs = [found.costs[m] for m, _ in used]
        line: dict[str, Any] = {"kind": kind, "name": name, "weight": float(share), "passes": len(used)}
        for key, shifted in (("", False), ("_shifted", True)):
            solo = _accuracy(rows, alone_nk, shifted)
            line[f"solo{key}"] = solo
            line[f"gain{key}"] = None if rest_nk is None or solo is None else _minus(rows, whole, rest_nk, shifted)
        line["correlation"] = _correlation(errors[0], errors[1], rows.shares) if len(errors) == 2 else None
        line["ms_per_image"] = sum(cost.ms_per_image for cost in costs if cost) if all(costs) else None
        size = found.costs[used[0][0]]
        line["size_mb"] = size.size_mb if kind == "member" and size is not None else None
        lines.append(line)
    return lines


def disagreement(rows: Rows, weights_mv: np.ndarray, names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """How often parts of an ensemble name other classes.

    Args:
        rows, weights_mv: as in `contribution_lines`.
        names: of the members.

    Returns:
        Names of the parts, members (with several views) or, of one member, its views, and the ensemble; and float64
        (n, n), shares of the rows, in [0, 1].
    """
    kind = "member" if len(names) > 1 else "view"
    parts = [
        (name, np.where(mask, weights_mv, 0)) for one, name, mask in _parts(rows, weights_mv, names) if one == kind
    ]
    parts.append(("ensemble", weights_mv))
    answers = np.stack([rows.mixture(part).argmax(-1) for _, part in parts])
    differing = (answers[:, None] != answers[None]) @ rows.shares
    return [name for name, _ in parts], differing


def _parts(rows: Rows, weights_mv: np.ndarray, names: Sequence[str]) -> list[tuple[str, str, np.ndarray]]:
    """(kind, name, bool (M, V)) of members, views and pairs that have a weight."""
    used = weights_mv > 0
    parts = []
    for m in np.flatnonzero(used.any(1)):
        parts.append(("member", names[int(m)], used & (np.arange(len(used)) == m)[:, None]))
    for v in np.flatnonzero(used.any(0)):
        parts.append(("view", rows.views[v], used & (np.arange(used.shape[1]) == v)))
    for m, v in np.argwhere(used):
        mask = np.zeros(used.shape, bool)
        mask[m, v] = True
        parts.append(("pair", f"{names[int(m)]} {rows.views[v]}", mask))
    return parts


def _accuracy(rows: Rows, mixed_nk: np.ndarray, shifted: bool) -> float | None:
    """By the shares; None where no row is shifted."""
    mask = rows.shifted if shifted else np.ones(len(rows.labels), bool)
    if not mask.any():
        return None
    return float(rows.shares[mask] @ (mixed_nk.argmax(-1) == rows.labels)[mask] / rows.shares[mask].sum())


def _minus(rows: Rows, whole_nk: np.ndarray, rest_nk: np.ndarray, shifted: bool) -> float:
    whole, rest = _accuracy(rows, whole_nk, shifted), _accuracy(rows, rest_nk, shifted)
    assert whole is not None and rest is not None
    return whole - rest


def _correlation(errors: np.ndarray, others: np.ndarray, shares: np.ndarray) -> float | None:
    """Of two bool (N,), weighted; None where one is constant."""
    a, b = errors - shares @ errors, others - shares @ others
    scale = np.sqrt((shares @ a**2) * (shares @ b**2))
    return float(shares @ (a * b) / scale) if scale > 0 else None


def _print(lines: Sequence[dict[str, Any]]) -> None:
    columns = [
        ("weight", "weight", 1, ".3f"),
        ("solo_shifted", "solo shifted", 1, ".4f"),
        ("solo", "solo both", 1, ".4f"),
        ("gain_shifted", "left out shifted", 100, "+.2f"),
        ("gain", "left out both", 100, "+.2f"),
        ("correlation", "correlation", 1, ".2f"),
        ("ms_per_image", "ms/image", 1, ".2f"),
        ("size_mb", "MB", 1, ".1f"),
    ]
    told = [line for line in lines if line["kind"] != "pair"]
    columns = [column for column in columns if any(line[column[0]] is not None for line in told)]
    width = max(len(line["name"]) for line in told)
    print(f"{'':6} {'':{width}} " + " ".join(title for _, title, _, _ in columns))
    for line in told:
        cells = [
            (format(line[key] * scale, spec) if line[key] is not None else "-").rjust(len(title))
            for key, title, scale, spec in columns
        ]
        print(f"{line['kind']:6} {line['name']:{width}} {' '.join(cells)}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ensembles.contribution",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's folder A")
    args = parser.parse_args(argv)
    lines, _, _ = contribution(args.artifacts)
    _print(lines)
    folder = args.artifacts / "ensemble"
    pairs = sum(line["kind"] == "pair" for line in lines)
    print(f"{folder / 'contribution.csv'}: members, views and {pairs} pairs; picture: {folder / 'disagreement.png'}")
    return 0


if __name__ == "__main__":
    run_main(main)
