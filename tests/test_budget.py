"""The time budget: what is read, what is picked, what is kept."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_contest import make_contest

from submission.kit.errors import KitError
from submission.kit.files import read_json
from training import budget
from training.budget import parse_budget, planned_epochs, recipe_within, scaled_epochs
from training.configure import open_contest
from training.measure import Measured, measure
from training.plans import PLANS, Plan
from training.recipes import get_recipe


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return make_contest(tmp_path_factory.mktemp("contest"))


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("1h", 3600), ("8h", 28800), ("1.5h", 5400), ("90s", 90)])
def test_times(text, seconds):
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "h", "-1h", "1d", "1h30m", "29s", "0h", "1e3m", "nan", "99999999h"])
def test_no_times(text):
    with pytest.raises(KitError, match="--budget takes a time of at least 30s, such as 10m, 1h or 8h. Received: "):
        parse_budget(text)


def test_a_plan_fills_the_time_up_to_its_most():
    plan = Plan("net", {}, least_epochs=5, most_epochs=20)
    recipe = get_recipe("small_cnn", {"head_epochs": 2})
    measured = Measured(setup_s=10.0, epoch_s={"head": 5.0, "tune": 10.0})
    assert planned_epochs(plan, recipe, measured, 130.0) == {"head": 2, "tune": 11}
    assert planned_epochs(plan, recipe, measured, 9999.0) == {"head": 2, "tune": 20}
    assert planned_epochs(plan, recipe, measured, 69.0) == {}


@given(
    head=st.integers(0, 30),
    tune=st.integers(1, 200),
    cost=st.tuples(st.floats(0.1, 50), st.floats(0.1, 50)),
    left=st.floats(1, 20_000),
)
def test_scaled_epochs_keep_the_time_and_waste_little(head, tune, cost, left):
    recipe = get_recipe("small_cnn", {"head_epochs": head, "epochs": tune})
    names = ["head", "tune"] if head else ["tune"]
    measured = Measured(1.0, dict(zip(["head", "tune"], cost, strict=True)))
    if measured.total_s(dict.fromkeys(names, 1)) > left:
        with pytest.raises(KitError, match="one epoch of each phase of small_cnn takes"):
            scaled_epochs(recipe, measured, left)
        return
    epochs = scaled_epochs(recipe, measured, left)
    assert list(epochs) == names
    assert min(epochs.values()) >= 1
    assert measured.total_s(epochs) <= left * (1 + 1e-9)
    assert measured.total_s({name: count + 1 for name, count in epochs.items()}) > left * (1 - 1e-9)


def answers(monkeypatch, seconds: dict[str, float], missing: tuple[str, ...] = ()) -> list[str]:
    """Measurements from a table: backbone (and image size) -> seconds an epoch; returns what was asked for."""
    asked = []

    def fake(recipe, contest, fold):
        name = recipe.backbone + (f"@{recipe.image_size}" if recipe.image_size else "")
        asked.append(name)
        if recipe.weights == "imagenet" and recipe.backbone in missing:
            raise KitError("the 'imagenet' weights could not be loaded")
        return Measured(5.0, dict.fromkeys(("head", "tune"), seconds.get(name, math.inf)))

    monkeypatch.setattr(budget, "_measure", fake)
    return asked


def decide(artifacts, text="1h", name="default", changes=None, recipe=None):
    changes = changes or {}
    recipe = recipe or get_recipe(name, changes)
    return recipe_within(text, recipe, artifacts, open_contest(artifacts), 0, changes)


COSTS = {"mobilenet_v1_to_13@128": 120.0, "mobilenet_v1_to_13": 60.0, "mobilenet_v2_035": 30.0, "small_cnn": 40.0}


def test_the_best_plan_that_fits_is_taken_and_kept(artifacts, monkeypatch):
    asked = answers(monkeypatch, COSTS)
    recipe, told = decide(artifacts)
    # 0.85 * 3600 s: 25 epochs of 120 s are fewer than that plan's least
    assert (recipe.backbone, recipe.image_size, recipe.weights) == ("mobilenet_v1_to_13", None, "imagenet")
    assert recipe.epochs == (0.85 * 3600 - 5) // 60 == 50
    assert "budget 1h: mobilenet_v1_to_13, 50 epochs tune, planned 3005 s" in told
    assert asked == ["mobilenet_v1_to_13@128", "mobilenet_v1_to_13"]
    kept = read_json(next(artifacts.glob("budget/default-3600s-*.json")), "")
    assert "mobilenet_v1_to_13 at 128 px: 4805 s for its least 40 epochs" in kept["passed_over"]
    asked.clear()
    assert decide(artifacts)[0] == recipe
    assert asked == []  # a run that goes on is the same run


def test_without_weights_the_net_starts_from_scratch(artifacts, monkeypatch):
    answers(monkeypatch, COSTS, missing=("mobilenet_v1_to_13", "mobilenet_v2_035"))
    recipe, _ = decide(artifacts, "59m")
    assert (recipe.backbone, recipe.weights, recipe.epochs) == ("small_cnn", None, 75)
    recipe, _ = decide(artifacts, "58m", changes={"weights": None, "policy": "flips"})
    assert (recipe.backbone, recipe.policy) == ("small_cnn", "flips")


def test_a_file_of_weights_is_for_the_net_that_it_fits(artifacts, monkeypatch, tmp_path):
    (tmp_path / "net.weights.h5").write_bytes(b"")
    asked = answers(monkeypatch, COSTS)
    recipe, _ = decide(artifacts, "57m", changes={"weights": str(tmp_path / "net.weights.h5")})
    assert recipe.weights.endswith("net.weights.h5")
    assert "small_cnn" not in asked


def test_other_recipes_keep_all_but_their_epochs(artifacts, monkeypatch):
    answers(monkeypatch, {"small_cnn": 10.0})
    before = get_recipe("small_cnn", {"head_epochs": 4, "policy": "flips"})
    recipe, told = decide(artifacts, "10m", changes={"policy": "flips"}, recipe=before)
    assert dataclasses.replace(recipe, epochs=50, head_epochs=4, swa_epochs=0) == before
    assert (recipe.head_epochs, recipe.epochs) == (3, 47)  # 50 of (0.85 * 600 - 5) / 10, 4 to 50
    assert "epochs scaled, 3 epochs head + 47 epochs tune" in told


@pytest.mark.parametrize(
    ("text", "name", "changes", "message"),
    [
        ("1m", "small_cnn", {}, "--budget leaves .* s for training, and one epoch of each .* takes 1005 s"),
        ("1m", "default", {}, "no plan of recipe default fits in 60 s here. mobilenet.*Give a longer --budget"),
        ("1h", "small_cnn", {"epochs": 3}, "leave them out of --set. Received: epochs"),
        ("1h", "small_cnn", {"batch_size": 4000}, "at least one batch of images"),
        ("soon", "small_cnn", {}, "Received: 'soon'"),
    ],
)
def test_what_cannot_be(artifacts, monkeypatch, text, name, changes, message):
    answers(monkeypatch, dict.fromkeys(COSTS, 1000.0))
    with pytest.raises(KitError, match=message):
        decide(artifacts, text, name, changes)


def test_plans_are_recipes(artifacts):
    assert not PLANS[-1].pretrained and PLANS[-1].least_epochs == 1  # there is always one
    for plan in PLANS:
        made = get_recipe("default", plan.changes)
        assert not {"epochs", "weights"} & set(plan.changes)
        assert made.backbone == plan.changes["backbone"]
        assert plan.least_epochs <= plan.most_epochs


def test_real_steps_are_measured(artifacts):
    contest = open_contest(artifacts)
    recipe = get_recipe("small_cnn", {"policy": "flips", "batch_size": 8, "head_epochs": 1})
    rows = contest.folds.training_rows(0)
    measured = measure(recipe, contest.data, rows, len(rows), 30)
    assert set(measured.epoch_s) == {"head", "tune"}
    assert all(0 < seconds < 100 for seconds in measured.epoch_s.values())
    assert measured.setup_s > 0
