"""Weights averaged into one more run; nothing is trained here, the ingredients are drawn."""

import json
import shutil

import keras
import numpy as np
import pytest
from tiny_contest import TINY, make_contest

from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json, write_text
from training.configure import configure, open_contest
from training.net import build_net, load_net
from training.predict import main as predict
from training.recipes import get_recipe
from training.runs import WEIGHTS, Run, create_run, open_run
from training.soup import main, soup
from training.soup_pot import Pot, refresh_statistics
from training.train import parse_changes

NAMES = ("near", "same", "far")


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    """Three runs: one net, nearly the same net, and another with a head that is wrong throughout."""
    artifacts = make_contest(tmp_path_factory.mktemp("contest"))
    recipe = get_recipe("small_cnn", parse_changes([*TINY, "policy=flips"]))
    net = build_net(recipe, (32, 32, 3), len(open_contest(artifacts).data.class_names))
    rng = np.random.default_rng(0)
    start = [variable.numpy() for variable in net.weights]
    for seed, name in enumerate(NAMES):
        config, _ = configure(open_contest(artifacts), recipe, 0, seed)
        run = create_run(artifacts / "runs", config, artifacts / "runs" / name)
        for variable, value in zip(net.weights, start, strict=True):
            variable.assign(value + (rng.normal(0, 1e-4, value.shape) if name == "same" else 0))
        if name == "far":
            net.weights[-1].assign([50.0, *[0.0] * (net.output_shape[-1] - 1)])  # always the first class
        net.save_weights(run.path / WEIGHTS)
        write_text(run.path / "history.jsonl", "")
        run.set_state("trained")
    return artifacts


def weights_of(run: Run) -> list[np.ndarray]:
    return [variable.numpy() for variable in load_net(run).weights]


def opened(contest, *names):
    return [open_run(contest / "runs" / name) for name in names]


def is_statistic(variable) -> bool:
    return "moving_" in variable.path


@pytest.mark.slow
def test_a_greedy_soup_leaves_out_what_harms(contest, capsys):
    names = ["--runs", *NAMES]
    assert main(["--artifacts", str(contest), *names]) == 0
    printed = capsys.readouterr().out
    assert "soup: soup_small_cnn-f0-s0-" in printed and "of 3 ingredients; log-loss on the fold left out " in printed
    (made,) = (contest / "runs").glob("soup_*")
    run = open_run(made)
    assert run.state == "trained"
    told = read_json(made / "soup.json", "")
    assert [one["run"] for one in told["ingredients"]] == list(NAMES)
    assert not told["ingredients"][2]["kept"]
    assert told["log_loss"] <= min(one["log_loss"] for one in told["ingredients"]) + 1e-6
    assert run.history()[0]["phase"] == "soup"
    assert (made / "metrics.json").is_file()
    before = (made / WEIGHTS).stat().st_mtime_ns
    assert main(["--artifacts", str(contest), *names]) == 0  # found again
    assert (made / WEIGHTS).stat().st_mtime_ns == before
    assert predict(["--artifacts", str(contest), "--run", made.name]) == 0
    assert open_run(made).state == "predicted"
    shutil.rmtree(made)


def test_a_uniform_soup_is_the_mean_with_statistics_of_its_own(contest):
    run = soup(contest, opened(contest, "near", "far"), "uniform")
    assert run.config["soup"]["method"] == "uniform"
    net = load_net(run)
    near, far = (weights_of(one) for one in opened(contest, "near", "far"))
    changed = 0
    for variable, a, b in zip(net.weights, near, far, strict=True):
        if is_statistic(variable):
            changed += not np.allclose(variable.numpy(), (a + b) / 2)
        else:
            np.testing.assert_allclose(variable.numpy(), (a + b) / 2, atol=1e-6, err_msg=variable.path)
    assert changed > 0
    assert all(one["kept"] for one in json.loads((run.path / "soup.json").read_text())["ingredients"])
    shutil.rmtree(run.path)


def test_stirring_is_a_mean():
    rng = np.random.default_rng(0)
    nets = [[rng.normal(size=(3, 2)).astype(np.float32), np.array([n], np.int32)] for n in range(4)]
    mean = nets[0]
    for count, net in enumerate(nets[1:], start=1):
        mean = Pot.stir(mean, net, count)
    np.testing.assert_allclose(mean[0], np.mean([net[0] for net in nets], axis=0), rtol=1e-5)
    assert mean[0].dtype == np.float32
    assert mean[1].tolist() == [0]  # a count is no weight


def test_statistics_are_those_of_the_batches_and_of_nothing_before():
    norm = keras.layers.BatchNormalization(momentum=0.9)
    frozen = keras.layers.BatchNormalization(trainable=False)
    net = keras.Sequential([keras.Input((2,)), norm, frozen])
    norm.moving_mean.assign([70.0, -70.0])
    frozen.moving_mean.assign([5.0, 5.0])
    batch = np.array([[1.0, 2.0], [3.0, 6.0]], np.float32)

    def run_batches():
        for _ in range(3):
            net(batch, training=True)
        return 3

    refresh_statistics(net, run_batches)
    np.testing.assert_allclose(norm.moving_mean.numpy(), [2, 4], rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.numpy(), [1, 4], rtol=1e-5)
    np.testing.assert_array_equal(frozen.moving_mean.numpy(), [5, 5])
    refresh_statistics(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), run_batches)  # none to refresh


def test_runs_that_do_not_fit_are_all_listed(contest, tmp_path):
    for name, change, state in (("other_fold", {"fold": 1}, "trained"), ("untrained", {"limit": 5}, "new")):
        config = open_run(contest / "runs" / "near").config | change
        write_json(tmp_path / name / "config.json", config)
        write_text(tmp_path / name / "state.txt", state + "\n")
    runs = [*opened(contest, "near"), open_run(tmp_path / "other_fold"), open_run(tmp_path / "untrained")]
    with pytest.raises(KitError) as caught:
        soup(contest, runs, "greedy", ["best", "last"])
    text = str(caught.value)
    for wanted in (
        "  near: no last.state.npz\n",
        "  other_fold: other fold than near\n",
        "  other_fold: no best.weights.h5\n",
        "  untrained: state 'new'\n",
        "  untrained: other limit than near\n",
    ):
        assert wanted in text, wanted


@pytest.mark.parametrize(
    ("names", "method", "checkpoints", "message"),
    [
        (["near"], "greedy", ["best"], "two ingredients or more, each once. Received: near with checkpoints best"),
        (["near", "near"], "greedy", ["best"], "each once. Received: near, near"),
        (["near", "same"], "boiled", ["best"], "a method among greedy, uniform. Received: boiled"),
        (["near", "same"], "greedy", ["first"], "checkpoints among best, last. Received: first"),
    ],
)
def test_bad_arguments(contest, names, method, checkpoints, message):
    with pytest.raises(KitError, match=message):
        soup(contest, opened(contest, *names), method, checkpoints)
