"""Stacking by logistic regression: a form that weights express, and the full form as a yardstick.

The full form, a linear layer from all log-probabilities to the classes, is not shipped. A zip drops members and views
when the platform is slow, and a layer that was fitted to all of them says nothing when one is missing; and it has
members x K x K numbers to fit on the few images of the select halves. Its line in the table tells the cost.
"""

import warnings

import numpy as np


def stacked_weights(probs_pnk: np.ndarray, labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """One coefficient a candidate, shared by all classes, from a regression of "is it this class?".

    Each row becomes K questions. A monotone function of the weighted mean ranks classes as the mean does, so that the
    weights name the same classes as the regression where its coefficients are positive; negative ones become 0.

    Args:
        probs_pnk: (P, N, K) probabilities of P candidates.
        labels: (N,) in 0..K-1.
        shares: (N,) weights of the rows, sum 1.

    Returns:
        float64 (P,), at least 0, sum 1; equal ones where no coefficient is positive.

    Source: Wolpert 1992, "Stacked Generalization".
    """
    from sklearn.linear_model import LogisticRegression

    num_candidates, num_rows, num_classes = probs_pnk.shape
    questions = np.asarray(probs_pnk, np.float64).reshape(num_candidates, -1).T
    answers = (labels[:, None] == np.arange(num_classes)).ravel()
    if answers.all():
        return np.full(num_candidates, 1 / num_candidates)
    weights = np.repeat(shares * num_rows, num_classes)
    model = LogisticRegression(C=1.0, max_iter=500).fit(questions, answers, sample_weight=weights)
    positive = np.maximum(model.coef_[0], 0)
    return positive / positive.sum() if positive.any() else np.full(num_candidates, 1 / num_candidates)


def full_stack(
    probs_pnk: np.ndarray, labels: np.ndarray, shares: np.ndarray, probs_of_others_pnk: np.ndarray
) -> np.ndarray:
    """What a linear layer on all log-probabilities, fitted on some rows, says of others.

    Args:
        probs_pnk: (P, N, K) of the rows it is fitted on.
        labels: (N,) in 0..K-1.
        shares: (N,), sum 1.
        probs_of_others_pnk: (P, n, K).

    Returns:
        float64 (n, K), rows sum to 1; a class without a row to fit on gets 0.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    num_classes = probs_pnk.shape[2]
    answer = np.zeros((probs_of_others_pnk.shape[1], num_classes))
    if len(np.unique(labels)) == 1:
        answer[:, labels[0]] = 1
        return answer
    weights = shares * len(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # short of its optimum it is scored like any other way
        model = LogisticRegression(C=0.01, max_iter=300).fit(_features(probs_pnk), labels, sample_weight=weights)
    answer[:, model.classes_] = model.predict_proba(_features(probs_of_others_pnk))
    return answer


def _features(probs_pnk: np.ndarray) -> np.ndarray:
    """(N, P * K)"""
    logs = np.log(np.maximum(probs_pnk, 1e-6, dtype=np.float64))
    return logs.transpose(1, 0, 2).reshape(logs.shape[1], -1)
