"""`python -m training.runs`: what it lists, in which order, and what it never removes."""

import csv
import json

import numpy as np
import pytest

from submission.kit.errors import KitError
from submission.kit.files import write_json
from submission.kit.probs_file import Probs, save_probs
from training.run_list.command import main
from training.run_list.conditions import parse_conditions
from training.run_lock import locked
from training.runs import create_run


@pytest.fixture
def artifacts(tmp_path):
    """Three runs: a and b scored, c failed."""
    for name, fold, rate, shifted, state in (
        ("a", 0, 1e-3, 0.5, "trained"),
        ("b", 1, 2e-3, 0.75, "predicted"),
        ("c", 1, 2e-3, None, "failed"),
    ):
        recipe = {"name": "small_cnn", "backbone": "small_cnn", "learning_rate": rate, "epochs": 9, "head_units": []}
        run = create_run(
            tmp_path / "runs", {"recipe": recipe, "fold": fold, "seed": 0, "data": {}}, tmp_path / "runs" / name
        )
        run.set_state(state)
        if shifted is not None:
            line = {"epoch": 1, "val_accuracy": 1 - shifted, "val_aug_accuracy": shifted, "seconds": 2.5}
            line |= {"val_log_loss": shifted, "val_aug_log_loss": 1.0}
            (run.path / "history.jsonl").write_text(json.dumps(line) + "\n")
            write_json(run.path / "metrics.json", {"select": {"an2dl": shifted, "clean": 0.9}})
    return tmp_path


def shown(capsys) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def runs(artifacts, *arguments):
    return main(["--artifacts", str(artifacts), *arguments])


def test_all_runs_are_listed(artifacts, capsys):
    assert runs(artifacts) == 0
    header, *rows, last = shown(capsys)
    assert header[:3] == ["run", "state", "recipe"] and header[-2:] == ["clean.select", "an2dl.select"]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("a", "trained", "0.5000"),
        ("b", "predicted", "0.7500"),
        ("c", "failed", "-"),
    ]
    assert last == ["runs:", "3", "of", "3"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--best", "1"], "b"),
        (["--best", "5"], "b a"),
        (["--best", "2", "--by", "val"], "a b"),
        (["--by", "loss"], "a b"),
        (["--where", "fold=1"], "b c"),
        (["--where", "fold=1", "state!=failed"], "b"),
        (["--where", "learning_rate<0.0015"], "a"),
        (["--where", "recipe=small_cnn", "--where", "an2dl.select>=0.5"], "a b"),
        (["--where", "run~b"], "b"),
        (["--where", "head_units=[]"], "a b c"),
        (["--where", "epochs>9"], ""),
    ],
)
def test_runs_are_chosen(artifacts, capsys, arguments, names):
    assert runs(artifacts, "--names", *arguments) == 0
    assert capsys.readouterr().out == f"{names}\n"


def test_comparing_shows_what_differs_alone(artifacts, capsys):
    runs(artifacts, "--compare", "--where", "state!=failed")
    header, first, second, _ = shown(capsys)
    assert header == ["run", "state", "learning_rate", "fold", "val", "val_aug", "loss", "an2dl.select"]
    assert (first[2], second[2]) == ("0.0010", "0.0020")


def test_tables_are_written(artifacts, capsys):
    runs(artifacts, "--export", str(artifacts / "t.csv"), "--columns", "run", "learning_rate", "an2dl.select")
    with open(artifacts / "t.csv", newline="") as file:
        assert list(csv.reader(file)) == [
            ["run", "learning_rate", "an2dl.select"],
            ["a", "0.001", "0.5"],
            ["b", "0.002", "0.75"],
            ["c", "0.002", ""],
        ]
    runs(artifacts, "--export", str(artifacts / "t.md"), "--columns", "run", "--best", "1")
    assert (artifacts / "t.md").read_text() == "| run | an2dl.select |\n| --- | --- |\n| b | 0.7500 |\n"
    assert f"runs: 1 of 3, written to {artifacts / 't.md'}" in capsys.readouterr().out


def test_predictions_score_a_run_that_no_sweep_has_scored(artifacts, capsys):
    probs_vnk = np.array([[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]], np.float32)
    probs = Probs(np.array(["x", "y", "z"]), np.array([0, 1, 1]), probs_vnk, ["identity"])
    save_probs(artifacts / "runs" / "c" / "probs_an2dl_select.npz", probs)
    runs(artifacts, "--where", "run=c", "--columns", "an2dl.select")
    assert shown(capsys)[1] == ["0.6667"]


def test_pruning_tells_first_and_spares_what_is_used(artifacts, capsys):
    write_json(artifacts / "ensemble" / "ensemble.json", {"members": [{"run": "a"}]})
    assert runs(artifacts, "--prune", "--best", "1") == 0
    assert capsys.readouterr().out.splitlines() == [
        "a: stays: a member of the ensemble",
        "c: goes",
        "prune: 1 of 2 runs would go; add --yes to move them to the trash",
    ]
    assert (artifacts / "runs" / "c").exists()
    with locked(artifacts / "runs" / "c"):
        runs(artifacts, "--prune", "--where", "run=c", "--yes")
    assert "c: stays: a live process works on it" in capsys.readouterr().out
    runs(artifacts, "--prune", "--yes")
    assert sorted(path.name for path in (artifacts / "runs").iterdir()) == ["a"]
    assert (artifacts / "trash" / "b" / "config.json").exists()
    create_run(artifacts / "runs", {"recipe": {"name": "x"}, "fold": 0, "seed": 0}, artifacts / "runs" / "b")
    runs(artifacts, "--prune", "--yes")
    assert sorted(path.name for path in (artifacts / "trash").iterdir()) == ["b", "b.1", "c"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "fold"], "--where takes NAME=VALUE, with =, !=, <, .* Received: 'fold'"),
        (["--where", "folds=0"], "no run has such a value. Received: folds. Known: an2dl.select, backbone"),
        (["--columns", "accuracy"], "no run has such a value. Received: accuracy"),
        (["--best", "0"], "--best must be at least 1. Received: 0"),
        (["--best", "1", "--by", "state"], "none of 3 runs has a number state: name another"),
        (["--best", "1", "--by", "stain.select"], "none of 3 runs has a number stain.select: predict them"),
        (["--export", "runs.txt"], "--export takes a file that ends in .csv or .md. Received: runs.txt"),
        (["--yes"], "--yes goes with --prune"),
    ],
)
def test_bad_input(artifacts, arguments, message):
    with pytest.raises(KitError, match=message):
        runs(artifacts, *arguments)


def test_no_runs_at_all(tmp_path):
    with pytest.raises(KitError, match="no run in .*runs: run `make train ARTIFACTS="):
        runs(tmp_path)


@pytest.mark.parametrize(
    ("text", "row", "holds"),
    [
        ("a=1", {"a": 1.0}, True),
        ("a=x y", {"a": "x y"}, True),
        ("a=null", {"a": None}, True),
        ("a>1", {"a": None}, False),
        ("a>1", {}, False),
        ("a!=1", {}, True),
        ("a=true", {"a": True}, True),
        ("a = 12", {"a": "12"}, True),
        ("a=[1, 2]", {"a": (1, 2)}, True),
        ("b.select<0.5", {"b.select": 0.4}, True),
    ],
)
def test_conditions(text, row, holds):
    (condition,) = parse_conditions([text])
    assert condition.holds(row) == holds
