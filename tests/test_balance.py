"""Class weights, balanced sampling and SMOTE: counts by hand, determinism, bounded parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet
from training.balance import balance_table, balanced_rows, class_weights, missing_counts, smote, write_synthetic
from training.balance.table import told
from training.paging import JoinedArray, PagedArray
from training.training_set import TrainingSet, check_pairs, epoch_size, feature_set


def image_set(labels: list[int], size: int = 6) -> ImageSet:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (len(labels), size, size, 3), np.uint8)
    names = {"class_names": ["a", "b", "c"]}
    return ImageSet(images, np.array(labels), np.arange(len(labels)).astype(str), names)


def test_class_weights_by_hand():
    # 8 images of 2 classes: 8 / (2 * 6) and 8 / (2 * 2); a class without images keeps 1
    assert class_weights(np.array([0] * 6 + [2] * 2), 3) == pytest.approx((2 / 3, 1.0, 2.0))


@given(labels=st.lists(st.integers(0, 4), min_size=1))
def test_the_weights_of_all_images_have_mean_one(labels):
    weights = np.array(class_weights(np.array(labels), 5))
    assert np.mean(weights[labels]) == pytest.approx(1.0)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    wanted=st.one_of(st.none(), st.integers(1, 50)),
    seed=st.integers(0, 5),
)
def test_every_epoch_has_the_same_number_of_each_class(labels, wanted, seed):
    labels = np.array(labels)
    rows = np.arange(len(labels)) * 10
    size = wanted or np.bincount(labels).max()
    drawn = balanced_rows(rows, labels, wanted, seed, epoch=1)
    _, counts = np.unique(labels[drawn // 10], return_counts=True)
    assert len(counts) == len(np.unique(labels))
    assert (counts == size).all()
    assert len(drawn) == epoch_size(labels, "balanced", wanted)
    np.testing.assert_array_equal(drawn, balanced_rows(rows, labels, wanted, seed, epoch=1))
    for label in np.unique(labels):  # no image comes twice before all others came once
        times = np.bincount(drawn[labels[drawn // 10] == label] // 10, minlength=len(labels))[labels == label]
        # an epoch may begin within one order and end within another
        assert times.max() - times.min() <= 2


def test_orders_go_on_over_the_epochs():
    rows, labels = np.arange(7), np.zeros(7, int)
    drawn = np.concatenate([balanced_rows(rows, labels, 3, seed=0, epoch=epoch) for epoch in range(7)])
    assert np.bincount(drawn).tolist() == [3] * 7  # 21 draws are three whole orders


def test_the_larger_class_is_left_alone_and_the_others_grow_to_it(tmp_path):
    labels = [0] * 10 + [1] * 4 + [2] * 7
    data = image_set(labels)
    made = write_synthetic(tmp_path / "new.npy", data.images, np.arange(21), data.labels, seed=0)
    assert missing_counts(data.labels) == {1: 6, 2: 3}
    assert made.tolist() == [1] * 6 + [2] * 3
    images = np.load(tmp_path / "new.npy")
    assert (images.shape, images.dtype) == ((9, 6, 6, 3), np.uint8)
    for image, label in zip(images, made, strict=True):  # between two images of its class
        of_class = data.images[data.labels == label].astype(float)
        low, high = of_class.min(axis=0), of_class.max(axis=0)
        assert ((image >= low) & (image <= high)).all()
        assert lies_between(image, of_class)


def lies_between(image: np.ndarray, others: np.ndarray) -> bool:
    """Whether an image is on the line between two of the others, up to rounding."""
    for one in others:
        for other in others:
            step, moved = (other - one).ravel(), (image - one).ravel()
            if step.any():
                share = (moved @ step) / (step @ step)
                if -0.01 <= share <= 1.01 and np.abs(moved - share * step).max() <= 1.0:
                    return True
    return False


def test_synthetic_rows_follow_from_the_seed_and_are_written_once(tmp_path):
    data = image_set([0] * 9 + [1] * 3)
    write = [tmp_path / f"{n}.npy" for n in range(3)]
    for path, seed in zip(write, (0, 0, 1), strict=True):
        write_synthetic(path, data.images, np.arange(12), data.labels, seed)
    one, same, other = (np.load(path) for path in write)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    before = write[0].stat().st_mtime_ns
    write_synthetic(write[0], data.images, np.arange(12), data.labels, 0)
    assert write[0].stat().st_mtime_ns == before


def test_few_rows_are_held_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(smote, "HELD", 10)
    held = []

    class Watched:
        dtype, shape = np.dtype(np.float32), (100, 4)

        def __getitem__(self, rows):
            held.append(len(rows))
            return np.random.default_rng(0).random((len(rows), 4), np.float32)

    labels = np.repeat([0, 1], [75, 25])
    made = write_synthetic(tmp_path / "f.npy", Watched(), np.arange(100), labels, 0)
    assert len(made) == len(np.load(tmp_path / "f.npy")) == 50
    assert max(held) <= 10
    assert sum(held) == 25


def test_features_of_a_frozen_backbone_grow_too(tmp_path):
    data = image_set([0] * 6 + [1] * 2)
    rows = np.arange(8)
    features = np.random.default_rng(0).random((8, 5)).astype(np.float32)
    made = feature_set(features, TrainingSet(data, rows, "none", None, 0), tmp_path / "f.npy")
    assert np.bincount(made.labels).tolist() == [6, 6]
    np.testing.assert_array_equal(made.data.images[np.arange(8)], features)
    assert made.data.images[np.array([11, 0])].shape == (2, 5)


def test_a_class_of_one_image_cannot_grow():
    with pytest.raises(KitError, match="expected two training images of each. Received: one of class 1. .*balanced"):
        check_pairs(np.array([0, 0, 1]), "smote")
    check_pairs(np.array([0, 1]), "smote")  # nothing is missing


@settings(max_examples=30)
@given(first=st.integers(1, 9), second=st.integers(1, 9), seed=st.integers(0, 9))
def test_joined_arrays_read_as_one(first, second, seed):
    rng = np.random.default_rng(seed)
    whole = rng.random((first + second, 3))
    joined = JoinedArray(PagedArray(whole[:first]), whole[first:])
    rows = rng.integers(0, first + second, 7)
    assert joined.shape == whole.shape
    np.testing.assert_array_equal(joined[rows], whole[rows])


def test_paged_rows_are_those_of_the_file(tmp_path, monkeypatch):
    whole = np.random.default_rng(0).integers(0, 256, (500, 64), np.uint8)
    np.save(tmp_path / "x.npy", whole)
    monkeypatch.setattr("training.paging.RELEASE_EVERY", 1000)
    released = []

    class Counting(PagedArray):
        pass

    array = Counting(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert array._map is not None
    for start in range(0, 500, 50):
        rows = np.arange(start, start + 50)
        np.testing.assert_array_equal(array[rows], whole[rows])
        released.append(array._read)
    assert released == [0] * 10  # 3,200 bytes a time: given back every time
    assert PagedArray(whole)._map is None


@pytest.mark.parametrize(
    ("balance", "each", "epoch", "synthetic", "weights", "line"),
    [
        ("none", None, [4, 2, 0], [0, 0, 0], [1, 1, 1], ""),
        ("balanced", None, [4, 4, 0], [0, 0, 0], [1, 1, 1], "classes of 2 to 4 images, balanced: 4 of each an epoch"),
        ("balanced", 3, [3, 3, 0], [0, 0, 0], [1, 1, 1], "classes of 2 to 4 images, balanced: 3 of each an epoch"),
        ("smote", None, [4, 4, 0], [0, 2, 0], [1, 1, 1], "classes of 2 to 4 images, smote: 2 synthetic ones added"),
        (
            "class_weights",
            None,
            [4, 2, 0],
            [0, 0, 0],
            [0.75, 1.5, 1],
            "classes of 2 to 4 images, class_weights: weights 0.75 to 1.50",
        ),
    ],
)
def test_balance_is_told_by_class(balance, each, epoch, synthetic, weights, line):
    table = balance_table(np.array([0, 0, 1, 0, 0, 1]), ["a", "b", "c"], balance, each)
    assert [one["images"] for one in table["classes"]] == [4, 2, 0]
    assert [one["epoch"] for one in table["classes"]] == epoch
    assert [one["synthetic"] for one in table["classes"]] == synthetic
    assert [one["weight"] for one in table["classes"]] == weights
    assert told(table) == line
