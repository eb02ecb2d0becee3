"""Whole trainings in phases, with a backbone of three layers: what trains, what freezes, what a kill cannot change."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from same_end import assert_same_end
from tiny_backbone import tiny_backbone
from tiny_contest import make_contest

from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from training.checkpoint import save_checkpoint
from training.metrics import metrics_of
from training.net import build_net
from training.paging import paged
from training.phase_trainer import PhaseTrainer
from training.phases import Phase, phases_of
from training.precision import layers_of, resolve_precision
from training.recipes import get_recipe
from training.runs import Run, open_run
from training.train import main
from training.training_set import TrainingSet

FIELDS = ["batch_size=24", "policy=flips", "warmup_epochs=0.5", "backbone=tiny_net", "learning_rate=0.01"]
TWO_PHASES = "head_epochs=2 epochs=2 balance=balanced images_per_class=9 ema_epochs=0.5 dropout=0.3"
RECIPES = {
    "two phases, balanced, moving average": TWO_PHASES,
    "consistency, equal average, accumulated": "epochs=3 jsd_weight=2 swa_epochs=2 ema_epochs=0 accumulate=3",
    "contrastive, plateau, lion": "contrastive_epochs=1 head_epochs=1 epochs=1 schedule=plateau plateau_patience=1 "
    "optimizer=lion balance=class_weights",
    "synthetic features, then a part": "head_epochs=2 epochs=1 balance=smote_features trainable_depth=0.4",
    "synthetic images, filtered, half precision": "epochs=2 balance=smote row_filter=label_issues "
    "precision=mixed_bfloat16 loss=focal optimizer=sgd",
    "half precision with scaled losses": "epochs=2 precision=mixed_float16 shuffle=false optimizer=rmsprop",
}  # fmt: skip


@pytest.fixture(scope="module")
def contest(tmp_path_factory) -> Path:
    return make_contest(tmp_path_factory.mktemp("contest"))


@pytest.fixture(autouse=True)
def _tiny():
    with tiny_backbone():
        yield


def train(contest: Path, run_dir: Path, fields: str) -> Run:
    assert main(["--artifacts", str(contest), "--run-dir", str(run_dir), "--set", *FIELDS, *fields.split()]) == 0
    return open_run(run_dir)


QUICK = tuple(RECIPES)[:2]


@pytest.mark.parametrize(
    "fields",
    [pytest.param(RECIPES[name], marks=() if name in QUICK else pytest.mark.slow, id=name) for name in RECIPES],
)
def test_interrupted_after_every_epoch_it_ends_as_if_it_were_not(contest, tmp_path, monkeypatch, fields):
    whole = train(contest, tmp_path / "whole", fields)

    def interrupted(*args):
        save_checkpoint(*args)
        raise KeyboardInterrupt

    times = 0
    with monkeypatch.context() as patch:
        patch.setattr("training.checkpoint.save_checkpoint", interrupted)
        for _ in range(20):
            try:
                train(contest, tmp_path / "cut", fields)
                break
            except KeyboardInterrupt:
                times += 1
    phases = len({line["phase"] for line in whole.history()})
    assert times == len(whole.history()) + phases - 1  # each epoch and each start of a later phase
    assert_same_end(tmp_path / "cut", tmp_path / "whole")
    for name in ("metrics.json", "dropped_rows.csv"):
        if (tmp_path / "whole" / name).exists():
            assert (tmp_path / "cut" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert same_weights(tmp_path / "cut", tmp_path / "whole")
    assert not list(tmp_path.glob("*/*.npy"))  # what is as large as the data does not stay


def same_weights(one_dir: Path, other_dir: Path) -> bool:
    found = []
    for folder in (one_dir, other_dir):
        with h5py.File(folder / "best.weights.h5") as file:
            arrays: dict[str, np.ndarray] = {}
            file.visititems(
                lambda name, item, arrays=arrays: (
                    arrays.update({name: item[...]}) if isinstance(item, h5py.Dataset) else None
                )
            )
            found.append(arrays)
    return found[0].keys() == found[1].keys() and all(np.array_equal(found[0][k], found[1][k]) for k in found[0])


def test_the_history_says_the_phase(contest, tmp_path, capsys):
    fields = "contrastive_epochs=2 head_epochs=1 epochs=1 row_filter=label_issues"
    run = train(contest, tmp_path / "run", fields)
    history = run.history()
    assert [line["phase"] for line in history] == ["contrastive", "contrastive", "head", "tune"]
    assert [line["epoch"] for line in history] == [1, 2, 3, 4]
    assert [line["phase_epoch"] for line in history] == [1, 2, 1, 1]
    assert "val_accuracy" not in history[1]
    assert 0 <= history[2]["val_accuracy"] <= 1
    assert "training images left out as label_issues: see dropped_rows.csv" in capsys.readouterr().out


def trainer(contest: Path, tmp_path: Path, phase: str, **fields) -> PhaseTrainer:
    recipe = get_recipe(
        "small_cnn",
        {"backbone": "tiny_net", "batch_size": 16, "policy": "flips", "learning_rate": 0.01, "dropout": 0.0, **fields},
    )
    data = paged(open_image_set(contest / "data", ""))
    keras.utils.set_random_seed(0)
    net = build_net(recipe, data.image_shape, data.num_classes)
    rows = TrainingSet(data, np.arange(96), recipe.balance, recipe.images_per_class, 0)
    epochs = {found.name: found for found in phases_of(recipe)}
    return PhaseTrainer(recipe, epochs.get(phase, Phase(phase, 2, 0.01)), net, rows, 0, tmp_path)


def weights(net: keras.Model) -> dict[str, np.ndarray]:
    names = ("first", "norm", "second")
    found = {name: net.get_layer("backbone").get_layer(name).get_weights() for name in names}
    found["head"] = net.get_layer("head").get_weights()
    return {name: np.concatenate([array.ravel() for array in arrays]) for name, arrays in found.items()}


@pytest.mark.parametrize(
    ("phase", "fields", "changes"),
    [
        ("head", {"head_epochs": 1}, {"head"}),
        ("head", {"head_epochs": 1, "balance": "smote_features"}, {"head"}),
        ("tune", {}, {"first", "norm", "second", "head"}),
        ("tune", {"trainable_depth": 0.3}, {"second", "head"}),
        ("tune", {"freeze_batch_norm": True}, {"first", "second", "head"}),
        ("contrastive", {"contrastive_epochs": 1, "head_epochs": 1}, {"first", "norm", "second"}),
    ],
)
def test_phases_change_what_they_should(contest, tmp_path, phase, fields, changes):
    made = trainer(contest, tmp_path, phase, **fields)
    before = weights(made.net)
    made.train_epoch(1, 0, lambda: None)
    after = weights(made.net)
    assert {name for name in before if not np.array_equal(before[name], after[name])} == changes


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"jsd_weight": 1.0},
        {"loss": "focal"},
        {"optimizer": "lion", "learning_rate": 0.002},
        {"optimizer": "sgd", "accumulate": 2, "learning_rate": 0.05},
        {"balance": "balanced", "images_per_class": 12},
    ],
)
def test_trainings_learn(contest, tmp_path, fields):
    made = trainer(contest, tmp_path, "tune", epochs=8, warmup_epochs=0.5, label_smoothing=0.0, **fields)
    losses = [made.train_epoch(epoch, 0, lambda: None) for epoch in range(1, 9)]
    assert np.mean(losses[-2:]) < np.mean(losses[:2])


def test_a_head_phase_hands_its_best_weights_on(contest, tmp_path):
    """The tune phase is so slow that it changes nothing: it must have begun where the head was best."""
    fields = "head_epochs=3 epochs=1 learning_rate=1e-9 head_learning_rate=0.05 weight_decay=0 ema_epochs=0 dropout=0"
    run = train(contest, tmp_path / "run", fields + " freeze_batch_norm=true")
    history = run.history()
    heads = [line["val_log_loss"] for line in history[:3]]
    best = min(history[:3], key=lambda line: line["val_log_loss"] + line["val_aug_log_loss"])
    assert history[3]["val_log_loss"] == pytest.approx(best["val_log_loss"], abs=2e-3)
    assert len(set(heads)) == 3


def test_mixed_precision_is_of_one_net_alone():
    recipe = get_recipe("small_cnn", {"backbone": "tiny_net"})
    with layers_of("mixed_bfloat16"):
        mixed = build_net(recipe, (16, 16, 3), 4)
    plain = build_net(recipe, (16, 16, 3), 4)
    dtypes = [net.get_layer("backbone").get_layer("second").compute_dtype for net in (mixed, plain)]
    assert dtypes == ["bfloat16", "float32"]
    assert keras.config.dtype_policy().name == "float32"
    assert all(variable.dtype == "float32" for variable in mixed.trainable_variables)
    images = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    assert keras.backend.standardize_dtype(mixed(images, training=False).dtype) == "float32"
    plain.set_weights(mixed.get_weights())
    logits = [keras.ops.convert_to_numpy(net(images, training=False)) for net in (mixed, plain)]
    np.testing.assert_allclose(*logits, atol=0.05)
    with pytest.raises(ZeroDivisionError), layers_of("mixed_bfloat16"):
        1 / 0  # noqa: B018
    assert keras.config.dtype_policy().name == "float32"
    assert resolve_precision("auto") == "float32"  # no GPU in tests


def test_a_loss_that_is_no_number_ends_the_run(contest, tmp_path, monkeypatch):
    monkeypatch.setattr(PhaseTrainer, "train_epoch", lambda *args: float("nan"))
    with pytest.raises(KitError, match="the loss of run is nan in epoch 1 of phase tune: lower the learning rate"):
        train(contest, tmp_path / "run", "epochs=2")
    assert open_run(tmp_path / "run").state == "failed"


def test_metrics_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 0, 1])
    found = metrics_of(labels, np.eye(4)[predicted], ["a", "b", "c", "d"])
    assert found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found["classes"]["a"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "images": 3})
    assert found["classes"]["b"] == pytest.approx({"precision": 1 / 3, "recall": 1 / 2, "f1": 0.4, "images": 2})
    assert found["classes"]["d"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "images": 0}
    assert found["macro"]["recall"] == pytest.approx((2 / 3 + 1 / 2) / 4)
    assert found["confusion_matrix"] == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


@pytest.mark.slow
@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_kill_and_resume_ends_where_an_uninterrupted_run_ends(contest, tmp_path, killed_after):
    """kill -9 somewhere in the epoch after; the same command goes on and the weights are the same, bit for bit."""
    fields = ["batch_size=24", "policy=strong", *TWO_PHASES.split()]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}

    def start(run_dir: Path) -> subprocess.Popen:
        names = ["--artifacts", str(contest), "--seed", "3", "--run-dir", str(run_dir)]
        arguments = [sys.executable, "-m", "training.train", *names, "--set", *fields]
        return subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def lines(run_dir: Path) -> int:
        path = run_dir / "history.jsonl"
        return len(path.read_text().splitlines()) if path.exists() else 0

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    with start(cut) as child:
        deadline = time.monotonic() + 300
        while lines(cut) < killed_after and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.stderr.close()
    assert lines(cut) < 4
    assert not (cut / "state.txt").exists()
    for run_dir in (cut, whole):
        with start(run_dir) as child:
            _, errors = child.communicate(timeout=400)
            assert child.returncode == 0, errors.decode()[-2000:]
    assert lines(whole) == 4
    assert_same_end(cut, whole)
    assert same_weights(cut, whole)
