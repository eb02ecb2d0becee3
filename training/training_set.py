"""What a run trains on: rows of the data after quick try and row filter, and what evens out their classes."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import write_json
from submission.kit.image_set import ImageSet
from submission.kit.seeds import derive_seed

from .balance import balance_table, balanced_rows, class_weights, missing_counts, write_synthetic
from .paging import JoinedArray, PagedArray, paged
from .recipes import Recipe
from .row_filter import filter_rows

DROPPED = "dropped_rows.csv"
BALANCE = "balance.json"
SYNTHETIC, SYNTHETIC_FEATURES, FEATURES = "smote.npy", "smote_features.npy", "features.npy"


@dataclass(frozen=True)
class TrainingSet:
    """data: images and labels, read batch by batch; rows: int (n,) of it; the balance of the classes in them.

    The rows of synthetic images lie behind those of the real ones.
    """

    data: ImageSet
    rows: np.ndarray
    balance: str
    images_per_class: int | None
    seed: int

    @property
    def labels(self) -> np.ndarray:
        """int (n,), of `rows`."""
        return self.data.labels[self.rows]

    @property
    def class_weights(self) -> tuple[float, ...] | None:
        """K weights of the classes in the loss, or None."""
        return class_weights(self.labels, self.data.num_classes) if self.balance == "class_weights" else None

    def epoch_rows(self, epoch: int) -> np.ndarray:
        """The rows that an epoch goes through, before they are shuffled; 0 is the first epoch."""
        if self.balance != "balanced":
            return self.rows
        return balanced_rows(self.rows, self.labels, self.images_per_class, self.seed, epoch)

    def __len__(self) -> int:
        """Images an epoch."""
        return epoch_size(self.labels, self.balance, self.images_per_class)


def epoch_size(labels: np.ndarray, balance: str, images_per_class: int | None) -> int:
    """How many images an epoch has, synthetic ones included, for training labels (n,)."""
    if balance == "balanced":
        classes, counts = np.unique(labels, return_counts=True)
        return len(classes) * (int(counts.max()) if images_per_class is None else images_per_class)
    return len(labels)


def open_training_set(recipe: Recipe, data: ImageSet, rows: np.ndarray, seed: int, folder: Path) -> TrainingSet:
    """Filter the rows, and make the synthetic images if the recipe wants any.

    Args:
        recipe: of the run.
        data: A/data.
        rows: int (n,) training rows.
        seed: of the run.
        folder: of the run; balance.json is written there, dropped_rows.csv and smote.npy once.

    Raises:
        KitError: too few images of a class for what the recipe asks; dropped_rows.csv is not of these rows.
    """
    data = paged(data)
    rows = filter_rows(recipe.row_filter, data, rows, derive_seed(seed, "row_filter"), folder / DROPPED)
    if len(rows) < recipe.batch_size:
        raise KitError(
            f"{len(rows)} training images are left after row_filter={recipe.row_filter}: expected at least one batch. "
            f"Received: batch_size={recipe.batch_size}."
        )
    table = balance_table(data.labels[rows], data.class_names, recipe.balance, recipe.images_per_class)
    write_json(folder / BALANCE, table)
    if recipe.balance == "smote":
        labels = data.labels[rows]
        check_pairs(labels, recipe.balance)
        made = write_synthetic(folder / SYNTHETIC, data.images, rows, labels, derive_seed(seed, "smote"))
        if len(made):
            data, first = _joined(data, folder / SYNTHETIC, made), len(data)
            rows = np.concatenate([rows, np.arange(first, first + len(made))])
    return TrainingSet(data, rows, recipe.balance, recipe.images_per_class, derive_seed(seed, "balance"))


def feature_set(features: np.ndarray, training_set: TrainingSet, path: Path) -> TrainingSet:
    """The training set of a head on features, with synthetic ones of the smaller classes.

    Args:
        features: float32 (n, D), of the rows of the training set.
        training_set: of the images.
        path: the file of the synthetic features; made if it is not there.

    Raises:
        KitError: a class has one image alone.
    """
    labels = training_set.labels
    check_pairs(labels, "smote_features")
    ids = np.arange(len(features)).astype(np.str_)
    data = ImageSet(PagedArray(features), labels, ids, training_set.data.meta)  # type: ignore[arg-type]
    made = write_synthetic(path, data.images, np.arange(len(labels)), labels, training_set.seed)
    if len(made):
        data = _joined(data, path, made)
    return TrainingSet(data, np.arange(len(data)), "none", None, training_set.seed)


def check_pairs(labels: np.ndarray, balance: str) -> None:
    """Refuse labels of which a class is to grow between its images and has one image alone."""
    classes, counts = np.unique(labels, return_counts=True)
    if missing_counts(labels) and counts.min() < 2:
        single = ", ".join(map(str, classes[counts < 2]))
        raise KitError(
            f"balance={balance} draws images between two of a class: expected two training images of each. "
            f"Received: one of class {single}. Give more images, or set balance=balanced."
        )


def _joined(data: ImageSet, path: Path, labels: np.ndarray) -> ImageSet:
    synthetic = PagedArray(np.load(path, mmap_mode="r"))
    ids = np.array([f"synthetic {n}" for n in range(len(labels))])
    return dataclasses.replace(
        data,
        images=JoinedArray(data.images, synthetic),  # type: ignore[arg-type]
        labels=np.concatenate([data.labels, labels]),
        ids=np.concatenate([data.ids, ids]),
    )
