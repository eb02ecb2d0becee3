"""Synthetic rows of the smaller classes (SMOTE, Chawla et al. 2002), by imbalanced-learn, written once to a file."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.files import atomic_path
from submission.kit.seeds import derive_seed

HELD = 1000  # rows of a class in memory at a time, and as many synthetic ones
HELD_VALUES = 2**26  # numbers in those rows: large images come in smaller parts
NEIGHBOURS = 5


def missing_counts(labels: np.ndarray) -> dict[int, int]:
    """How many rows each class lacks to be as large as the largest; classes that lack none are left out."""
    classes, counts = np.unique(labels, return_counts=True)
    return {int(k): int(counts.max() - n) for k, n in zip(classes, counts, strict=True) if n < counts.max()}


def write_synthetic(path: Path, values: Any, rows: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Write what every class lacks, unless the file is there, and return the labels of its rows.

    A synthetic row lies between a row of a class and one of its five nearest. A class is dealt at random into parts of
    at most `HELD` rows; neighbours are looked for within a part. So memory does not grow with the data.

    Args:
        path: .npy file, (M, ...) of the type of `values`; rows of a class are together, classes in their order.
        values: (N, ...) images or features; `values[rows]` reads some of them.
        rows: int (n,) rows of `values` to learn from.
        labels: int (n,), of `rows`; at least two of each class.
        seed: of the parts and the draws.

    Returns:
        int64 (M,).
    """
    missing = missing_counts(labels)
    made = np.repeat(list(missing), list(missing.values())).astype(np.int64)
    if path.exists():
        return made
    with atomic_path(path) as new, open(new, "wb") as file:
        header = {"descr": np.dtype(values.dtype).str, "fortran_order": False, "shape": (len(made), *values.shape[1:])}
        np.lib.format.write_array_header_1_0(file, header)
        for label, count in missing.items():
            for part in _of_class(values, rows[labels == label], count, derive_seed(seed, "smote", label)):
                file.write(np.ascontiguousarray(part).data)
    return made


def _of_class(values: Any, rows: np.ndarray, count: int, seed: int):
    size = int(np.prod(values.shape[1:]))
    held = max(NEIGHBOURS + 1, min(HELD, HELD_VALUES // size))
    parts = np.array_split(np.random.default_rng(seed).permutation(rows), -(-len(rows) // held))
    for number, (part, wanted) in enumerate(zip(parts, _shares(count, len(parts)), strict=True)):
        vectors = values[np.sort(part)].reshape(len(part), size).astype(np.float32)
        for start in range(0, wanted, held):
            drawn = _smote(vectors, min(held, wanted - start), derive_seed(seed, number, start))
            if np.issubdtype(values.dtype, np.integer):
                drawn = np.rint(drawn)
            yield drawn.astype(values.dtype).reshape(-1, *values.shape[1:])


def _shares(count: int, parts: int) -> list[int]:
    return [len(share) for share in np.array_split(np.arange(count), parts)]


def _smote(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` rows between rows of `vectors` (m, D) of one class; m at least 2."""
    from imblearn.over_sampling import SMOTE

    # the library wants two classes: a single row of zeros stands for all others, and takes no part
    both = np.concatenate([vectors, np.zeros((1, vectors.shape[1]), vectors.dtype)])
    labels = np.repeat([1, 0], [len(vectors), 1])
    smote = SMOTE(
        sampling_strategy={1: len(vectors) + count},
        k_neighbors=min(NEIGHBOURS, len(vectors) - 1),
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "After over-sampling")  # it would be the larger of the two: as wanted
        return smote.fit_resample(both, labels)[0][len(both) :]
