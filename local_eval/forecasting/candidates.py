"""The bias of taking the best of many: the winner's accuracy is partly luck."""

import math
from collections.abc import Sequence

import numpy as np

SHARED = 0.5  # correlation of two submissions' sampling errors on the same images


def optimism(accuracy: float, others: Sequence[float], n: int) -> float:
    """By how much an accuracy is expected to be too high because other submissions were judged on the same images.

    Empirical Bayes: of the differences between submissions, the share that sampling alone would make is taken for luck.
    Only an accuracy above the mean of all is lowered. A few far apart are told apart and keep theirs; many alike lose
    most of their lead.

    Args:
        accuracy: of the submission in question, in [0, 1].
        others: of the other ones judged.
        n: judge images.

    Returns:
        Points of accuracy to take off, at least 0; never more than the lead over the mean.

    Source: James and Stein 1961; Efron 2011, "Tweedie's formula and selection bias".
    """
    values = np.array([accuracy, *others])
    lead = accuracy - values.mean()
    if len(values) < 2 or lead <= 0:
        return 0.0
    share = (accuracy * n + 0.5) / (n + 1)
    luck = share * (1 - share) / n * (1 - SHARED)
    observed = float(values.var(ddof=1))
    # the best of m equal ones leads by about sqrt(2 log m) standard errors: more than that is no luck
    most = math.sqrt(2 * math.log(len(values)) * luck)
    return float(min(lead * luck / max(observed, luck), most))
