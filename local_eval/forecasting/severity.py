"""How a suite's accuracy falls with the severity of its corruptions."""

import numpy as np

from .evidence import Evidence

FEWEST = 20  # images of a severity


def severity_shifts(right: np.ndarray, severities: np.ndarray) -> dict[int, float]:
    """For each severity: logit of the accuracy there, minus that of the whole suite.

    A weighted line through the logits of the severities, since a fifth of a suite says little by itself.

    Args:
        right: bool (N,).
        severities: int (N,).

    Returns:
        Severity -> shift; empty where fewer than two severities have images enough.
    """
    found = {
        int(one): Evidence("", float(right[severities == one].mean()), int((severities == one).sum()))
        for one in np.unique(severities)
        if (severities == one).sum() >= FEWEST
    }
    if len(found) < 2:
        return {}
    weights = [1 / one.standard_error for one in found.values()]
    slope, base = np.polyfit(list(found), [one.logit for one in found.values()], 1, w=weights)
    whole = Evidence("", float(right.mean()), len(right)).logit
    return {one: float(base + slope * one - whole) for one in found}
