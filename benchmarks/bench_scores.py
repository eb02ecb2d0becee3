"""Train recipes on one contest, judge each as a zip of its own with all views, and print the table of their accuracies.

What is done stays in --out: a recipe with its result is not repeated, an interrupted one goes on where it was.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.shared_contest import share_contest
from ensembles.fit import Settings, fit
from local_eval.score import written_suites
from local_eval.score_table import suite_order
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json
from submission.kit.latest import read_latest
from submission.kit.tta import views_for
from training.recipes import get_recipe
from training.runs import open_run
from training.train import parse_changes

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Job:
    """A recipe with what is changed of it: the options of `python -m training.train` after --artifacts."""

    name: str
    options: tuple[str, ...]

    def folder(self, out: Path, folds_sha256: str) -> Path:
        """`out`/<recipe>-<hash8 of the options and the split>."""
        told = json.dumps([self.options, folds_sha256])
        return out / f"{self.name}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def jobs(args: argparse.Namespace) -> list[Job]:
    """One job a name.

    Raises:
        KitError: unknown names, fields or weights of a recipe that is not named; all before anything is trained.
    """
    files = {}
    for pair in args.weights:
        name, equals, file = pair.partition("=")
        if not equals or name not in args.names:
            raise KitError(f"--weights takes NAME=FILE, a name out of --names. Received: {pair!r}.")
        if file not in ("none", "imagenet") and not Path(file).is_file():
            raise KitError(f"expected a .weights.h5 file, imagenet or none. Received: {pair!r}, which is no file.")
        files[name] = file
    made = []
    for name in args.names:
        get_recipe(name, parse_changes(args.set))
        options = ["--recipe", name, "--fold", str(args.fold), "--seed", str(args.seed)]
        options += ["--weights", files[name]] if name in files else []
        options += ["--budget", args.budget] if args.budget else []
        options += ["--set", *args.set] if args.set else []
        made.append(Job(name, tuple(options)))
    return made


def measure(job: Job, artifacts: Path, folder: Path, suites: Sequence[str], profile: str) -> dict[str, Any]:
    """Train, predict, export, package and judge one job, whatever of it is not done yet.

    Returns:
        recipe, options, run, epochs, train_seconds, size_bytes, suites (name -> accuracy with its interval).

    Raises:
        KitError: a step failed; what it printed is named.
    """
    share_contest(artifacts, folder)
    where = ["--artifacts", str(folder)]
    _command("training.train", *where, *job.options, "--name-to", str(folder / "run.txt"))
    name = (folder / "run.txt").read_text(encoding="utf-8").strip()
    _command("training.predict", *where, "--run", name)
    run = open_run(folder / "runs" / name)
    _all_views(folder, name, run.config["data"]["image_shape"])
    _command("submission.export", *where)
    _command("submission.package", *where)
    _command("local_eval.score", *where, "--suite", *suites, "--profile", profile, "--brief")
    score = read_json(folder / "judge" / "score.json", "python -m local_eval.score")
    history = run.history()
    return {
        "recipe": job.name,
        "options": list(job.options),
        "run": name,
        "epochs": len(history),
        "train_seconds": round(sum(line["seconds"] for line in history), 1),
        "size_bytes": read_latest(folder).path.stat().st_size,
        "suites": score["rows"][-1]["suites"],
    }


def _command(module: str, *options: str) -> None:
    """A step in a process of its own, so that its memory is free afterwards; its progress bars stay visible."""
    done = subprocess.run([sys.executable, "-m", module, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode != 0:
        raise KitError(f"python -m {module} {' '.join(options)} ended with {done.returncode}: {done.stdout.strip()}")


def _all_views(folder: Path, run: str, image_shape: Sequence[int]) -> None:
    """The ensemble of one run with equal weights of all views, so that every recipe is judged alike."""
    members = fit(folder, [run], Settings(methods=["single_tta"], max_members=1))["members"]
    views = views_for(image_shape)
    weights_mv = [[1 / len(views)] * len(views)]
    write_json(
        folder / "ensemble" / "ensemble.json",
        {"members": members, "method": "single_tta", "views": views, "weights_mv": weights_mv},
    )


def table(results: Sequence[dict[str, Any]]) -> str:
    """Results as Markdown, the best under shift first."""
    suites = suite_order({suite for result in results for suite in result["suites"]})
    lines = [
        f"| recipe | {' | '.join(suites)} | epochs | training | zip |",
        f"|---|{'---|' * len(suites)}---|---|---|",
    ]
    shifted = next((suite for suite in ("an2dl", *suites) if suite in suites), "")
    for result in sorted(results, key=lambda one: -one["suites"].get(shifted, {"accuracy": 0.0})["accuracy"]):
        cells = [_cell(result["suites"].get(suite)) for suite in suites]
        minutes, megabytes = result["train_seconds"] / 60, result["size_bytes"] / 1e6
        lines.append(
            f"| {_title(result)} | {' | '.join(cells)} | {result['epochs']} | {minutes:.0f} min | {megabytes:.1f} MB |"
        )
    return "\n".join(lines)


def _cell(cell: dict[str, float] | None) -> str:
    return "-" if cell is None else f"{cell['accuracy']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]"


def _title(result: dict[str, Any]) -> str:
    """The recipe's name, and what is not its own."""
    options = result["options"][6:]  # after recipe, fold and seed
    words = (Path(word).name if word.endswith(".h5") else word for word in options)
    return f"`{result['recipe']}`{' ' if options else ''}{' '.join(words)}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--artifacts", type=Path, required=True, help="a contest with data, clean, split and suites")
    parser.add_argument("--names", required=True, help="recipes, with commas between: a,b,c")
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=FILE", help="or NAME=none; repeatable")
    parser.add_argument("--budget", help="of each training: 10m, 1h, 8h")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="change fields of every recipe")
    parser.add_argument("--fold", type=int, default=0, help="the fold left out")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation")
    parser.add_argument("--suite", nargs="+", metavar="SUITE", help="suites to judge; default: all that are there")
    parser.add_argument("--profile", default="an2dl", help="the platform's limits")
    parser.add_argument("--out", type=Path, help="folder of the runs; default: ARTIFACTS/scores")
    args = parser.parse_args(argv)
    args.names = list(dict.fromkeys(args.names.split(",")))
    out = args.out or args.artifacts / "scores"
    todo = jobs(args)
    suites = args.suite or written_suites(args.artifacts)
    folds = args.artifacts / "split" / "folds.csv"
    if not folds.is_file() or not (args.artifacts / "suites").is_dir():
        raise KitError(
            f"{args.artifacts} has no split or no suites: run `make suites ARTIFACTS={args.artifacts}` first."
        )
    results, failures = [], []
    for job in tqdm(todo, desc="recipes", unit="recipe", file=sys.stderr):
        folder = job.folder(out, sha256_file(folds))
        path = folder / "result.json"
        result = read_json(path, "") if path.exists() else None
        if result is None or not set(suites) <= set(result["suites"]):
            try:
                result = measure(job, args.artifacts, folder, suites, args.profile)
            except KitError as error:  # the others go on; the end of the table tells it
                failures.append(f"{job.name}: {error}")
                print(f"\n{failures[-1]}", file=sys.stderr)
                continue
            write_json(path, result)
        results.append(result)
    if results:
        print(table(results))
    if failures:
        raise KitError("\n".join(["not all recipes came to their end:", *failures]))
    return 0


if __name__ == "__main__":
    run_main(main)
