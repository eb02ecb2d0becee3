"""What is where in the synthetic contest: classes, planted copies, jokes and wrong labels, before anything is drawn."""

from dataclasses import dataclass

import numpy as np

from submission.kit.seeds import derive_seed

CLASS_WEIGHTS = (40, 94, 47, 87, 40, 44, 100, 71)
"""Relative size of the classes in the contest's order: its own proportions, largest to smallest 2.5 to 1."""

KINDS = ("cell", "joke_a", "joke_b", "exact_duplicate", "near_duplicate")

MIN_IMAGES = 80
"""Fewer leave some class without enough cells for folds and a hold-out."""

_PARTS = {"joke_a": 80 / 2400, "joke_b": 20 / 2400, "exact_duplicate": 24 / 2400, "near_duplicate": 36 / 2400}
_WRONG_LABELS = 0.02
_JOKE_B_LABEL = 5  # the contest's second joke lay under Monocyte only


@dataclass(frozen=True)
class Plan:
    """One entry a picture, in the order of the data.

    Attributes:
        true_labels: int64 (N,), what is drawn; a joke, which is no cell, repeats its given label.
        given_labels: int64 (N,), what the data set says; differs from the true one for a planted wrong label only.
        kinds: unicode (N,), of `KINDS`.
        originals: int64 (N,), index of the picture that this one was made from; its own index for an original.
    """

    true_labels: np.ndarray
    given_labels: np.ndarray
    kinds: np.ndarray
    originals: np.ndarray


def make_plan(num_images: int, seed: int) -> Plan:
    """Plan a contest: cells and their copies shuffled, the jokes at the end, as in the contest's file.

    Args:
        num_images: N, at least `MIN_IMAGES`; all plants are a fixed part of it.
        seed: any int.
    """
    rng = np.random.default_rng(derive_seed(seed, "plan"))
    count = {kind: max(2 if kind.startswith("joke") else 1, round(num_images * part)) for kind, part in _PARTS.items()}
    num_cells = num_images - sum(count.values())

    count["cell"] = num_cells
    cells_and_copies = [kind for kind in KINDS if not kind.startswith("joke") for _ in range(count[kind])]
    jokes = [kind for kind in KINDS if kind.startswith("joke") for _ in range(count[kind])]
    kinds = np.array([*rng.permutation(cells_and_copies), *jokes])
    rows = {kind: np.flatnonzero(kinds == kind) for kind in KINDS}

    labels = np.full(num_images, -1, np.int64)
    labels[rows["cell"]] = rng.permutation(np.repeat(np.arange(len(CLASS_WEIGHTS)), _class_sizes(num_cells)))
    originals = np.arange(num_images)
    copies = np.concatenate([rows["exact_duplicate"], rows["near_duplicate"]])
    originals[copies] = rng.choice(rows["cell"], len(copies), replace=False)
    labels[copies] = labels[originals[copies]]
    labels[rows["joke_a"]] = np.arange(count["joke_a"]) % len(CLASS_WEIGHTS)
    labels[rows["joke_b"]] = _JOKE_B_LABEL
    for joke in ("joke_a", "joke_b"):
        originals[rows[joke]] = rows[joke][0]

    given = labels.copy()
    lonely = np.setdiff1d(rows["cell"], originals[copies])  # a pair with two labels would be told by the pair
    wrong = rng.choice(lonely, max(1, round(_WRONG_LABELS * num_cells)), replace=False)
    given[wrong] = (labels[wrong] + rng.integers(1, len(CLASS_WEIGHTS), len(wrong))) % len(CLASS_WEIGHTS)
    return Plan(labels, given, kinds, originals)


def _class_sizes(num_cells: int) -> np.ndarray:
    """Cells of each class, int64 (K,): by weight, the largest remainders rounded up."""
    exact = num_cells * np.array(CLASS_WEIGHTS) / sum(CLASS_WEIGHTS)
    sizes = exact.astype(np.int64)
    sizes[np.argsort(sizes - exact, kind="stable")[: num_cells - sizes.sum()]] += 1
    return sizes
