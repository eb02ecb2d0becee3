"""Choose the ensemble under shift, with honest scores, and write A/ensemble/ensemble.json."""

import argparse
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json, write_text
from submission.kit.precisions import FLOAT32, PRECISIONS
from submission.kit.profiles import PROFILES_S
from submission.kit.tuning import tunes

from .calibrate import fit_temperature
from .candidates import CLEAN_SHARE, SUITES, fingerprint, load_candidates
from .choice import alone, choose, format_table, method_line, views_gain
from .forecast import forecast
from .limits import Limits, affordable
from .methods import METHODS, get_methods
from .nested import left_out_scores, nested_scores
from .order import gain_order


@dataclass(frozen=True)
class Settings:
    """How an ensemble is chosen.

    suites: whose select parts it is fitted on; "all": every one that all runs have predicted. methods: names, or
    "quick" or "all". max_members: at least 1. seed: deals pictures to folds. limit_s: of the platform's step; of it
    1 / safety may be used for num_images images. limit_mb: of the zip. adapt: for `kit.adapt`, None for nothing.
    precision: of the weights that will be shipped, whose costs count.
    """

    suites: Sequence[str] = SUITES
    methods: Sequence[str] = ("quick",)
    max_members: int = 8
    seed: int = 0
    limit_s: float | None = None
    limit_mb: float | None = None
    num_images: int = 5000
    safety: float = 4.0
    adapt: Mapping[str, Any] | None = None
    precision: str = FLOAT32

    def check(self) -> None:
        """Raise `KitError` that lists every setting out of its range."""
        bad = [
            f"--{name.replace('_', '-')} must be {wanted}. Received: {value}"
            for name, value, wanted, fine in (
                ("max_members", self.max_members, "at least 1", self.max_members >= 1),
                ("limit_s", self.limit_s, "above 0", self.limit_s is None or self.limit_s > 0),
                ("limit_mb", self.limit_mb, "above 0", self.limit_mb is None or self.limit_mb > 0),
                ("images", self.num_images, "at least 1", self.num_images >= 1),
                ("safety", self.safety, "at least 1", self.safety >= 1),
            )
            if not fine
        ]
        if bad:
            raise KitError("; ".join(bad))


@tunes
def fit(artifacts: Path, runs: Sequence[str] | None, settings: Settings | None = None) -> dict[str, Any]:
    """Fit every method, choose one, write ensemble.json and table.csv.

    The objective is the accuracy on the shifted select parts (families alike, share 0.8) and on the clean one (0.2),
    each method scored on pictures that its weights were fitted without. Chosen is the method that fits the fewest
    numbers among those whose paired difference from the best is within one standard error.

    Args:
        artifacts: A.
        runs: names in A/runs; None for all that are predicted.
        settings: see there.

    Returns:
        What ensemble.json holds.

    Raises:
        KitError: no run, unknown runs, tables that do not fit together, or limits that no member meets.
    """
    settings = settings or Settings()
    settings.check()
    methods = get_methods(settings.methods)
    runs_dir = artifacts / "runs"
    found = load_candidates(artifacts, runs, settings.suites, settings.precision)
    usable_s = settings.limit_s / settings.safety if settings.limit_s is not None else None
    limits = Limits(
        settings.max_members, found.costs, settings.num_images, usable_s, settings.limit_mb, found.rows.views
    )
    kept = affordable(limits, found.names, len(found.rows.views), runs_dir, settings.precision)
    left_out = [alone(found.rows, m, name) for m, name in enumerate(found.names) if m not in kept]
    names, limits = [found.names[m] for m in kept], limits.of_members(kept)
    rows = found.rows if len(kept) == len(found.names) else found.rows.with_members(kept)

    scores = nested_scores(rows, methods, limits, settings.seed)
    unseen = left_out_scores(rows, methods, limits, settings.seed, CLEAN_SHARE)
    weights = {method.name: method.fit_within(rows, limits) for method in methods}
    shippable = {method.name for method in methods if method.ships}
    chosen = choose(scores)
    method = next(method for method in METHODS if method.name == chosen)
    weights_mv = weights[chosen]
    used_m, used_v = weights_mv.sum(1) > 0, weights_mv.sum(0) > 0
    members, views = np.flatnonzero(used_m), np.flatnonzero(used_v)
    place_m, place_v = ({int(n): place for place, n in enumerate(used)} for used in (members, views))
    order = gain_order(rows.label_probs(), rows.shares, weights_mv, limits.pass_s, limits.load_s, limits.view_s)
    suites = list(dict.fromkeys(rows.suites.tolist()))
    ensemble = {
        "members": [{"name": names[m], "run": names[m], "temperature": float(rows.temperatures_m[m])} for m in members],
        "views": [rows.views[v] for v in views],
        "weights_mv": weights_mv[used_m][:, used_v].tolist(),
        "pool_temperature": fit_temperature(rows.mixture(weights_mv), rows.labels, rows.shares),
        "order": [[place_m[m], place_v[v]] for m, v in order],
        "adapt": dict(settings.adapt) if settings.adapt else None,
        "limit_s": settings.limit_s,
        "class_prior": found.class_prior.tolist(),
        "method": chosen,
        "left_out": left_out + [alone(rows, m, name) for m, name in enumerate(names) if not used_m[m]],
        "twins": found.twins,
        "clean_share": CLEAN_SHARE,
        "suites": suites,
        "forecast": forecast({name: one for name, one in scores.items() if name in shippable}, settings.seed),
        "nested": {suite: scores[chosen].suite_accuracy(suite) for suite in suites},
        "tta_gain": views_gain(rows, method, scores, limits, settings.seed),
        "limits": {"usable_s": usable_s, "limit_mb": settings.limit_mb, "images": settings.num_images},
        "predictions": {name: fingerprint(runs_dir, name, suites) for name in sorted({*found.names, *found.twins})},
        "tuned": "all" in settings.methods,
        "table": [
            method_line(one, scores[one.name], unseen.get(one.name), weights[one.name], limits, chosen)
            for one in methods
        ],
    }
    write_text(artifacts / "ensemble" / "table.csv", csv_text(ensemble["table"]))
    write_json(artifacts / "ensemble" / "ensemble.json", ensemble)
    return ensemble


def kept_ensemble(artifacts: Path, runs: Sequence[str] | None) -> dict[str, Any] | None:
    """The ensemble that `make tune` chose, if nothing it was chosen from has changed and it knew all of `runs`."""
    path = artifacts / "ensemble" / "ensemble.json"
    if not path.is_file():
        return None
    value = read_json(path, f"python -m ensembles.fit --artifacts {artifacts}")
    known = value.get("predictions", {})
    if not value.get("tuned") or not set(runs or []) <= set(known):
        return None
    runs_dir = artifacts / "runs"
    same = all(fingerprint(runs_dir, run, value["suites"]) == found for run, found in known.items())
    return value if same else None


def csv_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Lines with the same keys as a table with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _print(ensemble: dict[str, Any]) -> None:
    print(format_table(ensemble["table"]))
    if ensemble["left_out"]:
        texts = []
        for run in ensemble["left_out"]:
            sides = [(side, run[f"accuracy_{side}"]) for side in ("shifted", "clean")]
            told = ", ".join(f"{side} {value:.4f}" for side, value in sides if value is not None)
            texts.append(f"{run['run']} ({told})")
        print(f"left out, each alone under the identity view: {', '.join(texts)}")
    for twin, other in ensemble["twins"].items():
        print(f"left out: {twin} predicts exactly what {other} does")
    gain = ensemble["tta_gain"]
    nested, expected = (float(np.mean(list(ensemble[key].values()))) for key in ("nested", "forecast"))
    print(
        f"forecast: {expected:.4f} on the mean of the suites: the nested score of what was chosen, {nested:.4f}, "
        f"less what choosing among methods by such scores gains by luck ({100 * (nested - expected):.1f} points)."
    )
    used = "used" if len(ensemble["views"]) > 1 else "not used"
    gains = [f"{100 * gain[side]:+.1f} {side}" for side in ("shifted", "clean", "both") if gain[side] is not None]
    print(
        f"TTA ({gain['views']} views, {used}) changes accuracy by {', '.join(gains)} points "
        f"(s.e. {100 * gain['standard_error']:.1f})."
    )


def _seconds(text: str) -> float:
    """Seconds, or the name of a platform's profile."""
    return PROFILES_S[text] if text in PROFILES_S else float(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ensembles.fit",
        description="Fit temperatures, member and view weights on the select suites; write A/ensemble/ensemble.json.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    default = Settings()
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's folder A")
    parser.add_argument("--runs", nargs="+", metavar="RUN", help="names in A/runs; without it all that are predicted")
    parser.add_argument(
        "--suites", nargs="+", default=list(SUITES), help="whose select parts to fit on; all: every one predicted"
    )
    names = ", ".join(method.name for method in METHODS)
    parser.add_argument("--methods", nargs="+", default=["quick"], help=f"quick, all, or some of {names}")
    parser.add_argument("--max-members", type=int, default=default.max_members, help="limit of members")
    parser.add_argument("--seed", type=int, default=default.seed, help="deals the images to the nested folds")
    parser.add_argument(
        "--limit-s", type=_seconds, metavar="S", help=f"the platform's step, seconds or one of {', '.join(PROFILES_S)}"
    )
    parser.add_argument("--limit-mb", type=float, metavar="MB", help="largest size of the members, 10^6 bytes")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=default.precision,
        help="of the weights that will be shipped, whose cost the limits count",
    )
    parser.add_argument("--images", type=int, default=default.num_images, help="images that the platform predicts")
    parser.add_argument("--safety", type=float, default=default.safety, help="use 1/SAFETY of --limit-s")
    parser.add_argument("--adapt-prior", action="store_true", help="correct for other class frequencies, by EM")
    parser.add_argument(
        "--adapt-batch-norm",
        type=float,
        metavar="N",
        help="blend batch statistics in; as many images is the prior worth",
    )
    parser.add_argument("--unless-tuned", action="store_true", help="keep what make tune chose, if it still holds")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    path = args.artifacts / "ensemble" / "ensemble.json"
    if args.unless_tuned and (kept := kept_ensemble(args.artifacts, args.runs)) is not None:
        print(f"{path}: kept as make tune chose it, {kept['method']}; delete it to fit anew")
        return 0
    adapt = {"prior": args.adapt_prior, "batch_norm": args.adapt_batch_norm}
    settings = Settings(
        args.suites,
        args.methods,
        args.max_members,
        args.seed,
        args.limit_s,
        args.limit_mb,
        args.images,
        args.safety,
        adapt if args.adapt_prior or args.adapt_batch_norm is not None else None,
        args.precision,
    )
    ensemble = fit(args.artifacts, args.runs, settings)
    _print(ensemble)
    print(
        f"{path}: {ensemble['method']}, {len(ensemble['members'])} members, {len(ensemble['views'])} views. "
        f"Next: python -m submission.export --artifacts {args.artifacts}"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
