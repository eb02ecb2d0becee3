"""List the recipes, or tell all about some of them: what each reproduces, its sources, its figures, its settings."""

import argparse
import dataclasses
from collections.abc import Sequence

from submission.kit.console import run_main

from . import DESCRIPTIONS, RECIPES, Recipe, get_recipe


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.recipes", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes to tell all about; none lists them all")
    args = parser.parse_args(argv)
    print("\n\n".join(_all_about(get_recipe(name)) for name in args.names) if args.names else _listed())
    return 0


def _listed() -> str:
    rows = [("recipe", "backbone", "size", "policy", "what it reproduces")]
    rows += [
        (name, made.backbone, str(made.image_size or "-"), made.policy, DESCRIPTIONS[name].splitlines()[0])
        for name, made in RECIPES.items()  # in the order of the files: a project's together
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _all_about(made: Recipe) -> str:
    """The whole docstring, then the fields that are not `Recipe`'s defaults."""
    defaults = Recipe(made.name, made.backbone)
    fields = (field.name for field in dataclasses.fields(Recipe))
    changed = {
        name: getattr(made, name)
        for name in fields
        if name == "backbone" or getattr(made, name) != getattr(defaults, name)
    }
    settings = "\n".join(f"    {name}={value!r}" for name, value in changed.items())
    return f"{made.name}: {DESCRIPTIONS[made.name]}\n\nSettings, beside the defaults:\n{settings}"


if __name__ == "__main__":
    run_main(main)
