"""What a sweep is, and the files that define one."""

import hashlib
import itertools
import json
import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError

from ..recipes import get_recipe
from .space import Choice, Range
from .unit import Unit

NAMED = Path(__file__).with_name("named")
ALL = "all"


@dataclass(frozen=True)
class Sweep:
    """A grid over all that is listed; a search if a field has a range or a `choice`.

    A search draws recipe, backbone and fields by the scores so far. Its trial n leaves out the n-th of `folds`, turn by
    turn, and takes the next of `seeds` after each round: the select parts are in no fold, so that scores compare.

    Args:
        recipes: names.
        backbones: names; none means each recipe's own.
        folds: left out, one a run; "all" for every fold of the split.
        seeds: at least one.
        fields: of the recipe: a list of values, or in a search `log_uniform(low, high)`, `uniform`, `integers`,
            `choice(...)`.
        limit, steps: quick tries, as of `training.train`.
    """

    recipes: Sequence[str] = ("small_cnn",)
    backbones: Sequence[str] = ()
    folds: Sequence[int] | str = (0,)
    seeds: Sequence[int] = (0,)
    fields: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("recipes", "folds", "seeds"):
            if not getattr(self, name):
                raise KitError(f"an empty grid: expected at least one of {name}. Received: {getattr(self, name)!r}.")
        if isinstance(self.folds, str) and self.folds != ALL:
            raise KitError(f'folds are a list of numbers, or "{ALL}". Received: {self.folds!r}.')
        for name in ("recipes", "backbones"):
            if isinstance(getattr(self, name), str):
                raise KitError(f"{name} is a list of names. Received: {getattr(self, name)!r}.")
        for recipe in self.recipes:
            get_recipe(recipe)
        for name, values in self.fields.items():
            if name in ("name", "backbone"):
                raise KitError(f"{name} is no field of a grid: list it in recipes or backbones. Received: {values!r}.")
            get_recipe(self.recipes[0], {name: getattr(get_recipe(self.recipes[0]), name, None)})  # is there such one?
            if not isinstance(values, (Range, Choice, list, tuple)):
                raise KitError(f"field {name} takes a list of values, a range or a choice. Received: {values!r}.")
            if isinstance(values, (list, tuple)) and not values:
                raise KitError(f"an empty grid: field {name} has no values. Received: {values!r}.")

    @property
    def is_search(self) -> bool:
        return any(isinstance(values, (Range, Choice)) for values in self.fields.values())

    def fold_numbers(self, num_folds: int) -> list[int]:
        """Of a split of so many folds."""
        return list(range(num_folds)) if self.folds == ALL else [int(fold) for fold in self.folds]

    def grid(self, num_folds: int) -> list[Unit]:
        """All combinations; folds and seeds change fastest, so that whole ensembles are ready early."""
        backbones = [{"backbone": name} for name in self.backbones] or [{}]
        fields = [dict(zip(self.fields, values, strict=True)) for values in itertools.product(*self.fields.values())]
        return [
            Unit(recipe, fold, seed, {**backbone, **changes}, self.limit, self.steps)
            for recipe, backbone, changes, seed, fold in itertools.product(
                self.recipes, backbones, fields, self.seeds, self.fold_numbers(num_folds)
            )
        ]

    def space(self) -> dict[str, Range | Choice]:
        """What a search draws: recipe, backbone and fields, each if there is a choice or it was listed."""
        space: dict[str, Range | Choice] = {"recipe": Choice(tuple(self.recipes))}
        if self.backbones:
            space["backbone"] = Choice(tuple(self.backbones))
        for name, values in self.fields.items():
            space[name] = values if isinstance(values, (Range, Choice)) else Choice(tuple(values))
        return space

    def trial(self, number: int, drawn: Mapping[str, Any], num_folds: int) -> Unit:
        """The unit of a search's trial; drawn: a value for each of `space`."""
        folds = self.fold_numbers(num_folds)
        changes = {name: value for name, value in drawn.items() if name != "recipe"}
        seed = self.seeds[number // len(folds) % len(self.seeds)]
        return Unit(drawn["recipe"], folds[number % len(folds)], seed, changes, self.limit, self.steps)

    def digest(self) -> str:
        """Eight hex digits of all that a search draws from: another space is another study."""
        told = {name: repr(values) for name, values in self.space().items()}
        return hashlib.sha256(json.dumps([told, self.limit, self.steps], sort_keys=True).encode()).hexdigest()[:8]


def load_sweep(name: str) -> tuple[str, Sweep]:
    """A sweep by the name of a file of `named/`, or of a file of one's own that sets SWEEP.

    Returns:
        The name of its folder in A/sweeps, and the sweep.

    Raises:
        KitError: no such file or name, a file that fails or sets no SWEEP.
    """
    path = Path(name) if name.endswith(".py") else NAMED / f"{name}.py"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in NAMED.glob("[a-z]*.py")))
        raise KitError(f"expected a Python file that sets SWEEP, or one of: {known}. Received: {name!r}.")
    try:
        found = runpy.run_path(str(path)).get("SWEEP")
    except KitError as error:
        raise KitError(f"{path}: {error}") from None
    except Exception as error:  # whatever a user's file raises
        raise KitError(f"{path} cannot be run: {type(error).__name__}: {error}.") from error
    if not isinstance(found, Sweep):
        raise KitError(
            f"{path}: expected SWEEP = Sweep(...), with `from training.sweeping import Sweep`. "
            f"Received: SWEEP={found!r}."
        )
    return path.stem, found
