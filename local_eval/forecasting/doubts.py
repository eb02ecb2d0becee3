"""Why an accuracy on the hold-out may not be worth much."""

from collections.abc import Sequence

import numpy as np

from ..intervals import wilson

FEW_IMAGES = 200  # below it, sampling alone is wider than +-3.5 points at an accuracy of .9
FEW_OF_A_CLASS = 5


def find_doubts(labels: np.ndarray, predictions: np.ndarray, class_names: Sequence[str]) -> list[str]:
    """Sentences; none when nothing speaks against it.

    Args:
        labels: int (N,), N > 0, 0..K-1, of the judge images.
        predictions: int (N,), what the submission answered.
        class_names: K names.

    Raises:
        ValueError: no images, or other shapes.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape or not len(labels):
        raise ValueError(
            f"labels and predictions must be (N,) with N > 0. Received: {labels.shape} and {predictions.shape}"
        )
    n, counts = len(labels), np.bincount(labels, minlength=len(class_names))
    found = []
    if n < FEW_IMAGES:
        found.append(f"only {n} images: the point may move by several percent with another draw of the hold-out")
    missing = [name for name, count in zip(class_names, counts, strict=True) if count == 0]
    if missing:
        found.append(f"no judge image of {', '.join(missing)}: accuracy on {_it(missing)} is unknown")
    rare = [f"{name} ({count})" for name, count in zip(class_names, counts, strict=True) if 0 < count < FEW_OF_A_CLASS]
    if rare:
        found.append(f"fewer than {FEW_OF_A_CLASS} judge images of {', '.join(rare)}")
    guess = counts.max() / n
    if wilson(int((labels == predictions).sum()), n)[0] <= guess:
        found.append(f"accuracy cannot be told from always answering the most frequent class ({guess:.3f})")
    return found


def _it(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
