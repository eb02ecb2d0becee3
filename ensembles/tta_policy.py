"""Say which views each net should vote with, what each gains and costs: greedy choice and learned weights, nested."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.files import write_json, write_text
from submission.kit.tuning import tunes

from .candidates import SUITES, Candidates, load_candidates
from .fit import csv_text
from .limits import Limits
from .methods import Method, learned_views, plain_views, view_policies
from .nested import NestedScore, nested_scores
from .rows import Rows
from .views import choose_views

POLICIES = (
    Method("identity", "the images as they are", lambda rows, _: _identity(rows)),
    Method("plain", "all symmetries of the square, alike", lambda rows, _: plain_views(rows)),
    Method("greedy", "chosen by calibrated log-likelihood", lambda rows, _: view_policies(rows)),
    Method("learned", "weights of least log-loss", lambda rows, _: learned_views(rows)),
)


@tunes
def tta_policy(artifacts: Path, runs: Sequence[str] | None, suites: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Fit the policies of every member; write tta_policy.json and tta_policy.csv into A/ensemble.

    Args:
        artifacts: A.
        runs: names in A/runs; None for all that are predicted.
        suites: whose select parts are used; "all" for every one predicted.
        seed: deals pictures to folds.

    Returns:
        For each member: "run", "ms_per_view" (None where not measured), "policies" (nested accuracies and log-loss of
        each policy, its number of views), "votes" (the greedy choice, each view with its gain and ms to make it),
        "not_kept", and "learned" (view -> weight).

    Raises:
        KitError: as `load_candidates`.
    """
    found = load_candidates(artifacts, runs, suites)
    told = [_member(found, m, seed) for m in tqdm(range(len(found.names)), desc="members", delay=2, leave=False)]
    lines = [
        {
            "run": member["run"],
            **vote,
            "ms_per_image": None
            if member["ms_per_view"] is None
            else member["ms_per_view"] + (vote["ms_to_make"] or 0),
        }
        for member in told
        for vote in member["votes"]
    ]
    write_text(artifacts / "ensemble" / "tta_policy.csv", csv_text(lines))
    write_json(artifacts / "ensemble" / "tta_policy.json", told)
    return told


def _member(found: Candidates, m: int, seed: int) -> dict[str, Any]:
    rows, cost = found.rows.with_members([m]), found.costs[m]
    scores = nested_scores(rows, POLICIES, Limits(1), seed)
    first = rows.views.index("identity")
    votes = choose_views(rows.probs_mvnk[0], rows.labels, rows.shares, rows.groups, rows.shifted, first)
    taken = [rows.views[vote.view] for vote in votes]
    learned = learned_views(rows)[0]
    return {
        "run": found.names[m],
        "ms_per_view": cost.ms_per_image if cost is not None else None,
        "policies": [_policy(method, scores, int((method.fit(rows, 1) > 0).sum())) for method in POLICIES],
        "votes": [
            {
                "view": name,
                "gain_nats": vote.gain,
                "standard_error": vote.standard_error,
                "ms_to_make": cost.view_ms.get(name, 0.0) if cost is not None else None,
                "accuracy": vote.accuracy,
                "accuracy_shifted": None if np.isnan(vote.accuracy_shifted) else vote.accuracy_shifted,
            }
            for name, vote in zip(taken, votes, strict=True)
        ],
        "not_kept": [view for view in rows.views if view not in taken],
        "learned": {view: float(weight) for view, weight in zip(rows.views, learned, strict=True) if weight > 0},
    }


def _policy(method: Method, scores: dict[str, NestedScore], views: int) -> dict[str, Any]:
    score = scores[method.name]
    gain, error = score.gain_over(scores["identity"])
    sides = {f"accuracy_{name}": score.side_accuracy(side) for name, side in (("shifted", True), ("clean", False))}
    return {
        "policy": method.name,
        "views": views,
        "gain": gain,
        "standard_error": error,
        "log_loss": score.loss,
        **{name: None if np.isnan(value) else value for name, value in sides.items()},
    }


def _identity(rows: Rows) -> np.ndarray:
    weights_mv = np.zeros(rows.probs_mvnk.shape[:2])
    weights_mv[:, rows.views.index("identity")] = 1
    return weights_mv


def _print(member: dict[str, Any]) -> None:
    cost = f", {member['ms_per_view']:.2f} ms a view and image" if member["ms_per_view"] is not None else ""
    print(f"{member['run']}{cost}")
    for policy in member["policies"]:
        sides = "".join(
            f" {side} {policy[f'accuracy_{side}']:.4f}" if policy[f"accuracy_{side}"] is not None else ""
            for side in ("shifted", "clean")
        )
        print(
            f"  {policy['policy']:9}{policy['views']:3} views:{sides}, log-loss {policy['log_loss']:.4f}, nested; over "
            f"identity {100 * policy['gain']:+.1f} points (s.e. {100 * policy['standard_error']:.1f})"
        )
    first, *rest = member["votes"]
    steps = [
        f"{vote['view']} {vote['gain_nats']:+.4f} ({vote['standard_error']:.4f})"
        + (f" {vote['ms_to_make']:.2f} ms" if vote["ms_to_make"] is not None else "")
        for vote in rest
    ]
    print(f"  greedy: {', '.join([first['view'], *steps])} nats a view (s.e.), and to make it")
    if member["not_kept"]:
        print(f"  not kept, no sure gain: {', '.join(member['not_kept'])}")
    weights = sorted(member["learned"].items(), key=lambda item: -item[1])
    print(f"  learned: {', '.join(f'{view} {weight:.2f}' for view, weight in weights)}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ensembles.tta_policy",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's folder A")
    parser.add_argument("--runs", nargs="+", metavar="RUN", help="names in A/runs; without it all that are predicted")
    parser.add_argument(
        "--suites", nargs="+", default=list(SUITES), help="whose select parts to use; all: every one predicted"
    )
    parser.add_argument("--seed", type=int, default=0, help="deals the images to the nested folds")
    args = parser.parse_args(argv)
    told = tta_policy(args.artifacts, args.runs, args.suites, args.seed)
    for member in told:
        _print(member)
    kept = sum(len(member["votes"]) for member in told)
    print(f"{args.artifacts / 'ensemble' / 'tta_policy.json'}: {len(told)} members, {kept} views kept in all.")
    return 0


if __name__ == "__main__":
    run_main(main)
