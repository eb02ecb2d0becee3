"""Labels that are likely wrong, by confident learning on what a trained net's features say of images held out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet
from submission.kit.probs_file import load_probs
from submission.kit.seeds import derive_seed

from ..runs import Run, list_runs
from .embed import Embedder, features_net
from .findings import Finding

FOLDS = 5
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # inverse ones of the regularisation
FEW = 100  # images under which nothing can be said
DOUBTFUL = 0.05
"""Probability of the given label below which an image is reported, if another label is likelier. Fixed, because what
cleanlab prunes by its estimate of the noise depends on the net: of 2 % wrong labels it found .73 with a good net, and
more than half of its findings were sound with a weak one; with this, .89 and .96 at precision .98 and .84."""

COVERED = 0.75  # part of the images from which the runs' own out-of-fold predictions do


def trained_runs(artifacts: Path, names: Sequence[str]) -> list[Run]:
    """The named runs, or all trained ones that are no quick try.

    Raises:
        KitError: none, or one that is not trained.
    """
    runs = [run for run in list_runs(artifacts / "runs") if run.state in ("trained", "predicted")]
    if names:
        known = {run.name: run for run in runs}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise KitError(
                f"expected trained runs of {artifacts / 'runs'}. Received: {', '.join(unknown)}. "
                f"Known: {', '.join(known) or 'none'}."
            )
        return [known[name] for name in names]
    runs = [run for run in runs if run.config.get("limit") is None and run.config.get("steps") is None]
    if not runs:
        raise KitError(
            f"label errors are found by what a net has learnt, and no run in {artifacts / 'runs'} is trained. "
            f"Run `make train ARTIFACTS={artifacts}` first."
        )
    return runs


def label_errors(
    image_set: ImageSet, rows: np.ndarray, runs: Sequence[Run], seed: int = 0
) -> tuple[list[Finding], str]:
    """Find images whose label a classifier that has not seen it surely disagrees with, by cleanlab's filter and score.

    Where the runs together left out three quarters of the images as their folds, their own out-of-fold predictions are
    taken, of those images alone. Else a linear classifier is fitted on the features of the first run's net and predicts
    the images of five folds in turn. That net has seen most of the labels, so fewer errors are found than with a run
    for every fold.

    Args:
        image_set: the images.
        rows: int (n,), those to judge: sound, no copies.
        runs: trained runs of these images.
        seed: of the folds.

    Returns:
        The findings, and how the probabilities came about, for people.

    Raises:
        KitError: too few images, or none of some class.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    labels = image_set.labels[rows]
    classes, counts = np.unique(labels, return_counts=True)
    smallest = counts.min() if len(counts) else 0
    if len(rows) < FEW or len(classes) < 2 or smallest < FOLDS:
        raise KitError(
            f"label errors need at least {FEW} images, two classes, and {FOLDS} images of each class. "
            f"Received: {len(rows)} images, {len(classes)} classes, the smallest of {smallest}."
        )
    judged, probs = _out_of_fold(image_set, rows, runs)
    told = f"out-of-fold predictions of {len(runs)} runs"
    if len(judged) < COVERED * len(rows):
        judged, told = rows, f"{FOLDS} folds of a linear classifier on the features of {runs[0].name}"
        embedder = Embedder(runs[0].name, features_net(runs[0], image_set).predict_on_batch)
        probs = _by_features(embedder.features(image_set.images, rows), labels, image_set.num_classes, seed)
    given = image_set.labels[judged]
    present = np.unique(given)  # cleanlab wants classes without gaps
    probs = probs[:, present] / probs[:, present].sum(axis=1, keepdims=True)
    codes = np.searchsorted(present, given)
    disagree = find_label_issues(codes, probs, filter_by="predicted_neq_given", n_jobs=1)
    issues = disagree & (get_label_quality_scores(codes, probs, method="self_confidence") < DOUBTFUL)
    found = [
        Finding(
            int(judged[place]),
            "label error",
            float(probs[place, codes[place]]),
            f"likely {image_set.class_names[present[probs[place].argmax()]]}",
        )
        for place in np.flatnonzero(issues)
    ]
    return found, told


def _out_of_fold(image_set: ImageSet, rows: np.ndarray, runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
    """Rows that some run predicted as its fold left out, int (m,), and the mean probabilities (m, K)."""
    sums = np.zeros((len(image_set), image_set.num_classes))
    row_of = {str(image_set.ids[row]): int(row) for row in rows}
    for run in runs:
        path = run.path / "probs_oof.npz"
        if path.exists():
            probs = load_probs(path)
            for image_id, mean in zip(probs.ids, probs.probs_vnk.mean(axis=0), strict=True):
                if str(image_id) in row_of:
                    sums[row_of[str(image_id)]] += mean
    totals = sums.sum(axis=1)
    judged = np.flatnonzero(totals > 0)
    return judged, sums[judged] / totals[judged, None]


def _by_features(features: np.ndarray, labels: np.ndarray, num_classes: int, seed: int) -> np.ndarray:
    """Out-of-fold probabilities (n, K) of the linear classifier whose regularisation gives the least log-loss."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=derive_seed(seed, "label errors"))
    best, least = None, np.inf
    for strength in STRENGTHS:
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))
        found = cross_val_predict(classifier, features, labels, cv=folds, method="predict_proba")
        if (loss := log_loss(labels, found)) < least:
            best, least = found, loss
    probs = np.zeros((len(labels), num_classes))
    probs[:, np.unique(labels)] = best
    return probs
