"""What a sweep may be, and what its command refuses."""

import pytest

from submission.kit.errors import KitError
from training.recipes import get_recipe
from training.sweep import main as sweep
from training.sweeping import Sweep, choice, integers, log_uniform, uniform
from training.sweeping.definition import NAMED, load_sweep
from training.sweeping.duration import parse_duration
from training.sweeping.unit import Unit
from training.train import parse_args, parse_changes


def test_a_grid_has_every_combination_once_folds_first():
    grid = Sweep(["small_cnn", "default"], folds="all", seeds=[3, 4], fields={"epochs": [1, 2]}).grid(2)
    assert len(grid) == 16 == len({unit.told() for unit in grid})
    assert [unit.told() for unit in grid[:3]] == [
        "small_cnn fold 0 seed 3 epochs=1",
        "small_cnn fold 1 seed 3 epochs=1",
        "small_cnn fold 0 seed 4 epochs=1",
    ]
    assert grid[-1].told() == "default fold 1 seed 4 epochs=2"


def test_backbones_are_recipes_with_other_backbones():
    (unit,) = Sweep(backbones=["mobilenet_v2_035"], fields={"weights": [None]}).grid(3)
    assert unit.changes == {"backbone": "mobilenet_v2_035", "weights": None}


def test_a_units_arguments_are_read_as_they_were_meant(tmp_path):
    changes = {"policy": "flips", "weights": None, "head_units": [64, 8], "learning_rate": 3.1e-4, "shuffle": False}
    args = parse_args(Unit("small_cnn", 2, 7, changes, limit=9).argv(tmp_path))
    assert parse_changes(args.set) == changes
    assert (args.artifacts, args.recipe, args.fold, args.seed, args.limit, args.steps) == (
        tmp_path,
        "small_cnn",
        2,
        7,
        9,
        None,
    )


def test_a_search_turns_through_folds_and_seeds():
    search = Sweep(folds=[4, 5], seeds=[1, 2], fields={"dropout": uniform(0, 0.5), "epochs": [3]})
    assert search.is_search and not Sweep().is_search
    drawn = {"recipe": "small_cnn", "dropout": 0.25, "epochs": 3}
    units = [search.trial(number, drawn, 9) for number in range(5)]
    assert [(unit.fold, unit.seed) for unit in units] == [(4, 1), (5, 1), (4, 2), (5, 2), (4, 1)]
    assert units[0].changes == {"dropout": 0.25, "epochs": 3}
    assert search.digest() == Sweep(folds=[0], fields=search.fields).digest()
    assert search.digest() != Sweep(fields={"dropout": uniform(0, 0.4), "epochs": [3]}).digest()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sweep([]), r"an empty grid: expected at least one of recipes. Received: \[\]"),
        (lambda: Sweep(seeds=[]), "an empty grid: expected at least one of seeds"),
        (lambda: Sweep(fields={"epochs": []}), r"an empty grid: field epochs has no values. Received: \[\]"),
        (lambda: Sweep(fields={"epoch": [1]}), r"unknown recipe fields. Received: \['epoch'\]. Known: accumulate"),
        (lambda: Sweep(fields={"epochs": 3}), "field epochs takes a list of values, a range or a choice. Received: 3"),
        (lambda: Sweep(fields={"backbone": ["a"]}), "backbone is no field of a grid: list it in recipes or backbones"),
        (lambda: Sweep(["smal_cnn"]), "unknown recipe. Received: 'smal_cnn'"),
        (lambda: Sweep("small_cnn"), "recipes is a list of names. Received: 'small_cnn'"),
        (lambda: Sweep(folds="every"), "folds are a list of numbers, or \"all\". Received: 'every'"),
        (lambda: log_uniform(0, 1), r"log_uniform begins above 0. Received: \(0, 1\)"),
        (lambda: uniform(1, 1), r"from a lower to a higher number. Received: \(1, 1\)"),
        (lambda: integers(1, float("inf")), "two finite numbers"),
        (choice, "choice needs at least one value"),
    ],
)
def test_bad_sweeps(make, message):
    with pytest.raises(KitError, match=message):
        make()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "expected a Python file that sets SWEEP, or one of: folds5, search, seeds3, tiny. Received: "),
        ("SWEEP = 3", r"expected SWEEP = Sweep\(...\), .* Received: SWEEP=3"),
        ("1 / 0", "mine.py cannot be run: ZeroDivisionError: division by zero"),
        ("from training.sweeping import Sweep\nSWEEP = Sweep([])", "mine.py: an empty grid"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(KitError, match=message):
        load_sweep(str(path))


@pytest.mark.parametrize("path", sorted(NAMED.glob("*.py")), ids=lambda path: path.stem)
def test_named_sweeps_are_valid_and_tell_what_they_are(path):
    name, found = load_sweep(path.stem)
    assert name == path.stem and path.read_text().startswith('"""')
    for recipe in found.recipes:
        for field, values in found.fields.items():
            for value in (
                getattr(values, "options", values) if not hasattr(values, "low") else [values.low, values.high]
            ):
                get_recipe(recipe, {field: value})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sweep", "nothing"], "or one of: folds5"),
        (["--sweep", "tiny", "--trials", "3"], "--trials is for a search"),
        (["--sweep", "search", "--trials", "0"], "--trials must be at least 1. Received: 0"),
        (["--sweep", "search", "--dry-run"], "--dry-run lists the units of a grid. Received: a search"),
        (
            ["--sweep", "tiny", "--timeout", "soon"],
            "--timeout takes a time such as 90s, 10m, 8h or 2d. Received: 'soon'",
        ),
        (["--sweep", "tiny"], "data/meta.json is missing: run `make data"),
    ],
)
def test_bad_commands(tmp_path, arguments, message):
    with pytest.raises(KitError, match=message):
        sweep(["--artifacts", str(tmp_path), *arguments])
    assert list(tmp_path.iterdir()) == []


def test_durations():
    assert [parse_duration(text, "--timeout") for text in ("90s", "1.5h", "2d")] == [90, 5400, 172800]
