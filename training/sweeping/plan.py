"""Name the run of every unit of a sweep: the configurations, checked, as `training.train` would make them.

A process of its own, since it loads Keras: what schedules stays small, and on a cluster the machine that trains decides
what "auto" means.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json

from ..configure import backend_facts, configure, open_contest
from ..recipes.scratch import recipe_with
from .unit import Unit


def plan(artifacts: Path, units: Sequence[Unit]) -> dict[str, Any]:
    """The facts of this machine, and for each unit {"config": its configuration} or {"error": why there is none}."""
    contest = open_contest(artifacts)
    found: list[dict[str, Any]] = []
    for unit in units:
        try:
            recipe = recipe_with(unit.recipe, unit.changes)
            config, _ = configure(contest, recipe, unit.fold, unit.seed, unit.limit, unit.steps)
            found.append({"config": config})
        except KitError as error:
            found.append({"error": f"{unit.told()}: {error}"})
    return {"facts": backend_facts(), "units": found}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.sweeping.plan",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--units", type=Path, required=True, help="JSON list of units")
    parser.add_argument("--out", type=Path, required=True, help="where the configurations are written")
    args = parser.parse_args(argv)
    units = [Unit(**fields) for fields in read_json(args.units, "python -m training.sweep")]
    write_json(args.out, plan(args.artifacts, units))
    print(f"plan: {len(units)} units")
    return 0


if __name__ == "__main__":
    run_main(main)
