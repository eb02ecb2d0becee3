"""Scores of a trained net by class, by scikit-learn."""

import warnings
from typing import Any

import numpy as np


def metrics_of(labels: np.ndarray, logits: np.ndarray, class_names: list[str]) -> dict[str, Any]:
    """Accuracy, balanced accuracy, precision, recall and F1 by class and their means, and the confusion matrix.

    Args:
        labels: int (n,), 0..K-1.
        logits: float (n, K), or anything whose largest entry names the class.
        class_names: K names.

    Returns:
        JSON-able; rows of `confusion_matrix` are true classes, columns the predicted ones. A class that is never
        predicted has precision 0; one without images has recall 0, and does not count in the balanced accuracy.
    """
    from sklearn.metrics import balanced_accuracy_score, confusion_matrix, precision_recall_fscore_support

    predicted = logits.argmax(axis=1)
    classes = np.arange(len(class_names))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        balanced = balanced_accuracy_score(labels, predicted)
    by_class = precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0.0)
    means = precision_recall_fscore_support(labels, predicted, labels=classes, average="macro", zero_division=0.0)
    keys = ("precision", "recall", "f1")
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "balanced_accuracy": float(balanced),
        "macro": dict(zip(keys, map(float, means[:3]), strict=True)),
        "classes": {
            name: {**{key: float(by_class[n][k]) for n, key in enumerate(keys)}, "images": int(by_class[3][k])}
            for k, name in enumerate(class_names)
        },
        "confusion_matrix": confusion_matrix(labels, predicted, labels=classes).tolist(),
    }
