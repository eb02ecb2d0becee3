"""Average the weights of several trainings of one recipe into one more run: a uniform or a greedy soup."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json
from submission.kit.tuning import tunes

from .loop import CHECKPOINT
from .runs import WEIGHTS, Run, check_split, create_run, open_run, run_name

BEST, LAST = "best", "last"
_FILES = {BEST: WEIGHTS, LAST: CHECKPOINT}
METHODS = ("greedy", "uniform")
_SAME = ("recipe", "fold", "limit", "steps", "precision", "data")


@tunes
def soup(artifacts: Path, runs: Sequence[Run], method: str, checkpoints: Sequence[str] = (BEST,)) -> Run:
    """Make the soup, or find it again; it is a run in state trained, which predict, fit and export take as any other.

    Batch-norm statistics are taken anew from training images, where the recipe trains them. A greedy soup starts with
    the ingredient of the lowest log-loss on the fold left out (images as they are and under the training policy, as
    epochs are chosen), and takes each next one only if the soup's falls. Nets that were trained from other random
    starts have no common valley, so that their soups are poor; fine-tuned ones of one pretrained net have.

    Args:
        artifacts: A.
        runs: trained, of one recipe, fold and split, other seeds.
        method: one of `METHODS`.
        checkpoints: of each run: "best", the averaged weights of its best epoch; "last", the raw ones of its last.

    Returns:
        The run, named soup_<recipe>-f<fold>-s<seed>-<hash8>, with soup.json: what was tried, and what it came to.

    Raises:
        KitError: fewer than two ingredients, or runs that do not fit together; all are listed.

    Source: Wortsman et al. 2022, "Model soups".
    """
    if method not in METHODS:
        raise KitError(f"expected a method among {', '.join(METHODS)}. Received: {method}.")
    ingredients = _ingredients(artifacts, runs, checkpoints)
    config = runs[0].config | {
        "soup": {
            "method": method,
            "ingredients": [
                {"run": run.name, "checkpoint": name, "sha256": sha256_file(run.path / _FILES[name])}
                for run, name in ingredients
            ],
        }
    }
    made = create_run(artifacts / "runs", config, artifacts / "runs" / f"soup_{run_name(config)}")
    if made.state in ("trained", "predicted"):
        return made
    from .soup_pot import Pot

    pot = Pot(artifacts, made)
    tried: list[dict[str, Any]] = [
        {"run": run.name, "checkpoint": name, "log_loss": pot.taste(pot.read(run, name == LAST))}
        for run, name in ingredients
    ]
    order = sorted(range(len(tried)), key=lambda n: (tried[n]["log_loss"], n))
    weights, count, loss = pot.read(ingredients[order[0]][0], ingredients[order[0]][1] == LAST), 1, float("nan")
    kept = [order[0]]
    if method == "greedy":
        loss = tried[order[0]]["log_loss"]
    for n in order[1:]:
        run, name = ingredients[n]
        more = pot.stir(weights, pot.read(run, name == LAST), count)
        tasted = pot.taste(more, refresh=True) if method == "greedy" else float("nan")
        if method == "uniform" or tasted < loss:
            weights, count, loss = more, count + 1, tasted
            kept.append(n)
    line = pot.finish(weights, refresh=count > 1)
    for n, one in enumerate(tried):
        one["kept"] = n in kept
    write_json(made.path / "soup.json", {"method": method, "ingredients": tried, "log_loss": line["selection_loss"]})
    made.set_state("trained")
    return made


def _ingredients(artifacts: Path, runs: Sequence[Run], checkpoints: Sequence[str]) -> list[tuple[Run, str]]:
    """Pairs of run and checkpoint, checked."""
    unknown = [name for name in checkpoints if name not in _FILES]
    if unknown:
        raise KitError(f"expected checkpoints among {', '.join(_FILES)}. Received: {', '.join(unknown)}.")
    found = [(run, name) for run in runs for name in dict.fromkeys(checkpoints)]
    if len({run.name for run in runs}) != len(runs) or len(found) < 2:
        raise KitError(
            f"a soup has two ingredients or more, each once. Received: {', '.join(run.name for run in runs) or 'none'} "
            f"with checkpoints {', '.join(checkpoints)}."
        )
    problems = []
    for run in runs:
        differing = [key for key in _SAME if run.config.get(key) != runs[0].config.get(key)]
        if run.state not in ("trained", "predicted"):
            problems.append(f"{run.name}: state {run.state!r}")
        if differing:
            problems.append(f"{run.name}: other {', '.join(differing)} than {runs[0].name}")
        problems += [
            f"{run.name}: no {_FILES[name]}"
            for name in dict.fromkeys(checkpoints)
            if not (run.path / _FILES[name]).is_file()
        ]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise KitError(
            f"expected trained runs of one recipe and one fold left out, of several seeds. Received:\n{lines}\n"
            "Name others with --runs, or train them: `make train MEMBERS=recipe:fold:seed`."
        )
    for run in runs:
        check_split(run, artifacts)
    return found


def _told(run: Run, value: dict[str, Any]) -> str:
    tried = value["ingredients"]
    best = min(one["log_loss"] for one in tried)
    kept = sum(one["kept"] for one in tried)
    return (
        f"soup: {run.name}: {value['method']}, {kept} of {len(tried)} ingredients; log-loss on the fold left out "
        f"{value['log_loss']:.4f}, its best ingredient {best:.4f}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.soup", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument(
        "--runs", nargs="+", required=True, metavar="RUN", help="names in A/runs, of one recipe and fold"
    )
    parser.add_argument("--method", choices=METHODS, default="greedy", help="which ingredients are kept")
    parser.add_argument("--checkpoints", nargs="+", choices=tuple(_FILES), default=[BEST], help="of each run")
    args = parser.parse_args(argv)
    runs = [open_run(args.artifacts / "runs" / name) for name in args.runs]
    made = soup(args.artifacts, runs, args.method, args.checkpoints)
    value = read_json(made.path / "soup.json", f"python -m training.soup --runs {' '.join(args.runs)}")
    print(f"{_told(made, value)}. Next: python -m training.predict --artifacts {args.artifacts} --run {made.name}")
    return 0


if __name__ == "__main__":
    run_main(main)
