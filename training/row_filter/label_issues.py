"""Labels that are likely wrong, by confident learning."""

import numpy as np

from submission.kit.errors import KitError
from submission.kit.seeds import derive_seed

FOLDS = 5
TREES = 200
MOST = 0.1  # share of the images; more would say that the classifier is bad, not the labels


def label_issues(features: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that cleanlab's `find_label_issues` names (Northcutt et al. 2021), at most a tenth, the worst first.

    The probabilities that it needs are out-of-fold ones of extremely randomised trees on cheap features.

    Args:
        features: float32 (n, F).
        labels: int (n,); at least two images of each class.
        seed: of folds and trees.

    Returns:
        places, int (d,), ascending; scores, float (d,): the probability of the given label, lower is worse.

    Raises:
        KitError: a class with one image: it cannot be both learnt and judged.
    """
    from cleanlab.filter import find_label_issues
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(counts) < 2 or counts.min() < 2:
        raise KitError(
            "row_filter=label_issues needs at least two classes, and two training images of each. "
            f"Received: {len(counts)} classes, the smallest of {counts.min()}."
        )
    folds = StratifiedKFold(
        min(FOLDS, int(counts.min())), shuffle=True, random_state=derive_seed(seed, "label_issues", "folds")
    )
    trees = ExtraTreesClassifier(TREES, random_state=derive_seed(seed, "label_issues", "trees"))
    probs = cross_val_predict(trees, features, codes, cv=folds, method="predict_proba")
    ranked = find_label_issues(codes, probs, return_indices_ranked_by="self_confidence", n_jobs=1)
    found = np.sort(ranked[: int(MOST * len(labels))])
    return found, probs[found, codes[found]]
