"""Accuracies on the logit scale, where an error is about as large for a weak net as for a strong one."""

import math


def logit(share: float) -> float:
    """log(p / (1 - p)); p inside (0, 1)."""
    return math.log(share) - math.log1p(-share)


def expit(value: float) -> float:
    """The inverse of `logit`, in [0, 1]."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    return math.exp(value) / (1 + math.exp(value))
