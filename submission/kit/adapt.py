"""Fitting the classes' shares to the images to predict: opt-in, guarded, off by default.

Turned on, the result for one image depends on all the others.
"""

from __future__ import annotations  # platforms run Python 3.9

import math
from dataclasses import dataclass

import numpy as np

from .manifest import Manifest

LEAST_IMAGES = 500
LEAST_IMAGES_A_CLASS = 25
LEAST_CONFIDENCE = 0.8
"""Mean of the largest probability: less, and the images are not the training's, whose p(image | class) EM needs."""

LEAST_GAIN = 0.05
"""Nats an image that new shares explain the images better. Measured: 0.11 to 0.8 where shares had changed, up to 0.033
where only the images had, and new shares then cost up to 0.7 points."""

SIGNIFICANCE_Z = 3.09  # one in a thousand


@dataclass(frozen=True)
class Shares:
    """What EM found.

    prior: float64 (K,); probs: float64 (n, K), the probabilities under it; converged: within the iterations;
    gain: of the log-likelihood of all images over that of the old shares, at least 0.
    """

    prior: np.ndarray
    probs: np.ndarray
    converged: bool
    gain: float


def estimate_shares(probs_nk: np.ndarray, prior_k: np.ndarray, iterations: int = 1000) -> Shares:
    """The shares of the classes among the images by expectation maximisation.

    Args:
        probs_nk: (n, K), calibrated probabilities of nets trained with the shares `prior_k`; rows sum to 1.
        prior_k: (K,), above 0, sum 1.
        iterations: at most.

    Source: Saerens et al. 2002, "Adjusting the outputs of a classifier to new a priori probabilities".
    """
    ratios = np.asarray(probs_nk, np.float64) / prior_k
    prior = prior_k = np.asarray(prior_k, np.float64)
    converged = False
    for _ in range(iterations):
        joint = ratios * prior
        new = (joint / joint.sum(-1, keepdims=True)).mean(0)
        converged = bool(np.abs(new - prior).max() < 1e-6)
        prior = new
        if converged:
            break
    evidence = ratios @ prior
    return Shares(prior, ratios * prior / evidence[:, None], converged, float(np.log(evidence).sum()))


def refusal(probs_nk: np.ndarray, shares: Shares) -> str | None:
    """Why the new shares should not be used; None where nothing speaks against them.

    Args:
        probs_nk: (n, K) before.
        shares: what EM made of them.
    """
    images, classes = probs_nk.shape
    least = max(LEAST_IMAGES, LEAST_IMAGES_A_CLASS * classes)
    if images < least:
        return f"{images} images are fewer than {least}"
    if not shares.converged:
        return "EM did not converge"
    # Wilks: twice the gain is chi-squared with K - 1 degrees of freedom if nothing has changed
    if 2 * shares.gain < _chi_squared(classes - 1, SIGNIFICANCE_Z):
        return "the classes' shares are not significantly other ones"
    if shares.gain < LEAST_GAIN * images:
        return f"other shares explain the images by {shares.gain / images:.3f} nats better, less than {LEAST_GAIN}"
    before, after = probs_nk.max(-1).mean(), shares.probs.max(-1).mean()
    if before < LEAST_CONFIDENCE:
        return f"mean confidence {before:.3f} is below {LEAST_CONFIDENCE}: the images themselves have changed"
    if after < before:
        return f"mean confidence would fall from {before:.3f} to {after:.3f}"
    return None


def adapt_prior(probs_nk: np.ndarray, manifest: Manifest) -> tuple[np.ndarray, str]:
    """Probabilities under the shares of these images, if the guard lets it; and a note.

    Args:
        probs_nk: float64 (n, K), rows sum to 1.
        manifest: with `class_prior`.
    """
    if manifest.class_prior is None or not (manifest.class_prior > 0).all():
        return probs_nk, "the classes' shares were left alone: the manifest's class_prior does not tell them"
    if not len(probs_nk):
        return probs_nk, "the classes' shares were left alone: no images"
    shares = estimate_shares(probs_nk, manifest.class_prior)
    why = refusal(probs_nk, shares)
    if why is not None:
        return probs_nk, f"the classes' shares were left alone: {why}"
    changed = ", ".join(
        f"{name} {old:.3f} to {new:.3f}"
        for name, old, new in zip(manifest.class_names, manifest.class_prior, shares.prior)  # noqa: B905 (Python 3.9)
    )
    return shares.probs, f"the classes' shares were fitted to the images: {changed}"


def _chi_squared(degrees: int, z: float) -> float:
    """Upper quantile of the chi-squared distribution (Wilson and Hilferty 1931), within 4 %."""
    if degrees < 1:
        return math.inf
    part = 2 / (9 * degrees)
    return degrees * (1 - part + z * math.sqrt(part)) ** 3
