"""Rows left out before training: what is odd is found, and told in the run."""

import csv

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet
from training.row_filter import filter_rows
from training.row_filter.cheap_features import cheap_features
from training.row_filter.label_issues import label_issues
from training.row_filter.outliers import outliers


def image_set(count: int, size: int = 16) -> ImageSet:
    """Two classes: dark and bright."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = np.clip(60 + 110 * labels[:, None, None, None] + rng.normal(0, 12, (count, size, size, 3)), 0, 255)
    ids = np.array([f"id{n}" for n in range(count)])
    return ImageSet(images.astype(np.uint8), labels, ids, {"class_names": ["dark", "bright"]})


def test_features_are_means_of_cells():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 16, 24, 3), np.uint8)
    data = ImageSet(images, np.zeros(3, int), np.arange(3).astype(str), {"class_names": ["a"]})
    small = images.reshape(3, 8, 2, 8, 3, 3).mean(axis=(2, 4)).reshape(3, -1)
    plain = np.concatenate([images.mean(axis=(1, 2)), images.std(axis=(1, 2)), small], axis=1)
    expected = (plain - plain.mean(axis=0)) / plain.std(axis=0)
    np.testing.assert_allclose(cheap_features(data, np.arange(3)), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [1, 5, 13])
def test_features_of_any_size(size):
    data = image_set(6, size)
    found = cheap_features(data, np.arange(6))
    assert found.shape == (6, 66 * 3)
    assert np.isfinite(found).all()


def test_outliers_are_a_hundredth_of_each_class():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 5))
    labels = np.repeat([0, 1, 2], [300, 150, 50])
    features[[7, 310]] += 20.0
    places, scores = outliers(features, labels, seed=0)
    assert np.bincount(labels[places], minlength=3).tolist() == [3, 1, 0]
    assert {7, 310} <= set(places.tolist())
    assert (scores > 0.5).all()


def test_wrong_labels_are_found():
    features, labels = make_blobs(300, centers=3, n_features=4, cluster_std=0.5, random_state=0)
    wrong = np.array([3, 50, 77, 120, 200])
    given = labels.copy()
    given[wrong] = (labels[wrong] + 1) % 3
    places, scores = label_issues(features, given, seed=0)
    assert set(wrong.tolist()) <= set(places.tolist())
    assert len(places) <= 30  # at most a tenth
    assert (scores < 0.5).all()
    np.testing.assert_array_equal(places, label_issues(features, given, seed=0)[0])


def test_a_class_with_one_image_cannot_be_judged():
    with pytest.raises(KitError, match="two training images of each. Received: 2 classes, the smallest of 1"):
        label_issues(np.zeros((3, 2)), np.array([0, 0, 1]), seed=0)


def test_what_is_left_out_is_written_once_and_read_again(tmp_path):
    data = image_set(420)
    data.images[41] = np.random.default_rng(1).integers(0, 256, data.images[41].shape)
    rows, path = np.arange(0, 410), tmp_path / "dropped_rows.csv"
    kept = filter_rows("outliers", data, rows, 0, path)
    with open(path, newline="") as file:
        lines = list(csv.DictReader(file))
    assert sorted(set(rows) - set(kept)) == [int(line["index"]) for line in lines]
    assert "41" in [line["index"] for line in lines]
    assert all(line["id"] == f"id{line['index']}" and line["reason"] == "outliers" for line in lines)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert len(filter_rows("outliers", data, rows, 0, path)) == 409  # from the file, not anew
    assert filter_rows("none", data, rows, 0, tmp_path / "no.csv") is rows
    path.write_text(path.read_text() + "5,of another,0,outliers,0.7\n")
    with pytest.raises(KitError, match="dropped_rows.csv is damaged, or of other images. Delete"):
        filter_rows("outliers", data, rows, 0, path)
