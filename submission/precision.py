"""How exactly the weights that are shipped are kept, and what a member of less exact ones must still get right."""

import numpy as np

from submission.kit.errors import KitError
from submission.kit.precisions import FLOAT16, FLOAT32, INT8

LEAST_EQUAL = {FLOAT32: 1.0, FLOAT16: 0.99, INT8: 0.95}
"""Least share of images that must get the label that they got in training."""

PROBE_TOLERANCES = {INT8: 0.1}
"""Largest difference of the interpreter's probabilities from its own at packaging; others as of `kit.member`.

Integer arithmetic differs between TensorFlow's versions in how it rounds activations.
"""


def folder_name(name: str, precision: str) -> str:
    """Of a run's files for that precision: "export", "export-int8"."""
    return name if precision == FLOAT32 else f"{name}-{precision}"


def equal_labels(probs: np.ndarray, expected: np.ndarray) -> float:
    """The share of rows (..., K) whose most probable class is the same."""
    return float((probs.argmax(-1) == expected.argmax(-1)).mean())


def check_labels(what: str, probs: np.ndarray, expected: np.ndarray, precision: str) -> float:
    """The share of equal labels.

    Args:
        what: for the error.
        probs, expected: (..., K).
        precision: of the weights behind `probs`.

    Raises:
        KitError: another shape, values that are not finite, or fewer equal labels than `LEAST_EQUAL`.
    """
    if probs.shape != expected.shape or not np.isfinite(probs).all():
        raise KitError(f"{what}: expected finite probabilities {expected.shape}. Received: {probs.shape}.")
    share = equal_labels(probs, expected)
    if share < LEAST_EQUAL[precision]:
        larger = FLOAT32 if precision == FLOAT16 else f"{FLOAT16} or {FLOAT32}"
        raise KitError(
            f"{what}: expected weights in {precision} to give at least {LEAST_EQUAL[precision]:.0%} of the labels that "
            f"float32 gives. Received: {share:.1%} of {probs[..., 0].size}. Export it with --precision {larger}."
        )
    return share
