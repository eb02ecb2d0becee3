"""Cleaning with a trained net: its embedding, and label errors by what it predicts."""

import numpy as np
import pytest
from clean_pictures import make_set, picture

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet
from submission.kit.probs_file import Probs, save_probs
from training.clean import main as clean
from training.cleaning import label_errors as module
from training.cleaning.embed import MOST, Embedder, open_embedder
from training.cleaning.label_errors import label_errors, trained_runs
from training.cleaning.table import read_clean
from training.cleaning.verdicts import judge_images
from training.runs import create_run


@pytest.fixture
def labelled(tmp_path):
    """120 images of three classes; rows 5 and 50 are under wrong labels."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    images = [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in labels]
    given = labels.copy()
    given[[5, 50]] = [2, 0]
    return make_set(tmp_path, images, given), labels


def probs_of(true_labels, rows, sure=0.97):
    probs = np.full((1, len(rows), 3), (1 - sure) / 2, np.float32)
    probs[0, np.arange(len(rows)), true_labels[rows]] = sure
    return probs


def make_run(folder, image_set, true_labels, rows, name="small_cnn", state="predicted", **config):
    run = create_run(folder / "runs", {"recipe": {"name": name}, "fold": 0, "seed": 0, **config})
    run.set_state(state)
    rows = np.asarray(rows)
    probs = Probs(image_set.ids[rows], image_set.labels[rows], probs_of(true_labels, rows), ["identity"])
    save_probs(run.path / "probs_oof.npz", probs)
    return run


def test_label_errors_by_out_of_fold_predictions_of_all_runs(labelled, tmp_path):
    image_set, true = labelled
    runs = [make_run(tmp_path, image_set, true, range(start, 120, 2), seed=start) for start in (0, 1)]
    found, told = label_errors(image_set, np.arange(120), runs)
    assert told == "out-of-fold predictions of 2 runs"
    assert [(one.row, one.detail) for one in found] == [(5, "likely a"), (50, "likely b")]
    assert all(one.kind == "label error" and one.score == pytest.approx(0.015, abs=1e-4) for one in found)
    found, _ = label_errors(image_set, np.setdiff1d(np.arange(120), [5]), runs)  # a dropped one is not judged
    assert [one.row for one in found] == [50]


def test_label_errors_by_the_features_of_one_net(labelled, tmp_path, monkeypatch):
    image_set, true = labelled
    run = make_run(tmp_path, image_set, true, range(12))
    rng = np.random.default_rng(0)
    features = (8 * np.eye(3)[true] + rng.normal(size=(120, 3))).astype(np.float32)

    class Net:
        def predict_on_batch(self, images):
            raise AssertionError("the embedder is replaced")

    monkeypatch.setattr(module, "features_net", lambda run, image_set: Net())
    monkeypatch.setattr(module.Embedder, "features", lambda self, images, rows: features[rows])
    found, told = label_errors(image_set, np.arange(120), [run])
    assert [one.row for one in found] == [5, 50] and f"features of {run.name}" in told


def test_the_command_reports_label_errors_and_drops_them_when_asked(labelled, tmp_path, capsys):
    image_set, true = labelled
    make_run(tmp_path, image_set, true, range(120), limit=None)
    path = tmp_path / "clean" / "clean.csv"
    command = ["--artifacts", str(tmp_path)]
    assert clean(command) == 0
    before = path.stat().st_mtime_ns
    assert clean([*command, "--labels"]) == 0
    told = capsys.readouterr().out
    assert (
        "reported, not dropped: label error 2" in told and "label errors by out-of-fold predictions of 1 runs" in told
    )
    assert path.stat().st_mtime_ns == before  # nothing changed: later steps stay up to date
    assert "label error (likely b)" in (tmp_path / "clean" / "findings.csv").read_text()
    edited = path.read_text().replace(f"50,{image_set.ids[50]},1,,50", f"50,{image_set.ids[50]},1,looked at,50")
    path.write_text(edited)
    assert clean([*command, "--drop", "label_error"]) == 0
    assert (
        "119 of 120 images kept; dropped: label error 1; reported, not dropped: label error 1"
        in capsys.readouterr().out
    )
    table = read_clean(path, "none")
    assert table.keep[50] and not table.keep[5] and table.reasons[5] == "label error (likely a)"


def test_few_images_say_nothing(labelled, tmp_path):
    image_set, true = labelled
    run = make_run(tmp_path, image_set, true, range(120))
    with pytest.raises(KitError, match=r"at least 100 images.*Received: 99 images, 3 classes"):
        label_errors(image_set, np.arange(99), [run])
    labels = np.array([0] * 60 + [1] * 57 + [2] * 3)
    other = ImageSet(image_set.images, labels, image_set.ids, image_set.meta)
    with pytest.raises(KitError, match=r"5 images of each class. Received: 120 images, 3 classes, the smallest of 3"):
        label_errors(other, np.arange(120), [run])


def test_runs_that_are_taken(labelled, tmp_path):
    image_set, true = labelled
    with pytest.raises(KitError, match=r"no run in .* is trained. Run `make train"):
        trained_runs(tmp_path, [])
    one = make_run(tmp_path, image_set, true, range(9), state="trained", limit=None)
    quick = make_run(tmp_path, image_set, true, range(9), limit=64)
    make_run(tmp_path, image_set, true, range(9), state="failed", limit=None, seed=3)
    assert [run.name for run in trained_runs(tmp_path, [])] == [one.name]
    assert [run.name for run in trained_runs(tmp_path, [quick.name])] == [quick.name]
    with pytest.raises(KitError, match=r"Received: nothing\. Known: small_cnn"):
        trained_runs(tmp_path, [quick.name, "nothing"])


def test_embedder_by_hand_and_in_few_dimensions():
    images = np.random.default_rng(0).integers(0, 256, (300, 4, 5, 3), dtype=np.uint8)
    rows = np.arange(1, 290, 2)
    flat = Embedder("flat", lambda batch: batch.reshape(len(batch), -1))
    as_is, mirrored = flat.features_twice(images, rows)
    assert np.array_equal(as_is, images[rows].reshape(len(rows), -1))
    assert np.array_equal(mirrored, images[rows][:, :, ::-1].reshape(len(rows), -1))
    assert np.array_equal(flat.features(images, rows), as_is)
    wide = Embedder("wide", lambda batch: np.tile(batch.reshape(len(batch), -1), 5))
    found = wide.features(images, rows)
    assert found.shape == (len(rows), MOST)
    assert np.linalg.norm(found[0] - found[1]) == pytest.approx(
        np.sqrt(5) * np.linalg.norm(as_is[0] - as_is[1]), rel=1e-3
    )


def test_an_embedding_proposes_twins_and_look_alikes(tmp_path):
    """Whatever it proposes, pixels decide whether it is the same picture."""
    images = [picture(seed, 48) for seed in range(60)]
    images.append(np.ascontiguousarray(np.roll(images[7], 5, axis=1)[:, ::-1]))  # too far for the hashes
    image_set = make_set(tmp_path, images, [0] * 61)
    features = np.random.default_rng(0).normal(size=(61, 16)).astype(np.float32)
    features[60] = features[7] + 0.0005
    features[30] = features[31] + 0.0005
    of = {image.tobytes(): feature for image, feature in zip(np.float32(images), features, strict=True)}
    net = Embedder("fake", lambda batch: np.stack([of.get(one.tobytes(), features[0]) for one in batch]))
    found = judge_images(image_set, 5, net).findings
    assert ("look-alike", 31, 30) in [(one.kind, one.row, one.twin) for one in found]
    kinds = {one.kind for one in found if one.row == 60}
    assert kinds == {"look-alike"} or kinds == {"near duplicate"}


@pytest.mark.slow
def test_embedding_of_a_real_net(tmp_path):
    from training.backbones import build
    from training.net import build_net
    from training.recipes import get_recipe

    image_set = make_set(tmp_path, [picture(seed, 32) for seed in range(5)], [0] * 5)
    file = tmp_path / "small.weights.h5"
    build("small_cnn", (32, 32, 3), 3).get_layer("backbone").save_weights(file)
    found = open_embedder(f"small_cnn:{file}", tmp_path, image_set).features(image_set.images, np.arange(5))
    assert found.shape == (5, 192) and np.ptp(found, axis=0).max() > 0
    with pytest.raises(KitError, match="unknown backbone"):
        open_embedder(f"none:{file}", tmp_path, image_set)

    import dataclasses

    recipe = get_recipe("small_cnn")
    data = {"image_shape": [32, 32, 3], "class_names": list("abc")}
    run = create_run(tmp_path / "runs", {"recipe": dataclasses.asdict(recipe), "fold": 0, "seed": 0, "data": data})
    with pytest.raises(KitError, match="expected a trained run"):
        open_embedder(run.name, tmp_path, image_set)
    build_net(recipe, (32, 32, 3), 3).save_weights(run.path / "best.weights.h5")
    run.set_state("trained")
    by_name = open_embedder(run.name, tmp_path, image_set).features(image_set.images, np.arange(5))
    by_path = open_embedder(str(run.path), tmp_path, image_set).features(image_set.images, np.arange(5))
    assert by_name.shape == (5, 192) and np.array_equal(by_name, by_path)
    other = make_set(tmp_path / "other", [picture(0, 40)], [0])
    with pytest.raises(KitError, match=r"was trained on images \(32, 32, 3\). Received: images \(40, 40, 3\)"):
        open_embedder(run.name, tmp_path, other)
