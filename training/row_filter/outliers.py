"""Images that look unlike all others of their class."""

import numpy as np

from submission.kit.seeds import derive_seed

SHARE = 0.01
TREES = 200


def outliers(features: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The hundredth of each class that an isolation forest (Liu et al. 2008) isolates soonest, rounded down.

    Args:
        features: float32 (n, F).
        labels: int (n,).
        seed: of the trees.

    Returns:
        places, int (d,), ascending; scores, float (d,), higher is odder, 0.5 is ordinary.
    """
    from sklearn.ensemble import IsolationForest

    scores = np.zeros(len(labels))
    places: list[int] = []
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        count = int(SHARE * len(of_class))
        if count:
            forest = IsolationForest(n_estimators=TREES, random_state=derive_seed(seed, "outliers", label))
            scores[of_class] = -forest.fit(features[of_class]).score_samples(features[of_class])
            places.extend(of_class[np.argsort(-scores[of_class], kind="stable")[:count]])
    found = np.sort(np.array(places, np.int64))
    return found, scores[found]
