"""Recipes, run directories and checkpoints: what is refused and what is kept."""

import json

import keras
import numpy as np
import pytest

from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from training.checkpoint import load_checkpoint, read_counters, save_checkpoint
from training.recipes import RECIPES, get_recipe
from training.runs import check_split, create_run, current_runs, list_runs, open_run, run_name
from training.train import parse_changes


def config(**changes):
    return {"recipe": {"name": "small_cnn", "epochs": 3}, "fold": 0, "seed": 0} | changes


def test_the_name_says_recipe_fold_seed_and_follows_the_configuration():
    name = run_name(config())
    assert name.startswith("small_cnn-f0-s0-")
    assert name == run_name(dict(reversed(config().items())))
    assert run_name(config(limit=5))[:-8] == name[:-8]
    assert run_name(config(limit=5)) != name


def test_a_run_is_made_once_and_found_again(tmp_path):
    run = create_run(tmp_path, config())
    assert run.state == "new"
    run.set_state("trained")
    again = create_run(tmp_path, config())
    assert (again.path, again.state) == (run.path, "trained")
    assert [found.name for found in list_runs(tmp_path)] == [run.name]
    assert open_run(run.path).config == config()


def test_a_directory_of_another_configuration_is_refused(tmp_path):
    create_run(tmp_path, config(), tmp_path / "mine")
    with pytest.raises(KitError, match=r"Expected: recipe.epochs=4, seed=1. Received: recipe.epochs=3, seed=0"):
        create_run(tmp_path, config(seed=1, recipe={"name": "small_cnn", "epochs": 4}), tmp_path / "mine")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "smal_cnn",
            {},
            "unknown recipe. Received: 'smal_cnn'. Known: .*mobilenet_v3_small, .*small_cnn",
        ),
        (
            "small_cnn",
            {"epoch": 3},
            r"unknown recipe fields. Received: \['epoch'\]. Known: accumulate, backbone, balance, batch_size",
        ),
        ("small_cnn", {"epochs": -1}, r"epochs must be in \[0, 100000\]. Received: epochs=-1"),
        ("small_cnn", {"epochs": 0}, "expected at least one epoch of the head or the tune phase"),
        ("small_cnn", {"optimizer": "adan"}, "optimizer must be one of adamw, lion, .* Received: optimizer='adan'"),
        ("small_cnn", {"head_units": [64, 0]}, r"head_units must be a list of widths"),
        ("small_cnn", {"shuffle": 1}, "shuffle must be true or false. Received: shuffle=1"),
        ("small_cnn", {"image_size": 4}, r"image_size must be an int in \[8, 4096\] or null. Received: image_size=4"),
        ("small_cnn", {"contrastive_epochs": 3}, "contrastive_epochs needs a head phase after it"),
        ("small_cnn", {"balance": "smote_features"}, "smote_features needs a head phase"),
        ("small_cnn", {"images_per_class": 3000}, "images_per_class needs balance=balanced"),
        ("small_cnn", {"swa_epochs": 5}, "two averages of the same weights"),
        ("small_cnn", {"epochs": "many"}, "epochs must be an int. Received: epochs='many'"),
        ("small_cnn", {"batch_size": 2.5}, "batch_size must be an int. Received: batch_size=2.5"),
        ("small_cnn", {"learning_rate": float("nan")}, "learning_rate must be in .* Received: learning_rate=nan"),
    ],
)
def test_bad_recipes(name, changes, message):
    with pytest.raises(KitError, match=message):
        get_recipe(name, changes)


def test_fields_change_and_the_registered_recipe_stays():
    assert get_recipe("small_cnn", {"epochs": 3, "learning_rate": 1}).epochs == 3
    assert RECIPES["small_cnn"].epochs != 3


def test_changes_on_the_command_line():
    assert parse_changes(["epochs=3", "policy=flips", "weights=null"]) == {
        "epochs": 3,
        "policy": "flips",
        "weights": None,
    }
    with pytest.raises(KitError, match="--set takes FIELD=VALUE. Received: 'epochs'"):
        parse_changes(["epochs"])


def test_a_checkpoint_gives_back_what_it_was_given(tmp_path):
    variables = [keras.Variable(np.arange(3.0)), keras.Variable(np.array(7, np.int32), dtype="int32")]
    save_checkpoint(tmp_path / "state.npz", variables, {"epoch": 4})
    for variable in variables:
        variable.assign(keras.ops.zeros_like(variable))
    assert load_checkpoint(tmp_path / "state.npz", variables) == {"epoch": 4}
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(variables[0]), [0.0, 1.0, 2.0])
    assert int(variables[1]) == 7
    assert read_counters(tmp_path / "state.npz") == {"epoch": 4}


def test_damaged_and_foreign_checkpoints(tmp_path):
    path = tmp_path / "state.npz"
    save_checkpoint(path, [keras.Variable(np.zeros(3))], {})
    with pytest.raises(KitError, match="does not fit the net"):
        load_checkpoint(path, [keras.Variable(np.zeros(4))])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(KitError, match="cannot be read .* run `make train` again"):
        load_checkpoint(path, [keras.Variable(np.zeros(3))])


def test_a_missing_or_broken_config_names_the_command(tmp_path):
    with pytest.raises(KitError, match="Received: 'nowhere'. Known: none: run `make train` first"):
        open_run(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text(json.dumps(config())[:-4])
    with pytest.raises(KitError, match="config.json is not valid JSON"):
        open_run(tmp_path)


def test_runs_of_another_split_and_quick_tries_are_left_out(tmp_path):
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / "folds.csv").write_text("today")
    today = {"folds_sha256": sha256_file(tmp_path / "split" / "folds.csv")}
    runs = {
        "now": create_run(tmp_path / "runs", config(data=today)),
        "old": create_run(tmp_path / "runs", config(data={"folds_sha256": "other"})),
        "quick": create_run(tmp_path / "runs", config(data=today, limit=5)),
        "steps": create_run(tmp_path / "runs", config(data=today, steps=2)),
        "new": create_run(tmp_path / "runs", config(data=today, seed=1)),
    }
    for name in ("now", "old", "quick", "steps"):
        runs[name].set_state("predicted")
    assert [run.name for run in current_runs(tmp_path, ("predicted",))] == [runs["now"].name]
    check_split(runs["quick"], tmp_path)
    with pytest.raises(
        KitError, match="was trained under another split than .*folds.csv.*Train again: `make train ARTI"
    ):
        check_split(runs["old"], tmp_path)


def test_a_history_cut_by_a_full_disk_is_read_up_to_there(tmp_path):
    run = create_run(tmp_path, config())
    (run.path / "history.jsonl").write_text('{"epoch": 1}\n{"epoch": 2, "lo')
    assert run.history() == [{"epoch": 1}]
