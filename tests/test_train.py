"""Training on the tiny contest: what is written, what is repeated, what survives a kill."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from same_end import assert_same_end
from scipy.special import log_softmax
from tiny_contest import TINY, make_contest

from submission.kit.errors import KitError
from submission.kit.files import read_json
from submission.kit.folds import load_folds
from submission.kit.image_set import open_image_set
from submission.kit.probs_file import load_probs
from submission.kit.tta import VIEWS
from training.augment.policies import POLICIES
from training.batches import ShuffledBatches, batch_inputs
from training.checkpoint import save_checkpoint
from training.net import load_net
from training.predict import main as predict
from training.runs import current_runs, list_runs
from training.train import main as train
from training.validation import Validator


@pytest.fixture(scope="module")
def contest(tmp_path_factory) -> Path:
    return make_contest(tmp_path_factory.mktemp("contest"))


def command(contest: Path, *more: str) -> list[str]:
    return ["--artifacts", str(contest), *more, "--set", *TINY]


@pytest.fixture(scope="module")
def trained(contest):
    assert train(command(contest)) == 0
    (run,) = list_runs(contest / "runs")
    return run


def test_a_run_writes_its_history_and_weights(trained):
    history = trained.history()
    assert trained.state == "trained"
    assert [line["epoch"] for line in history] == [1, 2]
    assert {"loss", "val_accuracy", "val_aug_accuracy", "learning_rate", "seconds"} <= set(history[0])
    assert all(0 <= line["val_aug_accuracy"] <= 1 for line in history)
    policy = read_json(trained.path / "policy.json", "")
    assert (
        policy["name"] == trained.config["recipe"]["policy"]
        and policy["operations"] == POLICIES[policy["name"]].vocabulary()
    )
    assert history[-1]["learning_rate"] == pytest.approx(0, abs=1e-9)  # the cosine schedule ends with the last epoch


def test_a_done_run_is_not_repeated(contest, trained, capsys):
    before = (trained.path / "best.weights.h5").stat().st_mtime_ns
    assert train(command(contest, "--name-to", str(contest / "name.txt"))) == 0
    assert "up to date" in capsys.readouterr().out
    assert (trained.path / "best.weights.h5").stat().st_mtime_ns == before
    assert (contest / "name.txt").read_text() == f"{trained.name}\n"


def test_predictions_are_the_nets_own_under_each_view(contest, trained):
    assert predict(["--artifacts", str(contest), "--run", trained.name]) == 0
    assert trained.state == "predicted"
    assert sorted(path.name for path in trained.path.glob("probs_*")) == [
        "probs_an2dl_select.npz",
        "probs_clean_select.npz",
        "probs_oof.npz",
    ]
    probs = load_probs(trained.path / "probs_oof.npz")
    data = open_image_set(contest / "data", "")
    rows = load_folds(contest / "split" / "folds.csv").rows("fold0")
    assert probs.ids.tolist() == data.ids[rows].tolist()
    assert probs.views == list(VIEWS)
    net = load_net(trained)
    assert net.input_shape[1:] == data.image_shape
    for v, view in enumerate(probs.views):
        expected = net.predict_on_batch(np.ascontiguousarray(VIEWS[view](data.images[rows])))
        np.testing.assert_allclose(probs.probs_vnk[v], expected, atol=1e-5)


def test_interrupted_training_goes_on_where_it_was(contest, tmp_path, monkeypatch):
    """Ctrl-C right after the first epoch; the same command ends as an uninterrupted run does, bit for bit."""

    def arguments(name):
        return ["--artifacts", str(contest), "--run-dir", str(tmp_path / name), "--set", *TINY, "policy=flips"]

    def interrupted(*args):
        save_checkpoint(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("training.checkpoint.save_checkpoint", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(arguments("cut"))
    assert len((tmp_path / "cut" / "history.jsonl").read_text().splitlines()) == 1
    for name in ("cut", "whole"):
        assert train(arguments(name)) == 0
    assert_same_end(tmp_path / "cut", tmp_path / "whole")


def test_a_quick_try_of_few_steps_has_one_epoch_a_phase(contest, capsys):
    fields = ["epochs=9", "head_epochs=4", "batch_size=64", "policy=flips", "swa_epochs=5", "ema_epochs=0"]
    arguments = ["--artifacts", str(contest), "--limit", "30", "--steps", "1", "--set", *fields]
    assert train(arguments) == 0
    line = capsys.readouterr().out
    assert (
        "quick try: head_epochs 4 cut to 1, epochs 9 cut to 1, swa_epochs 5 cut to 1, batch_size 64 cut to 30" in line
    )
    (run,) = [run for run in list_runs(contest / "runs") if run.config["steps"]]
    assert [line["phase"] for line in run.history()] == ["head", "tune"]
    assert run.config["recipe"]["batch_size"] == 30
    assert run not in current_runs(contest, ("trained",))
    metrics = read_json(run.path / "metrics.json", "")
    assert metrics["num_images"] == 30
    assert set(metrics) == {"class_names", "num_images", "clean", "augmented"}
    best = min(run.history(), key=lambda line: line["val_log_loss"] + line["val_aug_log_loss"])
    assert metrics["clean"]["accuracy"] == pytest.approx(best["val_accuracy"], abs=1e-5)
    assert metrics["augmented"]["accuracy"] == pytest.approx(best["val_aug_accuracy"], abs=1e-5)


def test_the_order_of_images_follows_seed_and_epoch(contest):
    data = open_image_set(contest / "data", "")
    rows = np.arange(100)

    def order(seed, epoch):
        batches = ShuffledBatches(data, rows, 30, seed, epoch)
        assert len(batches) == 3
        return batches.rows.tolist()

    assert order(0, 1) == order(0, 1)
    assert sorted(order(0, 1)) == rows.tolist()
    assert order(0, 1) != order(0, 2) != order(1, 1)


def test_validation_scores_equal_the_nets_own(contest):
    data = open_image_set(contest / "data", "")
    rows = np.arange(50, 107)
    net = keras.Sequential(
        [keras.Input(data.image_shape), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(8)]
    )
    scores = Validator(net, POLICIES["none"], 25, seed=0).score(data, rows)
    inputs = batch_inputs(data, rows)
    logits = keras.ops.convert_to_numpy(net(inputs["images"].astype(np.float32)))
    log_probs = log_softmax(logits, axis=1)
    assert scores.accuracy == pytest.approx(np.mean(logits.argmax(1) == data.labels[rows]))
    assert scores.log_loss == pytest.approx(-np.mean(log_probs[np.arange(len(rows)), data.labels[rows]]), rel=1e-4)
    found = Validator(net, POLICIES["none"], 25, seed=0).logits(data, rows)
    np.testing.assert_allclose(found, logits, rtol=1e-4, atol=1e-4)
    under_policy = Validator(net, POLICIES["strong"], 25, seed=0)
    assert under_policy.score(data, rows) == under_policy.score(data, rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "resnet"], "unknown recipe. Received: 'resnet'"),
        (["--fold", "9"], "expected a part of the split: fold0, fold1, fold2, select, judge. Received: 'fold9'"),
        (["--limit", "0"], "--limit must be at least 1. Received: 0"),
        (["--steps", "0"], "--steps must be at least 1. Received: 0"),
        (["--set", "batch_size=400"], "at least one batch of images.*Received: 10. images an epoch, batch_size=400"),
        (["--set", "batch_size=24", "accumulate=5"], "accumulate=5 needs as many steps an epoch. Received: 4 steps"),
        (["--set", "swa_epochs=60", "ema_epochs=0"], "swa_epochs must be at most the epochs of the tune phase"),
        (["--set", "policy=none", "jsd_weight=1"], "jsd_weight=1 compares altered .* policy 'none' alters nothing"),
        (["--set", "contrastive_epochs=1", "head_epochs=1", "trainable_depth=0"], "Set trainable_depth above 0"),
        (["--budget", "1d"], "--budget takes a time of at least 30s, such as 10m, 1h or 8h. Received: '1d'"),
        (["--budget", "1h", "--set", "epochs=3"], "--budget sets the epochs.*Received: epochs"),
        (["--set", "backbone=resnet"], "unknown backbone. Received: 'resnet'. Known: .*mobilenet"),
        (["--set", "policy=mild"], "unknown augmentation policy. Received: 'mild'"),
        (["--set", "name=../../evil"], "a recipe's name cannot be changed. Received: name='../../evil'"),
        (["--set", "dropout=null"], "dropout must be a number. Received: dropout=None"),
        (["--set", "weights=3"], "weights must be text or null. Received: weights=3"),
        (["--weights", "imagenet"], "small_cnn has no pretrained weights"),
        (["--weights", "none.h5"], "Received: 'none.h5', which is no file"),
        (["--artifacts", "nowhere"], "nowhere/data/meta.json is missing: run `make data ARTIFACTS=nowhere` first"),
    ],
)
def test_bad_input(contest, arguments, message):
    where = ["--artifacts", str(contest)] if "--artifacts" not in arguments else []
    fields = ["--set", *TINY] if "--set" not in arguments else []
    before = sorted((contest / "runs").glob("*")) if (contest / "runs").exists() else []
    with pytest.raises(KitError, match=message):
        train([*where, *arguments, *fields])
    after = sorted((contest / "runs").glob("*")) if (contest / "runs").exists() else []
    assert after == before  # refused before anything was written


def test_a_failed_training_is_marked_and_can_be_mended(contest, tmp_path):
    broken = ["--artifacts", str(contest), "--run-dir", str(tmp_path / "run"), "--set", *TINY, "learning_rate=1e-9"]
    assert train(broken) == 0
    (tmp_path / "run" / "state.txt").write_text("new\n")
    whole = (tmp_path / "run" / "last.state.npz").read_bytes()
    (tmp_path / "run" / "last.state.npz").write_bytes(whole[:1000])
    with pytest.raises(KitError, match="last.state.npz cannot be read"):
        train(broken)
    assert (tmp_path / "run" / "state.txt").read_text() == "failed\n"
    assert "KitError" in (tmp_path / "run" / "error.txt").read_text()
    (tmp_path / "run" / "last.state.npz").write_bytes(whole)
    assert train(broken) == 0
    assert not (tmp_path / "run" / "error.txt").exists()


def test_folds_of_other_images_are_refused(contest, tmp_path):
    for folder in ("data", "split"):
        shutil.copytree(contest / folder, tmp_path / folder)
    labels = np.load(tmp_path / "data" / "labels.npy")
    np.save(tmp_path / "data" / "labels.npy", labels[::-1])
    with pytest.raises(KitError, match="folds.csv, line .* lines differ from the images.*python -m training.split"):
        train(["--artifacts", str(tmp_path), "--set", *TINY])


def test_predictions_that_are_up_to_date_are_not_made_again(contest, trained, capsys):
    where = ["--artifacts", str(contest), "--run", trained.name]
    assert predict(where) == 0
    (trained.path / "probs_clean_select.npz").unlink()
    capsys.readouterr()
    assert predict(where) == 0
    num_select = len(open_image_set(contest / "suites" / "clean" / "select", ""))
    assert f"{8 * num_select} predictions" in capsys.readouterr().out
    assert predict(where) == 0
    assert "up to date" in capsys.readouterr().out


def test_suites_that_were_not_written_are_named(contest, trained):
    with pytest.raises(KitError, match="part of hail, stain .* There are: an2dl, clean. Run .*SUITES=hail,stain"):
        predict(["--artifacts", str(contest), "--run", trained.name, "--suite", "clean", "stain", "hail"])
