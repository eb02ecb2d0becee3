"""The hidden score before the submission: the shifted hold-out's accuracy with an interval that owns up to its guess.

Two errors are in it. The hold-out is finite: Wilson's interval. And the hidden images are not shifted as ours are: in
the public repositories of AN2DL 2024-25 an augmented hold-out missed the hidden accuracy by .06 in the mean (absolute).
Read as the mean absolute error of a normal distribution, its standard deviation is .06 * sqrt(pi / 2) = .0752, and the
half width at 90 % is .124. The two are independent, so they add in quadrature.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from .intervals import wilson

SCENARIO_MAE = 0.06  # augmented hold-out against hidden accuracy, all pairs that contestants quote
SCENARIO_SD = SCENARIO_MAE * math.sqrt(math.pi / 2)
FEW_IMAGES = 200  # below it, sampling alone is wider than +-3.5 points at an accuracy of .9
FEW_OF_A_CLASS = 5


@dataclass(frozen=True)
class Forecast:
    """A predicted hidden accuracy.

    accuracy, low, high: in [0, 1], the interval at `level`; sampling_half, scenario_half: the two half widths that
    were added in quadrature (sampling_half is the wider side of Wilson's); n: images it rests on; assumes: in words
    what must hold; warnings: why this interval cannot be trusted, empty when nothing speaks against it.
    """

    accuracy: float
    low: float
    high: float
    level: float
    scenario: str
    n: int
    sampling_half: float
    scenario_half: float
    assumes: str
    warnings: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def forecast(
    labels: np.ndarray,
    predictions: np.ndarray,
    class_names: Sequence[str],
    level: float = 0.9,
    scenario: str = "like an2dl typical",
) -> Forecast:
    """Forecast the hidden accuracy of a submission from its predictions on the shifted hold-out.

    Args:
        labels: int (N,), 0..K-1, of the shifted `judge` images: no net trained on them, no choice saw them.
        predictions: int (N,), what the submission answered for them.
        class_names: K names.
        level: the interval's coverage if what it assumes holds.
        scenario: the name of what the hidden images are taken to be like.

    Raises:
        ValueError: no images, or as many predictions as labels are not there.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape or not len(labels):
        raise ValueError(
            f"labels and predictions must be (N,) with N > 0. Received: {labels.shape} and {predictions.shape}"
        )
    n, correct = len(labels), int((labels == predictions).sum())
    accuracy = correct / n
    low, high = wilson(correct, n, level)
    scenario_half = NormalDist().inv_cdf((1 + level) / 2) * SCENARIO_SD
    return Forecast(
        accuracy=accuracy,
        low=max(0.0, accuracy - math.hypot(accuracy - low, scenario_half)),
        high=min(1.0, accuracy + math.hypot(high - accuracy, scenario_half)),
        level=level,
        scenario=scenario,
        n=n,
        sampling_half=max(accuracy - low, high - accuracy),
        scenario_half=scenario_half,
        assumes=(
            "the hidden images are altered about as strongly as our shifted ones, and are otherwise of the same kind "
            "and the same class proportions. How far the alterations differ is taken from contestants, whose augmented "
            f"hold-outs missed the hidden accuracy by {SCENARIO_MAE:.2f} in the mean, as a normal error. They read too "
            "high where the recipe that trained also judged. Another stain, microscope or class balance is not covered."
        ),
        warnings=_warnings(labels, predictions, class_names),
    )


def _warnings(labels: np.ndarray, predictions: np.ndarray, class_names: Sequence[str]) -> list[str]:
    n = len(labels)
    counts = np.bincount(labels, minlength=len(class_names))
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
